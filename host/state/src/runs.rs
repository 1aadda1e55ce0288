//! Runs.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::QueryBuilder;
use sqlx::types::{Json, Uuid};
use tidegate_core::plan::{AssetName, RunId};
use tidegate_core::port::{NewRun, PartitionState, RunFilter, RunMove, RunRecord, RunState};

use crate::error::StateError;
use crate::pool::Pool;
use crate::values::{from_json, from_text, instant, to_json};

/// How many rows one INSERT takes, well below what either database allows in parameters.
pub(crate) const ROWS_PER_INSERT: usize = 1_000;

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    state: String,
    request: Json<Value>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    error: Option<Json<Value>>,
}

impl TryFrom<Row> for RunRecord {
    type Error = StateError;

    fn try_from(row: Row) -> Result<Self, StateError> {
        Ok(Self {
            id: RunId(row.id),
            state: from_text("run state", &row.state, RunState::parse)?,
            request: row.request.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
            error: row.error.map(|error| from_json("run error", error)).transpose()?,
        })
    }
}

pub(crate) async fn insert(pool: &Pool, run: &NewRun) -> Result<(), StateError> {
    if let Some((asset, _)) = run
        .partitions
        .iter()
        .find(|(_, partition)| partition.0.contains('\0'))
    {
        let reason = format!("a key of asset {asset} holds a NUL character");
        return Err(StateError::Value {
            what: "a partition key",
            reason,
        });
    }
    let request = to_json("the run's request", &run.request)?;
    let at = instant(run.at);
    let partitions: Vec<_> = (0_i64..).zip(&run.partitions).collect();
    in_transaction!(pool, |tx, dialect| {
        sqlx::query(
            "INSERT INTO runs (id, state, request, created_at, updated_at, error) VALUES ($1, $2, $3, $4, $4, NULL)",
        )
        .bind(run.id.0)
        .bind(RunState::Queued.text())
        .bind(&request)
        .bind(at)
        .execute(&mut *tx)
        .await?;
        for rows in partitions.chunks(ROWS_PER_INSERT) {
            let mut insert =
                QueryBuilder::new("INSERT INTO run_partitions (run, asset, partition_key, position, state) ");
            insert.push_values(rows, |mut row, (position, (asset, partition))| {
                row.push_bind(run.id.0)
                    .push_bind(asset.as_str())
                    .push_bind(partition.0.as_str())
                    .push_bind(position)
                    .push_bind(PartitionState::Pending.text());
            });
            insert.build().persistent(false).execute(&mut *tx).await?;
        }
    });
    Ok(())
}

/// The event is of the same transaction: whoever sees the run moved sees by whom.
pub(crate) async fn set_state(pool: &Pool, change: &RunMove) -> Result<bool, StateError> {
    let error = change
        .error
        .as_ref()
        .map(|error| to_json("the run's error", error))
        .transpose()?;
    let event = change.event();
    let data = to_json("an event", &event.data)?;
    let moved = in_transaction!(pool, |tx, dialect| {
        let moved = sqlx::query(
            "UPDATE runs SET state = $1, updated_at = $2, error = $3
             WHERE id = $4 AND state = $5 AND ($6 IS NULL OR updated_at = $6)",
        )
        .bind(change.to.text())
        .bind(instant(change.at))
        .bind(&error)
        .bind(change.run.0)
        .bind(change.from.text())
        .bind(change.seen.map(instant))
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if moved == 1 {
            sqlx::query("INSERT INTO events (run, kind, data, at) VALUES ($1, $2, $3, $4)")
                .bind(event.run.0)
                .bind(event.kind.text())
                .bind(&data)
                .bind(instant(event.at))
                .execute(&mut *tx)
                .await?;
        }
        moved
    });
    Ok(moved == 1)
}

pub(crate) async fn get(pool: &Pool, run: RunId) -> Result<Option<RunRecord>, StateError> {
    let row: Option<Row> = on_pool!(pool, |db| {
        sqlx::query_as("SELECT id, state, request, created_at, updated_at, error FROM runs WHERE id = $1")
            .bind(run.0)
            .fetch_optional(db)
            .await?
    });
    row.map(RunRecord::try_from).transpose()
}

/// Ids sort by the time they were made, so the newest is the greatest.
pub(crate) async fn list(pool: &Pool, filter: &RunFilter) -> Result<Vec<RunRecord>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT id, state, request, created_at, updated_at, error FROM runs
             WHERE ($1 IS NULL OR state = $1)
               AND ($2 IS NULL OR id < $2)
               AND ($3 IS NULL OR id IN (SELECT run FROM run_partitions WHERE asset = $3))
             ORDER BY id DESC LIMIT $4",
        )
        .bind(filter.state.map(RunState::text))
        .bind(filter.before.map(|run| run.0))
        .bind(filter.asset.as_ref().map(AssetName::as_str))
        .bind(i64::from(filter.limit))
        .fetch_all(db)
        .await?
    });
    rows.into_iter().map(RunRecord::try_from).collect()
}
