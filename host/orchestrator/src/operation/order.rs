//! Which step of a run may be done, given what came of those before it.
//!
//! All is told from the results that the state keeps, so whoever goes on with a run decides the same.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tidegate_core::plan::{AssetName, Expression, PartitionKey, RunId, StepPlace};
use tidegate_core::port::{PartitionState, RunPartition};
use tidegate_core::schema::{Job, LoadedProject, StepDecl, When, needed_before};

use super::step::StepWork;
use crate::project::AssetPlan;
use crate::run::{Item, Launch, Next, Order, PartitionOutcome};

/// How far a step is.
#[derive(Debug, Default)]
struct Standing {
    /// Whether the step itself is under way.
    open: bool,
    /// How the step itself ended.
    ended: Option<PartitionState>,
    /// What it is to do for its values, and slices of assets that it materializes, that have not ended.
    left: usize,
    /// Whether any of those ended badly.
    bad: bool,
}

impl Standing {
    /// How it ended in all; none while it has not.
    fn state(&self) -> Option<PartitionState> {
        match self.ended? {
            PartitionState::Succeeded if self.left > 0 => None,
            PartitionState::Succeeded if self.bad => Some(PartitionState::Failed),
            ended => Some(ended),
        }
    }
}

/// The steps of a run that are left.
pub(crate) struct StepOrder<'a> {
    run: RunId,
    job: &'a Job,
    loaded: &'a LoadedProject,
    launch: &'a Launch,
    standings: BTreeMap<&'a AssetName, Standing>,
    /// Steps that were skipped because their `if` did not hold.
    refused: BTreeSet<&'a AssetName>,
    /// What came of each item that succeeded.
    results: BTreeMap<Item, Value>,
    /// What is to be done for values.
    items: VecDeque<Item>,
    /// Slices of assets, and the steps that wait for each.
    slices: BTreeMap<Item, Vec<AssetName>>,
    /// How slices ended.
    made: BTreeMap<Item, PartitionState>,
    assets: Order<'a>,
    /// Items that are under way.
    open: usize,
}

impl<'a> StepOrder<'a> {
    pub(crate) fn new(
        run: RunId,
        job: &'a Job,
        loaded: &'a LoadedProject,
        launch: &'a Launch,
        plans: &'a [Arc<AssetPlan>],
        partitions: Vec<RunPartition>,
    ) -> Self {
        let mut order = Self {
            run,
            job,
            loaded,
            launch,
            standings: job
                .steps
                .iter()
                .map(|step| (&step.name, Standing::default()))
                .collect(),
            refused: BTreeSet::new(),
            results: BTreeMap::new(),
            items: VecDeque::new(),
            slices: BTreeMap::new(),
            made: BTreeMap::new(),
            assets: Order::new(plans, Vec::new()),
            open: 0,
        };
        let done = |partition: &RunPartition| partition.state == PartitionState::Succeeded;
        let mut steps = Vec::new();
        for partition in partitions.into_iter().filter(done) {
            let item = (partition.asset, partition.partition);
            match item.1.step() {
                Some(_) => steps.push((item, partition.result.unwrap_or_default())),
                None => drop(order.made.insert(item, PartitionState::Succeeded)),
            }
        }
        // All results first: what a step leads to may have been done.
        order.results.extend(steps.iter().cloned());
        for ((name, key), result) in steps {
            let Some(step) = job.steps.iter().find(|step| step.name == name) else {
                continue;
            };
            if key.step() == Some(StepPlace::Whole)
                && let Some(standing) = order.standings.get_mut(&step.name)
            {
                standing.ended = Some(PartitionState::Succeeded);
            }
            let expands = step.for_each.is_some() && key.step() == Some(StepPlace::Whole);
            let items = led_to(run, step, expands, &result);
            order.expand(&step.name, items);
        }
        order
    }

    pub(crate) fn next(&mut self) -> Next {
        match self.assets.next() {
            Next::Begin(item) => {
                self.open += 1;
                return Next::Begin(item);
            }
            Next::Skip(item, why) => {
                self.slice_ended(&item, PartitionState::Skipped);
                return Next::Skip(item, why);
            }
            Next::Wait | Next::Done => {}
        }
        if let Some(item) = self.items.pop_front() {
            self.open += 1;
            return Next::Begin(item);
        }
        let mut waits = self.open > 0;
        for step in &self.job.steps {
            let standing = self.standings.get(&step.name);
            if standing.is_none_or(|standing| standing.open || standing.ended.is_some()) {
                continue;
            }
            let item = (
                step.name.clone(),
                PartitionKey::of_step(self.run, StepPlace::Whole),
            );
            match self.decide(step) {
                None => waits = true,
                Some(Ok(())) => {
                    if let Some(standing) = self.standings.get_mut(&step.name) {
                        standing.open = true;
                    }
                    self.open += 1;
                    return Next::Begin(item);
                }
                Some(Err(why)) => {
                    if let Some(standing) = self.standings.get_mut(&step.name) {
                        standing.ended = Some(PartitionState::Skipped);
                    }
                    return Next::Skip(item, why);
                }
            }
        }
        if waits { Next::Wait } else { Next::Done }
    }

    /// Whether a step is done, or why it is skipped; none while that cannot be told.
    fn decide(&mut self, step: &'a StepDecl) -> Option<Result<(), String>> {
        let mut needs = Vec::new();
        for name in &step.needs {
            needs.push((name, self.standings.get(name)?.state()?));
        }
        if let Some(other) = &step.otherwise {
            self.standings.get(other)?.state()?;
            if !self.refused.contains(other) {
                return Some(Err(format!(
                    "it is the `else` of `{other}`, whose `if` held or was not asked"
                )));
            }
        }
        let first = |states: &[PartitionState]| needs.iter().find(|(_, state)| states.contains(state));
        let (failed, skipped) = (PartitionState::Failed, PartitionState::Skipped);
        let stands_in_the_way = match step.when {
            When::Succeeded => first(&[failed, skipped]),
            When::NoneFailed => first(&[failed]),
            When::Failed if first(&[failed]).is_none() => {
                return Some(Err("no step that it needs has failed".into()));
            }
            When::Failed | When::Always => None,
        };
        if let Some((name, state)) = stands_in_the_way {
            let how = if *state == failed {
                "has failed"
            } else {
                "was skipped"
            };
            return Some(Err(format!("`{name}` {how}")));
        }
        if let Some(text) = &step.condition {
            let holds =
                Expression::parse(text).and_then(|expression| expression.holds(&self.scope(step, None)));
            // One that cannot be told fails the attempt, which asks again.
            if holds == Ok(false) {
                self.refused.insert(&step.name);
                return Some(Err(format!("`{text}` does not hold")));
            }
        }
        Some(Ok(()))
    }

    pub(crate) fn ended(&mut self, outcome: &PartitionOutcome) {
        self.open = self.open.saturating_sub(1);
        let item = (outcome.asset.clone(), outcome.partition.clone());
        let Some(place) = item.1.step() else {
            self.assets
                .ended(&item, outcome.state == PartitionState::Succeeded);
            self.slice_ended(&item, outcome.state);
            return;
        };
        let Some(step) = self.job.steps.iter().find(|step| step.name == item.0) else {
            return;
        };
        if let Some(standing) = self.standings.get_mut(&step.name) {
            match place {
                StepPlace::Whole => {
                    standing.open = false;
                    standing.ended = Some(outcome.state);
                }
                StepPlace::Item(_) => {
                    standing.left = standing.left.saturating_sub(1);
                    standing.bad |= outcome.state != PartitionState::Succeeded;
                }
            }
        }
        if let Some(result) = &outcome.result {
            let expands = step.for_each.is_some() && place == StepPlace::Whole;
            let items = led_to(self.run, step, expands, result);
            self.results.insert(item, result.clone());
            self.expand(&step.name, items);
        }
    }

    fn slice_ended(&mut self, item: &Item, state: PartitionState) {
        self.made.insert(item.clone(), state);
        for name in self.slices.remove(item).unwrap_or_default() {
            if let Some(standing) = self.standings.get_mut(&name) {
                standing.left = standing.left.saturating_sub(1);
                standing.bad |= state != PartitionState::Succeeded;
            }
        }
    }

    /// What a step that ended well leads to.
    fn expand(&mut self, step: &'a AssetName, items: Vec<Item>) {
        let Some(standing) = self.standings.get_mut(step) else {
            return;
        };
        let mut new = Vec::new();
        for item in items {
            if item.1.step().is_some() {
                if !self.results.contains_key(&item) {
                    standing.left += 1;
                    self.items.push_back(item);
                }
                continue;
            }
            match self.made.get(&item) {
                Some(state) => standing.bad |= *state != PartitionState::Succeeded,
                None => {
                    standing.left += 1;
                    let waiting = self.slices.entry(item.clone()).or_default();
                    if waiting.is_empty() {
                        new.push(item);
                    }
                    waiting.push(step.clone());
                }
            }
        }
        self.assets.add(new);
    }

    /// What has not begun, when a run stops early.
    pub(crate) fn rest(&mut self) -> Vec<Item> {
        let mut rest = self.assets.rest();
        rest.extend(std::mem::take(&mut self.items));
        for (name, standing) in &mut self.standings {
            if !standing.open && standing.ended.is_none() {
                standing.ended = Some(PartitionState::Skipped);
                rest.push(((*name).clone(), PartitionKey::of_step(self.run, StepPlace::Whole)));
            }
        }
        rest
    }

    /// What an item is to do; none for a slice of an asset.
    pub(crate) fn work(&self, item: &Item) -> Option<StepWork> {
        let place = item.1.step()?;
        let step = self.job.steps.iter().find(|step| step.name == item.0)?;
        let index = match place {
            StepPlace::Whole => None,
            StepPlace::Item(index) => Some(index),
        };
        let project = &self.loaded.project.value;
        let retry = step.retry.or(self.launch.retry).unwrap_or(project.retry);
        let timeout = step.timeout.map(|timeout| timeout.0);
        Some(StepWork {
            step: step.clone(),
            job: self.job.name.clone(),
            scope: self.scope(step, index),
            expands: step.for_each.is_some() && index.is_none(),
            pools: StepWork::pools(step, self.loaded),
            retry,
            timeout_ms: timeout.or(self.launch.timeout_ms),
        })
    }

    /// What the expressions of a step see.
    fn scope(&self, step: &StepDecl, index: Option<u32>) -> Value {
        let before = needed_before(&self.job.steps);
        let mut steps = Map::new();
        for name in before.get(&step.name).into_iter().flatten() {
            let Some(other) = self.job.steps.iter().find(|step| step.name == **name) else {
                continue;
            };
            let state = self.standings.get(*name).and_then(Standing::state);
            let result = self.result(name, StepPlace::Whole).cloned().unwrap_or_default();
            let mut known = json!({"state": state.map(PartitionState::text)});
            if other.for_each.is_some() {
                let count = result.as_array().map_or(0, Vec::len) as u32;
                let results = (0..count).map(|index| self.result(name, StepPlace::Item(index)).cloned());
                known["results"] = results.map(Option::unwrap_or_default).collect();
                known["items"] = result;
            } else {
                known["result"] = result;
            }
            steps.insert(name.to_string(), known);
        }
        let mut scope = json!({
            "steps": steps,
            "run": {"id": self.run, "job": self.job.name, "partition": self.launch.partition},
        });
        if let Some(index) = index {
            let items = self.result(&step.name, StepPlace::Whole);
            let item = items.and_then(|items| items.get(index as usize)).cloned();
            scope["item"] = item.unwrap_or_default();
            scope["index"] = Value::from(index);
        }
        scope
    }

    fn result(&self, step: &AssetName, place: StepPlace) -> Option<&Value> {
        self.results
            .get(&(step.clone(), PartitionKey::of_step(self.run, place)))
    }
}

/// What a result leads to: the step for each of its values, or the slices that it is to make.
fn led_to(run: RunId, step: &StepDecl, expands: bool, result: &Value) -> Vec<Item> {
    if expands {
        let count = result.as_array().map_or(0, Vec::len) as u32;
        return (0..count)
            .map(|index| {
                (
                    step.name.clone(),
                    PartitionKey::of_step(run, StepPlace::Item(index)),
                )
            })
            .collect();
    }
    match &step.materialize {
        Some(_) => super::select::slices(result),
        None => Vec::new(),
    }
}
