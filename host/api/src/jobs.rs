//! Jobs: what there is, and runs of them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{OriginalUri, Path, State};
use axum::response::Response;
use chrono::Utc;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidegate_core::plan::AssetName;
use tidegate_core::schema::Job;
use tidegate_orchestrator::Wanted;
use utoipa::ToSchema;

use crate::access::{Operator, Viewer};
use crate::body::Body;
use crate::idempotency::{IdempotencyKey, same};
use crate::launch::{Launched, answer, config, run_key, tags};
use crate::problem::Problem;
use crate::router::App;
use crate::wait::Wait;

/// A job of the project.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct JobView {
    /// Its name.
    name: String,
    /// What it is for.
    description: Option<String>,
    /// The assets that it makes, in the order in which they are made from each other.
    assets: Vec<String>,
    /// Its steps, in order; none of a job that is a selection of assets.
    steps: Vec<String>,
    /// Which partitions, as it is written; none for the latest.
    partition: Option<Vec<String>>,
    /// The tags of its runs.
    tags: BTreeMap<String, String>,
    /// The priority of its runs.
    priority: i64,
}

/// How a job is to be run. What is left out is as the job says it.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct JobOptions {
    /// These partitions in place of the job's: a run for each.
    partition: Vec<String>,
    /// Config of plugins for its runs.
    #[schema(value_type = Option<Object>)]
    config: Option<Value>,
    /// More tags for its runs.
    tags: BTreeMap<String, String>,
    /// The priority of its runs.
    priority: Option<i64>,
    /// A second time under the same key makes no more runs.
    run_key: Option<String>,
}

/// The jobs of the project, by name.
#[utoipa::path(get, path = "/jobs", tag = "jobs", responses((status = 200, body = Vec<JobView>)))]
pub(crate) async fn list(State(app): State<App>, _: Viewer) -> Result<Json<Vec<JobView>>, Problem> {
    let jobs = &app.orchestrator.project.documents().jobs;
    let views = jobs.values().map(|job| view(&app, &job.value));
    Ok(Json(views.collect::<Result<_, _>>()?))
}

/// One job.
#[utoipa::path(get, path = "/jobs/{name}", tag = "jobs", params(("name" = String, Path)),
    responses((status = 200, body = JobView)))]
pub(crate) async fn get(
    State(app): State<App>,
    _: Viewer,
    Path(name): Path<String>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(view(&app, named(&app, &name)?)?))
}

/// Asks for the runs of a job: one, or one for each partition.
#[utoipa::path(post, path = "/jobs/{name}/runs", tag = "jobs", request_body = JobOptions,
    params(("name" = String, Path, description = "the job"),
        ("wait" = Option<String>, Query, description = "wait for the end, such as `30s`; at most 300 s"),
        ("Idempotency-Key" = Option<String>, Header, description = "a repeat under one key makes no more runs")),
    responses((status = 202, body = Launched, description = "the runs wait, or go on"),
        (status = 200, body = Launched, description = "the runs have ended while they were waited for")))]
pub(crate) async fn launch(
    State(app): State<App>,
    Operator(caller): Operator,
    OriginalUri(uri): OriginalUri,
    Path(name): Path<String>,
    key: IdempotencyKey,
    wait: Wait,
    body: Body<JobOptions>,
) -> Result<Response, Problem> {
    let once = key.of(&caller.name, uri.path(), &body.bytes);
    let options = body.value;
    let orchestrator = &app.orchestrator;
    let (project, state) = (&orchestrator.project, orchestrator.state.as_ref());
    let mut wanted = Wanted::job(project, &named(&app, &name)?.name)?;
    if !options.partition.is_empty() {
        wanted.partition = Some(options.partition);
    }
    wanted.tags.extend(tags(options.tags, &caller, once.as_ref())?);
    wanted.priority = options.priority.unwrap_or(wanted.priority);
    wanted.config = config(options.config.as_ref())?;
    if !wanted.config.is_empty() {
        project.prepare_with(&wanted.assets, &wanted.config).await?;
    }
    let key = run_key(options.run_key, once.as_ref())?;
    let runs = wanted.runs(project, state, key.as_deref(), Utc::now()).await?;
    let (mut ids, mut known) = (Vec::new(), !runs.is_empty());
    for run in &runs {
        let inserted = state.insert_run(run).await?;
        known &= same(state, once.as_ref(), inserted).await?;
        ids.push(match inserted {
            tidegate_core::port::Inserted::New => run.id,
            tidegate_core::port::Inserted::Known(id) => id,
        });
    }
    orchestrator.ring();
    answer(&app, &ids, known, wait).await
}

fn named<'a>(app: &'a App, name: &str) -> Result<&'a Job, Problem> {
    let jobs = &app.orchestrator.project.documents().jobs;
    let found = jobs.iter().find(|(known, _)| known.as_str() == name);
    let job = found.map(|(_, job)| &job.value);
    job.ok_or_else(|| {
        let message = format!("there is no job `{name}`");
        let names: Vec<&str> = jobs.keys().map(AssetName::as_str).collect();
        Problem::new(StatusCode::NOT_FOUND, "api.no_job", message)
            .hint(format!("the jobs are {}", names.join(", ")))
    })
}

fn view(app: &App, job: &Job) -> Result<JobView, Problem> {
    let wanted = Wanted::job(&app.orchestrator.project, &job.name)?;
    Ok(JobView {
        name: job.name.to_string(),
        description: job.description.clone(),
        assets: wanted.assets.iter().map(ToString::to_string).collect(),
        steps: job.steps.iter().map(|step| step.name.to_string()).collect(),
        partition: wanted.partition,
        tags: wanted.tags,
        priority: wanted.priority,
    })
}
