//! What an attempt may write while its fence holds.

use chrono::{DateTime, Utc};
use serde_json::json;
use tidegate_core::plan::RangeState;
use tidegate_core::port::{AttemptKey, Event, EventKind, Materialization, QuarantineEntry, Verdict};

use crate::error::StateError;
use crate::pool::Pool;
use crate::ranges::mark;
use crate::values::{instant, to_json};
use crate::{checks, events, materializations, quarantine};

/// 1 where the attempt is the newest of its asset partition and under way, else 0.
pub(crate) const HOLDS: &str = "SELECT COUNT(*) FROM attempts a
     JOIN fences f ON f.asset = a.asset AND f.partition_key = a.partition_key AND f.epoch = a.epoch
     WHERE a.run = $1 AND a.asset = $2 AND a.partition_key = $3 AND a.attempt = $4 AND a.epoch = $5
       AND a.state = 'running'";

/// Locks the attempt's fence until the transaction ends, and leaves the function with `false` unless it holds. The lock
/// is a statement of its own, so that the one behind it sees what was committed while it waited.
macro_rules! unless_holds_return {
    ($tx:ident, $dialect:ident, $attempt:ident) => {
        sqlx::query($dialect::LOCK_FENCE)
            .bind($attempt.asset.as_str())
            .bind($attempt.partition.0.as_str())
            .execute(&mut *$tx)
            .await?;
        let holding: i64 = sqlx::query_scalar(crate::fence::HOLDS)
            .bind($attempt.run.0)
            .bind($attempt.asset.as_str())
            .bind($attempt.partition.0.as_str())
            .bind(i64::from($attempt.attempt))
            .bind($attempt.epoch.0)
            .fetch_one(&mut *$tx)
            .await?;
        if holding != 1 {
            return Ok(false);
        }
    };
}
pub(crate) use unless_holds_return;

/// Ends the attempt in a state, and puts its partition into the same.
macro_rules! end_attempt {
    ($tx:ident, $attempt:ident, $state:literal, $at:expr, $error:expr) => {
        sqlx::query(concat!(
            "UPDATE attempts SET state = '",
            $state,
            "', finished_at = $1, error = $2
             WHERE run = $3 AND asset = $4 AND partition_key = $5 AND attempt = $6"
        ))
        .bind(crate::values::instant($at))
        .bind($error)
        .bind($attempt.run.0)
        .bind($attempt.asset.as_str())
        .bind($attempt.partition.0.as_str())
        .bind(i64::from($attempt.attempt))
        .execute(&mut *$tx)
        .await?;
        crate::slots::release!($tx, $attempt);
        sqlx::query(concat!(
            "UPDATE run_partitions SET state = '",
            $state,
            "' WHERE run = $1 AND asset = $2 AND partition_key = $3"
        ))
        .bind($attempt.run.0)
        .bind($attempt.asset.as_str())
        .bind($attempt.partition.0.as_str())
        .execute(&mut *$tx)
        .await?;
    };
}

pub(crate) use end_attempt;

pub(crate) async fn holds(pool: &Pool, attempt: &AttemptKey) -> Result<bool, StateError> {
    let holding: i64 = on_pool!(pool, |db| {
        sqlx::query_scalar(HOLDS)
            .bind(attempt.run.0)
            .bind(attempt.asset.as_str())
            .bind(attempt.partition.0.as_str())
            .bind(i64::from(attempt.attempt))
            .bind(attempt.epoch.0)
            .fetch_one(db)
            .await?
    });
    Ok(holding == 1)
}

pub(crate) async fn renew(
    pool: &Pool,
    attempt: &AttemptKey,
    lease_until: DateTime<Utc>,
) -> Result<bool, StateError> {
    in_transaction!(pool, |tx, dialect| {
        unless_holds_return!(tx, dialect, attempt);
        sqlx::query(
            "UPDATE attempts SET lease_until = $1
             WHERE run = $2 AND asset = $3 AND partition_key = $4 AND attempt = $5",
        )
        .bind(instant(lease_until))
        .bind(attempt.run.0)
        .bind(attempt.asset.as_str())
        .bind(attempt.partition.0.as_str())
        .bind(i64::from(attempt.attempt))
        .execute(&mut *tx)
        .await?;
    });
    Ok(true)
}

/// The event of an attempt that failed.
pub(crate) fn failure(attempt: &AttemptKey, error: &tidegate_core::Error, at: DateTime<Utc>) -> Event {
    let data = json!({"code": error.code, "message": error.message});
    event(attempt, EventKind::AttemptFailed, data, at)
}

/// An event of an attempt.
pub(crate) fn event(
    attempt: &AttemptKey,
    kind: EventKind,
    data: serde_json::Value,
    at: DateTime<Utc>,
) -> Event {
    Event {
        run: attempt.run,
        asset: Some(attempt.asset.clone()),
        partition: Some(attempt.partition.clone()),
        attempt: Some(attempt.attempt),
        kind,
        data,
        at,
    }
}

/// The checkpoint stays: the next attempt goes on from it.
pub(crate) async fn fail(
    pool: &Pool,
    attempt: &AttemptKey,
    error: &tidegate_core::Error,
    at: DateTime<Utc>,
) -> Result<bool, StateError> {
    let column = to_json("the attempt's error", error)?;
    in_transaction!(pool, |tx, dialect| {
        unless_holds_return!(tx, dialect, attempt);
        end_attempt!(tx, attempt, "failed", at, Some(&column));
        mark!(tx, dialect, attempt, RangeState::Failed);
        events::insert!(tx, dialect, &failure(attempt, error, at));
    });
    Ok(true)
}

pub(crate) async fn finish(
    pool: &Pool,
    attempt: &AttemptKey,
    materialization: &Materialization,
    quarantined: &[QuarantineEntry],
    verdicts: &[Verdict],
) -> Result<bool, StateError> {
    let columns = materializations::Columns::of(materialization)?;
    let entries = quarantined
        .iter()
        .map(quarantine::Columns::of)
        .collect::<Result<Vec<_>, _>>()?;
    let results = checks::of_attempt(attempt, verdicts, true, materialization.at)?;
    in_transaction!(pool, |tx, dialect| {
        unless_holds_return!(tx, dialect, attempt);
        end_attempt!(
            tx,
            attempt,
            "succeeded",
            materialization.at,
            None::<&sqlx::types::Json<serde_json::Value>>
        );
        mark!(tx, dialect, attempt, RangeState::Materialized);
        materializations::insert!(tx, attempt, &columns);
        quarantine::insert!(tx, &entries);
        for entry in quarantined {
            let data = json!({"artifact": entry.artifact, "step": entry.step, "rows": entry.rows});
            let refused = event(attempt, EventKind::Quarantined, data, materialization.at);
            events::insert!(tx, dialect, &refused);
        }
        for (result, said) in &results {
            checks::insert!(tx, result);
            events::insert!(tx, dialect, said);
        }
        let load = &materialization.load;
        let data = json!({"rows": load.rows, "bytes": load.bytes, "location": load.location});
        let loaded = event(attempt, EventKind::Materialized, data, materialization.at);
        events::insert!(tx, dialect, &loaded);
        sqlx::query("DELETE FROM checkpoints WHERE run = $1 AND asset = $2 AND partition_key = $3")
            .bind(attempt.run.0)
            .bind(attempt.asset.as_str())
            .bind(attempt.partition.0.as_str())
            .execute(&mut *tx)
            .await?;
    });
    Ok(true)
}
