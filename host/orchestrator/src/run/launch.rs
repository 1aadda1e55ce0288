//! Runs that this process carries out itself, from what was asked for to what came of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::json;
use tidegate_core::plan::{AssetName, RunId, StepPlace};
use tidegate_core::port::{Event, EventKind, NewRun, PartitionState, RunPartition, RunState};
use tidegate_core::schema::Job;
use tidegate_core::{Error, Result};
use tokio_util::sync::CancellationToken;

use super::orchestrator::Orchestrator;
use super::order::{Item, Next, Order};
use super::report::{PartitionOutcome, RunReport};
use super::request::{Launch, QueueOptions};
use super::transition::StateError;
use super::work::Plan;
use crate::error::OrchestratorError;
use crate::operation::StepOrder;
use crate::project::AssetPlan;

/// What becomes of a run that goes on when its process is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It is cancelled: whoever stopped the process meant the run.
    Cancelled,
    /// It is queued again, and goes on from its checkpoints elsewhere.
    HandedOver,
}

impl Orchestrator {
    /// Makes a run and carries it out. Assets come in the order in which they are made from each other.
    pub async fn launch(&self, launch: &Launch, plans: Vec<AssetPlan>) -> Result<RunReport> {
        let run = launch.new_run(self.items(launch).await?, QueueOptions::default());
        if !launch.dry_run {
            return self.carry_out_now(run, launch, plans).await;
        }
        let plans = self.keep(launch, plans);
        self.observer.run_started(run.id, run.partitions.len());
        let plan = Plan::Assets(Order::new(&plans, run.partitions), &plans);
        self.work(run.id, launch, plan, &self.cancel).await
    }

    /// Inserts a run and carries it out, here and now.
    pub async fn carry_out_now(
        &self,
        mut run: NewRun,
        launch: &Launch,
        plans: Vec<AssetPlan>,
    ) -> Result<RunReport> {
        run.worker = Some(self.workers.id().clone());
        let plans = self.keep(launch, plans);
        self.sweep().await?;
        self.alive(async {
            self.state.insert_run(&run).await?;
            self.take_up(run.id, launch, &plans).await
        })
        .await
    }

    /// Takes up a queued run that is reserved for this worker, and carries it out.
    pub(super) async fn take_up(
        &self,
        run: RunId,
        launch: &Launch,
        plans: &[Arc<AssetPlan>],
    ) -> Result<RunReport> {
        self.advance(run, RunState::Queued, RunState::Starting, None)
            .await?;
        self.carry_out(run, launch, plans, Stopped::Cancelled).await
    }

    /// Carries out a run that this worker has started: what has succeeded in it stays.
    pub(super) async fn carry_out(
        &self,
        run: RunId,
        launch: &Launch,
        plans: &[Arc<AssetPlan>],
        stopped: Stopped,
    ) -> Result<RunReport> {
        let cancel = self.begin(run);
        let done = self.go_through(run, launch, plans, stopped, &cancel).await;
        self.end(run, done.is_ok());
        done
    }

    /// Ends a run that was started and cannot be carried out.
    pub(super) async fn refuse(&self, run: RunId, error: &Error) -> Result<()> {
        let failed = self
            .advance(run, RunState::Starting, RunState::Failed, Some(error))
            .await;
        match failed {
            // It was asked to stop meanwhile.
            Err(refused) if refused.code == StateError::CODE => {
                self.advance(run, RunState::Cancelling, RunState::Failed, Some(error))
                    .await
            }
            failed => failed,
        }
    }

    async fn go_through(
        &self,
        run: RunId,
        launch: &Launch,
        plans: &[Arc<AssetPlan>],
        stopped: Stopped,
        cancel: &CancellationToken,
    ) -> Result<RunReport> {
        let partitions = self.state.run_partitions(run).await?;
        let job = match self.job_of(run, launch, &partitions) {
            Ok(job) => job,
            Err(error) => {
                self.refuse(run, &error).await?;
                return Err(error);
            }
        };
        let started = self
            .advance(run, RunState::Starting, RunState::Running, None)
            .await;
        match started {
            // Somebody asked for it to stop before it began.
            Err(error) if error.code == StateError::CODE && self.stopping(run).await? => cancel.cancel(),
            started => started?,
        }
        let left = |partition: &RunPartition| partition.state != PartitionState::Succeeded;
        let items = partitions.iter().filter(|partition| left(partition)).count();
        self.observer.run_started(run, items);
        let plan = match job {
            Some(job) => {
                let loaded = self.project.documents();
                let order = StepOrder::new(run, job, loaded, launch, plans, partitions);
                Plan::Steps(Box::new(order), plans)
            }
            None => {
                let items = partitions.into_iter().filter(left);
                let items = items.map(|partition| (partition.asset, partition.partition));
                Plan::Assets(Order::new(plans, items.collect()), plans)
            }
        };
        let report = self.work(run, launch, plan, cancel).await?;
        self.conclude(&report, stopped).await?;
        Ok(report)
    }

    /// The job whose steps a run does; refused where it is gone or has other steps than when the run was asked for.
    fn job_of(&self, run: RunId, launch: &Launch, partitions: &[RunPartition]) -> Result<Option<&Job>> {
        let Some(name) = &launch.steps_of else {
            return Ok(None);
        };
        let job = &self.project.job(name.as_str())?.value;
        let asked: BTreeSet<&AssetName> = partitions
            .iter()
            .filter(|partition| partition.partition.step() == Some(StepPlace::Whole))
            .map(|partition| &partition.asset)
            .collect();
        let known: BTreeSet<&AssetName> = job.steps.iter().map(|step| &step.name).collect();
        if asked == known {
            return Ok(Some(job));
        }
        let job = job.name.clone();
        Err(OrchestratorError::StepsChanged { run, job }.into())
    }

    /// Tells the state how a run ended, or that it waits for another worker.
    async fn conclude(&self, report: &RunReport, stopped: Stopped) -> Result<()> {
        let (run, to) = (report.run, report.state);
        let error = report
            .partitions
            .iter()
            .find_map(|outcome| outcome.error.as_ref())
            .filter(|_| to == RunState::Failed);
        if to == RunState::Cancelled {
            if !self.stopping(run).await? {
                if stopped == Stopped::HandedOver {
                    return self.advance(run, RunState::Running, RunState::Queued, None).await;
                }
                self.advance(run, RunState::Running, RunState::Cancelling, None)
                    .await?;
            }
            return self.advance(run, RunState::Cancelling, to, None).await;
        }
        match self.advance(run, RunState::Running, to, error).await {
            // It was asked to stop when there was nothing left to stop.
            Err(refused) if refused.code == StateError::CODE && self.stopping(run).await? => {
                self.advance(run, RunState::Cancelling, to, error).await
            }
            moved => moved,
        }
    }

    async fn stopping(&self, run: RunId) -> Result<bool> {
        let found = self.state.run(run).await?;
        Ok(found.is_some_and(|found| found.state == RunState::Cancelling))
    }

    pub(super) async fn work(
        &self,
        run: RunId,
        launch: &Launch,
        mut order: Plan<'_>,
        cancel: &CancellationToken,
    ) -> Result<RunReport> {
        let started = Instant::now();
        let mut open = FuturesUnordered::new();
        let mut outcomes = Vec::new();
        loop {
            while open.len() < self.capacity && !cancel.is_cancelled() {
                match order.next() {
                    Next::Begin(item) => {
                        let Some(work) = order.work(&item) else {
                            let outcome = unprepared(item);
                            if !launch.dry_run {
                                let (asset, key) = (&outcome.asset, &outcome.partition);
                                self.state
                                    .set_partition_state(run, asset, key, PartitionState::Failed)
                                    .await?;
                            }
                            order.ended(&outcome);
                            self.observer.finished(&outcome);
                            outcomes.push(outcome);
                            continue;
                        };
                        open.push(self.attempts(run, launch, work, item.1, cancel));
                    }
                    Next::Skip(item, why) => {
                        if !launch.dry_run {
                            self.skip(run, &item, why).await?;
                        }
                        outcomes.push(self.skipped(item));
                    }
                    Next::Wait | Next::Done => break,
                }
            }
            let Some(outcome) = open.next().await else { break };
            order.ended(&outcome);
            self.observer.finished(&outcome);
            outcomes.push(outcome);
        }
        // The state marks these with the run's end.
        let rest = order.rest();
        // What is skipped while nothing failed is a step that was not to be done.
        let done = rest.is_empty()
            && outcomes
                .iter()
                .all(|outcome| outcome.state != PartitionState::Failed);
        outcomes.extend(rest.into_iter().map(|item| self.skipped(item)));
        // Where the interrupt came too late to stop anything, nothing was stopped.
        let state = match (done, cancel.is_cancelled()) {
            (true, _) => RunState::Succeeded,
            (false, true) => RunState::Cancelled,
            (false, false) => RunState::Failed,
        };
        Ok(RunReport {
            run,
            state,
            partitions: outcomes,
            duration_ms: started.elapsed().as_millis() as u64,
        })
    }

    /// Tells the state that an item is not done, and of a step why.
    async fn skip(&self, run: RunId, (asset, key): &Item, why: String) -> Result<()> {
        self.state
            .set_partition_state(run, asset, key, PartitionState::Skipped)
            .await?;
        if key.step().is_none() {
            return Ok(());
        }
        let event = Event {
            run,
            asset: Some(asset.clone()),
            partition: Some(key.clone()),
            attempt: None,
            kind: EventKind::StepSkipped,
            data: json!({"why": why}),
            at: Utc::now(),
        };
        self.state.append_events(&[event]).await.map(|_| ())
    }

    fn skipped(&self, item: Item) -> PartitionOutcome {
        let outcome = not_made(item, PartitionState::Skipped);
        self.observer.finished(&outcome);
        outcome
    }

    /// Moves a run of this worker's.
    pub(super) async fn advance(
        &self,
        run: RunId,
        from: RunState,
        to: RunState,
        error: Option<&Error>,
    ) -> Result<()> {
        let mut change = self.change(run, from, to);
        change.holder = Some(self.workers.id().clone());
        change.error = error.cloned();
        super::transition::transition(self.state.as_ref(), &change).await
    }
}

fn not_made((asset, partition): Item, state: PartitionState) -> PartitionOutcome {
    PartitionOutcome {
        asset,
        partition,
        state,
        load: None,
        counts: None,
        verdicts: Vec::new(),
        duration_ms: 0,
        result: None,
        error: None,
    }
}

/// An asset that a run is to make and that was not prepared: the schema has changed since it was asked for.
fn unprepared(item: Item) -> PartitionOutcome {
    let name = item.0.to_string();
    let hint = "the schema has changed since the run began; start a new one".to_owned();
    let error = OrchestratorError::UnknownAsset { name, hint };
    PartitionOutcome {
        error: Some(error.into()),
        ..not_made(item, PartitionState::Failed)
    }
}
