//! The newest materialization of each slice, in short.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::QueryBuilder;
use sqlx::types::{Json, Uuid};
use tidegate_core::plan::{AssetName, Epoch, PartitionKey, RunId};
use tidegate_core::port::{LoadReceipt, SliceVersion};

use crate::error::StateError;
use crate::materializations::digest;
use crate::pool::Pool;
use crate::runs::ROWS_PER_INSERT;
use crate::values::{from_json, from_text};

#[derive(sqlx::FromRow)]
struct Row {
    asset: String,
    partition_key: String,
    epoch: i64,
    run: Uuid,
    at: DateTime<Utc>,
    load: Json<Value>,
    code_version: Option<String>,
    inputs: Option<Json<Value>>,
}

impl TryFrom<Row> for SliceVersion {
    type Error = StateError;

    fn try_from(row: Row) -> Result<Self, StateError> {
        let load: LoadReceipt = from_json("load receipt", row.load)?;
        Ok(Self {
            asset: from_text("asset", &row.asset, |text| text.parse().ok())?,
            partition: PartitionKey(row.partition_key),
            epoch: Epoch(row.epoch),
            run: RunId(row.run),
            at: row.at,
            rows: load.rows,
            bytes: load.bytes,
            code_version: row.code_version.map(digest).transpose()?,
            inputs: row.inputs.map(|inputs| from_json("inputs", inputs)).transpose()?,
        })
    }
}

/// The newest of slices, each found by the index that holds an epoch once.
pub(crate) const NEWEST: &str =
    "SELECT m.asset, m.partition_key, m.epoch, m.run, m.at, m.load, m.code_version, m.inputs
     FROM newest_materializations n
     JOIN materializations m
       ON m.asset = n.asset AND m.partition_key = n.partition_key AND m.epoch = n.epoch
     WHERE n.asset";

/// So many assets at once, below what either database takes in parameters.
pub(crate) async fn list(pool: &Pool, assets: &[AssetName]) -> Result<Vec<SliceVersion>, StateError> {
    let mut found: Vec<SliceVersion> = Vec::new();
    for some in assets.chunks(ROWS_PER_INSERT) {
        let rows: Vec<Row> = on_pool!(pool, |db| {
            let mut select = QueryBuilder::new(NEWEST);
            select.push(" IN (");
            let mut names = select.separated(", ");
            for name in some {
                names.push_bind(name.as_str());
            }
            select.push(")");
            select.build_query_as().persistent(false).fetch_all(db).await?
        });
        for row in rows {
            found.push(row.try_into()?);
        }
    }
    found.sort_by(|a, b| (&a.asset, &a.partition).cmp(&(&b.asset, &b.partition)));
    Ok(found)
}

/// So many keys at once, each found by the primary key of the newest ones.
pub(crate) async fn of(
    pool: &Pool,
    asset: &AssetName,
    partitions: &[PartitionKey],
) -> Result<Vec<SliceVersion>, StateError> {
    let keys: BTreeSet<&str> = partitions.iter().map(|key| key.0.as_str()).collect();
    let keys: Vec<&str> = keys.into_iter().collect();
    let mut found: Vec<SliceVersion> = Vec::new();
    for some in keys.chunks(ROWS_PER_INSERT) {
        let rows: Vec<Row> = on_pool!(pool, |db| {
            let mut select = QueryBuilder::new(NEWEST);
            select.push(" = ").push_bind(asset.as_str());
            select.push(" AND n.partition_key IN (");
            let mut each = select.separated(", ");
            for key in some {
                each.push_bind(*key);
            }
            select.push(") ORDER BY n.partition_key");
            let one = some.len() == 1;
            select.build_query_as().persistent(one).fetch_all(db).await?
        });
        for row in rows {
            found.push(row.try_into()?);
        }
    }
    Ok(found)
}
