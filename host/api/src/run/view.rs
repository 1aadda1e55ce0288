//! A run as it is shown.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tidegate_core::Error;
use tidegate_core::port::RunRecord;
use utoipa::ToSchema;

/// A run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RunView {
    /// Its id, a UUID that tells when it was asked for.
    id: String,
    /// `queued`, `starting`, `running`, `cancelling`, `succeeded`, `failed` or `cancelled`.
    state: &'static str,
    /// The job that it is of.
    job: Option<String>,
    /// The assets that were asked for.
    assets: Vec<String>,
    /// The partition that was asked for; none for every one.
    partition: Option<String>,
    /// Words to find it by.
    tags: BTreeMap<String, String>,
    /// Of the queued runs the highest goes first.
    priority: i64,
    /// What makes a repeat of the request known.
    run_key: Option<String>,
    /// When it was asked for.
    created_at: DateTime<Utc>,
    /// When a worker first took it up.
    started_at: Option<DateTime<Utc>>,
    /// When it ended.
    finished_at: Option<DateTime<Utc>>,
    /// Why it failed.
    error: Option<ErrorView>,
}

/// Why something failed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ErrorView {
    /// Dotted and stable: one of `docs/error-codes.md`.
    code: String,
    /// What was wrong, with the offending value.
    message: String,
    /// Where.
    place: Option<String>,
    /// What to do about it.
    hint: Option<String>,
}

impl From<&Error> for ErrorView {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code.clone(),
            message: error.message.clone(),
            place: error.place.as_ref().map(ToString::to_string),
            hint: error.hint.clone(),
        }
    }
}

impl RunView {
    pub(crate) fn of(run: &RunRecord) -> Self {
        let assets = run.request["assets"].as_array().into_iter().flatten();
        Self {
            id: run.id.to_string(),
            state: run.state.text(),
            job: run.job.clone(),
            assets: assets
                .filter_map(|name| Some(name.as_str()?.to_owned()))
                .collect(),
            partition: run.request["partition"].as_str().map(str::to_owned),
            tags: run.tags.clone(),
            priority: run.priority,
            run_key: run.run_key.clone(),
            created_at: run.created_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
            error: run.error.as_ref().map(ErrorView::from),
        }
    }
}
