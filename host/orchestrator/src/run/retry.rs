//! Runs that ended badly or whose worker is gone: marked for what they are, and taken up again.

use chrono::{TimeDelta, Utc};
use tidegate_core::plan::{AssetName, RunId, WorkerId};
use tidegate_core::port::{
    AttemptKey, AttemptRecord, EventKind, PartitionState, RunFilter, RunMove, RunPartition, RunRecord,
    RunState,
};
use tidegate_core::{Error, Kind, Result};

use super::LEASE_MS;
use super::launch::{Launch, Orchestrator};
use super::report::RunReport;
use super::transition::{StateError, transition};
use crate::error::OrchestratorError;
use crate::project::AssetPlan;

/// Runs that are looked at when a worker looks for lost ones.
const SWEEP_RUNS: u32 = 100;

impl Orchestrator {
    /// The run of an id, of the beginning of one, or of the word `latest`.
    pub async fn find_run(&self, text: &str) -> Result<RunRecord> {
        let unknown = || Error::from(OrchestratorError::UnknownRun(text.to_owned()));
        if let Ok(id) = text.parse::<uuid::Uuid>() {
            return self.state.run(RunId(id)).await?.ok_or_else(unknown);
        }
        let runs = self
            .state
            .runs(&RunFilter {
                limit: SWEEP_RUNS,
                ..RunFilter::default()
            })
            .await?;
        let mut fitting = runs
            .into_iter()
            .filter(|run| text == "latest" || run.id.to_string().starts_with(text));
        let first = fitting.next().ok_or_else(unknown)?;
        match fitting.next() {
            Some(_) if text != "latest" => Err(Error::new(
                Kind::Usage,
                "run.ambiguous",
                format!("more than one run begins with `{text}`"),
            )
            .hint("write more of the id")),
            _ => Ok(first),
        }
    }

    /// What a run was asked for.
    pub fn request(run: &RunRecord) -> Result<Launch> {
        serde_json::from_value(run.request.clone()).map_err(|error| {
            Error::new(
                Kind::State,
                "run.request",
                format!("the request of run {} is not readable: {error}", run.id),
            )
        })
    }

    /// Takes a run up again: what succeeded stays, the rest goes on from its checkpoints.
    pub async fn retry(&self, run: &RunRecord, launch: &Launch, plans: &[AssetPlan]) -> Result<RunReport> {
        if launch.target.as_deref() != self.project.target() {
            return Err(OrchestratorError::OtherTarget {
                run: run.id,
                target: launch.target.clone(),
            }
            .into());
        }
        self.sweep().await?;
        let refused = |why: String| Error::from(OrchestratorError::NotRetryable { run: run.id, why });
        let current = self
            .state
            .run(run.id)
            .await?
            .ok_or_else(|| refused("is gone".into()))?;
        match current.state {
            RunState::Failed | RunState::Cancelled => {}
            RunState::Succeeded => return Err(refused("has succeeded; start a new run".into())),
            other => return Err(refused(format!("is {}, and its worker is alive", other.text()))),
        }
        let change = RunMove {
            run: run.id,
            from: current.state,
            to: RunState::Queued,
            seen: Some(current.updated_at),
            error: None,
            by: self.workers.id().clone(),
            at: Utc::now(),
        };
        transition(self.state.as_ref(), &change).await?;
        let mut items = Vec::new();
        for partition in self.state.run_partitions(run.id).await? {
            if partition.state == PartitionState::Succeeded {
                continue;
            }
            if partition.state == PartitionState::Skipped {
                let (asset, key) = (&partition.asset, &partition.partition);
                self.state
                    .set_partition_state(run.id, asset, key, PartitionState::Pending)
                    .await?;
            }
            if !plans.iter().any(|plan| plan.name == partition.asset) {
                return Err(unknown_asset(&partition.asset));
            }
            items.push((partition.asset, partition.partition));
        }
        self.carry_out(run.id, launch, plans, items).await
    }

    /// Marks runs as failed whose workers are gone, so that no run says `running` when nobody runs it.
    pub async fn sweep(&self) -> Result<()> {
        let mut open = Vec::new();
        for state in [
            RunState::Queued,
            RunState::Starting,
            RunState::Running,
            RunState::Cancelling,
        ] {
            let filter = RunFilter {
                state: Some(state),
                limit: SWEEP_RUNS,
                ..RunFilter::default()
            };
            open.extend(self.state.runs(&filter).await?);
        }
        // Looked at after the runs: whoever made one of them had joined before.
        let dead = self.workers.dead();
        for run in open {
            let partitions = self.state.run_partitions(run.id).await?;
            if self.lost(&run, &partitions, &dead).await? {
                self.mark_lost(&run, &partitions).await?;
            }
        }
        self.workers.forget(&dead);
        Ok(())
    }

    /// Whether nobody works on a run any more.
    async fn lost(&self, run: &RunRecord, partitions: &[RunPartition], dead: &[WorkerId]) -> Result<bool> {
        let now = Utc::now();
        let mut under_way = partitions.iter().flat_map(under_way).peekable();
        if under_way.peek().is_some() {
            return Ok(under_way.all(|attempt| dead.contains(&attempt.worker) || attempt.lease_until < now));
        }
        // Between two attempts a worker holds none: then it is the one that moved the run or tried last.
        let tried = partitions.iter().flat_map(|partition| &partition.attempts);
        let last = tried.max_by_key(|attempt| attempt.started_at);
        let heard = last.map_or(run.updated_at, |attempt| {
            attempt.finished_at.unwrap_or(attempt.started_at)
        });
        if heard.max(run.updated_at) + TimeDelta::milliseconds(LEASE_MS as i64) < now {
            return Ok(true);
        }
        let events = self.state.events(run.id, 0, u32::MAX).await?;
        let mover = events
            .iter()
            .rev()
            .filter(|stored| stored.event.kind == EventKind::RunState)
            .find_map(|stored| stored.event.data["worker"].as_str());
        Ok(match mover {
            Some(mover) => dead.iter().any(|worker| worker.0 == mover),
            None => run.request["worker"]
                .as_str()
                .is_some_and(|asked| dead.iter().any(|worker| worker.0 == asked)),
        })
    }

    /// Ends a run's attempts and then the run. Who else does the same at the same time does no harm.
    async fn mark_lost(&self, run: &RunRecord, partitions: &[RunPartition]) -> Result<()> {
        let at = Utc::now();
        for partition in partitions {
            for attempt in under_way(partition) {
                let key = AttemptKey {
                    run: run.id,
                    asset: partition.asset.clone(),
                    partition: partition.partition.clone(),
                    attempt: attempt.attempt,
                    epoch: attempt.epoch,
                };
                let message = format!("the attempt's worker `{}` is gone", attempt.worker);
                let error = Error::new(Kind::State, "attempt.lost", message).later();
                self.state.fail_attempt(&key, &error, at).await?;
            }
        }
        let error = Error::new(Kind::State, "run.lost", "the worker of the run is gone")
            .later()
            .hint(format!(
                "`tidegate runs retry {}` goes on from its checkpoints",
                run.id
            ));
        // Where somebody has taken it up again since it was looked at, it is not lost.
        let change = RunMove {
            run: run.id,
            from: run.state,
            to: RunState::Failed,
            seen: Some(run.updated_at),
            error: Some(error),
            by: self.workers.id().clone(),
            at,
        };
        let moved = transition(self.state.as_ref(), &change).await;
        match moved {
            Err(error) if error.code == StateError::CODE => Ok(()),
            moved => moved,
        }
    }
}

/// A partition's attempts of which no end is known; one at most.
fn under_way(partition: &RunPartition) -> impl Iterator<Item = &AttemptRecord> {
    partition
        .attempts
        .iter()
        .filter(|attempt| attempt.state == PartitionState::Running)
}

fn unknown_asset(name: &AssetName) -> Error {
    OrchestratorError::UnknownAsset {
        name: name.to_string(),
        hint: "the run materializes it, and the schema no longer declares it".into(),
    }
    .into()
}
