//! What a process knows of all assets, told from the state and brought up to date with what changed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tidegate_core::plan::{
    AssetName, AssetRules, AutomationEvaluated, AutomationWorld, Changes, Condition, Digest, Partitioning,
};
use tidegate_core::port::{InstigatorKind, NewEvaluation, StateStore};
use tidegate_core::{Error, Kind, Result};

use super::faults::Faults;
use super::freshness::Late;
use super::kept_back::KeptBack;
use super::seen::Seen;
use crate::instigate::{Standing, State};
use crate::project::Project;
use crate::run::dynamic_keys;

/// Materializations that are read at once.
const PAGE_UPDATES: u32 = 10_000;

/// What is known of all assets, and how far it was told.
pub struct Known {
    pub(super) world: AutomationWorld,
    pub(super) sequence: i64,
    pub(super) seen: Seen,
    /// Assets with a condition, and whether that is remembered in the state.
    pub(super) kept: BTreeMap<AssetName, bool>,
    /// Those of them that somebody started, and when.
    pub(super) started: BTreeMap<AssetName, DateTime<Utc>>,
    /// Assets without a condition of which something is remembered in the state: to be forgotten.
    pub(super) gone: BTreeSet<AssetName>,
    /// Assets that are looked at: those with a condition, and what they are made from.
    pub(super) looked_at: BTreeSet<AssetName>,
    pub(super) faults: Faults,
    kept_back: Option<KeptBack>,
    late: Late,
    /// For each name of dynamic keys, a partitioning that has them.
    dynamic: BTreeMap<AssetName, Partitioning>,
    /// Nothing was ever evaluated, or nothing is remembered of it.
    pub(super) first: bool,
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
    /// All that is known, told from the state. What is wrong with one asset is told with its evaluation, and holds up no other.
    pub async fn load(project: &Project, state: &dyn StateStore, now: DateTime<Utc>) -> Result<Self> {
        let cursor = state.automation_cursor().await?;
        let Rules {
            rules,
            mut faults,
            conditions,
            looked_at,
            dynamic,
        } = rules(project);
        let memories = state
            .automation_memories()
            .await?
            .into_iter()
            .map(|(asset, _)| asset);
        let (remembered, gone): (BTreeSet<_>, BTreeSet<_>) =
            memories.partition(|asset| conditions.contains_key(asset));
        // What was loaded before anything was evaluated that is remembered is there, and no news.
        let seen = cursor.seen.filter(|_| !remembered.is_empty());
        let first = seen.is_none();
        let seen = match seen {
            Some(ranges) => ranges,
            None => vec![(0, state.last_update().await?)],
        };
        let values = values(&dynamic, state).await?;
        let world = off_thread(move || AutomationWorld::new(rules, &values, now)).await?;
        let asks = |asks: fn(&Condition) -> bool| {
            let those = conditions.iter().filter(move |(_, condition)| asks(condition));
            those.map(|(name, _)| name.clone()).collect::<Vec<AssetName>>()
        };
        let asks_checks = !asks(|condition| condition.asks.checks).is_empty();
        let late = Late::of(project, asks(|condition| condition.asks.freshness), &mut faults);
        let mut known = Self {
            world,
            sequence: cursor.sequence,
            seen: Seen::new(seen),
            kept: conditions
                .keys()
                .map(|name| (name.clone(), remembered.contains(name)))
                .collect(),
            started: BTreeMap::new(),
            gone,
            looked_at,
            faults,
            kept_back: asks_checks.then(KeptBack::default),
            late,
            dynamic,
            first,
        };
        known.world.evaluated_at = cursor.evaluated_at;
        known.look_anew(project, state, true).await?;
        known
            .look_at_code(project, asks(|condition| condition.asks.code))
            .await;
        known.turn(state).await?;
        Ok(known)
    }

    /// What may have been taken away by hand, or been missed: looked up in the state. `anew`, where nothing is known.
    pub async fn look_anew(&mut self, project: &Project, state: &dyn StateStore, anew: bool) -> Result<()> {
        self.look_at_slices(project, state, anew).await?;
        if let Some(kept_back) = &mut self.kept_back {
            kept_back.look_anew(&mut self.world, state).await?;
        }
        self.late.look_anew(state).await
    }

    /// The versions of these assets' code. An asset of which it cannot be told is not evaluated.
    async fn look_at_code(&mut self, project: &Project, names: Vec<AssetName>) {
        for name in names {
            match code(project, &name).await {
                Ok(code) => self.world.set_code(&name, code),
                Err(error) => self.faults.lasting(name, error),
            }
        }
    }

    /// Which assets' automation is on: those that somebody started and nothing is wrong with.
    async fn turn(&mut self, state: &dyn StateStore) -> Result<()> {
        let running: BTreeMap<AssetName, DateTime<Utc>> = state
            .instigators()
            .await?
            .into_iter()
            .filter(|record| record.instigator.kind == InstigatorKind::Automation)
            .filter(|record| Standing::of(false, Some(record)).state == State::Running)
            .map(|record| (record.instigator.name, record.since))
            .collect();
        let before = std::mem::take(&mut self.started);
        let mut back = BTreeSet::new();
        for (name, kept) in &mut self.kept {
            let since = running.get(name).copied();
            if let Some(since) = since {
                self.started.insert(name.clone(), since);
            }
            // It was started again, and no evaluation saw it stopped.
            let anew = since.is_some() && before.get(name).is_some_and(|before| Some(*before) != since);
            if anew {
                *kept = false;
            }
            if anew || since.is_none() {
                self.faults.forget(name);
            }
            let on = since.filter(|_| self.faults.of(name).is_none());
            if on.is_some() && *kept && !self.world.is_on(name) {
                back.insert(name.clone());
            }
            self.world.turn(name, on);
        }
        self.remember(state, &back).await
    }

    /// What is remembered of assets that are turned on, and that nobody stopped since.
    async fn remember(&mut self, state: &dyn StateStore, assets: &BTreeSet<AssetName>) -> Result<()> {
        if assets.is_empty() {
            return Ok(());
        }
        for (asset, memory) in state.automation_memories().await? {
            if !assets.contains(&asset) {
                continue;
            }
            match memory {
                Ok(memory) => self.world.remember(&asset, &memory),
                Err(error) => {
                    let hint = format!(
                        "`tidegate automation stop {asset}` and `start {asset}` forget what it remembers"
                    );
                    self.world.turn(&asset, None);
                    self.faults.memory(asset, error.hint(hint));
                }
            }
        }
        Ok(())
    }

    /// Evaluates what changed since the last time, and writes nothing. The work is done off the threads that others wait on.
    pub async fn evaluate(
        &mut self,
        project: &Project,
        state: &dyn StateStore,
        now: DateTime<Utc>,
    ) -> Result<Evaluation> {
        self.turn(state).await?;
        let mut changes = Changes {
            dynamic: values(&self.dynamic, state).await?,
            ..Changes::default()
        };
        // Runs are looked at first: one that ends in between is seen to go on once more, never to have ended unseen.
        changes.open = state.open_partitions().await?;
        let before = self.seen.ranges();
        self.take_updates(state, &mut changes).await?;
        if let Some(kept_back) = &mut self.kept_back {
            kept_back.take(&mut self.world, state, &changes.updated).await?;
        }
        self.late.take(&mut self.world, &changes.updated, now);
        let mut world = std::mem::take(&mut self.world);
        let (world, evaluated, wanted) = off_thread(move || {
            let (evaluated, _) = world.evaluate(&changes, now);
            let wanted = world.runs();
            (world, evaluated, wanted)
        })
        .await?;
        self.world = world;
        let evaluation = self.told(project, evaluated, &wanted, now);
        let anything = evaluation.anything || before != self.seen.ranges();
        Ok(Evaluation {
            anything,
            ..evaluation
        })
    }

    /// What was loaded since the last time, and by runs of which assets.
    async fn take_updates(&mut self, state: &dyn StateStore, changes: &mut Changes) -> Result<()> {
        let mut after = self.seen.floor();
        loop {
            let page = state.updates(after, PAGE_UPDATES).await?;
            let numbers: Vec<u64> = page.iter().map(|(number, _)| *number).collect();
            let new = self.seen.take(&numbers);
            let more = numbers.len() == PAGE_UPDATES as usize;
            after = numbers.last().copied().unwrap_or(after);
            let found = page
                .into_iter()
                .zip(new)
                .filter(|(_, new)| *new)
                .map(|((_, updated), _)| updated);
            changes.updated.extend(found);
            if !more {
                break;
            }
        }
        self.seen.close_gaps();
        let mut runs: Vec<_> = changes.updated.iter().map(|updated| updated.run).collect();
        runs.sort_unstable();
        runs.dedup();
        changes.run_assets = state.assets_of_runs(&runs).await?;
        Ok(())
    }
}

/// What the documents say.
struct Rules {
    rules: Vec<AssetRules>,
    faults: Faults,
    conditions: BTreeMap<AssetName, Condition>,
    looked_at: BTreeSet<AssetName>,
    dynamic: BTreeMap<AssetName, Partitioning>,
}

fn rules(project: &Project) -> Rules {
    let mut found = Rules {
        rules: Vec::new(),
        faults: Faults::default(),
        conditions: BTreeMap::new(),
        looked_at: BTreeSet::new(),
        dynamic: BTreeMap::new(),
    };
    for name in project.graph().order() {
        let Some(asset) = project.documents().assets.get(&name) else {
            continue;
        };
        let above = project.above(&asset.value);
        // `load_project` has refused what is wrong, with its place.
        let condition = match asset.value.automation.as_ref().map(Condition::of).transpose() {
            Ok(condition) => condition,
            Err(error) => {
                let message = format!("the automation of `{name}`: {error}");
                let error = Error::new(Kind::Internal, "automation.condition", message);
                found.faults.lasting(name.clone(), error);
                None
            }
        };
        if let Some(condition) = &condition {
            found.conditions.insert(name.clone(), condition.clone());
            found.looked_at.insert(name.clone());
            found
                .looked_at
                .extend(above.iter().map(|above| above.name.clone()));
        }
        let partitioning = project.slices_of(&name);
        if let Some(slices) = &partitioning
            && let Some(keys) = slices.dynamic()
        {
            found
                .dynamic
                .entry(keys.clone())
                .or_insert_with(|| slices.clone());
        }
        found.rules.push(AssetRules {
            partitioning,
            above: above
                .into_iter()
                .map(|above| (above.name, above.mapping))
                .collect(),
            condition,
            name,
        });
    }
    found
}

async fn code(project: &Project, name: &AssetName) -> Result<Digest> {
    let versions = project.code_versions(std::slice::from_ref(name)).await;
    let missing = || {
        let message = format!("the code version of `{name}` is not known");
        Error::new(Kind::Internal, "automation.code_version", message)
    };
    match versions {
        Ok(mut versions) => versions.remove(name).ok_or_else(missing),
        Err(errors) => Err(errors.0.into_iter().next().unwrap_or_else(missing)),
    }
}

/// Work that takes its time, on a thread that nothing else waits on.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        let message = format!("an evaluation of automation broke off: {error}");
        Error::new(Kind::Internal, "automation.broke_off", message)
    })
}

/// The dynamic keys that there are now, by their names.
async fn values(
    dynamic: &BTreeMap<AssetName, Partitioning>,
    state: &dyn StateStore,
) -> Result<BTreeMap<AssetName, Vec<String>>> {
    let mut found = BTreeMap::new();
    for (name, slices) in dynamic {
        found.insert(name.clone(), dynamic_keys(state, slices).await?);
    }
    Ok(found)
}
