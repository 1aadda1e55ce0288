//! Runs that ended badly, taken up again.

use tidegate_core::port::{RunRecord, RunState};
use tidegate_core::{Error, Result};

use super::orchestrator::Orchestrator;
use super::report::RunReport;
use super::request::Launch;
use super::transition::transition;
use crate::error::OrchestratorError;
use crate::project::AssetPlan;

impl Orchestrator {
    /// Takes a run up again, in this process: what succeeded stays, the rest goes on from its checkpoints.
    pub async fn retry(&self, run: &RunRecord, launch: &Launch, plans: Vec<AssetPlan>) -> Result<RunReport> {
        if launch.target.as_deref() != self.project.target() {
            return Err(OrchestratorError::OtherTarget {
                run: run.id,
                target: launch.target.clone(),
            }
            .into());
        }
        self.sweep().await?;
        let plans = self.keep(launch, plans);
        self.alive(async {
            self.queue_again(run, true).await?;
            self.take_up(run.id, launch, &plans).await
        })
        .await
    }

    /// Puts a run that ended badly back into the queue, for whichever worker takes it.
    pub async fn requeue(&self, run: &RunRecord) -> Result<()> {
        self.sweep().await?;
        self.queue_again(run, false).await?;
        self.bell.notify_one();
        Ok(())
    }

    async fn queue_again(&self, run: &RunRecord, reserved: bool) -> Result<()> {
        let refused = |why: String| Error::from(OrchestratorError::NotRetryable { run: run.id, why });
        let current = self
            .state
            .run(run.id)
            .await?
            .ok_or_else(|| refused("is gone".into()))?;
        match current.state {
            RunState::Failed | RunState::Cancelled => {}
            RunState::Succeeded => return Err(refused("has succeeded; start a new run".into())),
            RunState::Queued => return Err(refused("waits in the queue".into())),
            other => return Err(refused(format!("is {}, and its worker is alive", other.text()))),
        }
        let mut change = self.change(run.id, current.state, RunState::Queued);
        change.seen = Some(current.updated_at);
        change.reserved = reserved.then(|| self.workers.id().clone());
        transition(self.state.as_ref(), &change).await
    }
}
