//! One evaluation of all assets that something changed for.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::changes::{Changes, Evaluated, Work};
use super::evaluate::evaluate;
use super::leaf::{View, deps_updated};
use super::link::Link;
use super::memory::Memory;
use super::places::Places;
use super::world::{World, dynamic_of};
use crate::plan::{AssetName, RunId};

/// Slices of one asset that one evaluation asks for; the others come with the next ones.
const MOST_REQUESTED: u64 = 1_000;

/// Slices of all assets that wait in the queue or are worked on because they were asked for: as much as ten assets ask for at
/// once. The others come when those have ended.
const MOST_OPEN: u64 = 10_000;

/// Slices of one asset that may be open however full the queue is, so that what is much does not keep back what is little.
const ALWAYS_OPEN: u64 = 10;

/// Where it is remembered which slices were asked for while the condition has held, or a run of them has gone on, ever since.
const ASKED: &str = "asked";

impl World {
    /// Evaluates what changed: assets are looked at when something of them, or of what they are made from, did. What it is
    /// told must be all that changed since the last time.
    pub fn evaluate(&mut self, changes: &Changes, now: DateTime<Utc>) -> (Vec<Evaluated>, Work) {
        let now = self.evaluated_at.map_or(now, |before| now.max(before));
        self.advance(changes, now);
        self.take_updates(changes);
        self.take_open(changes);
        let mut found = Vec::new();
        let mut work = Work::default();
        let mut room = self.room();
        for index in 0..self.assets.len() {
            let state = &self.assets[index];
            if state.condition.is_none() || state.on.is_none() {
                continue;
            }
            let due = state.next_cron.is_some_and(|next| next <= now);
            if state.dirty || due || !state.met {
                let (evaluated, nodes) = self.evaluate_one(index, now, room);
                room = room.saturating_sub(evaluated.as_ref().map_or(0, |one| one.requested));
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

    /// How many slices may be asked for until [`MOST_OPEN`] are open. Those for which something happened since they were asked
    /// for are not counted.
    fn room(&self) -> u64 {
        let busy = self.assets.iter().filter(|state| !state.in_progress.is_empty());
        let open = busy.map(|state| state.memory.get(ASKED).and(&state.in_progress).count());
        MOST_OPEN.saturating_sub(open.sum())
    }

    fn evaluate_one(&mut self, index: usize, now: DateTime<Utc>, room: u64) -> (Option<Evaluated>, usize) {
        let state = &self.assets[index];
        let Some(condition) = &state.condition else {
            return (None, 0);
        };
        let initial = !state.met;
        let (mut after, news) = (Memory::default(), Places::default());
        let mut view = View {
            world: &*self,
            asset: state,
            before: &state.memory,
            after: &mut after,
            news,
            initial,
            now,
        };
        let mut outcome = evaluate(&condition.root, &mut view);
        let news = view.news.or(&deps_updated(&view, None).places);
        // What was asked for, came to nothing and is still so is not asked for again and again: not before something happens.
        let asked = state.memory.get(ASKED).minus(&state.newly_updated()).minus(&news);
        // While its own run goes on, a condition that asks for that to have ended does not hold, and nothing has happened.
        let held = asked.and(&outcome.places.or(&state.in_progress));
        // What goes on is never asked for beside itself.
        let idle = outcome.places.minus(&state.in_progress);
        let wanted = idle.minus(&held);
        let open = held.and(&state.in_progress).count();
        let room = room.max(ALWAYS_OPEN.saturating_sub(open));
        let requested = wanted.first(MOST_REQUESTED.min(room));
        after.set(ASKED.to_owned(), held.or(&requested));
        let waiting = held.and(&idle).count();
        if waiting > 0 {
            outcome.explained.why = Some(format!("asked for before, and nothing happened since: {waiting}"));
        }
        if requested.count() < wanted.count().min(MOST_REQUESTED) {
            outcome.explained.why = Some("the queue is full of what was asked for: the others follow".into());
        }
        let next_cron = condition
            .crons
            .iter()
            .filter_map(|ticks| ticks.cron.next_after(now, ticks.zone))
            .min();
        let passed = state.next_cron.is_some_and(|next| next <= now);
        let code_moved = state.code != state.code_before;
        let again =
            initial || passed || code_moved || after != state.memory || wanted.count() > requested.count();
        let changed = state.told.as_ref() != Some(&outcome.explained);
        let kept_anew = initial || code_moved || after != state.memory || requested != state.requested_before;
        let state = &mut self.assets[index];
        state.memory = after;
        state.met = true;
        state.again = again;
        state.next_cron = next_cron;
        state.told = Some(outcome.explained.clone());
        state.code_before.clone_from(&state.code);
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
        for link in &mut self.links {
            let (theirs, ours) = (&self.spaces[link.above], &self.spaces[link.below]);
            let versions = (theirs.version(), ours.version());
            if link.versions != versions {
                link.versions = versions;
                link.link = Link::between(theirs, ours, link.above == link.below, link.mapping);
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
        let mut run_assets: HashMap<RunId, Arc<BTreeSet<AssetName>>> = HashMap::new();
        for update in &changes.updated {
            let Some(index) = self.names.get(&update.asset).copied() else {
                continue;
            };
            let Some(place) = self.spaces[self.assets[index].space].place(&update.partition.0) else {
                continue;
            };
            let state = &mut self.assets[index];
            state.updated.push((place, update.run, update.at));
            let assets = run_assets.entry(update.run).or_insert_with(|| {
                let assets = changes.run_assets.get(&update.run);
                Arc::new(assets.into_iter().flatten().cloned().collect())
            });
            state.beside.insert(update.run, assets.clone());
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
            let Some(index) = self.names.get(asset).copied() else {
                continue;
            };
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
}
