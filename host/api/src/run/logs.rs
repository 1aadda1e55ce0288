//! What an attempt said.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use tidegate_core::port::RunPartition;
use utoipa::IntoParams;

use super::named;
use crate::access::Viewer;
use crate::body::Asked;
use crate::problem::Problem;
use crate::router::App;

/// Which attempt.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichLog {
    /// The partition; none for an asset without, or the one that the run has.
    partition: Option<String>,
    /// The attempt, from 1; the last, unless told.
    attempt: Option<u32>,
}

/// The log of an attempt at a partition of an asset or at a step, as JSON lines. An attempt that said nothing has an empty one.
#[utoipa::path(get, path = "/runs/{id}/logs/{asset}", tag = "runs",
    params(("id" = String, Path), ("asset" = String, Path, description = "the asset, or the step"), WhichLog),
    responses((status = 200, body = String, content_type = "application/x-ndjson")))]
pub(crate) async fn get(
    State(app): State<App>,
    _: Viewer,
    Path((id, asset)): Path<(String, String)>,
    Asked(asked): Asked<WhichLog>,
) -> Result<Response, Problem> {
    let run = named(&app, &id).await?;
    let partitions = app.orchestrator.state.run_partitions(run.id).await?;
    let mut fitting = partitions.iter().filter(|each| {
        let key = asked.partition.as_ref();
        each.asset.as_str() == asset && key.is_none_or(|key| each.partition.0 == *key)
    });
    let none = |what: String| Problem::new(StatusCode::NOT_FOUND, "api.no_log", what);
    let first = fitting.next();
    let first =
        first.ok_or_else(|| none(format!("run {} does nothing of that name with `{asset}`", run.id)))?;
    if fitting.next().is_some() {
        let message = format!("run {} has several partitions of `{asset}`", run.id);
        return Err(
            Problem::new(StatusCode::BAD_REQUEST, "api.which_partition", message)
                .hint("say which with ?partition=KEY"),
        );
    }
    let attempt = attempt(first, asked.attempt)
        .ok_or_else(|| none(format!("there is no such attempt at `{asset}` in run {}", run.id)))?;
    let log = app
        .orchestrator
        .log(run.id, &first.asset, &first.partition, attempt)
        .await?;
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, log.unwrap_or_default()).into_response())
}

/// The attempt that was asked for, or the last.
fn attempt(partition: &RunPartition, asked: Option<u32>) -> Option<u32> {
    let mut attempts = partition.attempts.iter().map(|each| each.attempt);
    match asked {
        Some(asked) => attempts.find(|attempt| *attempt == asked),
        None => attempts.next_back(),
    }
}
