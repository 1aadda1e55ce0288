//! Checkpoints: where a run's next attempt at an asset partition goes on.

use chrono::{DateTime, Utc};
use serde_json::json;
use tidegate_core::plan::{AssetName, PartitionKey, RunId};
use tidegate_core::port::{AttemptKey, Checkpoint, EventKind};

use crate::error::StateError;
use crate::events;
use crate::fence::{event, unless_holds_return};
use crate::pool::Pool;
use crate::values::instant;

pub(crate) async fn put(
    pool: &Pool,
    attempt: &AttemptKey,
    checkpoint: &Checkpoint,
    at: DateTime<Utc>,
) -> Result<bool, StateError> {
    let body = serde_json::to_string(checkpoint).map_err(|error| StateError::Value {
        what: "a checkpoint",
        reason: error.to_string(),
    })?;
    in_transaction!(pool, |tx, dialect| {
        unless_holds_return!(tx, dialect, attempt);
        sqlx::query(
            "INSERT INTO checkpoints (run, asset, partition_key, epoch, at, body) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (run, asset, partition_key)
             DO UPDATE SET epoch = excluded.epoch, at = excluded.at, body = excluded.body",
        )
        .bind(attempt.run.0)
        .bind(attempt.asset.as_str())
        .bind(attempt.partition.0.as_str())
        .bind(attempt.epoch.0)
        .bind(instant(at))
        .bind(body.as_str())
        .execute(&mut *tx)
        .await?;
        let data = json!({
            "rows_read": checkpoint.counts.source.rows_in,
            "rows_staged": checkpoint.counts.loaded,
            "parts": checkpoint.parts.len(),
        });
        events::insert!(tx, dialect, &event(attempt, EventKind::Checkpoint, data, at));
    });
    Ok(true)
}

pub(crate) async fn get(
    pool: &Pool,
    run: RunId,
    asset: &AssetName,
    partition: &PartitionKey,
) -> Result<Option<Checkpoint>, StateError> {
    let body: Option<String> = on_pool!(pool, |db| {
        sqlx::query_scalar(
            "SELECT body FROM checkpoints WHERE run = $1 AND asset = $2 AND partition_key = $3",
        )
        .bind(run.0)
        .bind(asset.as_str())
        .bind(partition.0.as_str())
        .fetch_optional(db)
        .await?
    });
    body.map(|body| serde_json::from_str(&body))
        .transpose()
        .map_err(|error| StateError::Record {
            what: "checkpoint",
            reason: error.to_string(),
        })
}
