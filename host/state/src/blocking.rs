//! What blocking checks said last, for automation.

use chrono::{DateTime, Utc};
use tidegate_core::plan::PartitionKey;
use tidegate_core::port::{BlockingResult, Severity};

use crate::error::StateError;
use crate::pool::Pool;
use crate::values::{from_integer, from_text, to_integer};

#[derive(sqlx::FromRow)]
struct Row {
    sequence: i64,
    asset: String,
    partition_key: String,
    check_name: String,
    passed: bool,
    severity: String,
    at: DateTime<Utc>,
}

impl Row {
    fn read(self) -> Result<(u64, BlockingResult), StateError> {
        let severity = from_text("severity", &self.severity, Severity::parse)?;
        let result = BlockingResult {
            asset: from_text("asset", &self.asset, |text| text.parse().ok())?,
            partition: PartitionKey(self.partition_key),
            check: self.check_name,
            passed: self.passed || severity != Severity::Error,
            at: self.at,
        };
        Ok((from_integer("a check result's number", self.sequence)?, result))
    }
}

pub(crate) async fn last_number(pool: &Pool) -> Result<u64, StateError> {
    let last: Option<i64> = on_pool!(pool, |db| {
        sqlx::query_scalar("SELECT MAX(sequence) FROM check_results")
            .fetch_one(db)
            .await?
    });
    from_integer("a check result's number", last.unwrap_or_default())
}

/// Numbers of results that do not block are passed over, and so are no gaps that would have to be waited for.
pub(crate) async fn behind(
    pool: &Pool,
    after: u64,
    limit: u32,
) -> Result<Vec<(u64, BlockingResult)>, StateError> {
    let after = to_integer("a check result's number", after)?;
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT sequence, asset, partition_key, check_name, passed, severity, at FROM check_results
             WHERE sequence > $1 AND blocking ORDER BY sequence LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(db)
        .await?
    });
    rows.into_iter().map(Row::read).collect()
}

pub(crate) async fn failed(pool: &Pool) -> Result<Vec<BlockingResult>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT r.sequence, r.asset, r.partition_key, r.check_name, r.passed, r.severity, r.at
             FROM check_results r
             WHERE r.blocking AND NOT r.passed AND r.severity = 'error'
               AND NOT EXISTS (
                   SELECT 1 FROM check_results n
                   WHERE n.asset = r.asset AND n.check_name = r.check_name AND n.sequence > r.sequence
                     AND n.partition_key = r.partition_key)
               AND NOT EXISTS (
                   SELECT 1 FROM materializations m
                   WHERE m.asset = r.asset AND m.partition_key = r.partition_key AND m.at >= r.at)
             ORDER BY r.sequence",
        )
        .fetch_all(db)
        .await?
    });
    rows.into_iter().map(|row| Ok(row.read()?.1)).collect()
}
