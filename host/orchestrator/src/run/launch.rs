//! A run from what was asked for to what came of it.

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use tidegate_core::plan::{AssetName, PartitionKey, RunId};
use tidegate_core::port::{ArtifactStore, Engine, NewRun, PartitionState, RunMove, RunState, StateStore};
use tidegate_core::{Error, Result};
use tokio_util::sync::CancellationToken;

use super::observe::RunObserver;
use super::order::{Item, Next, Order};
use super::report::{PartitionOutcome, RunReport};
use super::transition::transition;
use super::workers::Workers;
use crate::engine::{LocalEngine, log_name};
use crate::project::{AssetPlan, Project};

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The assets; empty for all of the project.
    pub assets: Vec<AssetName>,
    /// Only this slice; none for every slice that there is.
    pub partition: Option<String>,
    /// Only the slices from one to another, both included, as `FIRST...LAST`; none for every slice that there is.
    #[serde(default)]
    pub partition_range: Option<String>,
    /// Read, transform and count, but load nothing and keep no state.
    pub dry_run: bool,
    /// Stop each source after so many rows.
    pub limit_rows: Option<u64>,
    /// Read everything, also from sources that would give only what is new.
    #[serde(default)]
    pub full_refresh: bool,
    /// The target that the assets go to; none for the destinations that they name.
    #[serde(default)]
    pub target: Option<String>,
}

/// Makes runs of a project.
pub struct Orchestrator {
    /// The project.
    pub project: Arc<Project>,
    /// Where state is kept.
    pub state: Arc<dyn StateStore>,
    /// Where logs and refused rows are kept.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// This process and the others.
    pub workers: Workers,
    /// Who watches.
    pub observer: Arc<dyn RunObserver>,
    /// Stops the run.
    pub cancel: CancellationToken,
    /// Attempts at once.
    pub capacity: usize,
}

impl Orchestrator {
    /// Makes a run and carries it out. Assets come in the order in which they are made from each other.
    pub async fn launch(&self, launch: &Launch, plans: &[AssetPlan]) -> Result<RunReport> {
        let items = self.items(launch, plans).await?;
        let run = RunId(uuid::Uuid::now_v7());
        if launch.dry_run {
            return self.work(run, launch, plans, items).await;
        }
        self.sweep().await?;
        let at = Utc::now();
        let mut request = serde_json::to_value(launch).unwrap_or_default();
        // Until the run moves, this alone says whose it is.
        request["worker"] = self.workers.id().0.clone().into();
        self.state
            .insert_run(&NewRun {
                id: run,
                request,
                partitions: items.clone(),
                at,
            })
            .await?;
        self.carry_out(run, launch, plans, items).await
    }

    /// The log of an attempt, as JSON lines; none where it has said nothing.
    pub async fn log(
        &self,
        run: RunId,
        asset: &AssetName,
        partition: &PartitionKey,
        attempt: u32,
    ) -> Result<Option<bytes::Bytes>> {
        self.artifacts
            .get(&log_name(run, asset, partition, attempt))
            .await
    }

    /// Carries out a queued run, as far as `items` goes.
    pub(super) async fn carry_out(
        &self,
        run: RunId,
        launch: &Launch,
        plans: &[AssetPlan],
        items: Vec<Item>,
    ) -> Result<RunReport> {
        self.workers.begin();
        self.advance(run, RunState::Queued, RunState::Starting, None)
            .await?;
        self.advance(run, RunState::Starting, RunState::Running, None)
            .await?;
        let report = self.work(run, launch, plans, items).await?;
        let failed = report
            .partitions
            .iter()
            .find_map(|outcome| outcome.error.as_ref());
        if report.state == RunState::Cancelled {
            self.advance(run, RunState::Running, RunState::Cancelling, None)
                .await?;
            self.advance(run, RunState::Cancelling, RunState::Cancelled, None)
                .await?;
        } else {
            self.advance(run, RunState::Running, report.state, failed).await?;
        }
        self.workers.finish();
        Ok(report)
    }

    async fn advance(&self, run: RunId, from: RunState, to: RunState, error: Option<&Error>) -> Result<()> {
        let change = RunMove {
            run,
            from,
            to,
            seen: None,
            error: error.cloned(),
            by: self.workers.id().clone(),
            at: Utc::now(),
        };
        transition(self.state.as_ref(), &change).await
    }

    async fn work(
        &self,
        run: RunId,
        launch: &Launch,
        plans: &[AssetPlan],
        items: Vec<Item>,
    ) -> Result<RunReport> {
        let started = Instant::now();
        self.observer.run_started(run, items.len());
        let engine = LocalEngine {
            project: self.project.clone(),
            state: self.state.clone(),
            artifacts: self.artifacts.clone(),
            observer: self.observer.clone(),
            cancel: self.cancel.clone(),
            capacity: self.capacity,
        };
        let mut order = Order::new(plans, items);
        let mut open = FuturesUnordered::new();
        let mut outcomes = Vec::new();
        loop {
            while open.len() < engine.capacity() && !self.cancel.is_cancelled() {
                match order.next() {
                    Next::Begin(item) => {
                        let Some(plan) = plans.iter().find(|plan| plan.name == item.0) else {
                            continue;
                        };
                        open.push(self.attempt(&engine, run, launch, plan, item.1));
                    }
                    Next::Skip(item) => outcomes.push(self.skip(run, launch, item).await?),
                    Next::Wait | Next::Done => break,
                }
            }
            let Some(outcome) = open.next().await else { break };
            let item = (outcome.asset.clone(), outcome.partition.clone());
            order.ended(&item, outcome.state == PartitionState::Succeeded);
            self.observer.finished(&outcome);
            outcomes.push(outcome);
        }
        for item in order.rest() {
            outcomes.push(self.skip(run, launch, item).await?);
        }
        let done = outcomes
            .iter()
            .all(|outcome| outcome.state == PartitionState::Succeeded);
        // Where the interrupt came too late to stop anything, nothing was stopped.
        let state = match (done, self.cancel.is_cancelled()) {
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

    async fn skip(&self, run: RunId, launch: &Launch, item: Item) -> Result<PartitionOutcome> {
        let (asset, partition) = item;
        if !launch.dry_run {
            self.state
                .set_partition_state(run, &asset, &partition, PartitionState::Skipped)
                .await?;
        }
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
        Ok(outcome)
    }
}
