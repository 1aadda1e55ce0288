//! One attempt at one asset partition: claim, task, engine, record.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use serde_json::json;
use tidegate_core::plan::{CheckStep, Epoch, PartitionKey, PartitionTask, RunId, SourceSlice, TaskReceipt};
use tidegate_core::port::{
    AttemptKey, Claim, Claiming, EncodedTask, Engine as _, Event, EventKind, Input, Materialization,
    PartitionPlace, PartitionState, Watermark,
};
use tidegate_core::{Error, Kind, Result};
use tokio::sync::SemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::LEASE_MS;
use super::orchestrator::Orchestrator;
use super::report::PartitionOutcome;
use super::request::Launch;
use super::work::Work;
use crate::engine::{LocalEngine, key_files};
use crate::error::OrchestratorError;
use crate::project::AssetPlan;

/// How long a limit that is reached, or an asset partition that is held, is left alone before it is asked for again, in
/// milliseconds: the first time, and at most.
const WAIT_MS: (u64, u64) = (20, 1_000);

/// How long an attempt that took too long is given to stop by itself, in milliseconds.
const GRACE_MS: u64 = 10_000;

/// What came of an attempt that succeeded.
enum Made {
    /// What was loaded.
    Asset(Box<TaskReceipt>),
    /// What a step gave.
    Step(serde_json::Value),
}

impl Orchestrator {
    /// Tries as often as the asset's policy says. An error is the outcome's, not the caller's: the other partitions of the
    /// run go on.
    pub(super) async fn attempts(
        &self,
        run: RunId,
        launch: &Launch,
        work: Work,
        partition: PartitionKey,
        cancel: &CancellationToken,
    ) -> PartitionOutcome {
        let started = Instant::now();
        let mut made = 0;
        let done = loop {
            let done = self.attempt(run, launch, &work, &partition, cancel).await;
            made += 1;
            let Err(error) = &done else { break done };
            let delay = work.retry(launch).delay_ms(made, error, spread());
            let Some(delay_ms) = delay.filter(|_| !launch.dry_run) else {
                break done;
            };
            self.observer.retrying(work.name(), &partition, error, delay_ms);
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(delay_ms)) => {}
                () = cancel.cancelled() => break done,
            }
        };
        let mut outcome = PartitionOutcome {
            asset: work.name().clone(),
            partition,
            state: PartitionState::Succeeded,
            load: None,
            counts: None,
            verdicts: Vec::new(),
            duration_ms: started.elapsed().as_millis() as u64,
            result: None,
            error: None,
        };
        match done {
            Ok(Made::Asset(receipt)) => {
                outcome.load = receipt.load;
                outcome.counts = Some(receipt.counts);
                outcome.verdicts = receipt.verdicts;
            }
            Ok(Made::Step(result)) => outcome.result = Some(result),
            Err(error) => {
                outcome.state = PartitionState::Failed;
                outcome.error = Some(error);
            }
        }
        outcome
    }

    /// Tries once.
    async fn attempt(
        &self,
        run: RunId,
        launch: &Launch,
        work: &Work,
        partition: &PartitionKey,
        cancel: &CancellationToken,
    ) -> Result<Made> {
        if let (true, Work::Asset(plan)) = (launch.dry_run, work) {
            let _place = self.place(cancel).await?;
            let receipt = self.rehearse(run, launch, plan, partition, cancel).await?;
            return Ok(Made::Asset(Box::new(receipt)));
        }
        let (key, _place) = self.claim(run, work, partition, cancel).await?;
        match work {
            Work::Asset(plan) => {
                let receipt = self
                    .materialize(launch, plan, &key, Instant::now(), cancel)
                    .await?;
                Ok(Made::Asset(Box::new(receipt)))
            }
            Work::Step(step) => Ok(Made::Step(self.perform(step, &key, cancel).await?)),
        }
    }

    /// Waits for a place among the attempts of this process.
    async fn place(&self, cancel: &CancellationToken) -> Result<SemaphorePermit<'_>> {
        tokio::select! {
            place = self.room.acquire() => place.map_err(|_| stopped()),
            () = cancel.cancelled() => Err(stopped()),
        }
    }

    /// Runs a task; one that takes longer than it may is stopped, and has failed.
    async fn run_task(
        &self,
        launch: &Launch,
        plan: &AssetPlan,
        task: &PartitionTask,
        cancel: &CancellationToken,
    ) -> Result<TaskReceipt> {
        let cancel = cancel.child_token();
        let engine = LocalEngine {
            project: self.project.clone(),
            state: self.state.clone(),
            artifacts: self.artifacts.clone(),
            observer: self.observer.clone(),
            cancel: cancel.clone(),
            capacity: self.capacity,
        };
        let mut work = engine.run(EncodedTask::encode(task)?);
        let Some(timeout_ms) = launch.timeout_ms.or(plan.policy.timeout_ms) else {
            return work.await;
        };
        match tokio::time::timeout(Duration::from_millis(timeout_ms), &mut work).await {
            Ok(done) => done,
            Err(_) => {
                cancel.cancel();
                // It loads nothing any more, but may end what it is in the middle of; what it answers comes too late,
                // unless that is that it was done.
                if let Ok(Ok(receipt)) = tokio::time::timeout(Duration::from_millis(GRACE_MS), work).await {
                    return Ok(receipt);
                }
                let (asset, partition) = (plan.name.clone(), task.key());
                Err(OrchestratorError::Timeout {
                    asset,
                    partition,
                    timeout_ms,
                }
                .into())
            }
        }
    }

    /// A dry run: no state, no load.
    async fn rehearse(
        &self,
        run: RunId,
        launch: &Launch,
        plan: &AssetPlan,
        partition: &PartitionKey,
        cancel: &CancellationToken,
    ) -> Result<TaskReceipt> {
        self.observer.started(&plan.name, partition, false);
        let mut task = task(run, launch, plan, partition, 1, Epoch(0))?;
        task.source_slice = self.source_slice(plan, partition).await?;
        task.history = self.history(plan, partition).await?;
        self.run_task(launch, plan, &task, cancel).await
    }

    async fn materialize(
        &self,
        launch: &Launch,
        plan: &AssetPlan,
        key: &AttemptKey,
        started: Instant,
        cancel: &CancellationToken,
    ) -> Result<TaskReceipt> {
        let done = match self.load(launch, plan, key, cancel).await {
            Ok((receipt, inputs)) => self
                .record(plan, key, &receipt, inputs, started)
                .await
                .map(|()| receipt),
            Err(error) => Err(error),
        };
        if let Err(error) = &done {
            // Where the attempt was taken over there is nothing of ours to mark. The attempt's own error is the one to
            // return; its lease ends whatever became of the mark.
            if let Err(failed) = self.state.fail_attempt(key, error, Utc::now()).await {
                self.observer.warning(&failed);
            }
        }
        done
    }

    /// Claims an asset partition, together with a place among the attempts of this process. What others hold, and what is
    /// used as often as it may be, is waited for without one.
    async fn claim(
        &self,
        run: RunId,
        work: &Work,
        partition: &PartitionKey,
        cancel: &CancellationToken,
    ) -> Result<(AttemptKey, SemaphorePermit<'_>)> {
        let mut wait_ms = WAIT_MS.0;
        let slice_place = match work {
            Work::Asset(plan) => slice_place(plan, partition),
            Work::Step(_) => None,
        };
        loop {
            let place = self.place(cancel).await?;
            let at = Utc::now();
            let dead = self.workers.dead();
            let claiming = Claiming {
                run,
                asset: work.name(),
                partition,
                place: slice_place.as_ref(),
                worker: self.workers.id(),
                dead: &dead,
                pools: work.pools(),
                at,
                lease_until: at + TimeDelta::milliseconds(LEASE_MS as i64),
            };
            match self.state.claim(&claiming).await? {
                Claim::Granted(key) => return Ok((key, place)),
                Claim::Held { run, worker, .. } if !self.waits() => {
                    return Err(OrchestratorError::Held {
                        asset: work.name().clone(),
                        partition: partition.clone(),
                        run,
                        worker,
                    }
                    .into());
                }
                Claim::Held { .. } | Claim::Full { .. } => {}
            }
            drop(place);
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {}
                () = cancel.cancelled() => return Err(stopped()),
            }
            wait_ms = (wait_ms * 2).min(WAIT_MS.1);
        }
    }

    async fn load(
        &self,
        launch: &Launch,
        plan: &AssetPlan,
        key: &AttemptKey,
        cancel: &CancellationToken,
    ) -> Result<(TaskReceipt, Vec<Input>)> {
        // Before anything is read: what is loaded meanwhile makes this stale, whether it was read or not.
        let inputs = self.inputs(plan, &key.partition).await?;
        let mut task = task(key.run, launch, plan, &key.partition, key.attempt, key.epoch)?;
        task.source_slice = self.source_slice(plan, &key.partition).await?;
        task.since = self.since(launch, key).await?;
        task.history = self.history(plan, &key.partition).await?;
        if key.attempt > 1 && self.undisturbed(key).await? {
            task.resume = self.state.checkpoint(key.run, &key.asset, &key.partition).await?;
        }
        if let Some(checkpoint) = &task.resume {
            let event = Event {
                run: key.run,
                asset: Some(key.asset.clone()),
                partition: Some(key.partition.clone()),
                attempt: Some(key.attempt),
                kind: EventKind::Resumed,
                data: json!({"behind_rows": checkpoint.counts.source.rows_in}),
                at: Utc::now(),
            };
            if !self.state.append_events(&[event]).await? {
                return Err(fenced(key));
            }
        }
        self.observer
            .started(&plan.name, &key.partition, task.resume.is_some());
        let receipt = self.run_task(launch, plan, &task, cancel).await?;
        Ok((receipt, inputs))
    }

    /// The row counts of the asset's last loads, where a check wants them: of this slice, or of any slice of an asset that has
    /// slices, since each of those is as a rule loaded once.
    pub(crate) async fn history(&self, plan: &AssetPlan, partition: &PartitionKey) -> Result<Vec<u64>> {
        let most = plan.checks.iter().map(CheckStep::history).max().unwrap_or(0);
        if most == 0 {
            return Ok(Vec::new());
        }
        let slice = plan.partitioning.is_none().then_some(partition);
        self.state.recent_rows(&plan.name, slice, most).await
    }

    /// Where an earlier run left off, if its source read only what was new: no other source leaves a mark.
    async fn since(&self, launch: &Launch, key: &AttemptKey) -> Result<Option<Watermark>> {
        if launch.full_refresh {
            return Ok(None);
        }
        let last = self
            .state
            .last_materialization(&key.asset, &key.partition)
            .await?;
        Ok(last.and_then(|last| last.watermark))
    }

    /// Whether nobody else worked on the asset partition since this run last did. Another run's load sweeps away what
    /// this one had staged, so its checkpoint then leads nowhere, and the attempt begins anew.
    async fn undisturbed(&self, key: &AttemptKey) -> Result<bool> {
        let attempts = self.state.attempts(key.run, &key.asset, &key.partition).await?;
        let before = attempts.iter().rev().find(|attempt| attempt.epoch < key.epoch);
        Ok(before.is_some_and(|attempt| attempt.epoch.0 + 1 == key.epoch.0))
    }

    async fn record(
        &self,
        plan: &AssetPlan,
        key: &AttemptKey,
        receipt: &TaskReceipt,
        inputs: Vec<Input>,
        started: Instant,
    ) -> Result<()> {
        let Some(load) = &receipt.load else { return Ok(()) };
        let materialization = Materialization {
            run: key.run,
            asset: key.asset.clone(),
            partition: key.partition.clone(),
            epoch: key.epoch,
            at: Utc::now(),
            load: load.clone(),
            counts: receipt.counts.clone(),
            plugins: plan.plugins(),
            duration_ms: started.elapsed().as_millis() as u64,
            watermark: receipt.watermark.clone(),
            code_version: Some(plan.code_version.clone()),
            inputs: Some(inputs),
            metadata: serde_json::Map::new(),
            external: false,
        };
        if !self
            .state
            .finish_materialized(key, &materialization, &receipt.quarantined, &receipt.verdicts)
            .await?
        {
            return Err(fenced(key));
        }
        self.sweep_keys(plan, key).await;
        Ok(())
    }

    /// Removes what checks kept for the checkpoints of a load that is done with; where that fails, retention does.
    async fn sweep_keys(&self, plan: &AssetPlan, key: &AttemptKey) {
        if !plan.checks.iter().any(CheckStep::keeps_keys) {
            return;
        }
        for name in self.artifacts.list(&key_files(key)).await.unwrap_or_default() {
            if let Err(error) = self.artifacts.delete(&name).await {
                self.observer.warning(&error);
            }
        }
    }
}

/// A newer attempt has taken over.
pub(crate) fn fenced(key: &AttemptKey) -> Error {
    OrchestratorError::Fenced {
        asset: key.asset.clone(),
        partition: key.partition.clone(),
    }
    .into()
}

/// Somebody asked for the work to stop.
pub(crate) fn stopped() -> Error {
    Error::new(
        Kind::Cancelled,
        "run.cancelled",
        "the run was asked to stop before the attempt began",
    )
}

/// A number from 0 to 1, another each time.
fn spread() -> f64 {
    let random = uuid::Uuid::new_v4().as_u128() as u32;
    f64::from(random) / f64::from(u32::MAX)
}

/// Where a slice stands among those of its asset; none for an asset without slices.
fn slice_place(plan: &AssetPlan, partition: &PartitionKey) -> Option<PartitionPlace> {
    let slices = plan.partitioning.as_ref()?;
    Some(PartitionPlace {
        cut: slices.cut(),
        previous: slices.previous(&partition.0),
        next: slices.next(&partition.0),
    })
}

/// The task of an attempt. Limited runs are complete loads of fewer rows, so they keep no checkpoint of another run.
fn task(
    run: RunId,
    launch: &Launch,
    plan: &AssetPlan,
    partition: &PartitionKey,
    attempt: u32,
    epoch: Epoch,
) -> Result<PartitionTask> {
    let slice = match (&plan.partitioning, partition.is_whole()) {
        (Some(slices), false) => Some(slices.find(&partition.0).map_err(|error| {
            Error::from(OrchestratorError::Partition {
                asset: plan.name.clone(),
                why: error.to_string(),
            })
        })?),
        _ => None,
    };
    Ok(PartitionTask {
        run,
        asset: plan.name.clone(),
        partition: slice,
        attempt,
        epoch,
        source: plan.source.clone(),
        steps: plan.steps.iter().map(|step| step.spec.clone()).collect(),
        destination: plan.destination.clone(),
        columns: plan.columns.clone(),
        contract: plan.contract,
        checks: plan.checks.clone(),
        batch_rows: plan.batch_rows,
        checkpoint: plan.checkpoint,
        limit_rows: launch.limit_rows,
        slice: plan.slice,
        source_slice: SourceSlice::Own,
        history: Vec::new(),
        since: None,
        dry_run: launch.dry_run,
        resume: None,
    })
}
