//! Runs that are asked for: of a selection, or of one asset.

use std::collections::BTreeMap;

use axum::extract::{OriginalUri, Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidegate_core::plan::{AssetName, RunId};
use tidegate_orchestrator::{Launch, OrchestratorError, QueueOptions, RunConfig, standing};
use utoipa::ToSchema;

use crate::access::{Caller, Operator};
use crate::assets;
use crate::body::Body;
use crate::idempotency::{IdempotencyKey, Once, same};
use crate::problem::Problem;
use crate::router::App;
use crate::run::RunView;
use crate::wait::Wait;

/// Tags that a run may be given, and what one may hold, in bytes.
const MAX_TAGS: usize = 50;
const MAX_TAG_BYTES: usize = 500;

/// What begins the tags that are Tidegate's own.
const OWN_TAGS: &str = "tidegate/";

/// How a run is to be made. What is left out is as the schema says it.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LaunchOptions {
    /// Only this partition; every one, unless told.
    partition: Option<String>,
    /// Only the partitions from one to another, both included: `FIRST...LAST`.
    partition_range: Option<String>,
    /// Read everything, also from sources that would give only what is new.
    full_refresh: bool,
    /// Only the assets and partitions that are stale.
    stale: bool,
    /// Stop each source after so many rows.
    limit_rows: Option<u64>,
    /// Config of plugins for this run: `{"assets": {ASSET: {PLUGIN: {…}}}}`.
    #[schema(value_type = Option<Object>)]
    config: Option<Value>,
    /// Words to find the run by, and to limit how many go on at once.
    tags: BTreeMap<String, String>,
    /// Of the queued runs the highest goes first.
    priority: i64,
    /// A second run of the same key is not made.
    run_key: Option<String>,
}

/// A run to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LaunchRequest {
    /// The assets: names, or selections such as `+orders` or `group:sales`.
    select: Vec<String>,
    /// How.
    #[serde(default)]
    options: LaunchOptions,
}

/// Runs that were asked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Launched {
    /// The runs as they stand now.
    runs: Vec<RunView>,
    /// Whether they were asked for before, under the same key: nothing was made then.
    known: bool,
}

/// Asks for a run of a selection of assets.
#[utoipa::path(post, path = "/runs", tag = "runs", request_body = LaunchRequest,
    params(("wait" = Option<String>, Query, description = "wait for the end, such as `30s`; at most 300 s"),
        ("Idempotency-Key" = Option<String>, Header, description = "a repeat under one key makes no second run")),
    responses((status = 202, body = Launched, description = "the run waits, or goes on"),
        (status = 200, body = Launched, description = "the run has ended while it was waited for")))]
pub(crate) async fn run(
    State(app): State<App>,
    Operator(caller): Operator,
    OriginalUri(uri): OriginalUri,
    key: IdempotencyKey,
    wait: Wait,
    body: Body<LaunchRequest>,
) -> Result<Response, Problem> {
    let once = key.of(&caller.name, uri.path(), &body.bytes);
    let names = app.orchestrator.project.select(&body.value.select)?;
    launch(&app, &caller, names, body.value.options, once, wait).await
}

/// Asks for a run of one asset.
#[utoipa::path(post, path = "/assets/{name}/materialize", tag = "assets", request_body = LaunchOptions,
    params(("name" = String, Path, description = "the asset"),
        ("wait" = Option<String>, Query, description = "wait for the end, such as `30s`; at most 300 s"),
        ("Idempotency-Key" = Option<String>, Header, description = "a repeat under one key makes no second run")),
    responses((status = 202, body = Launched, description = "the run waits, or goes on"),
        (status = 200, body = Launched, description = "the run has ended while it was waited for")))]
pub(crate) async fn asset(
    State(app): State<App>,
    Operator(caller): Operator,
    OriginalUri(uri): OriginalUri,
    Path(name): Path<String>,
    key: IdempotencyKey,
    wait: Wait,
    body: Body<LaunchOptions>,
) -> Result<Response, Problem> {
    let once = key.of(&caller.name, uri.path(), &body.bytes);
    let name = assets::named(&app, &name)?;
    launch(&app, &caller, vec![name], body.value, once, wait).await
}

async fn launch(
    app: &App,
    caller: &Caller,
    mut names: Vec<AssetName>,
    options: LaunchOptions,
    once: Option<Once>,
    wait: Wait,
) -> Result<Response, Problem> {
    let orchestrator = &app.orchestrator;
    let (project, state) = (&orchestrator.project, orchestrator.state.as_ref());
    if options.stale {
        let standing = standing(project, state, &names).await?;
        names.retain(|name| standing.get(name).is_some_and(|asset| !asset.stale.is_empty()));
    }
    if names.is_empty() {
        return Err(tidegate_core::Error::from(OrchestratorError::NothingSelected).into());
    }
    let config = config(options.config.as_ref())?;
    if !config.is_empty() {
        // What does not fit is told now, not when a worker takes the run.
        project.prepare_with(&names, &config).await?;
    }
    let launch = Launch {
        assets: names,
        partition: options.partition,
        partition_range: options.partition_range,
        limit_rows: options.limit_rows,
        full_refresh: options.full_refresh,
        stale: options.stale,
        config,
        target: project.target().map(str::to_owned),
        ..Launch::default()
    };
    let options = QueueOptions {
        priority: options.priority,
        job: None,
        tags: tags(options.tags, caller, once.as_ref())?,
        run_key: run_key(options.run_key, once.as_ref())?,
    };
    let (run, inserted) = orchestrator.enqueue(&launch, options).await?;
    let known = same(state, once.as_ref(), inserted).await?;
    answer(app, &[run], known, wait).await
}

/// A run's config, as its JSON says it.
pub(crate) fn config(asked: Option<&Value>) -> Result<RunConfig, Problem> {
    match asked {
        None | Some(Value::Null) => Ok(RunConfig::default()),
        Some(config) => Ok(RunConfig::parse(config.to_string(), "/config")?),
    }
}

/// The tags of a run: those that were asked for, who asked, and what tells a repeat.
pub(crate) fn tags(
    mut tags: BTreeMap<String, String>,
    caller: &Caller,
    once: Option<&Once>,
) -> Result<BTreeMap<String, String>, Problem> {
    let wrong = |message: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "api.tags", message);
    if tags.len() > MAX_TAGS {
        return Err(wrong(format!("a run has at most {MAX_TAGS} tags")));
    }
    for (key, value) in &tags {
        if key.is_empty() || key.len() > MAX_TAG_BYTES || value.len() > MAX_TAG_BYTES {
            return Err(wrong(format!(
                "a tag has a key of 1 to {MAX_TAG_BYTES} bytes, and a value of as many at most"
            )));
        }
        if key.starts_with(OWN_TAGS) {
            return Err(wrong(format!("the tag `{key}` is one of Tidegate's own")));
        }
    }
    tags.insert(format!("{OWN_TAGS}caller"), caller.name.clone());
    tags.extend(once.map(Once::tag));
    Ok(tags)
}

/// The `run_key` of a run: the request's own, or that of its Idempotency-Key.
pub(crate) fn run_key(asked: Option<String>, once: Option<&Once>) -> Result<Option<String>, Problem> {
    match (asked, once) {
        (Some(_), Some(_)) => {
            let message = "the request has an Idempotency-Key and a `run_key`, and one run has one key";
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "api.two_keys", message).hint("leave one out"))
        }
        (Some(key), None) => Ok(Some(key)),
        (None, once) => Ok(once.map(|once| once.run_key().to_owned())),
    }
}

/// Runs that were made or known, once they were waited for: 200 where all have ended, else 202.
pub(crate) async fn answer(app: &App, runs: &[RunId], known: bool, wait: Wait) -> Result<Response, Problem> {
    let found = wait.for_runs(app, runs).await?;
    let ended = !found.is_empty() && found.iter().all(|run| run.state.ended());
    let status = if ended {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let launched = Launched {
        runs: found.iter().map(RunView::of).collect(),
        known,
    };
    let mut response = (status, axum::Json(launched)).into_response();
    if let [run] = runs
        && let Ok(place) = HeaderValue::from_str(&format!("/api/v1/runs/{run}"))
    {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}
