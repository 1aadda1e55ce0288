//! Runs that ended badly or whose worker is gone: marked for what they are, and taken up again.

use chrono::{TimeDelta, Utc};
use tidegate_core::plan::{AssetName, RunId, WorkerId};
use tidegate_core::port::{PartitionState, RunFilter, RunPartition, RunRecord, RunState};
use tidegate_core::{Error, Kind, Result};

use super::LEASE_MS;
use super::launch::{Launch, Orchestrator};
use super::report::RunReport;
use super::transition::transition;
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
        transition(
            self.state.as_ref(),
            run.id,
            current.state,
            RunState::Queued,
            None,
            Utc::now(),
        )
        .await?;
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
        let (dead, others_live) = self.workers.others();
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
            for run in self.state.runs(&filter).await? {
                let partitions = self.state.run_partitions(run.id).await?;
                if self.lost(&run, &partitions, &dead, others_live) {
                    self.mark_lost(&run).await?;
                }
            }
        }
        self.workers.forget(&dead);
        Ok(())
    }

    /// Whether nobody works on a run any more.
    fn lost(
        &self,
        run: &RunRecord,
        partitions: &[RunPartition],
        dead: &[WorkerId],
        others_live: bool,
    ) -> bool {
        let now = Utc::now();
        let mut attempts = partitions
            .iter()
            .flat_map(|partition| &partition.attempts)
            .peekable();
        let lease = TimeDelta::milliseconds(LEASE_MS as i64);
        // Between two attempts a living worker holds none: then its last sign of life is the run's.
        let quiet = !others_live || run.updated_at + lease < now;
        let mut under_way = attempts
            .by_ref()
            .filter(|attempt| attempt.state == PartitionState::Running)
            .peekable();
        if under_way.peek().is_none() {
            return quiet;
        }
        under_way.all(|attempt| dead.contains(&attempt.worker) || attempt.lease_until < now)
    }

    async fn mark_lost(&self, run: &RunRecord) -> Result<()> {
        let error = Error::new(Kind::State, "run.lost", "the worker of the run is gone")
            .later()
            .hint(format!(
                "`tidegate runs retry {}` goes on from its checkpoints",
                run.id
            ));
        transition(
            self.state.as_ref(),
            run.id,
            run.state,
            RunState::Failed,
            Some(&error),
            Utc::now(),
        )
        .await
    }
}

fn unknown_asset(name: &AssetName) -> Error {
    OrchestratorError::UnknownAsset {
        name: name.to_string(),
        hint: "the run materializes it, and the schema no longer declares it".into(),
    }
    .into()
}
