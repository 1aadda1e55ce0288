//! One attempt at one asset partition: claim, task, engine, record.

use std::time::Instant;

use chrono::{TimeDelta, Utc};
use serde_json::json;
use tidegate_core::plan::{Epoch, PartitionKey, PartitionTask, RunId, SourceSlice, TaskReceipt};
use tidegate_core::port::{
    AttemptKey, Claim, EncodedTask, Engine, Event, EventKind, Materialization, PartitionPlace,
    PartitionState, Watermark,
};
use tidegate_core::{Error, Result};

use super::LEASE_MS;
use super::launch::{Launch, Orchestrator};
use super::report::PartitionOutcome;
use crate::error::OrchestratorError;
use crate::project::AssetPlan;

impl Orchestrator {
    /// Tries once. An error is the outcome's, not the caller's: the other partitions of the run go on.
    pub(super) async fn attempt(
        &self,
        engine: &dyn Engine,
        run: RunId,
        launch: &Launch,
        plan: &AssetPlan,
        partition: PartitionKey,
    ) -> PartitionOutcome {
        let started = Instant::now();
        let done = if launch.dry_run {
            self.rehearse(engine, run, launch, plan, &partition).await
        } else {
            self.materialize(engine, run, launch, plan, &partition, started)
                .await
        };
        let (state, load, counts, verdicts, error) = match done {
            Ok(receipt) => (
                PartitionState::Succeeded,
                receipt.load,
                Some(receipt.counts),
                receipt.verdicts,
                None,
            ),
            Err(error) => (PartitionState::Failed, None, None, Vec::new(), Some(error)),
        };
        PartitionOutcome {
            asset: plan.name.clone(),
            partition,
            state,
            load,
            counts,
            verdicts,
            duration_ms: started.elapsed().as_millis() as u64,
            error,
        }
    }

    /// A dry run: no state, no load.
    async fn rehearse(
        &self,
        engine: &dyn Engine,
        run: RunId,
        launch: &Launch,
        plan: &AssetPlan,
        partition: &PartitionKey,
    ) -> Result<TaskReceipt> {
        self.observer.started(&plan.name, partition, false);
        let mut task = task(run, launch, plan, partition, 1, Epoch(0))?;
        task.source_slice = self.source_slice(plan, partition).await?;
        engine.run(EncodedTask::encode(&task)?).await
    }

    async fn materialize(
        &self,
        engine: &dyn Engine,
        run: RunId,
        launch: &Launch,
        plan: &AssetPlan,
        partition: &PartitionKey,
        started: Instant,
    ) -> Result<TaskReceipt> {
        let key = self.claim(run, plan, partition).await?;
        match self.load(engine, launch, plan, &key).await {
            Ok(receipt) => {
                self.record(plan, &key, &receipt, started).await?;
                Ok(receipt)
            }
            Err(error) => {
                // Where the attempt was taken over there is nothing of ours to mark.
                let data = json!({"code": error.code, "message": error.message});
                let marked = self.state.fail_attempt(&key, &error, Utc::now()).await;
                let told = self.tell(&key, EventKind::AttemptFailed, data).await;
                // The attempt's own error is the one to return; its lease ends whatever became of the mark.
                for failed in [marked.err(), told.err()].into_iter().flatten() {
                    self.observer.warning(&failed);
                }
                Err(error)
            }
        }
    }

    async fn claim(&self, run: RunId, plan: &AssetPlan, partition: &PartitionKey) -> Result<AttemptKey> {
        let at = Utc::now();
        let until = at + TimeDelta::milliseconds(LEASE_MS as i64);
        let dead = self.workers.dead();
        let claim = self
            .state
            .claim(
                run,
                &plan.name,
                partition,
                place(plan, partition).as_ref(),
                self.workers.id(),
                &dead,
                at,
                until,
            )
            .await?;
        match claim {
            Claim::Granted(key) => Ok(key),
            Claim::Held { run, worker, .. } => Err(OrchestratorError::Held {
                asset: plan.name.clone(),
                partition: partition.clone(),
                run,
                worker,
            }
            .into()),
        }
    }

    async fn load(
        &self,
        engine: &dyn Engine,
        launch: &Launch,
        plan: &AssetPlan,
        key: &AttemptKey,
    ) -> Result<TaskReceipt> {
        let mut task = task(key.run, launch, plan, &key.partition, key.attempt, key.epoch)?;
        task.source_slice = self.source_slice(plan, &key.partition).await?;
        task.since = self.since(launch, key).await?;
        if self.undisturbed(key).await? {
            task.resume = self.state.checkpoint(key.run, &key.asset, &key.partition).await?;
        }
        self.observer
            .started(&plan.name, &key.partition, task.resume.is_some());
        let resumed = task
            .resume
            .as_ref()
            .map(|checkpoint| checkpoint.counts.source.rows_in);
        self.tell(
            key,
            EventKind::AttemptStarted,
            json!({"epoch": key.epoch, "resumed_behind_rows": resumed}),
        )
        .await?;
        engine.run(EncodedTask::encode(&task)?).await
    }

    /// Where an earlier run left off, if its source read only what was new: no other source leaves a mark.
    async fn since(&self, launch: &Launch, key: &AttemptKey) -> Result<Option<Watermark>> {
        if launch.full_refresh {
            return Ok(None);
        }
        let done = self.state.materializations(&key.asset).await?;
        let last = done.into_iter().find(|done| done.partition == key.partition);
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
        };
        if !self
            .state
            .finish_materialized(key, &materialization, &receipt.quarantined)
            .await?
        {
            let (asset, partition) = (key.asset.clone(), key.partition.clone());
            return Err(OrchestratorError::Fenced { asset, partition }.into());
        }
        for entry in &receipt.quarantined {
            let data = json!({"artifact": entry.artifact, "step": entry.step, "rows": entry.rows});
            self.tell(key, EventKind::Quarantined, data).await?;
        }
        let data = json!({"rows": load.rows, "bytes": load.bytes, "location": load.location});
        self.tell(key, EventKind::Materialized, data).await
    }

    async fn tell(&self, key: &AttemptKey, kind: EventKind, data: serde_json::Value) -> Result<()> {
        let event = Event {
            run: key.run,
            asset: Some(key.asset.clone()),
            partition: Some(key.partition.clone()),
            attempt: Some(key.attempt),
            kind,
            data,
            at: Utc::now(),
        };
        self.state.append_events(&[event]).await
    }
}

/// Where a slice stands among those of its asset; none for an asset without slices.
fn place(plan: &AssetPlan, partition: &PartitionKey) -> Option<PartitionPlace> {
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
        since: None,
        dry_run: launch.dry_run,
        resume: None,
    })
}
