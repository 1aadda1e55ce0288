//! How fresh assets are: how each was last seen to stand, and the changes of that.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tidegate_core::Result;
use tidegate_core::plan::{AssetName, FreshnessStatus};
use tidegate_core::port::{FreshnessChange, FreshnessRecord, FreshnessStore, Leader, Outcome};

use crate::error::StateError;
use crate::leader::unless_leads_return;
use crate::outcomes;
use crate::pool::Pool;
use crate::store::SqlStateStore;
use crate::values::{from_text, instant};

#[async_trait]
impl FreshnessStore for SqlStateStore {
    async fn materialized_at(&self, asset: &AssetName) -> Result<Option<DateTime<Utc>>> {
        Ok(materialized_at(&self.pool, asset).await?)
    }

    async fn freshness(&self) -> Result<Vec<FreshnessRecord>> {
        Ok(list(&self.pool).await?)
    }

    async fn keep_freshness(
        &self,
        leader: &Leader,
        record: &FreshnessRecord,
        change: Option<&FreshnessChange>,
    ) -> Result<bool> {
        Ok(keep(&self.pool, leader, record, change).await?)
    }

    async fn freshness_changes(&self, after: i64, limit: u32) -> Result<Vec<FreshnessChange>> {
        Ok(changes(&self.pool, after, limit).await?)
    }

    async fn prune_freshness_changes(&self, before: DateTime<Utc>) -> Result<u64> {
        Ok(prune(&self.pool, before).await?)
    }
}

async fn materialized_at(pool: &Pool, asset: &AssetName) -> Result<Option<DateTime<Utc>>, StateError> {
    let at: Option<DateTime<Utc>> = on_pool!(pool, |db| {
        sqlx::query_scalar("SELECT at FROM materializations WHERE asset = $1 ORDER BY sequence DESC LIMIT 1")
            .bind(asset.as_str())
            .fetch_optional(db)
            .await?
    });
    Ok(at)
}

#[derive(sqlx::FromRow)]
struct Row {
    asset: String,
    status: String,
    watched_since: DateTime<Utc>,
    changed_at: DateTime<Utc>,
}

async fn list(pool: &Pool) -> Result<Vec<FreshnessRecord>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as("SELECT asset, status, watched_since, changed_at FROM freshness ORDER BY asset")
            .fetch_all(db)
            .await?
    });
    rows.into_iter()
        .map(|row| {
            Ok(FreshnessRecord {
                asset: from_text("asset", &row.asset, |text| text.parse().ok())?,
                status: from_text("freshness status", &row.status, FreshnessStatus::parse)?,
                watched_since: row.watched_since,
                changed_at: row.changed_at,
            })
        })
        .collect()
}

async fn keep(
    pool: &Pool,
    leader: &Leader,
    record: &FreshnessRecord,
    change: Option<&FreshnessChange>,
) -> Result<bool, StateError> {
    in_transaction!(pool, |tx, dialect| {
        unless_leads_return!(tx, dialect, leader, false);
        sqlx::query(
            "INSERT INTO freshness (asset, status, watched_since, changed_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (asset) DO UPDATE SET status = excluded.status,
                 watched_since = excluded.watched_since, changed_at = excluded.changed_at",
        )
        .bind(record.asset.as_str())
        .bind(record.status.text())
        .bind(instant(record.watched_since))
        .bind(instant(record.changed_at))
        .execute(&mut *tx)
        .await?;
        if let Some(change) = change {
            sqlx::query(
                "INSERT INTO freshness_changes (asset, status, due_at, last_at, at) VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(change.asset.as_str())
            .bind(change.status.text())
            .bind(change.due_at.map(instant))
            .bind(change.last_at.map(instant))
            .bind(instant(change.at))
            .execute(&mut *tx)
            .await?;
            outcomes::insert!(tx, &Outcome::Freshness(change.clone()), change.at);
        }
    });
    Ok(true)
}

#[derive(sqlx::FromRow)]
struct ChangeRow {
    sequence: i64,
    asset: String,
    status: String,
    due_at: Option<DateTime<Utc>>,
    last_at: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
}

/// Only the leader writes changes, so their numbers are in the order in which they are committed.
async fn changes(pool: &Pool, after: i64, limit: u32) -> Result<Vec<FreshnessChange>, StateError> {
    let rows: Vec<ChangeRow> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT sequence, asset, status, due_at, last_at, at FROM freshness_changes
             WHERE sequence > $1 ORDER BY sequence LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(db)
        .await?
    });
    rows.into_iter()
        .map(|row| {
            Ok(FreshnessChange {
                sequence: row.sequence,
                asset: from_text("asset", &row.asset, |text| text.parse().ok())?,
                status: from_text("freshness status", &row.status, FreshnessStatus::parse)?,
                due_at: row.due_at,
                last_at: row.last_at,
                at: row.at,
            })
        })
        .collect()
}

async fn prune(pool: &Pool, before: DateTime<Utc>) -> Result<u64, StateError> {
    let removed = on_pool!(pool, |db| {
        sqlx::query("DELETE FROM freshness_changes WHERE at < $1")
            .bind(instant(before))
            .execute(db)
            .await?
            .rows_affected()
    });
    Ok(removed)
}
