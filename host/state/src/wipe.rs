//! What is forgotten of an asset: that its slices were loaded.

use sqlx::types::Uuid;
use tidegate_core::plan::{PartitionKey, RunId, WorkerId};
use tidegate_core::port::{Forgotten, Kept, Wipe};

use crate::error::StateError;
use crate::pool::Pool;
use crate::values::instant;

/// The attempts under way at an asset, or at one slice of it, for as long as their leases last.
const UNDER_WAY: &str = "SELECT partition_key, run, worker FROM attempts
     WHERE asset = $1 AND ($2 IS NULL OR partition_key = $2) AND state = 'running' AND lease_until > $3
     ORDER BY partition_key LIMIT 1";

/// Removes the rows of an asset, or of one slice, from a table; answers how many there were.
macro_rules! remove {
    ($tx:ident, $table:literal, $asset:expr, $key:expr) => {
        sqlx::query(concat!(
            "DELETE FROM ",
            $table,
            " WHERE asset = $1 AND ($2 IS NULL OR partition_key = $2)"
        ))
        .bind($asset)
        .bind($key)
        .execute(&mut *$tx)
        .await?
        .rows_affected()
    };
}

/// The fences are locked first: no attempt begins or ends meanwhile. They stay, so that epochs go on rising.
pub(crate) async fn forget(pool: &Pool, wanted: &Wipe) -> Result<Kept<Forgotten>, StateError> {
    let asset = wanted.asset.as_str();
    let key = wanted.slice.as_ref().map(|(key, _)| key.0.as_str());
    let place = wanted.slice.as_ref().and_then(|(_, place)| place.as_ref());
    let forgotten = in_transaction!(pool, |tx, dialect| {
        sqlx::query(dialect::LOCK_FENCES)
            .bind(asset)
            .execute(&mut *tx)
            .await?;
        let held: Option<(String, Uuid, String)> = sqlx::query_as(UNDER_WAY)
            .bind(asset)
            .bind(key)
            .bind(instant(wanted.at))
            .fetch_optional(&mut *tx)
            .await?;
        if let Some((partition, run, worker)) = held {
            return Ok(Kept::Held {
                partition: PartitionKey(partition),
                run: RunId(run),
                worker: WorkerId(worker),
            });
        }
        let forgotten = Forgotten {
            slices: remove!(tx, "newest_materializations", asset, key),
            materializations: remove!(tx, "materializations", asset, key),
            checkpoints: remove!(tx, "checkpoints", asset, key),
        };
        if wanted.dry_run {
            // Nothing is committed.
            return Ok(Kept::Done(forgotten));
        }
        // An attempt that was lost, and comes back, is refused.
        sqlx::query(
            "UPDATE fences SET epoch = epoch + 1 WHERE asset = $1 AND ($2 IS NULL OR partition_key = $2)",
        )
        .bind(asset)
        .bind(key)
        .execute(&mut *tx)
        .await?;
        match (key, place) {
            (None, _) => {
                sqlx::query(dialect::LOCK_RANGES)
                    .bind(asset)
                    .execute(&mut *tx)
                    .await?;
                sqlx::query("DELETE FROM partition_ranges WHERE asset = $1")
                    .bind(asset)
                    .execute(&mut *tx)
                    .await?;
            }
            (Some(key), Some(place)) => {
                let cut = place.cut.to_string();
                let previous = place.previous.as_ref().map(|key| key.0.as_str());
                let next = place.next.as_ref().map(|key| key.0.as_str());
                crate::ranges::move_slice!(
                    tx,
                    dialect,
                    asset,
                    key,
                    cut.as_str(),
                    previous,
                    next,
                    None::<&str>
                );
            }
            (Some(_), None) => {}
        }
        forgotten
    });
    Ok(Kept::Done(forgotten))
}
