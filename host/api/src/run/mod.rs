//! Runs: what they are, how they go, and what becomes of them.

pub(crate) mod events;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod one;
mod view;

use tidegate_core::plan::RunId;
use tidegate_core::port::RunRecord;
use tidegate_orchestrator::OrchestratorError;

pub(crate) use view::{ErrorView, RunView};

use crate::problem::Problem;
use crate::router::App;

/// The run of an id: the whole of it, so that what is meant by a program never depends on what else there is.
async fn named(app: &App, text: &str) -> Result<RunRecord, Problem> {
    let unknown = || {
        Problem::from(tidegate_core::Error::from(OrchestratorError::UnknownRun(
            text.to_owned(),
        )))
    };
    let id = text.parse().map_err(|_| unknown())?;
    app.orchestrator.state.run(RunId(id)).await?.ok_or_else(unknown)
}
