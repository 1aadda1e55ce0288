//! Which asset is made from which.

use std::collections::{BTreeMap, BTreeSet};

use super::AssetName;

/// Assets with their direct dependencies; without cycles.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    upstream: BTreeMap<AssetName, BTreeSet<AssetName>>,
    /// The same edges, the other way.
    downstream: BTreeMap<AssetName, BTreeSet<AssetName>>,
}

/// The assets depend on each other in a circle: each on the next, the last on the first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", describe(.cycle))]
pub struct GraphError {
    /// The circle, starting with its first name in the alphabet.
    pub cycle: Vec<AssetName>,
}

fn describe(cycle: &[AssetName]) -> String {
    let mut names: Vec<&str> = cycle.iter().map(AssetName::as_str).collect();
    names.extend(names.first().copied());
    format!("these assets are made from each other: {}", names.join(" <- "))
}

impl Graph {
    /// The graph of these dependencies; dependencies on assets that are not listed are ignored.
    pub fn new(edges: impl IntoIterator<Item = (AssetName, Vec<AssetName>)>) -> Result<Self, GraphError> {
        let listed: BTreeMap<AssetName, Vec<AssetName>> = edges.into_iter().collect();
        let upstream: BTreeMap<AssetName, BTreeSet<AssetName>> = listed
            .iter()
            .map(|(name, deps)| {
                (
                    name.clone(),
                    deps.iter()
                        .filter(|dep| listed.contains_key(*dep))
                        .cloned()
                        .collect(),
                )
            })
            .collect();
        let mut downstream: BTreeMap<AssetName, BTreeSet<AssetName>> = BTreeMap::new();
        for (name, deps) in &upstream {
            for dep in deps {
                downstream.entry(dep.clone()).or_default().insert(name.clone());
            }
        }
        let graph = Self { upstream, downstream };
        let order = graph.order();
        if order.len() == graph.upstream.len() {
            return Ok(graph);
        }
        Err(GraphError {
            cycle: graph.cycle(&order.into_iter().collect()),
        })
    }

    /// Every asset, each behind those that it is made from; ties by name.
    pub fn order(&self) -> Vec<AssetName> {
        let mut waiting: BTreeMap<&AssetName, usize> = self
            .upstream
            .iter()
            .map(|(name, deps)| (name, deps.len()))
            .collect();
        let mut ready: BTreeSet<&AssetName> = waiting
            .iter()
            .filter(|(_, left)| **left == 0)
            .map(|(name, _)| *name)
            .collect();
        let mut order = Vec::new();
        while let Some(name) = ready.pop_first() {
            order.push(name.clone());
            for next in self.downstream(name) {
                if let Some(left) = waiting.get_mut(next) {
                    *left -= 1;
                    if *left == 0 {
                        ready.insert(next);
                    }
                }
            }
        }
        order
    }

    /// What an asset is directly made from.
    pub fn upstream(&self, name: &AssetName) -> impl Iterator<Item = &AssetName> + use<'_> {
        self.upstream.get(name).into_iter().flatten()
    }

    /// Some assets, with all that they are made from.
    pub fn with_ancestors(&self, names: &[AssetName]) -> BTreeSet<AssetName> {
        let mut wanted: BTreeSet<AssetName> = names.iter().cloned().collect();
        let mut edge = names.to_vec();
        while let Some(next) = edge.pop() {
            for above in self.upstream(&next) {
                if wanted.insert(above.clone()) {
                    edge.push(above.clone());
                }
            }
        }
        wanted
    }

    /// What is directly made from an asset.
    pub fn downstream(&self, name: &AssetName) -> impl Iterator<Item = &AssetName> + use<'_> {
        self.downstream.get(name).into_iter().flatten()
    }

    /// A circle among the assets that no order reaches.
    fn cycle(&self, ordered: &BTreeSet<AssetName>) -> Vec<AssetName> {
        let mut path: Vec<AssetName> = Vec::new();
        let mut at = self
            .upstream
            .keys()
            .find(|name| !ordered.contains(*name))
            .cloned();
        while let Some(name) = at {
            if let Some(start) = path.iter().position(|seen| *seen == name) {
                let mut cycle = path.split_off(start);
                let first = cycle
                    .iter()
                    .enumerate()
                    .min_by_key(|(_, name)| *name)
                    .map_or(0, |(index, _)| index);
                cycle.rotate_left(first);
                return cycle;
            }
            at = self.upstream(&name).find(|dep| !ordered.contains(*dep)).cloned();
            path.push(name);
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> AssetName {
        text.parse().unwrap()
    }

    fn edges(list: &[(&str, &[&str])]) -> Vec<(AssetName, Vec<AssetName>)> {
        list.iter()
            .map(|(to, from)| (name(to), from.iter().map(|from| name(from)).collect()))
            .collect()
    }

    #[test]
    fn order_puts_every_asset_behind_what_it_is_made_from() {
        let graph = Graph::new(edges(&[
            ("c", &["b", "a"]),
            ("b", &["a"]),
            ("a", &[]),
            ("d", &[]),
        ]))
        .unwrap();
        assert_eq!(graph.order(), ["a", "b", "c", "d"].map(name));
        assert_eq!(
            graph.downstream(&name("a")).cloned().collect::<Vec<_>>(),
            ["b", "c"].map(name)
        );
    }

    #[test]
    fn a_cycle_is_named_without_what_only_hangs_on_it() {
        let error = Graph::new(edges(&[
            ("a", &["z"]),
            ("x", &["z"]),
            ("z", &["y"]),
            ("y", &["x"]),
        ]))
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "these assets are made from each other: x <- z <- y <- x"
        );
    }
}
