//! What is old, removed in batches.

use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;
use sqlx::types::Uuid;
use tidegate_core::plan::{PartitionKey, RunId, StepPlace};
use tidegate_core::port::{EventKind, Pruned};

use crate::error::StateError;
use crate::pool::Pool;
use crate::values::instant;

/// Events of a run that are removed at once.
const EVENTS_PER_BATCH: i64 = 5_000;

/// Runs that are over, those that ended first, first. The states stand as in the index `runs_by_end`.
pub(crate) const ENDED: &str = "SELECT id FROM runs
     WHERE state IN ('succeeded', 'failed', 'cancelled') AND updated_at < $1 ORDER BY updated_at LIMIT $2";

/// The last of a run's first events.
const LAST_OF_RUN: &str = "SELECT COUNT(*), MAX(sequence) FROM
     (SELECT sequence FROM events WHERE run = $1 ORDER BY sequence LIMIT $2) page";

/// The last of the first events of a kind behind a sequence number.
pub(crate) const LAST_OF_KIND: &str = "SELECT COUNT(*), MAX(sequence) FROM
     (SELECT sequence FROM events WHERE kind = $1 AND sequence > $2 ORDER BY sequence LIMIT $3) page";

/// The events of a kind between two sequence numbers that are old.
pub(crate) const DELETE_OF_KIND: &str =
    "DELETE FROM events WHERE kind = $1 AND sequence > $2 AND sequence <= $3 AND at < $4";

/// A run's events go before it, since it may have any number of them; the rest of it goes with it.
pub(crate) async fn runs(pool: &Pool, before: DateTime<Utc>, most: u32) -> Result<u64, StateError> {
    let before = instant(before);
    let ended: Vec<Uuid> = on_pool!(pool, |db| {
        sqlx::query_scalar(ENDED)
            .bind(before)
            .bind(i64::from(most))
            .fetch_all(db)
            .await?
    });
    if ended.is_empty() {
        return Ok(0);
    }
    for run in &ended {
        drain(pool, *run, before).await?;
    }
    for run in &ended {
        forget_steps(pool, *run, before).await?;
    }
    let removed = on_pool!(pool, |db| {
        let mut delete = QueryBuilder::new("DELETE FROM runs WHERE id IN (");
        let mut ids = delete.separated(", ");
        for run in &ended {
            ids.push_bind(run);
        }
        // One that was taken up again in the meantime stays.
        delete
            .push(") AND state IN ('succeeded', 'failed', 'cancelled') AND updated_at < ")
            .push_bind(before);
        delete
            .build()
            .persistent(false)
            .execute(db)
            .await?
            .rows_affected()
    });
    Ok(removed)
}

/// The fences of a run's steps, of which the keys begin with the run's own, where it has ended.
const FORGET_STEPS: &str = "DELETE FROM fences WHERE (asset, partition_key) IN
           (SELECT asset, partition_key FROM run_partitions
            WHERE run = $1 AND (partition_key = $2 OR partition_key LIKE $2 || ':%'))
       AND EXISTS (SELECT 1 FROM runs WHERE id = $1 AND ($3 IS NULL OR updated_at < $3)
                   AND state IN ('succeeded', 'failed', 'cancelled'))";

/// The fences of a run's steps go with it: no other run has the same ones. Those of assets stay.
async fn forget_steps(pool: &Pool, run: Uuid, before: DateTime<Utc>) -> Result<(), StateError> {
    let step = PartitionKey::of_step(RunId(run), StepPlace::Whole);
    on_pool!(pool, |db| {
        sqlx::query(FORGET_STEPS)
            .bind(run)
            .bind(step.0.as_str())
            .bind(Some(before))
            .execute(db)
            .await?;
    });
    Ok(())
}

/// Removes a run's events until so few are left that they can go with it.
async fn drain(pool: &Pool, run: Uuid, before: DateTime<Utc>) -> Result<(), StateError> {
    loop {
        let (found, last): (i64, Option<i64>) = on_pool!(pool, |db| {
            sqlx::query_as(LAST_OF_RUN)
                .bind(run)
                .bind(EVENTS_PER_BATCH)
                .fetch_one(db)
                .await?
        });
        if found < EVENTS_PER_BATCH {
            return Ok(());
        }
        let removed = on_pool!(pool, |db| {
            sqlx::query(
                "DELETE FROM events WHERE run = $1 AND sequence <= $2
                   AND EXISTS (SELECT 1 FROM runs WHERE id = $1 AND updated_at < $3
                               AND state IN ('succeeded', 'failed', 'cancelled'))",
            )
            .bind(run)
            .bind(last)
            .bind(before)
            .execute(db)
            .await?
            .rows_affected()
        });
        if removed == 0 {
            return Ok(());
        }
    }
}

/// Events of a kind lie in the order of their sequence, which is that of time but for clocks that differ: where a whole
/// page holds none that is old, none behind it is. What a clock that went ahead wrote does not hold the others up.
pub(crate) async fn events(
    pool: &Pool,
    kind: EventKind,
    before: DateTime<Utc>,
    after: i64,
    most: u32,
) -> Result<Pruned, StateError> {
    let (found, last): (i64, Option<i64>) = on_pool!(pool, |db| {
        sqlx::query_as(LAST_OF_KIND)
            .bind(kind.text())
            .bind(after)
            .bind(i64::from(most))
            .fetch_one(db)
            .await?
    });
    let Some(last) = last else {
        return Ok(Pruned { rows: 0, next: None });
    };
    let rows = on_pool!(pool, |db| {
        sqlx::query(DELETE_OF_KIND)
            .bind(kind.text())
            .bind(after)
            .bind(last)
            .bind(instant(before))
            .execute(db)
            .await?
            .rows_affected()
    });
    let more = rows > 0 && found == i64::from(most);
    Ok(Pruned {
        rows,
        next: more.then_some(last),
    })
}

pub(crate) async fn count_runs(pool: &Pool, before: DateTime<Utc>) -> Result<u64, StateError> {
    let count: i64 = on_pool!(pool, |db| {
        sqlx::query_scalar(
            "SELECT COUNT(*) FROM runs WHERE state IN ('succeeded', 'failed', 'cancelled') AND updated_at < $1",
        )
        .bind(instant(before))
        .fetch_one(db)
        .await?
    });
    Ok(count.unsigned_abs())
}

pub(crate) async fn count_events(
    pool: &Pool,
    kind: EventKind,
    before: DateTime<Utc>,
) -> Result<u64, StateError> {
    let count: i64 = on_pool!(pool, |db| {
        sqlx::query_scalar("SELECT COUNT(*) FROM events WHERE kind = $1 AND at < $2")
            .bind(kind.text())
            .bind(instant(before))
            .fetch_one(db)
            .await?
    });
    Ok(count.unsigned_abs())
}

/// One run, with all of it at once, where it has ended.
pub(crate) async fn one_run(pool: &Pool, run: RunId) -> Result<bool, StateError> {
    let step = PartitionKey::of_step(run, StepPlace::Whole);
    let removed = in_transaction!(pool, |tx, dialect| {
        sqlx::query(dialect::LOCK_RUN)
            .bind(run.0)
            .execute(&mut *tx)
            .await?;
        sqlx::query(FORGET_STEPS)
            .bind(run.0)
            .bind(step.0.as_str())
            .bind(None::<DateTime<Utc>>)
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM runs WHERE id = $1 AND state IN ('succeeded', 'failed', 'cancelled')")
            .bind(run.0)
            .execute(&mut *tx)
            .await?
            .rows_affected()
    });
    Ok(removed == 1)
}
