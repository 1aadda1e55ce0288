//! Runs that are asked to stop.

use tidegate_core::port::{RunRecord, RunState};
use tidegate_core::{Error, Result};

use super::orchestrator::Orchestrator;
use super::transition::{StateError, transition};
use crate::error::OrchestratorError;

impl Orchestrator {
    /// Asks a run to stop, as [`Orchestrator::cancel_run`] does; one that has ended is left as it is.
    pub(crate) async fn stop_run(&self, run: &RunRecord) -> Result<()> {
        match self.cancel_run(run).await {
            Err(error) if error.code == OrchestratorError::NOT_CANCELLABLE => Ok(()),
            done => done.map(|_| ()),
        }
    }

    /// Asks a run to stop, and answers where it stands then: one that waits in the queue is cancelled at once, one that
    /// goes on is cancelling until its worker has heard of it. What was loaded stays, and nothing else is shown. A repeat
    /// changes nothing.
    pub async fn cancel_run(&self, run: &RunRecord) -> Result<RunState> {
        self.sweep().await?;
        loop {
            let refused = |why: &str| {
                Error::from(OrchestratorError::NotCancellable {
                    run: run.id,
                    why: why.to_owned(),
                })
            };
            let current = self.state.run(run.id).await?.ok_or_else(|| refused("is gone"))?;
            let to = match current.state {
                RunState::Queued => RunState::Cancelled,
                RunState::Starting | RunState::Running => RunState::Cancelling,
                RunState::Cancelling | RunState::Cancelled => return Ok(current.state),
                RunState::Succeeded => return Err(refused("has succeeded")),
                RunState::Failed => return Err(refused("has failed")),
            };
            let change = self.change(run.id, current.state, to);
            match transition(self.state.as_ref(), &change).await {
                Ok(()) => {
                    self.going.stop(run.id);
                    return Ok(to);
                }
                // It has moved since it was looked at.
                Err(error) if error.code == StateError::CODE => {}
                Err(error) => return Err(error),
            }
        }
    }
}
