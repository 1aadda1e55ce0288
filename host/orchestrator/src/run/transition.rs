//! Which state of a run may follow which; nowhere else is this decided.

use tidegate_core::plan::RunId;
use tidegate_core::port::{RunMove, RunState, StateStore};
use tidegate_core::{Error, Kind, Result};

/// A run was to be moved where it cannot go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("run {run} cannot go from {} to {}", .from.text(), .to.text())]
pub struct StateError {
    /// The run.
    pub run: RunId,
    /// Where it was thought to be.
    pub from: RunState,
    /// Where it was to go.
    pub to: RunState,
}

impl StateError {
    /// Its code.
    pub(crate) const CODE: &str = "run.transition";
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        Self::new(Kind::State, StateError::CODE, error.to_string())
            .hint("another process has moved it; `tidegate runs show` tells where it stands")
    }
}

/// Whether a run may go from one state to another. A run that ended badly may be queued again: a retry is the same run. So
/// may one whose worker is gone: another worker goes on from its checkpoints.
fn legal(from: RunState, to: RunState) -> bool {
    use RunState::{Cancelled, Cancelling, Failed, Queued, Running, Starting, Succeeded};
    matches!(
        (from, to),
        (Queued, Starting | Cancelled | Failed)
            | (Starting, Running | Cancelling | Failed | Queued)
            | (Running, Succeeded | Failed | Cancelling | Queued)
            | (Cancelling, Cancelled | Failed | Succeeded)
            | (Failed | Cancelled, Queued)
    )
}

/// The state of a run that is asked to stop: one that waits in the queue ends at once, one that goes on does when its worker
/// has heard of it. None where it has ended, or is asked already.
pub(crate) fn stopped(from: RunState) -> Option<RunState> {
    [RunState::Cancelled, RunState::Cancelling]
        .into_iter()
        .find(|to| !from.ended() && legal(from, *to) && from != RunState::Cancelling)
}

/// Moves a run; refused where the move is not legal or somebody else moved the run before.
pub(crate) async fn transition(state: &dyn StateStore, change: &RunMove) -> Result<()> {
    let (run, from, to) = (change.run, change.from, change.to);
    if !legal(from, to) || !state.move_run(change).await? {
        return Err(StateError { run, from, to }.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_run_only_goes_back_to_the_queue() {
        let all = [
            "queued",
            "starting",
            "running",
            "cancelling",
            "succeeded",
            "failed",
            "cancelled",
        ]
        .map(|text| RunState::parse(text).unwrap());
        let from = |from| all.into_iter().filter(|to| legal(from, *to)).collect::<Vec<_>>();
        assert_eq!(from(RunState::Succeeded), []);
        assert_eq!(from(RunState::Failed), [RunState::Queued]);
        assert_eq!(from(RunState::Cancelled), [RunState::Queued]);
        assert_eq!(
            from(RunState::Queued),
            [RunState::Starting, RunState::Failed, RunState::Cancelled]
        );
        assert!(all.into_iter().all(|state| !legal(state, state)));
        let asked = [(RunState::Queued, RunState::Cancelled)]
            .into_iter()
            .chain([RunState::Starting, RunState::Running].map(|from| (from, RunState::Cancelling)));
        let stops = all.into_iter().filter_map(|from| Some((from, stopped(from)?)));
        assert!(stops.eq(asked));
    }
}
