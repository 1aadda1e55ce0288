//! Materializations: what was loaded, and what became of every row.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::{Json, Uuid};
use tidegate_core::plan::{AssetName, Digest, Epoch, PartitionKey, RunId};
use tidegate_core::port::{Materialization, Watermark};

use crate::error::StateError;
use crate::pool::Pool;
use crate::values::{from_integer, from_json, from_text, instant, to_integer, to_json};

/// A materialization, less what its attempt says of it.
pub(crate) struct Columns {
    pub(crate) at: DateTime<Utc>,
    pub(crate) load: Json<Value>,
    pub(crate) counts: Json<Value>,
    pub(crate) plugins: Json<Value>,
    pub(crate) duration_ms: i64,
    pub(crate) watermark: Option<Json<Value>>,
    pub(crate) code_version: Option<String>,
    pub(crate) inputs: Option<Json<Value>>,
    pub(crate) metadata: Option<Json<Value>>,
    pub(crate) external: bool,
}

impl Columns {
    pub(crate) fn of(materialization: &Materialization) -> Result<Self, StateError> {
        Ok(Self {
            at: instant(materialization.at),
            load: to_json("the load's receipt", &materialization.load)?,
            counts: to_json("the row counts", &materialization.counts)?,
            plugins: to_json("the plugins", &materialization.plugins)?,
            duration_ms: to_integer("the duration", materialization.duration_ms)?,
            watermark: materialization
                .watermark
                .clone()
                .map(|watermark| Json(watermark.0)),
            code_version: materialization.code_version.as_ref().map(ToString::to_string),
            inputs: materialization
                .inputs
                .as_ref()
                .map(|inputs| to_json("the inputs", inputs))
                .transpose()?,
            metadata: (!materialization.metadata.is_empty())
                .then(|| to_json("the metadata", &materialization.metadata))
                .transpose()?,
            external: materialization.external,
        })
    }
}

/// Inserts a materialization under its attempt's key: that is the one that the fence was checked for, so it is the newest
/// of its slice.
macro_rules! insert {
    ($tx:ident, $attempt:ident, $columns:expr) => {{
        sqlx::query(
            "INSERT INTO newest_materializations (asset, partition_key, epoch) VALUES ($1, $2, $3)
             ON CONFLICT (asset, partition_key) DO UPDATE SET epoch = $3",
        )
        .bind($attempt.asset.as_str())
        .bind($attempt.partition.0.as_str())
        .bind($attempt.epoch.0)
        .execute(&mut *$tx)
        .await?;
        let columns: &crate::materializations::Columns = $columns;
        sqlx::query(
            "INSERT INTO materializations
                 (run, asset, partition_key, epoch, at, load, counts, plugins, duration_ms, watermark,
                  code_version, inputs, metadata, external)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        )
        .bind($attempt.run.0)
        .bind($attempt.asset.as_str())
        .bind($attempt.partition.0.as_str())
        .bind($attempt.epoch.0)
        .bind(columns.at)
        .bind(&columns.load)
        .bind(&columns.counts)
        .bind(&columns.plugins)
        .bind(columns.duration_ms)
        .bind(&columns.watermark)
        .bind(columns.code_version.as_deref())
        .bind(&columns.inputs)
        .bind(&columns.metadata)
        .bind(columns.external)
        .execute(&mut *$tx)
        .await?;
    }};
}
pub(crate) use insert;

#[derive(sqlx::FromRow)]
struct Row {
    run: Uuid,
    asset: String,
    partition_key: String,
    epoch: i64,
    at: DateTime<Utc>,
    load: Json<Value>,
    counts: Json<Value>,
    plugins: Json<Value>,
    duration_ms: i64,
    watermark: Option<Json<Value>>,
    code_version: Option<String>,
    inputs: Option<Json<Value>>,
    metadata: Option<Json<Value>>,
    external: Option<bool>,
}

impl TryFrom<Row> for Materialization {
    type Error = StateError;

    fn try_from(row: Row) -> Result<Self, StateError> {
        Ok(Self {
            run: RunId(row.run),
            asset: from_text("asset", &row.asset, |text| text.parse().ok())?,
            partition: PartitionKey(row.partition_key),
            epoch: Epoch(row.epoch),
            at: row.at,
            load: from_json("load receipt", row.load)?,
            counts: from_json("row counts", row.counts)?,
            plugins: from_json("plugins", row.plugins)?,
            duration_ms: from_integer("duration", row.duration_ms)?,
            watermark: row.watermark.map(|watermark| Watermark(watermark.0)),
            code_version: row.code_version.map(digest).transpose()?,
            inputs: row.inputs.map(|inputs| from_json("inputs", inputs)).transpose()?,
            metadata: row
                .metadata
                .map(|metadata| from_json("metadata", metadata))
                .transpose()?
                .unwrap_or_default(),
            external: row.external.unwrap_or_default(),
        })
    }
}

/// A digest as it was written.
pub(crate) fn digest(text: String) -> Result<Digest, StateError> {
    from_json("a digest", Json(Value::String(text)))
}

/// The newest materialization of every slice of an asset.
pub(crate) const NEWEST: &str =
    "SELECT m.run, m.asset, m.partition_key, m.epoch, m.at, m.load, m.counts, m.plugins, m.duration_ms,
            m.watermark, m.code_version, m.inputs, m.metadata, m.external
     FROM materializations m
     JOIN (SELECT partition_key, MAX(epoch) AS epoch FROM materializations
           WHERE asset = $1 GROUP BY partition_key) newest
       ON newest.partition_key = m.partition_key AND newest.epoch = m.epoch
     WHERE m.asset = $1
     ORDER BY m.partition_key";

/// The newest is the one with the highest epoch: a clock may be wrong, a fence is not.
pub(crate) async fn newest(pool: &Pool, asset: &AssetName) -> Result<Vec<Materialization>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as(NEWEST).bind(asset.as_str()).fetch_all(db).await?
    });
    rows.into_iter().map(Materialization::try_from).collect()
}

/// The newest of one slice; a lookup of the index that holds each epoch once.
pub(crate) const LAST: &str =
    "SELECT run, asset, partition_key, epoch, at, load, counts, plugins, duration_ms, watermark,
            code_version, inputs, metadata, external
     FROM materializations WHERE asset = $1 AND partition_key = $2 ORDER BY epoch DESC LIMIT 1";

pub(crate) async fn last(
    pool: &Pool,
    asset: &AssetName,
    partition: &PartitionKey,
) -> Result<Option<Materialization>, StateError> {
    let row: Option<Row> = on_pool!(pool, |db| {
        sqlx::query_as(LAST)
            .bind(asset.as_str())
            .bind(partition.0.as_str())
            .fetch_optional(db)
            .await?
    });
    row.map(Materialization::try_from).transpose()
}

pub(crate) async fn of_run(pool: &Pool, run: RunId) -> Result<Vec<Materialization>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT run, asset, partition_key, epoch, at, load, counts, plugins, duration_ms, watermark,
            code_version, inputs, metadata, external
             FROM materializations WHERE run = $1 ORDER BY sequence",
        )
        .bind(run.0)
        .fetch_all(db)
        .await?
    });
    rows.into_iter().map(Materialization::try_from).collect()
}
