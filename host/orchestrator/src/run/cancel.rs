//! Runs that are asked to stop.

use tidegate_core::port::{RunMove, RunRecord, RunState};
use tidegate_core::{Error, Result};

use super::orchestrator::Orchestrator;
use super::transition::{StateError, stopped, transition};
use crate::error::OrchestratorError;

impl Orchestrator {
    /// Asks a run to stop, as [`Orchestrator::cancel_run`] does; one that has ended is left as it is.
    pub(crate) async fn stop_run(&self, run: &RunRecord) -> Result<()> {
        match self.cancel_run(run).await {
            Err(error) if error.code == OrchestratorError::NOT_CANCELLABLE => Ok(()),
            done => done.map(|_| ()),
        }
    }

    /// How runs are asked to stop, by a transaction that is about more; those that have ended, or were asked, are passed by.
    /// In the order of their ids, as events lock them, so that no two writers wait for each other. Runs of this process are
    /// to be told of it by [`Orchestrator::told_to_stop`] then.
    pub(crate) fn stops(&self, runs: &[RunRecord]) -> Vec<RunMove> {
        let mut stops: Vec<RunMove> = runs
            .iter()
            .filter_map(|run| Some(self.change(run.id, run.state, stopped(run.state)?)))
            .collect();
        stops.sort_by_key(|change| change.run);
        stops
    }

    /// Stops what goes on here of runs that were asked to; the heart tells other processes.
    pub(crate) fn told_to_stop(&self, stops: &[RunMove]) {
        for change in stops {
            self.going.stop(change.run);
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
            let Some(to) = stopped(current.state) else {
                return match current.state {
                    RunState::Succeeded => Err(refused("has succeeded")),
                    RunState::Failed => Err(refused("has failed")),
                    state => Ok(state),
                };
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
