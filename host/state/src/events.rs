//! Events: what happened in a run, in order.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::QueryBuilder;
use sqlx::types::{Json, Uuid};
use tidegate_core::plan::{AssetName, PartitionKey, RunId};
use tidegate_core::port::{Event, EventKind, StoredEvent};

use crate::error::StateError;
use crate::pool::Pool;
use crate::runs::ROWS_PER_INSERT;
use crate::values::{from_integer, from_text, instant, to_json};

/// Inserts one event in the transaction of what it tells. The run is locked first, as [`append`] says.
macro_rules! insert {
    ($tx:ident, $dialect:ident, $event:expr) => {{
        let event: &tidegate_core::port::Event = $event;
        sqlx::query($dialect::LOCK_RUN)
            .bind(event.run.0)
            .execute(&mut *$tx)
            .await?;
        sqlx::query(
            "INSERT INTO events (run, asset, partition_key, attempt, kind, data, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(event.run.0)
        .bind(event.asset.as_ref().map(tidegate_core::plan::AssetName::as_str))
        .bind(event.partition.as_ref().map(|partition| partition.0.as_str()))
        .bind(event.attempt.map(i64::from))
        .bind(event.kind.text())
        .bind(crate::values::to_json("an event", &event.data)?)
        .bind(crate::values::instant(event.at))
        .execute(&mut *$tx)
        .await?;
    }};
}
pub(crate) use insert;

/// 1 where an attempt of a run is under way, else 0: one that was taken over has ended.
const UNDER_WAY: &str = "SELECT COUNT(*) FROM attempts
     WHERE run = $1 AND asset = $2 AND partition_key = $3 AND attempt = $4 AND state = 'running'";

/// The fences of attempts are locked first, so that none is taken over meanwhile; then each run. Both go in one order, so
/// that no two writers wait for each other. Without the runs' locks one writer could be given the lower number and commit
/// later, and a reader that asks for what is behind the higher would never see it.
pub(crate) async fn append(pool: &Pool, events: &[Event]) -> Result<bool, StateError> {
    if events.is_empty() {
        return Ok(true);
    }
    let attempts: BTreeSet<_> = events
        .iter()
        .filter_map(|event| {
            let (asset, partition) = (event.asset.as_ref()?, event.partition.as_ref()?);
            Some((asset.as_str(), partition.0.as_str(), event.run, event.attempt?))
        })
        .collect();
    let runs: BTreeSet<RunId> = events.iter().map(|event| event.run).collect();
    let data = events
        .iter()
        .map(|event| to_json("an event", &event.data))
        .collect::<Result<Vec<_>, _>>()?;
    let rows: Vec<_> = events.iter().zip(&data).collect();
    in_transaction!(pool, |tx, dialect| {
        for (asset, partition, run, attempt) in &attempts {
            sqlx::query(dialect::LOCK_FENCE)
                .bind(*asset)
                .bind(*partition)
                .execute(&mut *tx)
                .await?;
            let under_way: i64 = sqlx::query_scalar(UNDER_WAY)
                .bind(run.0)
                .bind(*asset)
                .bind(*partition)
                .bind(i64::from(*attempt))
                .fetch_one(&mut *tx)
                .await?;
            if under_way != 1 {
                return Ok(false);
            }
        }
        for run in &runs {
            sqlx::query(dialect::LOCK_RUN)
                .bind(run.0)
                .execute(&mut *tx)
                .await?;
        }
        for rows in rows.chunks(ROWS_PER_INSERT) {
            let mut insert =
                QueryBuilder::new("INSERT INTO events (run, asset, partition_key, attempt, kind, data, at) ");
            insert.push_values(rows, |mut row, (event, data)| {
                row.push_bind(event.run.0)
                    .push_bind(event.asset.as_ref().map(AssetName::as_str))
                    .push_bind(event.partition.as_ref().map(|partition| partition.0.as_str()))
                    .push_bind(event.attempt.map(i64::from))
                    .push_bind(event.kind.text())
                    .push_bind(*data)
                    .push_bind(instant(event.at));
            });
            insert
                .build()
                .persistent(rows.len() == 1)
                .execute(&mut *tx)
                .await?;
        }
    });
    Ok(true)
}

#[derive(sqlx::FromRow)]
struct Row {
    sequence: i64,
    run: Uuid,
    asset: Option<String>,
    partition_key: Option<String>,
    attempt: Option<i64>,
    kind: String,
    data: Json<Value>,
    at: DateTime<Utc>,
}

impl TryFrom<Row> for StoredEvent {
    type Error = StateError;

    fn try_from(row: Row) -> Result<Self, StateError> {
        let asset = row
            .asset
            .map(|asset| from_text("asset", &asset, |text| text.parse().ok()));
        let event = Event {
            run: RunId(row.run),
            asset: asset.transpose()?,
            partition: row.partition_key.map(PartitionKey),
            attempt: row
                .attempt
                .map(|attempt| from_integer("attempt", attempt))
                .transpose()?,
            kind: from_text("event kind", &row.kind, EventKind::parse)?,
            data: row.data.0,
            at: row.at,
        };
        Ok(Self {
            sequence: row.sequence,
            event,
        })
    }
}

/// The events of a run behind a sequence number.
pub(crate) const AFTER: &str =
    "SELECT sequence, run, asset, partition_key, attempt, kind, data, at FROM events
     WHERE run = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";

pub(crate) async fn after(
    pool: &Pool,
    run: RunId,
    after: i64,
    limit: u32,
) -> Result<Vec<StoredEvent>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as(AFTER)
            .bind(run.0)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(db)
            .await?
    });
    rows.into_iter().map(StoredEvent::try_from).collect()
}
