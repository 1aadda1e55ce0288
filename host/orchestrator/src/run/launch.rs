//! Runs that this process carries out itself, from what was asked for to what came of it.

use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tidegate_core::plan::RunId;
use tidegate_core::port::{NewRun, PartitionState, RunState};
use tidegate_core::{Error, Result};
use tokio_util::sync::CancellationToken;

use super::orchestrator::Orchestrator;
use super::order::{Item, Next, Order};
use super::report::{PartitionOutcome, RunReport};
use super::request::{Launch, QueueOptions};
use super::transition::StateError;
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
        self.work(run.id, launch, &plans, run.partitions, &self.cancel)
            .await
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

    async fn go_through(
        &self,
        run: RunId,
        launch: &Launch,
        plans: &[Arc<AssetPlan>],
        stopped: Stopped,
        cancel: &CancellationToken,
    ) -> Result<RunReport> {
        let started = self
            .advance(run, RunState::Starting, RunState::Running, None)
            .await;
        match started {
            // Somebody asked for it to stop before it began.
            Err(error) if error.code == StateError::CODE && self.stopping(run).await? => cancel.cancel(),
            started => started?,
        }
        let left = self.state.run_partitions(run).await?;
        let items = left
            .into_iter()
            .filter(|partition| partition.state != PartitionState::Succeeded)
            .map(|partition| (partition.asset, partition.partition))
            .collect();
        let report = self.work(run, launch, plans, items, cancel).await?;
        self.conclude(&report, stopped).await?;
        Ok(report)
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
        plans: &[Arc<AssetPlan>],
        items: Vec<Item>,
        cancel: &CancellationToken,
    ) -> Result<RunReport> {
        let started = Instant::now();
        self.observer.run_started(run, items.len());
        let mut order = Order::new(plans, items);
        let mut open = FuturesUnordered::new();
        let mut outcomes = Vec::new();
        loop {
            while open.len() < self.capacity && !cancel.is_cancelled() {
                match order.next() {
                    Next::Begin(item) => {
                        let Some(plan) = plans.iter().find(|plan| plan.name == item.0) else {
                            continue;
                        };
                        open.push(self.attempts(run, launch, plan, item.1, cancel));
                    }
                    Next::Skip(item) => {
                        if !launch.dry_run {
                            let (asset, key) = &item;
                            self.state
                                .set_partition_state(run, asset, key, PartitionState::Skipped)
                                .await?;
                        }
                        outcomes.push(self.skipped(item));
                    }
                    Next::Wait | Next::Done => break,
                }
            }
            let Some(outcome) = open.next().await else { break };
            let item = (outcome.asset.clone(), outcome.partition.clone());
            order.ended(&item, outcome.state == PartitionState::Succeeded);
            self.observer.finished(&outcome);
            outcomes.push(outcome);
        }
        // The state marks these with the run's end.
        outcomes.extend(order.rest().into_iter().map(|item| self.skipped(item)));
        let done = outcomes
            .iter()
            .all(|outcome| outcome.state == PartitionState::Succeeded);
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

    fn skipped(&self, (asset, partition): Item) -> PartitionOutcome {
        let outcome = PartitionOutcome {
            asset,
            partition,
            state: PartitionState::Skipped,
            load: None,
            counts: None,
            verdicts: Vec::new(),
            duration_ms: 0,
            error: None,
        };
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
