//! Dynamic keys: the values that slices of a name have.

use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;
use tidegate_core::plan::AssetName;

use crate::error::StateError;
use crate::pool::Pool;
use crate::runs::ROWS_PER_INSERT;
use crate::values::instant;

pub(crate) async fn add(
    pool: &Pool,
    name: &AssetName,
    keys: &[String],
    at: DateTime<Utc>,
) -> Result<u64, StateError> {
    let keys = clean(keys)?;
    let at = instant(at);
    let mut added = 0;
    in_transaction!(pool, |tx, dialect| {
        for rows in keys.chunks(ROWS_PER_INSERT) {
            let mut insert = QueryBuilder::new("INSERT INTO dynamic_keys (name, partition_key, added_at) ");
            insert.push_values(rows, |mut row, key| {
                row.push_bind(name.as_str()).push_bind(*key).push_bind(at);
            });
            insert.push(" ON CONFLICT DO NOTHING");
            let done = insert.build().persistent(false).execute(&mut *tx).await?;
            added += done.rows_affected();
        }
    });
    Ok(added)
}

pub(crate) async fn remove(pool: &Pool, name: &AssetName, keys: &[String]) -> Result<u64, StateError> {
    let keys = clean(keys)?;
    let mut removed = 0;
    in_transaction!(pool, |tx, dialect| {
        for some in keys.chunks(ROWS_PER_INSERT) {
            let mut delete = QueryBuilder::new("DELETE FROM dynamic_keys WHERE name = ");
            delete.push_bind(name.as_str()).push(" AND partition_key IN (");
            let mut list = delete.separated(", ");
            for key in some {
                list.push_bind(*key);
            }
            delete.push(")");
            let done = delete.build().persistent(false).execute(&mut *tx).await?;
            removed += done.rows_affected();
        }
    });
    Ok(removed)
}

pub(crate) async fn list(
    pool: &Pool,
    name: &AssetName,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, StateError> {
    // No key is empty, so all are behind the empty one.
    let after = after.unwrap_or_default();
    Ok(on_pool!(pool, |db| {
        sqlx::query_scalar(
            "SELECT partition_key FROM dynamic_keys WHERE name = $1 AND partition_key > $2
             ORDER BY partition_key LIMIT $3",
        )
        .bind(name.as_str())
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(db)
        .await?
    }))
}

/// The keys in order, so that two calls take rows in one order, each once.
fn clean(keys: &[String]) -> Result<Vec<&str>, StateError> {
    if keys.iter().any(|key| key.contains('\0')) {
        let reason = "a dynamic key holds a NUL character".to_owned();
        return Err(StateError::Value {
            what: "a partition key",
            reason,
        });
    }
    let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}
