//! Outcomes that nobody has looked at: a row each, until the leader has.

use serde_json::Value;
use sqlx::types::Json;
use tidegate_core::port::Outcome;

use crate::error::StateError;
use crate::pool::Pool;
use crate::values::from_json;

/// Inserts an outcome in the transaction of what it tells.
macro_rules! insert {
    ($tx:ident, $outcome:expr, $at:expr) => {{
        let outcome: &tidegate_core::port::Outcome = $outcome;
        sqlx::query("INSERT INTO outcomes (body, at) VALUES ($1, $2)")
            .bind(crate::values::to_json("an outcome", outcome)?)
            .bind(crate::values::instant($at))
            .execute(&mut *$tx)
            .await?;
    }};
}
pub(crate) use insert;

/// An outcome with its number, or why it cannot be read.
type Numbered = (i64, Result<Outcome, StateError>);

/// The oldest ones. One that is committed late has a lower number than some that were seen, and is seen all the same.
pub(crate) async fn oldest(pool: &Pool, limit: u32) -> Result<Vec<Numbered>, StateError> {
    let rows: Vec<(i64, Json<Value>)> = on_pool!(pool, |db| {
        sqlx::query_as("SELECT sequence, body FROM outcomes ORDER BY sequence LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(db)
            .await?
    });
    Ok(rows
        .into_iter()
        .map(|(sequence, body)| (sequence, from_json("an outcome", body)))
        .collect())
}
