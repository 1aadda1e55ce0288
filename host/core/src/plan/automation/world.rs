//! What is known of all assets, and what an evaluation makes of what changed since the last one.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::condition::Condition;
use super::evaluate::evaluate;
use super::explain::Explained;
use super::leaf::View;
use super::link::Link;
use super::memory::{KeptMemory, Memory, of_dependency};
use super::places::Places;
use super::space::Space;
use crate::plan::{AssetName, Mapping, PartitionKey, Partitioning, RunId};

/// Slices of one asset that one evaluation asks for; the others come with the next ones.
const MOST_REQUESTED: u64 = 1_000;

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

/// A slice was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// Of which asset.
    pub asset: AssetName,
    /// Which.
    pub partition: PartitionKey,
    /// By which run.
    pub run: RunId,
    /// When.
    pub at: DateTime<Utc>,
}

/// What changed since the last evaluation.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// What was loaded.
    pub updated: Vec<Updated>,
    /// The assets of the runs that loaded it.
    pub run_assets: HashMap<RunId, Vec<AssetName>>,
    /// All that runs are to load that have not ended.
    pub open: Vec<(AssetName, PartitionKey)>,
    /// The dynamic keys, by their names.
    pub dynamic: BTreeMap<AssetName, Vec<String>>,
}

/// What one asset came to.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// Which.
    pub asset: AssetName,
    /// Why.
    pub explained: Explained,
    /// How many slices are asked for.
    pub requested: u64,
    /// What it remembers, where that is not what it remembered before.
    pub memory: Option<KeptMemory>,
    /// Whether anything is new about it.
    pub changed: bool,
}

/// How much work an evaluation was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Assets whose conditions were evaluated.
    pub assets: usize,
    /// Parts of conditions that were.
    pub nodes: usize,
}

/// Something that an asset is made from.
#[derive(Debug, Clone)]
pub(super) struct Dependency {
    pub(super) asset: usize,
    mapping: Mapping,
    link: usize,
}

/// An asset, as far as is known.
#[derive(Debug)]
pub(super) struct AssetState {
    pub(super) name: AssetName,
    pub(super) deps: Vec<Dependency>,
    below: Vec<usize>,
    pub(super) space: usize,
    condition: Option<Condition>,
    on: bool,
    /// Whether the condition was evaluated before.
    met: bool,
    pub(super) present: Places,
    pub(super) in_progress: Places,
    updated: Vec<(u64, RunId, DateTime<Utc>)>,
    /// For each run that loaded it since the last evaluation, its assets.
    beside: Vec<(RunId, Vec<AssetName>)>,
    pub(super) requested_before: Places,
    pub(super) requested: Places,
    memory: Memory,
    told: Option<Explained>,
    /// Something of it, or of what it is made from, changed.
    dirty: bool,
    /// The next evaluation comes to something else though nothing else changes.
    again: bool,
    next_cron: Option<DateTime<Utc>>,
}

impl AssetState {
    /// What was loaded since the last evaluation.
    pub(super) fn newly_updated(&self) -> Places {
        Places::each(self.updated.iter().map(|(place, ..)| *place))
    }

    /// The same, at an instant or later.
    pub(super) fn updated_since(&self, at: DateTime<Utc>) -> Places {
        let since = self.updated.iter().filter(|(_, _, when)| *when >= at);
        Places::each(since.map(|(place, ..)| *place))
    }

    /// The same, but not by runs that another asset was part of: they have seen to it.
    pub(super) fn updated_beside(&self, other: &AssetName) -> Places {
        let with = |run: &RunId| {
            let of = self.beside.iter().find(|(known, _)| known == run);
            of.is_some_and(|(_, assets)| assets.contains(other))
        };
        Places::each(self.updated.iter().filter(|(_, run, _)| !with(run)).map(|(place, ..)| *place))
    }
}

/// What is known of all assets.
#[derive(Debug, Default)]
pub struct World {
    assets: Vec<AssetState>,
    names: HashMap<AssetName, usize>,
    spaces: Vec<Space>,
    /// How the slices of one space follow from those of another; with the versions of both that it was made of.
    links: Vec<(usize, usize, Mapping, Link, (u64, u64))>,
    /// When the last evaluation was.
    pub evaluated_at: Option<DateTime<Utc>>,
}

impl World {
    /// Assets of which nothing is known yet, each behind those that it is made from.
    pub fn new(rules: Vec<AssetRules>, dynamic: &BTreeMap<AssetName, Vec<String>>, now: DateTime<Utc>) -> Self {
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
                deps.push(Dependency { asset: above, mapping, link });
            }
            world.names.insert(rule.name.clone(), index);
            world.assets.push(AssetState {
                name: rule.name,
                deps,
                below: Vec::new(),
                space,
                condition: rule.condition,
                on: false,
                met: false,
                present: Places::default(),
                in_progress: Places::default(),
                updated: Vec::new(),
                beside: Vec::new(),
                requested_before: Places::default(),
                requested: Places::default(),
                memory: Memory::default(),
                told: None,
                dirty: false,
                again: false,
                next_cron: None,
            });
        }
        world
    }

    fn space_of(
        &mut self,
        partitioning: Option<Partitioning>,
        dynamic: &BTreeMap<AssetName, Vec<String>>,
        now: DateTime<Utc>,
    ) -> usize {
        let found = self.spaces.iter().position(|space| space.partitioning() == partitioning.as_ref());
        found.unwrap_or_else(|| {
            let values = dynamic_of(partitioning.as_ref(), dynamic).to_vec();
            self.spaces.push(Space::new(partitioning, now, &values));
            self.spaces.len() - 1
        })
    }

    fn link_of(&mut self, above: usize, below: usize, mapping: Mapping) -> usize {
        let found = self.links.iter().position(|link| (link.0, link.1, link.2) == (above, below, mapping));
        found.unwrap_or_else(|| {
            let (theirs, ours) = (&self.spaces[above], &self.spaces[below]);
            let link = Link::between(theirs, ours, above == below, mapping);
            self.links.push((above, below, mapping, link, (theirs.version(), ours.version())));
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
        self.links[dep.link].3.below(found, above, self.space(asset))
    }

    /// What this evaluation asks for of an asset above, as far as the run that loads it can load what is made from it as well.
    pub(super) fn about_to_be(&self, dep: &Dependency) -> Places {
        match self.links[dep.link].3 {
            Link::Same => self.assets[dep.asset].requested.clone(),
            _ => Places::default(),
        }
    }

    /// Whether one asset is directly made from another, slice by slice.
    fn linked(&self, below: usize, above: usize) -> bool {
        let mut deps = self.assets[below].deps.iter();
        deps.any(|dep| dep.asset == above && matches!(self.links[dep.link].3, Link::Same))
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
        let Some(index) = self.names.get(asset).copied() else { return };
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

    /// What is remembered of an asset; of another condition it means nothing, and the asset is met anew.
    pub fn remember(&mut self, asset: &AssetName, kept: &KeptMemory) {
        let Some(index) = self.names.get(asset).copied() else { return };
        let state = &self.assets[index];
        let condition = state.condition.as_ref().map(|condition| &condition.fingerprint);
        let own = self.space(state);
        if condition != Some(&kept.condition) || kept.cut != own.partitioning().map(Partitioning::cut) {
            return;
        }
        let mut memory = Memory::default();
        for (slot, ranges) in &kept.parts {
            let space = match of_dependency(slot) {
                Some(name) => self.names.get(&name).map(|above| self.space(&self.assets[*above])),
                None => Some(own),
            };
            if let Some(space) = space {
                memory.set(slot.clone(), space.read(ranges));
            }
        }
        let requested = own.read(&kept.requested);
        let state = &mut self.assets[index];
        state.memory = memory;
        state.requested_before = requested;
        state.met = true;
        // What holds for one evaluation only is not told from what is remembered.
        state.dirty = true;
    }

    fn kept(&self, index: usize) -> Option<KeptMemory> {
        let state = &self.assets[index];
        let own = self.space(state);
        let mut parts = BTreeMap::new();
        for (slot, places) in state.memory.entries() {
            let space = match of_dependency(slot) {
                Some(name) => self.names.get(&name).map(|above| self.space(&self.assets[*above])),
                None => Some(own),
            };
            if let Some(space) = space {
                parts.insert(slot.to_owned(), space.write(places));
            }
        }
        Some(KeptMemory {
            condition: state.condition.as_ref()?.fingerprint.clone(),
            cut: own.partitioning().map(Partitioning::cut),
            requested: own.write(&state.requested),
            parts,
        })
    }

    /// How many slices an asset has.
    pub fn slices(&self, asset: &AssetName) -> u64 {
        let found = self.names.get(asset);
        found.map_or(0, |index| self.space(&self.assets[*index]).all().count())
    }

    /// Whether the automation of an asset is on.
    pub fn is_on(&self, asset: &AssetName) -> bool {
        self.names.get(asset).is_some_and(|index| self.assets[*index].on)
    }

    /// Turns the automation of an asset on or off. One that is turned on is met anew; what is remembered of it is told after.
    pub fn turn(&mut self, asset: &AssetName, on: bool) {
        let Some(index) = self.names.get(asset).copied() else { return };
        let state = &mut self.assets[index];
        if state.on != on {
            state.on = on;
            state.dirty = true;
            state.met = false;
            state.memory = Memory::default();
            state.requested_before = Places::default();
            state.told = None;
            state.next_cron = None;
        }
    }

    /// Evaluates what changed: assets are looked at when something of them, or of what they are made from, did. What it is
    /// told must be all that changed since the last time.
    pub fn evaluate(&mut self, changes: &Changes, now: DateTime<Utc>) -> (Vec<Evaluated>, Work) {
        let now = self.evaluated_at.map_or(now, |before| now.max(before));
        self.advance(changes, now);
        self.take_updates(changes);
        self.take_open(changes);
        let mut found = Vec::new();
        let mut work = Work::default();
        for index in 0..self.assets.len() {
            let state = &self.assets[index];
            if state.condition.is_none() || !state.on {
                continue;
            }
            let due = state.next_cron.is_some_and(|next| next <= now);
            if state.dirty || due || !state.met {
                let (evaluated, nodes) = self.evaluate_one(index, now);
                found.extend(evaluated);
                work.assets += 1;
                work.nodes += nodes;
            }
        }
        // What was loaded or asked for is news for one evaluation; the next one is to see that it is none any more.
        let mut news = Vec::new();
        for (index, state) in self.assets.iter_mut().enumerate() {
            if !state.updated.is_empty() || !state.requested.is_empty() {
                news.push(index);
            }
            state.dirty = std::mem::take(&mut state.again);
            state.requested_before = std::mem::take(&mut state.requested);
            state.updated.clear();
            state.beside.clear();
        }
        for index in news {
            self.assets[index].dirty = true;
            self.mark_below(index);
        }
        self.evaluated_at = Some(now);
        (found, work)
    }

    fn evaluate_one(&mut self, index: usize, now: DateTime<Utc>) -> (Option<Evaluated>, usize) {
        let state = &self.assets[index];
        let Some(condition) = &state.condition else { return (None, 0) };
        let initial = !state.met;
        let mut after = Memory::default();
        let mut view = View { world: &*self, asset: state, before: &state.memory, after: &mut after, initial, now };
        let outcome = evaluate(&condition.root, &mut view);
        // What goes on is never asked for beside itself.
        let requested = outcome.places.minus(&state.in_progress).first(MOST_REQUESTED);
        let next_cron = condition
            .crons
            .iter()
            .filter_map(|ticks| ticks.cron.next_after(now, ticks.zone))
            .min();
        let passed = state.next_cron.is_some_and(|next| next <= now);
        let again = initial || passed || after != state.memory || outcome.places.count() > requested.count();
        let changed = state.told.as_ref() != Some(&outcome.explained);
        let kept_anew = initial || after != state.memory || requested != state.requested_before;
        let state = &mut self.assets[index];
        state.memory = after;
        state.met = true;
        state.again = again;
        state.next_cron = next_cron;
        state.told = Some(outcome.explained.clone());
        let asked = requested.count();
        state.requested = requested;
        if asked > 0 {
            self.mark_below(index);
        }
        let evaluated = Evaluated {
            asset: self.assets[index].name.clone(),
            explained: outcome.explained,
            requested: asked,
            memory: if kept_anew { self.kept(index) } else { None },
            changed,
        };
        (Some(evaluated), outcome.nodes)
    }

    fn mark_below(&mut self, index: usize) {
        for below in std::mem::take(&mut self.assets[index].below) {
            self.assets[below].dirty = true;
            self.assets[index].below.push(below);
        }
    }

    /// Slices that have come or gone.
    fn advance(&mut self, changes: &Changes, now: DateTime<Utc>) {
        let moved: Vec<bool> = self
            .spaces
            .iter_mut()
            .map(|space| {
                let values = dynamic_of(space.partitioning(), &changes.dynamic).to_vec();
                space.advance(now, &values)
            })
            .collect();
        if !moved.contains(&true) {
            return;
        }
        for (above, below, mapping, link, versions) in &mut self.links {
            let (theirs, ours) = (&self.spaces[*above], &self.spaces[*below]);
            if *versions != (theirs.version(), ours.version()) {
                *versions = (theirs.version(), ours.version());
                *link = Link::between(theirs, ours, above == below, *mapping);
            }
        }
        for index in 0..self.assets.len() {
            if moved[self.assets[index].space] {
                self.assets[index].dirty = true;
                self.mark_below(index);
            }
        }
    }

    fn take_updates(&mut self, changes: &Changes) {
        for update in &changes.updated {
            let Some(index) = self.names.get(&update.asset).copied() else { continue };
            let Some(place) = self.spaces[self.assets[index].space].place(&update.partition.0) else {
                continue;
            };
            let state = &mut self.assets[index];
            state.updated.push((place, update.run, update.at));
            if !state.beside.iter().any(|(run, _)| *run == update.run) {
                let assets = changes.run_assets.get(&update.run).cloned().unwrap_or_default();
                state.beside.push((update.run, assets));
            }
        }
        for index in 0..self.assets.len() {
            let state = &mut self.assets[index];
            if !state.updated.is_empty() {
                state.present = state.present.or(&state.newly_updated());
                state.dirty = true;
                self.mark_below(index);
            }
        }
    }

    fn take_open(&mut self, changes: &Changes) {
        let mut open: HashMap<usize, Vec<u64>> = HashMap::new();
        for (asset, key) in &changes.open {
            let Some(index) = self.names.get(asset).copied() else { continue };
            if let Some(place) = self.spaces[self.assets[index].space].place(&key.0) {
                open.entry(index).or_default().push(place);
            }
        }
        for index in 0..self.assets.len() {
            let now = open.remove(&index).map(Places::each).unwrap_or_default();
            if self.assets[index].in_progress != now {
                self.assets[index].in_progress = now;
                self.assets[index].dirty = true;
                self.mark_below(index);
            }
        }
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
            let names: Vec<AssetName> = assets.iter().map(|index| self.assets[*index].name.clone()).collect();
            let space = self.space(&self.assets[assets[0]]);
            for (first, last) in places.ranges() {
                runs.push((names.clone(), (*first..=*last).filter_map(|place| space.key(place)).collect()));
            }
        }
        runs
    }
}

/// The dynamic keys of a partitioning.
fn dynamic_of<'a>(
    partitioning: Option<&Partitioning>,
    dynamic: &'a BTreeMap<AssetName, Vec<String>>,
) -> &'a [String] {
    let name = partitioning.and_then(Partitioning::dynamic);
    name.and_then(|name| dynamic.get(name)).map_or(&[], Vec::as_slice)
}
