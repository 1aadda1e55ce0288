//! Steps of jobs: what came of one, and what the run is to do beside since then.

use tidegate_core::port::{AttemptKey, EventKind, PartitionState, StepEnd};

use crate::error::StateError;
use crate::events;
use crate::fence::{end_attempt, event, unless_holds_return};
use crate::pool::Pool;
use crate::runs::ROWS_PER_INSERT;
use crate::values::to_json;

/// The result, and what it leads to, are of one transaction: whoever goes on with the run sees both, or does the step again.
pub(crate) async fn finish(pool: &Pool, attempt: &AttemptKey, end: &StepEnd) -> Result<bool, StateError> {
    if let Some((_, key)) = end.items.iter().find(|(_, key)| key.0.contains('\0')) {
        return Err(StateError::Value {
            what: "a partition key",
            reason: format!("{:?} holds a NUL character", key.0),
        });
    }
    let result = to_json("the step's result", &end.result)?;
    in_transaction!(pool, |tx, dialect| {
        unless_holds_return!(tx, dialect, attempt);
        end_attempt!(
            tx,
            attempt,
            "succeeded",
            end.at,
            None::<&sqlx::types::Json<serde_json::Value>>
        );
        sqlx::query(
            "UPDATE run_partitions SET result = $1 WHERE run = $2 AND asset = $3 AND partition_key = $4",
        )
        .bind(&result)
        .bind(attempt.run.0)
        .bind(attempt.asset.as_str())
        .bind(attempt.partition.0.as_str())
        .execute(&mut *tx)
        .await?;
        // The event locks the run: no other step of it inserts meanwhile, so no two are given one position.
        let data = serde_json::json!({"items": end.items.len()});
        let ended = event(attempt, EventKind::StepSucceeded, data, end.at);
        events::insert!(tx, dialect, &ended);
        let first: i64 =
            sqlx::query_scalar("SELECT COALESCE(MAX(position), -1) + 1 FROM run_partitions WHERE run = $1")
                .bind(attempt.run.0)
                .fetch_one(&mut *tx)
                .await?;
        let items: Vec<_> = (first..).zip(&end.items).collect();
        for rows in items.chunks(ROWS_PER_INSERT) {
            let mut insert = sqlx::QueryBuilder::new(
                "INSERT INTO run_partitions (run, asset, partition_key, position, state) ",
            );
            insert.push_values(rows, |mut row, (position, (asset, partition))| {
                row.push_bind(attempt.run.0)
                    .push_bind(asset.as_str())
                    .push_bind(partition.0.as_str())
                    .push_bind(*position)
                    .push_bind(PartitionState::Pending.text());
            });
            insert.push(" ON CONFLICT DO NOTHING");
            insert
                .build()
                .persistent(rows.len() == 1)
                .execute(&mut *tx)
                .await?;
        }
    });
    Ok(true)
}
