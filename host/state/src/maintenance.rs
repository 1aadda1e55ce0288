//! What keeps the store small, and how large it is.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use tidegate_core::Result;
use tidegate_core::port::{EventKind, MaintenanceStore, Pruned, TableSize};

use crate::error::StateError;
use crate::pool::Pool;
use crate::store::SqlStateStore;
use crate::{months, prune};

#[async_trait]
impl MaintenanceStore for SqlStateStore {
    async fn prune_runs(&self, before: DateTime<Utc>, most: u32) -> Result<u64> {
        Ok(prune::runs(&self.pool, before, most).await?)
    }

    async fn prune_events(
        &self,
        kind: EventKind,
        before: DateTime<Utc>,
        after: i64,
        most: u32,
    ) -> Result<Pruned> {
        Ok(prune::events(&self.pool, kind, before, after, most).await?)
    }

    async fn prunable_runs(&self, before: DateTime<Utc>) -> Result<u64> {
        Ok(prune::count_runs(&self.pool, before).await?)
    }

    async fn prunable_events(&self, kind: EventKind, before: DateTime<Utc>) -> Result<u64> {
        Ok(prune::count_events(&self.pool, kind, before).await?)
    }

    async fn cut_months(&self, now: DateTime<Utc>) -> Result<()> {
        match &self.pool {
            Pool::Sqlite(_) => Ok(()),
            Pool::Postgres(db) => Ok(months::cut(db, now).await?),
        }
    }

    async fn drop_months(&self, before: DateTime<Utc>) -> Result<Vec<String>> {
        match &self.pool {
            Pool::Sqlite(_) => Ok(Vec::new()),
            Pool::Postgres(db) => Ok(months::drop(db, before).await?),
        }
    }

    async fn sizes(&self) -> Result<Vec<TableSize>> {
        Ok(sizes(&self.pool).await?)
    }
}

async fn sizes(pool: &Pool) -> Result<Vec<TableSize>, StateError> {
    let mut sizes = Vec::new();
    match pool {
        Pool::Sqlite(db) => {
            let tables: Vec<String> = sqlx::query_scalar(
                "SELECT name FROM sqlite_master
                 WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'
                 ORDER BY name",
            )
            .fetch_all(db)
            .await?;
            for table in tables {
                let rows: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))
                    .fetch_one(db)
                    .await?;
                sizes.push(TableSize {
                    table,
                    rows: rows.unsigned_abs(),
                    bytes: None,
                });
            }
        }
        Pool::Postgres(db) => {
            // A table that was never analyzed has no statistics, told as -1.
            let tables: Vec<(String, i64, i64)> = sqlx::query_as(
                "SELECT c.relname::text, GREATEST(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid)
                 FROM pg_class c
                 WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
                   AND c.relname NOT LIKE '\\_sqlx%'
                 ORDER BY c.relname",
            )
            .fetch_all(db)
            .await?;
            sizes.extend(tables.into_iter().map(|(table, rows, bytes)| TableSize {
                table,
                rows: rows.unsigned_abs(),
                bytes: Some(bytes.unsigned_abs()),
            }));
        }
    }
    Ok(sizes)
}
