//! Claims on asset partitions: who may work on one, and under which fence.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::types::Uuid;
use tidegate_core::plan::{Epoch, RangeState, RunId, WorkerId};
use tidegate_core::port::{AttemptKey, Claim, Claiming, Event, EventKind};
use tidegate_core::{Error, Kind};

use crate::error::StateError;
use crate::fence::{end_attempt, failure};
use crate::pool::Pool;
use crate::ranges::{adopt, mark};
use crate::values::{from_integer, instant, to_json};
use crate::{events, slots};

/// The attempt under way at an asset partition; there is one at most.
#[derive(sqlx::FromRow)]
struct Holder {
    run: Uuid,
    attempt: i64,
    epoch: i64,
    worker: String,
    lease_until: DateTime<Utc>,
}

impl Holder {
    /// Why the attempt can be taken over, or none where it cannot.
    fn lost(&self, wanted: &Claiming<'_>) -> Option<Error> {
        let why = if wanted.dead.iter().any(|worker| worker.0 == self.worker) {
            "is dead".to_owned()
        } else if self.lease_until <= instant(wanted.at) {
            format!("was not heard of until {}", self.lease_until)
        } else {
            return None;
        };
        let Self {
            run, attempt, worker, ..
        } = self;
        let message = format!("attempt {attempt} of run {run} was lost: its worker `{worker}` {why}");
        Some(Error::new(Kind::State, "attempt.lost", message).later())
    }
}

/// Inserts the attempt, with where its slice stands; answers its number.
macro_rules! insert_attempt {
    ($tx:ident, $wanted:ident, $epoch:expr) => {{
        let place = $wanted.place;
        sqlx::query_scalar(
            "INSERT INTO attempts
                 (run, asset, partition_key, attempt, epoch, worker, state, started_at, lease_until,
                  cut, previous_key, next_key)
             SELECT $1, $2, $3, COALESCE(MAX(attempt), 0) + 1, $4, $5, 'running', $6, $7, $8, $9, $10
             FROM attempts WHERE run = $1 AND asset = $2 AND partition_key = $3
             RETURNING attempt",
        )
        .bind($wanted.run.0)
        .bind($wanted.asset.as_str())
        .bind($wanted.partition.0.as_str())
        .bind($epoch)
        .bind($wanted.worker.0.as_str())
        .bind(instant($wanted.at))
        .bind(instant($wanted.lease_until))
        .bind(place.map(|place| place.cut.to_string()))
        .bind(
            place
                .and_then(|place| place.previous.as_ref())
                .map(|key| key.0.as_str()),
        )
        .bind(
            place
                .and_then(|place| place.next.as_ref())
                .map(|key| key.0.as_str()),
        )
        .fetch_one(&mut *$tx)
        .await?
    }};
}

/// What is kept of an attempt that begins.
fn begun(wanted: &Claiming<'_>, attempt: u32, epoch: i64) -> Event {
    Event {
        run: wanted.run,
        asset: Some(wanted.asset.clone()),
        partition: Some(wanted.partition.clone()),
        attempt: Some(attempt),
        kind: EventKind::AttemptStarted,
        data: json!({"epoch": epoch, "worker": wanted.worker}),
        at: wanted.at,
    }
}

/// The fence's lock is taken first and held to the end, so claims on one asset partition come one after the other.
pub(crate) async fn claim(pool: &Pool, wanted: &Claiming<'_>) -> Result<Claim, StateError> {
    let (asset, partition) = (wanted.asset.as_str(), wanted.partition.0.as_str());
    let key = |run: Uuid, attempt: i64, epoch: i64| -> Result<AttemptKey, StateError> {
        Ok(AttemptKey {
            run: RunId(run),
            asset: wanted.asset.clone(),
            partition: wanted.partition.clone(),
            attempt: from_integer("attempt", attempt)?,
            epoch: Epoch(epoch),
        })
    };
    let cut = wanted.place.map(|place| place.cut.to_string());
    let (attempt, epoch): (i64, i64) = in_transaction!(pool, |tx, dialect| {
        sqlx::query(
            "INSERT INTO fences (asset, partition_key, epoch) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(asset)
        .bind(partition)
        // Epochs begin at the clock's seconds, not at 0: a state store made anew over data that is there already must not
        // give epochs that the data's manifests have seen.
        .bind(wanted.at.timestamp())
        .execute(&mut *tx)
        .await?;
        sqlx::query(dialect::LOCK_FENCE)
            .bind(asset)
            .bind(partition)
            .execute(&mut *tx)
            .await?;

        let holder: Option<Holder> = sqlx::query_as(
            "SELECT run, attempt, epoch, worker, lease_until FROM attempts
             WHERE asset = $1 AND partition_key = $2 AND state = 'running'",
        )
        .bind(asset)
        .bind(partition)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(holder) = holder {
            let Some(error) = holder.lost(wanted) else {
                let Holder {
                    run,
                    worker,
                    lease_until,
                    ..
                } = holder;
                return Ok(Claim::Held {
                    run: RunId(run),
                    worker: WorkerId(worker),
                    lease_until,
                });
            };
            let lost = key(holder.run, holder.attempt, holder.epoch)?;
            end_attempt!(
                tx,
                lost,
                "failed",
                wanted.at,
                Some(to_json("the lost attempt's error", &error)?)
            );
            mark!(tx, dialect, &lost, RangeState::Failed);
            events::insert!(tx, dialect, &failure(&lost, &error, wanted.at));
        }
        if let Some(cut) = &cut {
            adopt!(tx, asset, cut.as_str());
        }
        if let Some(pool) = slots::first_full!(tx, dialect, wanted) {
            // What a lost attempt held is free all the same.
            tx.commit().await?;
            return Ok(Claim::Full { pool });
        }

        let taken = sqlx::query(
            "UPDATE run_partitions SET state = 'running' WHERE run = $1 AND asset = $2 AND partition_key = $3",
        )
        .bind(wanted.run.0)
        .bind(asset)
        .bind(partition)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if taken == 0 {
            let (asset, partition) = (wanted.asset.clone(), wanted.partition.clone());
            return Err(StateError::NoPartition {
                run: wanted.run,
                asset,
                partition,
            });
        }
        let epoch: i64 = sqlx::query_scalar(
            "UPDATE fences SET epoch = epoch + 1 WHERE asset = $1 AND partition_key = $2 RETURNING epoch",
        )
        .bind(asset)
        .bind(partition)
        .fetch_one(&mut *tx)
        .await?;
        let attempt: i64 = insert_attempt!(tx, wanted, epoch);
        slots::occupy!(tx, wanted, attempt);
        let begun = begun(wanted, from_integer("attempt", attempt)?, epoch);
        events::insert!(tx, dialect, &begun);
        (attempt, epoch)
    });
    Ok(Claim::Granted(key(wanted.run.0, attempt, epoch)?))
}
