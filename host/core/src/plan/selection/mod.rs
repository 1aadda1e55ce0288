//! Which assets are meant: `+orders`, `group:sales and not tag:tier=bronze`, `raw_*`.
//!
//! A [`Selection`] is read once and evaluated over a [`Graph`](super::Graph) and what the schema says of each asset. Both
//! are pure. The words are those of Dagster's selection syntax; docs/selection.md has them all.

mod error;
mod evaluate;
mod parse;
mod token;

use std::collections::BTreeMap;

use super::AssetName;

pub use error::SelectionError;

/// What an asset can be selected by, beside its name and its place in the graph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssetFacts {
    /// Its group.
    pub group: Option<String>,
    /// Who answers for it.
    pub owners: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The connectors of its source and destination, `sql` and `plugin` where one of them takes part.
    pub kinds: Vec<String>,
}

/// The facts of every asset of a project.
pub type Facts = BTreeMap<AssetName, AssetFacts>;

/// An expression that says which assets are meant, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    text: String,
    expression: Expression,
}

/// One part of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    All,
    Filter(Filter),
    Not(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    /// What is meant, with so many levels above and below it.
    Around {
        of: Box<Expression>,
        up: Option<Levels>,
        down: Option<Levels>,
    },
    /// Those that are made from none of the others.
    Roots(Box<Expression>),
    /// Those that none of the others is made from.
    Sinks(Box<Expression>),
}

/// How far along the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Levels {
    All,
    Some(usize),
}

/// A property that an asset has or not.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Filter {
    by: By,
    pattern: Pattern,
    /// The value that a tag must have.
    value: Option<Pattern>,
    span: Span,
}

/// What a filter looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Name,
    Group,
    Owner,
    Tag,
    Kind,
}

/// A text in which `*` stands for any characters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern(String);

/// Characters of the selection's text, from 0; the end is the first behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Span {
    start: usize,
    end: usize,
}

impl By {
    const ALL: [(&'static str, Self); 5] = [
        ("key", Self::Name),
        ("group", Self::Group),
        ("owner", Self::Owner),
        ("tag", Self::Tag),
        ("kind", Self::Kind),
    ];

    fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, by)| *by == self)
            .map_or("", |(word, _)| word)
    }
}

impl Pattern {
    /// Whether it means one text and no other.
    fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    fn matches(&self, text: &str) -> bool {
        let mut pieces = self.0.split('*');
        let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else {
            return false;
        };
        let mut pieces = pieces.peekable();
        if pieces.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                return rest.ends_with(piece);
            }
            // The first place that fits leaves the most for the pieces behind it.
            let Some(found) = rest.find(piece) else {
                return false;
            };
            rest = &rest[found + piece.len()..];
        }
        true
    }
}

impl Selection {
    /// Reads a selection.
    pub fn parse(text: &str) -> Result<Self, SelectionError> {
        Ok(Self {
            text: text.to_owned(),
            expression: parse::parse(text)?,
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests;
