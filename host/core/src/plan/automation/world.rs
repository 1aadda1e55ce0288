//! What is known of all assets.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::asset_state::{AssetState, Dependency};
use super::condition::Condition;
use super::link::Link;
use super::memory::Memory;
use super::places::Places;
use super::space::Space;
use crate::plan::{AssetName, Digest, Mapping, PartitionKey, Partitioning};

/// An asset, as the schema has it.
#[derive(Debug, Clone)]
pub struct AssetRules {
    /// Its name.
    pub name: AssetName,
    /// Its slices.
    pub partitioning: Option<Partitioning>,
    /// What it is made from, and how its slices follow from theirs.
    pub above: Vec<(AssetName, Mapping)>,
    /// When it is materialized by itself; none for never.
    pub condition: Option<Condition>,
}

/// How the slices of one space follow from those of another.
#[derive(Debug)]
pub(super) struct LinkState {
    pub(super) above: usize,
    pub(super) below: usize,
    pub(super) mapping: Mapping,
    pub(super) link: Link,
    /// The versions of both spaces that it was made of.
    pub(super) versions: (u64, u64),
}

/// What is known of all assets.
#[derive(Debug, Default)]
pub struct World {
    pub(super) assets: Vec<AssetState>,
    pub(super) names: HashMap<AssetName, usize>,
    pub(super) spaces: Vec<Space>,
    pub(super) links: Vec<LinkState>,
    /// When the last evaluation was.
    pub evaluated_at: Option<DateTime<Utc>>,
}

impl World {
    /// Assets of which nothing is known yet, each behind those that it is made from.
    pub fn new(
        rules: Vec<AssetRules>,
        dynamic: &BTreeMap<AssetName, Vec<String>>,
        now: DateTime<Utc>,
    ) -> Self {
        let mut world = Self::default();
        for rule in rules {
            let index = world.assets.len();
            let space = world.space_of(rule.partitioning, dynamic, now);
            let mut deps = Vec::new();
            for (name, mapping) in rule.above {
                let Some(above) = world.names.get(&name).copied() else {
                    continue;
                };
                let link = world.link_of(world.assets[above].space, space, mapping);
                world.assets[above].below.push(index);
                deps.push(Dependency { asset: above, link });
            }
            world.names.insert(rule.name.clone(), index);
            world
                .assets
                .push(AssetState::new(rule.name, deps, space, rule.condition));
        }
        world
    }

    fn space_of(
        &mut self,
        partitioning: Option<Partitioning>,
        dynamic: &BTreeMap<AssetName, Vec<String>>,
        now: DateTime<Utc>,
    ) -> usize {
        let found = self
            .spaces
            .iter()
            .position(|space| space.partitioning() == partitioning.as_ref());
        found.unwrap_or_else(|| {
            let values = dynamic_of(partitioning.as_ref(), dynamic).to_vec();
            self.spaces.push(Space::new(partitioning, now, &values));
            self.spaces.len() - 1
        })
    }

    fn link_of(&mut self, above: usize, below: usize, mapping: Mapping) -> usize {
        let found = self
            .links
            .iter()
            .position(|link| (link.above, link.below, link.mapping) == (above, below, mapping));
        found.unwrap_or_else(|| {
            let (theirs, ours) = (&self.spaces[above], &self.spaces[below]);
            let link = Link::between(theirs, ours, above == below, mapping);
            let versions = (theirs.version(), ours.version());
            self.links.push(LinkState {
                above,
                below,
                mapping,
                link,
                versions,
            });
            self.links.len() - 1
        })
    }

    pub(super) fn asset(&self, index: usize) -> &AssetState {
        &self.assets[index]
    }

    pub(super) fn space(&self, asset: &AssetState) -> &Space {
        &self.spaces[asset.space]
    }

    /// The slices of an asset that are made from these of one above.
    pub(super) fn below(&self, dep: &Dependency, asset: &AssetState, found: &Places) -> Places {
        let above = &self.spaces[self.assets[dep.asset].space];
        self.links[dep.link].link.below(found, above, self.space(asset))
    }

    /// What this evaluation asks for of an asset above, as far as the run that loads it can load what is made from it as well.
    pub(super) fn about_to_be(&self, dep: &Dependency) -> Places {
        match self.links[dep.link].link {
            Link::Same => self.assets[dep.asset].requested.clone(),
            _ => Places::default(),
        }
    }

    pub(super) fn mark_below(&mut self, index: usize) {
        for below in std::mem::take(&mut self.assets[index].below) {
            self.assets[below].dirty = true;
            self.assets[index].below.push(below);
        }
    }

    /// The slices of an asset as they were found: those that their last attempt loaded, and those whose last attempt failed,
    /// as ranges from one key to another. A slice that failed was loaded before if that is known, or where it is among
    /// `loaded_before`.
    pub fn set_present(
        &mut self,
        asset: &AssetName,
        loaded: &[(PartitionKey, PartitionKey)],
        failed: &[(PartitionKey, PartitionKey)],
        loaded_before: &[PartitionKey],
    ) {
        let Some(index) = self.names.get(asset).copied() else {
            return;
        };
        let space = &self.spaces[self.assets[index].space];
        let before = Places::each(loaded_before.iter().filter_map(|key| space.place(&key.0)));
        let failed = space.read(failed).and(&self.assets[index].present);
        let found = space.read(loaded).or(&failed).or(&before);
        let state = &mut self.assets[index];
        if state.present != found {
            state.present = found;
            state.dirty = true;
            self.mark_below(index);
        }
    }

    /// The slices of an asset of which a blocking check kept back what was loaded last; the empty key is all of them.
    pub fn set_checks_failed(&mut self, asset: &AssetName, failed: &[PartitionKey]) {
        let Some(index) = self.names.get(asset).copied() else {
            return;
        };
        let space = self.space(&self.assets[index]);
        let found = if failed.iter().any(PartitionKey::is_whole) {
            space.all().clone()
        } else {
            Places::each(failed.iter().filter_map(|key| space.place(&key.0)))
        };
        if self.assets[index].checks_failed != found {
            self.assets[index].checks_failed = found;
            self.mark_below(index);
        }
    }

    /// Whether an asset is late.
    pub fn set_late(&mut self, asset: &AssetName, late: bool) {
        let Some(index) = self.names.get(asset).copied() else {
            return;
        };
        let state = &mut self.assets[index];
        state.dirty |= state.late != late;
        state.late = late;
    }

    /// The version of an asset's code.
    pub fn set_code(&mut self, asset: &AssetName, code: Digest) {
        let Some(index) = self.names.get(asset).copied() else {
            return;
        };
        let state = &mut self.assets[index];
        state.dirty |= state.code.as_ref() != Some(&code);
        state.code = Some(code);
    }

    /// How many slices an asset has.
    pub fn slices(&self, asset: &AssetName) -> u64 {
        let found = self.names.get(asset);
        found.map_or(0, |index| self.space(&self.assets[*index]).all().count())
    }

    /// Whether the automation of an asset is on.
    pub fn is_on(&self, asset: &AssetName) -> bool {
        self.names
            .get(asset)
            .is_some_and(|index| self.assets[*index].on.is_some())
    }

    /// Turns the automation of an asset on since an instant, or off. One that is turned on, or that is on since another instant
    /// than before, is met anew; what is remembered of it is told after.
    pub fn turn(&mut self, asset: &AssetName, on: Option<DateTime<Utc>>) {
        let Some(index) = self.names.get(asset).copied() else {
            return;
        };
        let state = &mut self.assets[index];
        if state.on != on {
            state.on = on;
            state.dirty = true;
            state.met = false;
            state.memory = Memory::default();
            state.requested_before = Places::default();
            state.code_before = None;
            state.told = None;
            state.next_cron = None;
        }
    }
}

/// The dynamic keys of a partitioning.
pub(super) fn dynamic_of<'a>(
    partitioning: Option<&Partitioning>,
    dynamic: &'a BTreeMap<AssetName, Vec<String>>,
) -> &'a [String] {
    let name = partitioning.and_then(Partitioning::dynamic);
    name.and_then(|name| dynamic.get(name)).map_or(&[], Vec::as_slice)
}
