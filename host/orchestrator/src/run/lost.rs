//! Runs whose worker is gone: marked for what they are, or queued again.

use chrono::Utc;
use tidegate_core::plan::{RunId, WorkerId};
use tidegate_core::port::{
    AttemptKey, AttemptRecord, PartitionState, RunFilter, RunMove, RunPartition, RunRecord, RunState,
};
use tidegate_core::{Error, Kind, Result};

use super::orchestrator::Orchestrator;
use super::transition::{StateError, transition};

/// Runs of one worker that are looked at; none takes as many at once.
const MAX_RUNS: u32 = 10_000;

/// How often a run whose worker is gone is queued again, before it is taken to be what kills its workers. A run that is
/// lost once or twice in a row is unlucky; Kubernetes and systemd give up after as few.
pub(super) const MAX_RECOVERIES: u32 = 3;

/// What becomes of a run that somebody waited for, and whose worker is gone. One of the queue is queued again whoever looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It has failed: whoever made it is gone with the worker, and takes it up again or does not.
    Failed,
    /// It is queued again, and goes on from its checkpoints.
    Queued,
}

impl Orchestrator {
    /// Sees to runs whose workers, of this project folder, are gone, so that no run says `running` when nobody runs it:
    /// those of the queue wait there again, the others have failed. Where a daemon is alive this is its business.
    pub async fn sweep(&self) -> Result<()> {
        // Looked at first: whoever makes a run has joined before.
        let dead = self.workers.dead();
        if let Some(leader) = self.state.leader().await? {
            if !dead.contains(&leader.holder) {
                return Ok(());
            }
            self.state.resign(&leader).await?;
        }
        self.bury(&dead, Lost::Failed).await
    }

    /// Sees to the runs of workers that are gone, and forgets the workers.
    pub(crate) async fn bury(&self, dead: &[WorkerId], fate: Lost) -> Result<()> {
        for worker in dead {
            let filter = RunFilter {
                states: vec![
                    RunState::Queued,
                    RunState::Starting,
                    RunState::Running,
                    RunState::Cancelling,
                ],
                worker: Some(worker.clone()),
                limit: MAX_RUNS,
                ..RunFilter::default()
            };
            for run in self.state.runs(&filter).await? {
                self.mark_lost(&run, fate).await?;
            }
            self.state.forget_worker(worker).await?;
        }
        self.workers.forget(dead);
        Ok(())
    }

    /// Ends a run's attempts and then the run. Who else does the same at the same time does no harm.
    pub(super) async fn mark_lost(&self, run: &RunRecord, fate: Lost) -> Result<()> {
        let at = Utc::now();
        for partition in self.state.run_partitions(run.id).await? {
            for attempt in under_way(&partition) {
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
        let to = match (run.state, fate) {
            (RunState::Cancelling, _) => RunState::Cancelled,
            (RunState::Starting | RunState::Running, _)
                if (fate == Lost::Queued || !run.attended) && run.recoveries < MAX_RECOVERIES =>
            {
                RunState::Queued
            }
            _ => RunState::Failed,
        };
        let error = (to == RunState::Failed).then(|| {
            Error::new(Kind::State, "run.lost", "the worker of the run is gone")
                .later()
                .hint(format!(
                    "`tidegate runs retry {}` goes on from its checkpoints",
                    run.id
                ))
        });
        // Where somebody has taken it up again since it was looked at, it is not lost.
        let change = RunMove {
            seen: Some(run.updated_at),
            error,
            at,
            ..self.change(run.id, run.state, to)
        };
        let moved = transition(self.state.as_ref(), &change).await;
        match moved {
            Err(error) if error.code == StateError::CODE => Ok(()),
            moved => moved,
        }
    }

    /// A move by this worker, of whoever's run.
    pub(super) fn change(&self, run: RunId, from: RunState, to: RunState) -> RunMove {
        RunMove {
            run,
            from,
            to,
            seen: None,
            holder: None,
            reserved: None,
            error: None,
            by: self.workers.id().clone(),
            at: Utc::now(),
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
