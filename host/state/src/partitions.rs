//! The asset partitions of a run, with their attempts.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use tidegate_core::plan::{AssetName, Epoch, PartitionKey, RunId, WorkerId};
use tidegate_core::port::{AttemptRecord, PartitionState, RunPartition};

use crate::error::StateError;
use crate::pool::Pool;
use crate::values::{from_integer, from_json, from_text};

/// A partition with one of its attempts; without one, the columns of the attempt are null.
#[derive(sqlx::FromRow)]
struct Row {
    asset: String,
    partition_key: String,
    partition_state: String,
    result: Option<Json<Value>>,
    #[sqlx(flatten)]
    attempt: AttemptRow,
}

#[derive(sqlx::FromRow)]
struct AttemptRow {
    attempt: Option<i64>,
    epoch: Option<i64>,
    worker: Option<String>,
    state: Option<String>,
    started_at: Option<DateTime<Utc>>,
    lease_until: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    error: Option<Json<Value>>,
}

impl AttemptRow {
    fn record(self) -> Result<Option<AttemptRecord>, StateError> {
        let (Some(attempt), Some(epoch), Some(worker), Some(state), Some(started_at), Some(lease_until)) = (
            self.attempt,
            self.epoch,
            self.worker,
            self.state,
            self.started_at,
            self.lease_until,
        ) else {
            return Ok(None);
        };
        Ok(Some(AttemptRecord {
            attempt: from_integer("attempt", attempt)?,
            epoch: Epoch(epoch),
            worker: WorkerId(worker),
            state: from_text("attempt state", &state, PartitionState::parse)?,
            started_at,
            lease_until,
            finished_at: self.finished_at,
            error: self
                .error
                .map(|error| from_json("attempt error", error))
                .transpose()?,
        }))
    }
}

/// One query, so that partitions and attempts are of one moment.
pub(crate) async fn of_run(pool: &Pool, run: RunId) -> Result<Vec<RunPartition>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT p.asset, p.partition_key, p.state AS partition_state, p.result, a.attempt, a.epoch, a.worker, a.state,
                    a.started_at, a.lease_until, a.finished_at, a.error
             FROM run_partitions p
             LEFT JOIN attempts a ON a.run = p.run AND a.asset = p.asset AND a.partition_key = p.partition_key
             WHERE p.run = $1
             ORDER BY p.position, a.attempt",
        )
        .bind(run.0)
        .fetch_all(db)
        .await?
    });
    let mut partitions: Vec<RunPartition> = Vec::new();
    for row in rows {
        let attempt = row.attempt.record()?;
        match partitions.last_mut() {
            Some(last) if last.asset.as_str() == row.asset && last.partition.0 == row.partition_key => {
                last.attempts.extend(attempt);
            }
            _ => partitions.push(RunPartition {
                asset: from_text("asset", &row.asset, |text| text.parse().ok())?,
                partition: PartitionKey(row.partition_key),
                state: from_text("partition state", &row.partition_state, PartitionState::parse)?,
                attempts: attempt.into_iter().collect(),
                result: row.result.map(|result| result.0),
            }),
        }
    }
    Ok(partitions)
}

/// The attempts of one partition of a run.
pub(crate) async fn attempts(
    pool: &Pool,
    run: RunId,
    asset: &AssetName,
    partition: &PartitionKey,
) -> Result<Vec<AttemptRecord>, StateError> {
    let rows: Vec<AttemptRow> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT attempt, epoch, worker, state, started_at, lease_until, finished_at, error
             FROM attempts
             WHERE run = $1 AND asset = $2 AND partition_key = $3
             ORDER BY attempt",
        )
        .bind(run.0)
        .bind(asset.as_str())
        .bind(partition.0.as_str())
        .fetch_all(db)
        .await?
    });
    let records: Result<Vec<_>, StateError> = rows.into_iter().map(AttemptRow::record).collect();
    Ok(records?.into_iter().flatten().collect())
}

/// A partition is in state running exactly while an attempt is, so the one condition guards against both.
pub(crate) async fn set_state(
    pool: &Pool,
    run: RunId,
    asset: &AssetName,
    partition: &PartitionKey,
    state: PartitionState,
) -> Result<(), StateError> {
    if !matches!(state, PartitionState::Skipped | PartitionState::Pending) {
        return Err(StateError::NotByHand(state));
    }
    let known: Option<String> = in_transaction!(pool, |tx, dialect| {
        let moved = sqlx::query(
            "UPDATE run_partitions SET state = $1
             WHERE run = $2 AND asset = $3 AND partition_key = $4 AND state <> 'running'",
        )
        .bind(state.text())
        .bind(run.0)
        .bind(asset.as_str())
        .bind(partition.0.as_str())
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if moved == 1 {
            tx.commit().await?;
            return Ok(());
        }
        sqlx::query_scalar(
            "SELECT state FROM run_partitions WHERE run = $1 AND asset = $2 AND partition_key = $3",
        )
        .bind(run.0)
        .bind(asset.as_str())
        .bind(partition.0.as_str())
        .fetch_optional(&mut *tx)
        .await?
    });
    let (asset, partition) = (asset.clone(), partition.clone());
    Err(match known {
        Some(_) => StateError::UnderWay {
            run,
            asset,
            partition,
        },
        None => StateError::NoPartition {
            run,
            asset,
            partition,
        },
    })
}
