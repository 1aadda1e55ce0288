//! Assets: what there is, how each stands, and what was loaded.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tidegate_core::plan::AssetName;
use tidegate_core::port::Materialization;
use tidegate_core::schema::{Asset, closest};
use tidegate_orchestrator::{AssetStanding, OrchestratorError, standing};
use utoipa::{IntoParams, ToSchema};

use crate::access::Viewer;
use crate::body::Asked;
use crate::problem::Problem;
use crate::router::App;

/// Which assets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListAssets {
    /// Only these: a selection such as `+orders` or `group:sales`.
    select: Option<String>,
}

/// An asset and how it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AssetView {
    /// Its name.
    name: String,
    /// What a row of it is.
    description: Option<String>,
    /// Its group.
    group: Option<String>,
    /// Who answers for it.
    owners: Vec<String>,
    /// Words to select it by.
    tags: BTreeMap<String, String>,
    /// The assets that it is made from or comes behind.
    upstream: Vec<String>,
    /// The assets that are made from it or come behind it.
    downstream: Vec<String>,
    /// Its columns, in order.
    columns: Vec<ColumnView>,
    /// Its partitions that there are now; 1 of an asset without.
    partitions: u64,
    /// Those of them that are stale.
    stale: u64,
    /// Why, with how many partitions each reason is of.
    reasons: Vec<ReasonView>,
    /// The rows that the newest materializations loaded, over all partitions.
    rows: u64,
    /// Their bytes.
    bytes: u64,
    /// When it was last materialized.
    materialized_at: Option<DateTime<Utc>>,
    /// The version of its code.
    code_version: Option<String>,
}

/// A column of an asset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ColumnView {
    /// Its name.
    name: String,
    /// Its logical type, as the schema writes it.
    data_type: String,
    /// Whether it is of the key.
    key: bool,
    /// What it holds.
    description: Option<String>,
}

/// Why partitions are stale.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReasonView {
    /// In words.
    reason: String,
    /// Of how many partitions.
    partitions: u64,
}

/// A load of a partition.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MaterializationView {
    /// The partition; empty for an asset without.
    partition: String,
    /// The run that made it.
    run: String,
    /// When.
    at: DateTime<Utc>,
    /// Rows that were loaded.
    rows: u64,
    /// Rows that were refused.
    rejected: u64,
    /// Bytes that were loaded.
    bytes: u64,
    /// How long the attempt took, in milliseconds.
    duration_ms: u64,
    /// What else is told of it.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// Whether it was made elsewhere, and reported.
    external: bool,
}

/// The assets of the project, by name.
#[utoipa::path(get, path = "/assets", tag = "assets", params(ListAssets),
    responses((status = 200, body = Vec<AssetView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    _: Viewer,
    Asked(asked): Asked<ListAssets>,
) -> Result<Json<Vec<AssetView>>, Problem> {
    let project = &app.orchestrator.project;
    let mut names = match asked.select {
        Some(select) => project.select(&[select])?,
        None => project.graph().order(),
    };
    names.sort();
    Ok(Json(views(&app, &names).await?))
}

/// One asset.
#[utoipa::path(get, path = "/assets/{name}", tag = "assets", params(("name" = String, Path)),
    responses((status = 200, body = AssetView)))]
pub(crate) async fn get(
    State(app): State<App>,
    _: Viewer,
    Path(name): Path<String>,
) -> Result<Json<AssetView>, Problem> {
    let name = named(&app, &name)?;
    let unknown = || unknown(&app, name.as_str());
    let view = views(&app, &[name.clone()]).await?.pop().ok_or_else(unknown)?;
    Ok(Json(view))
}

/// The newest materialization of each partition of an asset, by partition.
#[utoipa::path(get, path = "/assets/{name}/materializations", tag = "assets", params(("name" = String, Path)),
    responses((status = 200, body = Vec<MaterializationView>)))]
pub(crate) async fn materializations(
    State(app): State<App>,
    _: Viewer,
    Path(name): Path<String>,
) -> Result<Json<Vec<MaterializationView>>, Problem> {
    let done = app
        .orchestrator
        .state
        .materializations(&named(&app, &name)?)
        .await?;
    Ok(Json(done.into_iter().map(MaterializationView::from).collect()))
}

/// The asset of a name.
pub(crate) fn named(app: &App, name: &str) -> Result<AssetName, Problem> {
    let known = &app.orchestrator.project.documents().assets;
    let found = known.keys().find(|known| known.as_str() == name);
    found.cloned().ok_or_else(|| unknown(app, name))
}

fn unknown(app: &App, name: &str) -> Problem {
    let known = app.orchestrator.project.documents().assets.keys();
    let hint = match closest(name, known.map(AssetName::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "GET /api/v1/assets lists them".to_owned(),
    };
    let name = name.to_owned();
    tidegate_core::Error::from(OrchestratorError::UnknownAsset { name, hint }).into()
}

async fn views(app: &App, names: &[AssetName]) -> Result<Vec<AssetView>, Problem> {
    let project = &app.orchestrator.project;
    let mut standing = standing(project, app.orchestrator.state.as_ref(), names).await?;
    let one = |name: &AssetName| {
        let asset = &project.documents().assets.get(name)?.value;
        Some(view(app, asset, &standing.remove(name)?))
    };
    Ok(names.iter().filter_map(one).collect())
}

fn view(app: &App, asset: &Asset, standing: &AssetStanding) -> AssetView {
    let graph = app.orchestrator.project.graph();
    let column = |column: &tidegate_core::schema::Column| ColumnView {
        name: column.name.clone(),
        data_type: column.data_type.to_string(),
        key: column.key,
        description: column.description.clone(),
    };
    let reasons = standing.reasons().into_iter();
    AssetView {
        name: asset.name.to_string(),
        description: asset.description.clone(),
        group: asset.group.clone(),
        owners: asset.owners.clone(),
        tags: asset.tags.clone(),
        upstream: graph.upstream(&asset.name).map(ToString::to_string).collect(),
        downstream: graph.downstream(&asset.name).map(ToString::to_string).collect(),
        columns: asset.columns.iter().map(column).collect(),
        partitions: standing.slices,
        stale: standing.stale.len() as u64,
        reasons: reasons
            .map(|(reason, partitions)| ReasonView {
                reason: reason.to_string(),
                partitions,
            })
            .collect(),
        rows: standing.versions.iter().map(|each| each.rows).sum(),
        bytes: standing.versions.iter().map(|each| each.bytes).sum(),
        materialized_at: standing.versions.iter().map(|each| each.at).max(),
        code_version: standing
            .code_version
            .as_ref()
            .map(|version| version.short().to_owned()),
    }
}

impl From<Materialization> for MaterializationView {
    fn from(done: Materialization) -> Self {
        Self {
            rejected: done.counts.rejected(),
            partition: done.partition.0,
            run: done.run.to_string(),
            at: done.at,
            rows: done.load.rows,
            bytes: done.load.bytes,
            duration_ms: done.duration_ms,
            metadata: done.metadata,
            external: done.external,
        }
    }
}
