//! One run: how its partitions stand, and what is to become of it.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::Serialize;
use tidegate_core::port::{AttemptRecord, RunPartition};
use utoipa::ToSchema;

use super::{ErrorView, RunView, named};
use crate::access::{Operator, Viewer};
use crate::problem::Problem;
use crate::router::App;
use crate::wait::Wait;

/// A run with all that it does.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunDetail {
    /// The run.
    run: RunView,
    /// What it does, in the order of work: partitions of assets, and steps of a job.
    partitions: Vec<PartitionView>,
}

/// A partition of an asset in a run, or a step of a job.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PartitionView {
    /// The asset, or the step.
    asset: String,
    /// The partition; empty for an asset without, and of a step.
    partition: String,
    /// Whether it is a step of a job.
    step: bool,
    /// `pending`, `running`, `succeeded`, `failed` or `skipped`.
    state: &'static str,
    /// The attempts so far, oldest first.
    attempts: Vec<AttemptView>,
}

/// One try.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttemptView {
    /// From 1.
    attempt: u32,
    /// `running`, `succeeded` or `failed`.
    state: &'static str,
    /// Who works on it.
    worker: String,
    /// When it began.
    started_at: DateTime<Utc>,
    /// When it ended.
    finished_at: Option<DateTime<Utc>>,
    /// Why it failed.
    error: Option<ErrorView>,
}

impl PartitionView {
    fn of(partition: &RunPartition) -> Self {
        let step = partition.partition.step().is_some();
        Self {
            asset: partition.asset.to_string(),
            partition: if step {
                String::new()
            } else {
                partition.partition.0.clone()
            },
            step,
            state: partition.state.text(),
            attempts: partition.attempts.iter().map(AttemptView::of).collect(),
        }
    }
}

impl AttemptView {
    fn of(attempt: &AttemptRecord) -> Self {
        Self {
            attempt: attempt.attempt,
            state: attempt.state.text(),
            worker: attempt.worker.to_string(),
            started_at: attempt.started_at,
            finished_at: attempt.finished_at,
            error: attempt.error.as_ref().map(ErrorView::from),
        }
    }
}

/// One run, with its partitions and their attempts.
#[utoipa::path(get, path = "/runs/{id}", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = RunDetail)))]
pub(crate) async fn get(
    State(app): State<App>,
    _: Viewer,
    Path(id): Path<String>,
) -> Result<Json<RunDetail>, Problem> {
    let run = named(&app, &id).await?;
    let partitions = app.orchestrator.state.run_partitions(run.id).await?;
    Ok(Json(RunDetail {
        run: RunView::of(&run),
        partitions: partitions.iter().map(PartitionView::of).collect(),
    }))
}

/// Asks a run to stop. What was loaded stays; nothing else is shown. A repeat changes nothing.
#[utoipa::path(post, path = "/runs/{id}/cancel", tag = "runs",
    params(("id" = String, Path), ("wait" = Option<String>, Query, description = "wait for the end, such as `30s`")),
    responses((status = 200, body = RunView, description = "the run has ended"),
        (status = 202, body = RunView, description = "the run is stopping")))]
pub(crate) async fn cancel(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
    wait: Wait,
) -> Result<(StatusCode, Json<RunView>), Problem> {
    let run = named(&app, &id).await?;
    app.orchestrator.cancel_run(&run).await?;
    stands(&app, &id, wait).await
}

/// Takes a run up again that failed or was cancelled: what succeeded stays, and the rest goes on from its checkpoints.
#[utoipa::path(post, path = "/runs/{id}/retry", tag = "runs",
    params(("id" = String, Path), ("wait" = Option<String>, Query, description = "wait for the end, such as `30s`")),
    responses((status = 200, body = RunView, description = "the run has ended"),
        (status = 202, body = RunView, description = "the run waits in the queue")))]
pub(crate) async fn retry(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
    wait: Wait,
) -> Result<(StatusCode, Json<RunView>), Problem> {
    let run = named(&app, &id).await?;
    app.orchestrator.requeue(&run).await?;
    stands(&app, &id, wait).await
}

async fn stands(app: &App, id: &str, wait: Wait) -> Result<(StatusCode, Json<RunView>), Problem> {
    let run = named(app, id).await?;
    let run = wait.for_runs(app, &[run.id]).await?.pop().unwrap_or(run);
    let status = if run.state.ended() {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, Json(RunView::of(&run))))
}
