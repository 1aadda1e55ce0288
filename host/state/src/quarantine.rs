//! The quarantine's index: which files of rejects there are.

use serde_json::Value;
use sqlx::types::{Json, Uuid};
use tidegate_core::plan::{AssetName, PartitionKey, RunId};
use tidegate_core::port::QuarantineEntry;

use crate::error::StateError;
use crate::pool::Pool;
use crate::values::{from_integer, from_json, from_text, to_integer, to_json};

/// An entry with what has to be made for its columns.
pub(crate) struct Columns<'a> {
    pub(crate) entry: &'a QuarantineEntry,
    pub(crate) digest: Option<String>,
    pub(crate) rows: i64,
    pub(crate) codes: Json<Value>,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(entry: &'a QuarantineEntry) -> Result<Self, StateError> {
        Ok(Self {
            entry,
            digest: entry.digest.as_ref().map(ToString::to_string),
            rows: to_integer("the row count", entry.rows)?,
            codes: to_json("the reject codes", &entry.codes)?,
        })
    }
}

/// Inserts entries in order.
macro_rules! insert {
    ($tx:ident, $entries:expr) => {{
        let entries: &[crate::quarantine::Columns<'_>] = $entries;
        for rows in entries.chunks(crate::runs::ROWS_PER_INSERT) {
            let mut insert = sqlx::QueryBuilder::new(
                "INSERT INTO quarantine (artifact, run, asset, partition_key, step, digest, row_count, codes) ",
            );
            insert.push_values(rows, |mut row, columns| {
                row.push_bind(columns.entry.artifact.as_str())
                    .push_bind(columns.entry.run.0)
                    .push_bind(columns.entry.asset.as_str())
                    .push_bind(columns.entry.partition.0.as_str())
                    .push_bind(columns.entry.step.as_str())
                    .push_bind(columns.digest.as_deref())
                    .push_bind(columns.rows)
                    .push_bind(&columns.codes);
            });
            insert.build().persistent(false).execute(&mut *$tx).await?;
        }
    }};
}
pub(crate) use insert;

#[derive(sqlx::FromRow)]
struct EntryRow {
    artifact: String,
    run: Uuid,
    asset: String,
    partition_key: String,
    step: String,
    digest: Option<String>,
    row_count: i64,
    codes: Json<Value>,
}

impl TryFrom<EntryRow> for QuarantineEntry {
    type Error = StateError;

    fn try_from(row: EntryRow) -> Result<Self, StateError> {
        let digest = row
            .digest
            .map(|digest| from_json("digest", Json(Value::String(digest))));
        Ok(Self {
            artifact: row.artifact,
            run: RunId(row.run),
            asset: from_text("asset", &row.asset, |text| text.parse().ok())?,
            partition: PartitionKey(row.partition_key),
            step: row.step,
            digest: digest.transpose()?,
            rows: from_integer("row count", row.row_count)?,
            codes: from_json("reject codes", row.codes)?,
        })
    }
}

pub(crate) async fn list(
    pool: &Pool,
    asset: Option<&AssetName>,
    run: Option<RunId>,
) -> Result<Vec<QuarantineEntry>, StateError> {
    let rows: Vec<EntryRow> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT artifact, run, asset, partition_key, step, digest, row_count, codes FROM quarantine
             WHERE ($1 IS NULL OR asset = $1) AND ($2 IS NULL OR run = $2)
             ORDER BY sequence DESC",
        )
        .bind(asset.map(AssetName::as_str))
        .bind(run.map(|run| run.0))
        .fetch_all(db)
        .await?
    });
    rows.into_iter().map(QuarantineEntry::try_from).collect()
}
