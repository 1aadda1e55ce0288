//! Runs, newest first, a page at a time.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tidegate_core::plan::RunId;
use tidegate_core::port::{RunFilter, RunState};
use utoipa::{IntoParams, ToSchema};

use super::RunView;
use crate::access::Viewer;
use crate::assets;
use crate::body::Asked;
use crate::problem::Problem;
use crate::router::App;

/// Runs of a page, unless told, and at most.
const PAGE_RUNS: u32 = 50;
const MAX_PAGE_RUNS: u32 = 500;

/// Which runs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListRuns {
    /// Only those that touch this asset.
    asset: Option<String>,
    /// Only those in one of these states, separated by commas.
    state: Option<String>,
    /// Only those of this job.
    job: Option<String>,
    /// Only those with this tag, `KEY=VALUE`; several are separated by commas.
    tag: Option<String>,
    /// So many at most: 50 unless told, and no more than 500.
    limit: Option<u32>,
    /// Where the page before ended: its `next`.
    cursor: Option<String>,
}

/// A page of runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunPage {
    /// The runs, newest first.
    runs: Vec<RunView>,
    /// The `cursor` of the next page; none on the last.
    next: Option<String>,
}

/// Runs, newest first.
#[utoipa::path(get, path = "/runs", tag = "runs", params(ListRuns), responses((status = 200, body = RunPage)))]
pub(crate) async fn list(
    State(app): State<App>,
    _: Viewer,
    Asked(asked): Asked<ListRuns>,
) -> Result<Json<RunPage>, Problem> {
    let filter = filter(&app, &asked)?;
    let wanted = filter.limit;
    // One more tells whether there is a next page.
    let filter = RunFilter {
        limit: wanted + 1,
        ..filter
    };
    let mut runs = app.orchestrator.state.runs(&filter).await?;
    let more = runs.len() > wanted as usize;
    runs.truncate(wanted as usize);
    let next = runs.last().filter(|_| more).map(|run| run.id.to_string());
    Ok(Json(RunPage {
        runs: runs.iter().map(RunView::of).collect(),
        next,
    }))
}

fn filter(app: &App, asked: &ListRuns) -> Result<RunFilter, Problem> {
    let wrong = |message: String| Problem::new(StatusCode::BAD_REQUEST, "api.filter", message);
    let asset = asked
        .asset
        .as_deref()
        .map(|name| assets::named(app, name))
        .transpose()?;
    let states = asked
        .state
        .as_deref()
        .unwrap_or_default()
        .split(',')
        .filter(|text| !text.is_empty());
    let states =
        states.map(|text| RunState::parse(text).ok_or_else(|| wrong(format!("`state`: no run is `{text}`"))));
    let tags = asked
        .tag
        .as_deref()
        .unwrap_or_default()
        .split(',')
        .filter(|text| !text.is_empty());
    let tags = tags.map(|text| match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(wrong(format!("`tag`: `{text}` is not KEY=VALUE"))),
    });
    let before = asked.cursor.as_deref().map(|text| {
        let id = text
            .parse()
            .map_err(|_| wrong(format!("`cursor`: `{text}` is no page's `next`")));
        id.map(RunId)
    });
    let limit = asked.limit.unwrap_or(PAGE_RUNS);
    if !(1..=MAX_PAGE_RUNS).contains(&limit) {
        return Err(wrong(format!("`limit`: {limit} is not 1 to {MAX_PAGE_RUNS}")));
    }
    Ok(RunFilter {
        asset,
        states: states.collect::<Result<_, _>>()?,
        job: asked.job.clone(),
        tags: tags.collect::<Result<_, _>>()?,
        worker: None,
        before: before.transpose()?,
        limit,
    })
}
