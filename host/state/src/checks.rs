//! What checks said: with the materialization, with the refusal of a load, or by themselves.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::{Json, Uuid};
use tidegate_core::Result;
use tidegate_core::plan::{AssetName, PartitionKey, RunId};
use tidegate_core::port::{
    AttemptKey, CheckResult, CheckStore, Event, EventKind, LoadReceipt, Severity, Verdict,
};

use crate::error::StateError;
use crate::fence::{event, unless_holds_return};
use crate::pool::Pool;
use crate::store::SqlStateStore;
use crate::values::{from_integer, from_json, from_text, instant, to_json};
use crate::{checks, events};

/// A result with its JSON made.
pub(crate) struct Columns {
    pub(crate) result: CheckResult,
    pub(crate) measures: Json<Value>,
}

impl Columns {
    fn of(result: CheckResult) -> Result<Self, StateError> {
        Ok(Self {
            measures: to_json("the measures", &result.verdict.measures)?,
            result,
        })
    }
}

/// The results of an attempt's checks, and the event of each.
pub(crate) fn of_attempt(
    attempt: &AttemptKey,
    verdicts: &[Verdict],
    shown: bool,
    at: DateTime<Utc>,
) -> Result<Vec<(Columns, Event)>, StateError> {
    verdicts
        .iter()
        .map(|verdict| {
            let kind = if verdict.passed {
                EventKind::Checked
            } else {
                EventKind::CheckFailed
            };
            let result = CheckResult {
                run: Some(attempt.run),
                asset: attempt.asset.clone(),
                partition: attempt.partition.clone(),
                attempt: Some(attempt.attempt),
                verdict: verdict.clone(),
                shown,
                at,
            };
            let data = to_json("a verdict", verdict)?.0;
            Ok((Columns::of(result)?, event(attempt, kind, data, at)))
        })
        .collect()
}

/// Inserts a result. NUL, which Postgres's text cannot hold, becomes U+FFFD.
macro_rules! insert {
    ($tx:ident, $columns:expr) => {{
        let columns: &crate::checks::Columns = $columns;
        let result = &columns.result;
        let verdict = &result.verdict;
        sqlx::query(
            "INSERT INTO check_results
                 (run, asset, partition_key, attempt, check_name, passed, severity, blocking, message, measures, shown, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(result.run.map(|run| run.0))
        .bind(result.asset.as_str())
        .bind(result.partition.0.as_str())
        .bind(result.attempt.map(i64::from))
        .bind(verdict.check.replace('\0', "\u{fffd}"))
        .bind(verdict.passed)
        .bind(verdict.severity.text())
        .bind(verdict.blocking)
        .bind(verdict.message.replace('\0', "\u{fffd}"))
        .bind(&columns.measures)
        .bind(result.shown)
        .bind(crate::values::instant(result.at))
        .execute(&mut *$tx)
        .await?;
        let told = tidegate_core::port::Outcome::Check(result.clone());
        crate::outcomes::insert!($tx, &told, result.at);
    }};
}
pub(crate) use insert;

#[async_trait]
impl CheckStore for SqlStateStore {
    async fn keep_verdicts(
        &self,
        attempt: &AttemptKey,
        verdicts: &[Verdict],
        at: DateTime<Utc>,
    ) -> Result<bool> {
        Ok(keep_verdicts(&self.pool, attempt, verdicts, at).await?)
    }

    async fn keep_check_results(&self, results: &[CheckResult]) -> Result<()> {
        Ok(keep(&self.pool, results).await?)
    }

    async fn check_results(&self, asset: &AssetName, check: &str, limit: u32) -> Result<Vec<CheckResult>> {
        Ok(history(&self.pool, asset, check, limit).await?)
    }

    async fn last_check_results(&self, asset: &AssetName) -> Result<Vec<CheckResult>> {
        Ok(last(&self.pool, asset).await?)
    }

    async fn recent_rows(
        &self,
        asset: &AssetName,
        partition: Option<&PartitionKey>,
        limit: u32,
    ) -> Result<Vec<u64>> {
        Ok(recent_rows(&self.pool, asset, partition, limit).await?)
    }

    async fn prune_check_results(&self, before: DateTime<Utc>, most: u32) -> Result<u64> {
        Ok(prune(&self.pool, before, most).await?)
    }

    async fn prunable_check_results(&self, before: DateTime<Utc>) -> Result<u64> {
        Ok(prunable(&self.pool, before).await?)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    run: Option<Uuid>,
    asset: String,
    partition_key: String,
    attempt: Option<i64>,
    check_name: String,
    passed: bool,
    severity: String,
    blocking: bool,
    message: String,
    measures: Json<Value>,
    shown: bool,
    at: DateTime<Utc>,
}

impl TryFrom<Row> for CheckResult {
    type Error = StateError;

    fn try_from(row: Row) -> Result<Self, StateError> {
        let attempt = row.attempt.map(|attempt| from_integer("attempt", attempt));
        Ok(Self {
            run: row.run.map(RunId),
            asset: from_text("asset", &row.asset, |text| text.parse().ok())?,
            partition: PartitionKey(row.partition_key),
            attempt: attempt.transpose()?,
            verdict: Verdict {
                check: row.check_name,
                passed: row.passed,
                severity: from_text("severity", &row.severity, Severity::parse)?,
                blocking: row.blocking,
                message: row.message,
                measures: from_json("measures", row.measures)?,
            },
            shown: row.shown,
            at: row.at,
        })
    }
}

async fn keep_verdicts(
    pool: &Pool,
    attempt: &AttemptKey,
    verdicts: &[Verdict],
    at: DateTime<Utc>,
) -> Result<bool, StateError> {
    let results = of_attempt(attempt, verdicts, false, at)?;
    in_transaction!(pool, |tx, dialect| {
        unless_holds_return!(tx, dialect, attempt);
        for (result, said) in &results {
            checks::insert!(tx, result);
            events::insert!(tx, dialect, said);
        }
    });
    Ok(true)
}

async fn keep(pool: &Pool, results: &[CheckResult]) -> Result<(), StateError> {
    let results = results
        .iter()
        .cloned()
        .map(Columns::of)
        .collect::<Result<Vec<_>, _>>()?;
    in_transaction!(pool, |tx, _dialect| {
        for result in &results {
            checks::insert!(tx, result);
        }
    });
    Ok(())
}

/// What one check of an asset said, newest first.
pub(crate) const HISTORY: &str =
    "SELECT run, asset, partition_key, attempt, check_name, passed, severity, blocking, message, measures, shown, at
     FROM check_results WHERE asset = $1 AND check_name = $2 ORDER BY sequence DESC LIMIT $3";

async fn history(
    pool: &Pool,
    asset: &AssetName,
    check: &str,
    limit: u32,
) -> Result<Vec<CheckResult>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as(HISTORY)
            .bind(asset.as_str())
            .bind(check)
            .bind(i64::from(limit))
            .fetch_all(db)
            .await?
    });
    rows.into_iter().map(CheckResult::try_from).collect()
}

/// What each check of an asset said last.
pub(crate) const LAST: &str =
    "SELECT run, asset, partition_key, attempt, check_name, passed, severity, blocking, message, measures, shown, at
     FROM check_results
     WHERE sequence IN (SELECT MAX(sequence) FROM check_results WHERE asset = $1 GROUP BY check_name)
     ORDER BY check_name";

async fn last(pool: &Pool, asset: &AssetName) -> Result<Vec<CheckResult>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as(LAST).bind(asset.as_str()).fetch_all(db).await?
    });
    rows.into_iter().map(CheckResult::try_from).collect()
}

/// The last loads of an asset.
pub(crate) const RECENT: &str = "SELECT load FROM materializations WHERE asset = $1 AND external IS NOT TRUE ORDER BY sequence DESC LIMIT $2";

/// The last loads of one slice.
pub(crate) const RECENT_OF_SLICE: &str =
    "SELECT load FROM materializations WHERE asset = $1 AND partition_key = $2 AND external IS NOT TRUE
     ORDER BY epoch DESC LIMIT $3";

async fn recent_rows(
    pool: &Pool,
    asset: &AssetName,
    partition: Option<&PartitionKey>,
    limit: u32,
) -> Result<Vec<u64>, StateError> {
    let loads: Vec<Json<Value>> = on_pool!(pool, |db| match partition {
        None => {
            sqlx::query_scalar(RECENT)
                .bind(asset.as_str())
                .bind(i64::from(limit))
                .fetch_all(db)
                .await?
        }
        Some(partition) => {
            sqlx::query_scalar(RECENT_OF_SLICE)
                .bind(asset.as_str())
                .bind(partition.0.as_str())
                .bind(i64::from(limit))
                .fetch_all(db)
                .await?
        }
    });
    loads
        .into_iter()
        .map(|load| from_json::<LoadReceipt>("load receipt", load).map(|load| load.rows))
        .collect()
}

async fn prune(pool: &Pool, before: DateTime<Utc>, most: u32) -> Result<u64, StateError> {
    let removed = on_pool!(pool, |db| {
        sqlx::query(
            "DELETE FROM check_results WHERE sequence IN
                 (SELECT sequence FROM check_results WHERE at < $1 ORDER BY at LIMIT $2)",
        )
        .bind(instant(before))
        .bind(i64::from(most))
        .execute(db)
        .await?
        .rows_affected()
    });
    Ok(removed)
}

async fn prunable(pool: &Pool, before: DateTime<Utc>) -> Result<u64, StateError> {
    let count: i64 = on_pool!(pool, |db| {
        sqlx::query_scalar("SELECT COUNT(*) FROM check_results WHERE at < $1")
            .bind(instant(before))
            .fetch_one(db)
            .await?
    });
    Ok(count.unsigned_abs())
}
