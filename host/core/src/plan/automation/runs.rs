//! What an evaluation asks for, as runs.

use super::link::Link;
use super::places::Places;
use super::world::World;
use crate::plan::{AssetName, PartitionKey, Partitioning};

impl World {
    /// Whether one asset is directly made from another, slice by slice.
    fn linked(&self, below: usize, above: usize) -> bool {
        let mut deps = self.assets[below].deps.iter();
        deps.any(|dep| dep.asset == above && matches!(self.links[dep.link].link, Link::Same))
    }

    /// What the last evaluation asked for, as runs: assets that are made from each other slice by slice, for the slices that
    /// all of them are asked for. Each is the assets, in the order of work, and the slices, next to each other in time.
    pub fn runs(&self) -> Vec<(Vec<AssetName>, Vec<PartitionKey>)> {
        let wanted: Vec<usize> = (0..self.assets.len())
            .filter(|index| !self.assets[*index].requested_before.is_empty())
            .collect();
        let mut groups: Vec<(Vec<usize>, Places)> = Vec::new();
        for index in wanted {
            let mut mine = vec![(Vec::new(), self.assets[index].requested_before.clone())];
            let mut others = Vec::new();
            for (assets, mut places) in groups {
                if assets.iter().any(|above| self.linked(index, *above)) {
                    let mut joined = Vec::new();
                    for (with, part) in mine {
                        let both = part.and(&places);
                        places = places.minus(&both);
                        let rest = part.minus(&both);
                        if !both.is_empty() {
                            joined.push(([with.as_slice(), assets.as_slice()].concat(), both));
                        }
                        if !rest.is_empty() {
                            joined.push((with, rest));
                        }
                    }
                    mine = joined;
                }
                if !places.is_empty() {
                    others.push((assets, places));
                }
            }
            for (mut assets, places) in mine {
                assets.push(index);
                assets.sort_unstable();
                others.push((assets, places));
            }
            groups = others;
        }
        let mut runs = Vec::new();
        for (assets, places) in groups {
            let names: Vec<AssetName> = assets
                .iter()
                .map(|index| self.assets[*index].name.clone())
                .collect();
            let space = self.space(&self.assets[assets[0]]);
            // Values do not follow each other: each is a run.
            let values = matches!(space.partitioning(), Some(Partitioning::Values(_)));
            for (first, last) in places.ranges() {
                let keys = (*first..=*last).filter_map(|place| space.key(place));
                if values {
                    runs.extend(keys.map(|key| (names.clone(), vec![key])));
                } else {
                    runs.push((names.clone(), keys.collect()));
                }
            }
        }
        runs
    }
}
