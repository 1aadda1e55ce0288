//! Workers, by how often they were heard of.

use chrono::{DateTime, Utc};
use sqlx::types::Uuid;
use tidegate_core::plan::{RunId, WorkerId};
use tidegate_core::port::WorkerRecord;

use crate::error::StateError;
use crate::pool::Pool;
use crate::values::instant;

pub(crate) async fn join(pool: &Pool, worker: &WorkerId, at: DateTime<Utc>) -> Result<(), StateError> {
    on_pool!(pool, |db| {
        sqlx::query("INSERT INTO workers (id, beats, beat_at) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING")
            .bind(worker.0.as_str())
            .bind(instant(at))
            .execute(db)
            .await?;
    });
    Ok(())
}

pub(crate) async fn beat(
    pool: &Pool,
    worker: &WorkerId,
    at: DateTime<Utc>,
) -> Result<Option<Vec<RunId>>, StateError> {
    let stopping: Vec<Uuid> = in_transaction!(pool, |tx, _dialect| {
        let known = sqlx::query("UPDATE workers SET beats = beats + 1, beat_at = $1 WHERE id = $2")
            .bind(instant(at))
            .bind(worker.0.as_str())
            .execute(&mut *tx)
            .await?
            .rows_affected();
        if known == 0 {
            return Ok(None);
        }
        sqlx::query_scalar("SELECT id FROM runs WHERE worker = $1 AND state = 'cancelling'")
            .bind(worker.0.as_str())
            .fetch_all(&mut *tx)
            .await?
    });
    Ok(Some(stopping.into_iter().map(RunId).collect()))
}

pub(crate) async fn forget(pool: &Pool, worker: &WorkerId) -> Result<(), StateError> {
    on_pool!(pool, |db| {
        sqlx::query("DELETE FROM workers WHERE id = $1")
            .bind(worker.0.as_str())
            .execute(db)
            .await?;
    });
    Ok(())
}

pub(crate) async fn list(pool: &Pool) -> Result<Vec<WorkerRecord>, StateError> {
    let rows: Vec<(String, i64, DateTime<Utc>)> = on_pool!(pool, |db| {
        sqlx::query_as("SELECT id, beats, beat_at FROM workers ORDER BY id")
            .fetch_all(db)
            .await?
    });
    Ok(rows
        .into_iter()
        .map(|(id, beats, beat_at)| WorkerRecord {
            id: WorkerId(id),
            beats,
            beat_at,
        })
        .collect())
}
