//! The assets that an expression means.

use std::collections::BTreeSet;

use super::error::{Fault, SelectionError};
use super::{AssetFacts, By, Expression, Facts, Filter, Levels, Selection};
use crate::plan::{AssetName, Graph};
use crate::schema::closest;

/// More names than this do not help who reads them.
const MAX_LISTED: usize = 20;

type Set<'a> = BTreeSet<&'a AssetName>;

impl Selection {
    /// The assets that are meant, which may be none. A name, group, owner, tag or kind that is written out and that no
    /// asset has is an error; a pattern with `*` may match nothing. Each step goes once through the assets or their edges.
    pub fn evaluate(&self, graph: &Graph, facts: &Facts) -> Result<BTreeSet<AssetName>, SelectionError> {
        let project = Project {
            text: self.text(),
            graph,
            facts,
        };
        let found = project.evaluate(&self.expression)?;
        Ok(found.into_iter().cloned().collect())
    }
}

struct Project<'a> {
    text: &'a str,
    graph: &'a Graph,
    facts: &'a Facts,
}

impl<'a> Project<'a> {
    fn evaluate(&self, expression: &Expression) -> Result<Set<'a>, SelectionError> {
        Ok(match expression {
            Expression::All => self.facts.keys().collect(),
            Expression::Filter(filter) => self.filter(filter)?,
            Expression::Not(of) => {
                let out = self.evaluate(of)?;
                self.facts.keys().filter(|name| !out.contains(name)).collect()
            }
            Expression::And(parts) => {
                let mut found: Set<'a> = self.facts.keys().collect();
                for part in parts {
                    let part = self.evaluate(part)?;
                    found.retain(|name| part.contains(name));
                }
                found
            }
            Expression::Or(parts) => {
                let mut found = Set::new();
                for part in parts {
                    found.extend(self.evaluate(part)?);
                }
                found
            }
            Expression::Around { of, up, down } => {
                let middle = self.evaluate(of)?;
                let mut found = middle.clone();
                if let Some(levels) = up {
                    found.extend(walk(&middle, *levels, |name| self.graph.upstream(name)));
                }
                if let Some(levels) = down {
                    found.extend(walk(&middle, *levels, |name| self.graph.downstream(name)));
                }
                found
            }
            Expression::Roots(of) => {
                let of = self.evaluate(of)?;
                let root = |name: &&AssetName| !self.graph.upstream(name).any(|above| of.contains(above));
                of.iter().copied().filter(root).collect()
            }
            Expression::Sinks(of) => {
                let of = self.evaluate(of)?;
                let sink = |name: &&AssetName| !self.graph.downstream(name).any(|below| of.contains(below));
                of.iter().copied().filter(sink).collect()
            }
        })
    }

    fn filter(&self, filter: &Filter) -> Result<Set<'a>, SelectionError> {
        let found: Set<'a> = self
            .facts
            .iter()
            .filter(|(name, facts)| fits(filter, name, facts))
            .map(|(name, _)| name)
            .collect();
        let written_out =
            filter.pattern.is_exact() && filter.value.as_ref().is_none_or(super::Pattern::is_exact);
        if found.is_empty() && written_out {
            return Err(self.unknown(filter));
        }
        Ok(found)
    }

    fn unknown(&self, filter: &Filter) -> SelectionError {
        let by_value = filter.value.as_ref().filter(|_| {
            let keys = self.facts.values().flat_map(|facts| facts.tags.keys());
            keys.into_iter().any(|key| filter.pattern.matches(key))
        });
        let (wanted, known): (&str, BTreeSet<&str>) = match by_value {
            Some(value) => {
                let tags = self.facts.values().flat_map(|facts| &facts.tags);
                let values = tags.filter(|(key, _)| filter.pattern.matches(key));
                (&value.0, values.map(|(_, value)| value.as_str()).collect())
            }
            None => (&filter.pattern.0, self.known(filter.by)),
        };
        let what = match (filter.by, by_value) {
            (By::Name, _) => format!("there is no asset `{wanted}`"),
            (By::Tag, Some(_)) => format!("no asset has the tag `{}` with `{wanted}`", filter.pattern.0),
            (by, _) => format!("no asset has the {} `{wanted}`", by.word()),
        };
        let hint = match closest(wanted, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "no asset has any".to_owned(),
            None => {
                let shown: Vec<&str> = known.iter().copied().take(MAX_LISTED).collect();
                let more = if known.len() > MAX_LISTED { ", …" } else { "" };
                let verb = if filter.by == By::Name {
                    "the assets are"
                } else {
                    "there are"
                };
                format!("{verb} {}{more}", shown.join(", "))
            }
        };
        SelectionError {
            fault: if filter.by == By::Name {
                Fault::UnknownAsset
            } else {
                Fault::UnknownWord
            },
            message: what,
            hint,
            text: self.text.to_owned(),
            span: filter.span,
        }
    }

    /// The words that assets of the project have.
    fn known(&self, by: By) -> BTreeSet<&'a str> {
        let facts = self.facts.values();
        match by {
            By::Name => self.facts.keys().map(AssetName::as_str).collect(),
            By::Group => facts.filter_map(|facts| facts.group.as_deref()).collect(),
            By::Owner => facts
                .flat_map(|facts| &facts.owners)
                .map(String::as_str)
                .collect(),
            By::Tag => facts
                .flat_map(|facts| facts.tags.keys())
                .map(String::as_str)
                .collect(),
            By::Kind => facts.flat_map(|facts| &facts.kinds).map(String::as_str).collect(),
        }
    }
}

fn fits(filter: &Filter, name: &AssetName, facts: &AssetFacts) -> bool {
    let pattern = &filter.pattern;
    match filter.by {
        By::Name => pattern.matches(name.as_str()),
        By::Group => facts.group.as_deref().is_some_and(|group| pattern.matches(group)),
        By::Owner => facts.owners.iter().any(|owner| pattern.matches(owner)),
        By::Kind => facts.kinds.iter().any(|kind| pattern.matches(kind)),
        By::Tag => facts.tags.iter().any(|(key, text)| {
            pattern.matches(key) && filter.value.as_ref().is_none_or(|value| value.matches(text))
        }),
    }
}

/// What is reached from some assets in so many steps, less those that it starts at unless they are reached too.
fn walk<'a, I: Iterator<Item = &'a AssetName>>(
    from: &Set<'a>,
    levels: Levels,
    next: impl Fn(&'a AssetName) -> I,
) -> Set<'a> {
    let mut found = Set::new();
    let mut edge: Vec<&AssetName> = from.iter().copied().collect();
    let mut left = levels;
    while !edge.is_empty() && left != Levels::Some(0) {
        if let Levels::Some(levels) = &mut left {
            *levels -= 1;
        }
        let reached = edge.into_iter().flat_map(&next);
        edge = reached.filter(|name| found.insert(*name)).collect();
    }
    found
}
