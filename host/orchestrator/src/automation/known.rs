//! What a process knows of all assets, told from the state and brought up to date with what changed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tidegate_core::plan::{
    AssetName, AssetRules, AutomationEvaluated, AutomationWorld, Changes, Condition, PartitionKey, Partitioning,
    RangeState,
};
use tidegate_core::port::{InstigatorKind, NewAssetEvaluation, NewEvaluation, StateStore};
use tidegate_core::{Error, Kind, Result};

use super::runs::run;
use super::seen::Seen;
use crate::instigate::{Standing, State};
use crate::project::Project;
use crate::run::dynamic_keys;

/// Materializations that are read at once.
const PAGE_UPDATES: u32 = 10_000;

/// What is known of all assets, and how far it was told.
pub struct Known {
    world: AutomationWorld,
    sequence: i64,
    seen: Seen,
    /// Assets with a condition, and whether that is remembered in the state.
    kept: BTreeMap<AssetName, bool>,
    /// Nothing was ever evaluated.
    first: bool,
}

/// What an evaluation came to.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// As it is to be kept.
    pub new: NewEvaluation,
    /// What was evaluated.
    pub evaluated: Vec<AutomationEvaluated>,
    /// Whether there is anything to keep.
    pub anything: bool,
}

impl Known {
    /// All that is known, told from the state.
    pub async fn load(project: &Project, state: &dyn StateStore, now: DateTime<Utc>) -> Result<Self> {
        let cursor = state.automation_cursor().await?;
        // What was loaded before anything was ever evaluated is there, and no news.
        let first = cursor.seen.is_none();
        let seen = match cursor.seen {
            Some(ranges) => ranges,
            None => vec![(0, state.last_update().await?)],
        };
        let dynamic = dynamic(project, state).await?;
        let mut rules = Vec::new();
        let mut kept = BTreeMap::new();
        for name in project.graph().order() {
            let Some(asset) = project.documents().assets.get(&name) else { continue };
            let condition = asset.value.automation.as_ref().map(Condition::of).transpose();
            let condition = condition.map_err(|error| {
                Error::new(Kind::Internal, "automation.condition", format!("the automation of `{name}`: {error}"))
            })?;
            if condition.is_some() {
                kept.insert(name.clone(), false);
            }
            let above = project.above(&asset.value).into_iter().map(|above| (above.name, above.mapping));
            rules.push(AssetRules {
                partitioning: project.partitioning(&name)?,
                above: above.collect(),
                condition,
                name,
            });
        }
        let mut known = Self {
            world: AutomationWorld::new(rules, &dynamic, now),
            sequence: cursor.sequence,
            seen: Seen::new(seen),
            kept,
            first,
        };
        known.world.evaluated_at = cursor.evaluated_at;
        known.look_at_slices(project, state, true).await?;
        known.turn(state).await?;
        for (asset, memory) in state.automation_memories().await? {
            known.kept.insert(asset.clone(), true);
            if known.world.is_on(&asset) {
                known.world.remember(&asset, &memory);
            }
        }
        Ok(known)
    }

    /// Which slices are loaded, as the state has it: what was taken away is missing from now on. `anew`, where nothing is known.
    pub async fn look_at_slices(&mut self, project: &Project, state: &dyn StateStore, anew: bool) -> Result<()> {
        for name in project.graph().order() {
            let Some(slices) = project.partitioning(&name)? else {
                let whole = PartitionKey::whole();
                let there = state.last_materialization(&name, &whole).await?.is_some();
                let loaded = if there { vec![(whole.clone(), whole)] } else { Vec::new() };
                self.world.set_present(&name, &loaded, &[], &[]);
                continue;
            };
            let ranges = state.partition_ranges(&name, &slices.cut()).await?;
            let of = |state: RangeState| {
                let those = ranges.iter().filter(move |range| range.state == state);
                those.map(|range| (range.first.clone(), range.last.clone())).collect::<Vec<_>>()
            };
            let failed = of(RangeState::Failed);
            let before = match anew && !failed.is_empty() {
                true => loaded_before(&slices, state, &name, &failed).await?,
                false => Vec::new(),
            };
            self.world.set_present(&name, &of(RangeState::Materialized), &failed, &before);
        }
        Ok(())
    }

    /// Which assets' automation is on.
    async fn turn(&mut self, state: &dyn StateStore) -> Result<()> {
        let records = state.instigators().await?;
        let names: Vec<AssetName> = self.kept.keys().cloned().collect();
        for name in names {
            let record = records
                .iter()
                .find(|record| record.instigator.kind == InstigatorKind::Automation && record.instigator.name == name);
            self.world.turn(&name, Standing::of(false, record).state == State::Running);
        }
        Ok(())
    }

    /// Evaluates what changed since the last time, and writes nothing.
    pub async fn evaluate(&mut self, project: &Project, state: &dyn StateStore, now: DateTime<Utc>) -> Result<Evaluation> {
        self.turn(state).await?;
        let mut changes = Changes { dynamic: dynamic(project, state).await?, ..Changes::default() };
        // Runs are looked at first: one that ends in between is seen to go on once more, never to have ended unseen.
        changes.open = state.open_partitions().await?;
        let before = self.seen.ranges();
        let mut after = self.seen.floor();
        loop {
            let page = state.updates(after, PAGE_UPDATES).await?;
            let numbers: Vec<u64> = page.iter().map(|(number, _)| *number).collect();
            let new = self.seen.take(&numbers);
            let more = numbers.len() == PAGE_UPDATES as usize;
            after = numbers.last().copied().unwrap_or(after);
            changes.updated.extend(page.into_iter().zip(new).filter(|(_, new)| *new).map(|((_, updated), _)| updated));
            if !more {
                break;
            }
        }
        self.seen.close_gaps();
        let mut runs: Vec<_> = changes.updated.iter().map(|updated| updated.run).collect();
        runs.sort_unstable();
        runs.dedup();
        changes.run_assets = state.assets_of_runs(&runs).await?;
        let (evaluated, _) = self.world.evaluate(&changes, now);
        let evaluation = self.told(project, evaluated, now);
        let anything = evaluation.anything || before != self.seen.ranges();
        Ok(Evaluation { anything, ..evaluation })
    }

    fn told(&mut self, project: &Project, evaluated: Vec<AutomationEvaluated>, now: DateTime<Utc>) -> Evaluation {
        let sequence = self.sequence + 1;
        let wanted = self.world.runs();
        let runs: Vec<_> = wanted
            .iter()
            .enumerate()
            .map(|(index, (assets, keys))| run(project, assets, keys, format!("automation:{sequence}:{index}")))
            .collect();
        let mut memories: Vec<_> = evaluated
            .iter()
            .filter_map(|one| Some((one.asset.clone(), Some(one.memory.clone()?))))
            .collect();
        for (asset, kept) in &mut self.kept {
            if *kept && !self.world.is_on(asset) {
                memories.push((asset.clone(), None));
            }
            *kept = *kept && self.world.is_on(asset);
        }
        for (asset, memory) in &memories {
            self.kept.insert(asset.clone(), memory.is_some());
        }
        let assets: Vec<_> = evaluated
            .iter()
            .filter(|one| one.changed || one.requested > 0)
            .map(|one| NewAssetEvaluation {
                asset: one.asset.clone(),
                requested: one.requested,
                runs: wanted
                    .iter()
                    .zip(&runs)
                    .filter(|((assets, _), _)| one.requested > 0 && assets.contains(&one.asset))
                    .map(|(_, run)| run.id)
                    .collect(),
                explained: Some(one.explained.clone()),
                error: None,
            })
            .collect();
        let anything = self.first || !memories.is_empty() || !assets.is_empty();
        let at = self.world.evaluated_at.unwrap_or(now);
        Evaluation {
            new: NewEvaluation { seen_sequence: self.sequence, at, seen: self.seen.ranges(), runs, memories, assets },
            evaluated,
            anything,
        }
    }

    /// The evaluation was kept.
    pub(super) fn kept(&mut self) {
        self.sequence += 1;
        self.first = false;
    }
}

/// The dynamic keys of all assets, by their names.
async fn dynamic(project: &Project, state: &dyn StateStore) -> Result<BTreeMap<AssetName, Vec<String>>> {
    let mut found = BTreeMap::new();
    for name in project.documents().assets.keys() {
        let Some(slices) = project.partitioning(name)? else { continue };
        if let Some(name) = slices.dynamic().filter(|name| !found.contains_key(*name)) {
            found.insert(name.clone(), dynamic_keys(state, &slices).await?);
        }
    }
    Ok(found)
}

/// The slices whose last attempt failed that were loaded before.
async fn loaded_before(
    slices: &Partitioning,
    state: &dyn StateStore,
    asset: &AssetName,
    failed: &[(PartitionKey, PartitionKey)],
) -> Result<Vec<PartitionKey>> {
    let mut found = Vec::new();
    for (first, last) in failed {
        let mut key = Some(first.clone());
        while let Some(at) = key.filter(|key| key <= last) {
            if state.last_materialization(asset, &at).await?.is_some() {
                found.push(at.clone());
            }
            key = slices.next(&at.0);
        }
    }
    Ok(found)
}
