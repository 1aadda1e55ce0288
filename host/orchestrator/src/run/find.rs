//! A run by what a person calls it.

use tidegate_core::plan::RunId;
use tidegate_core::port::{RunFilter, RunRecord};
use tidegate_core::{Error, Kind, Result};

use super::orchestrator::Orchestrator;
use crate::error::OrchestratorError;

/// Runs among which the beginning of an id is looked for.
const NEWEST_RUNS: u32 = 1_000;

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
                limit: NEWEST_RUNS,
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
}
