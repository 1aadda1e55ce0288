//! Backfills. Their runs are taken as [`crate::queue`] says.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::QueryBuilder;
use sqlx::types::{Json, Uuid};
use tidegate_core::Result;
use tidegate_core::plan::BackfillId;
use tidegate_core::port::{
    BACKFILL_TAG, BackfillRecord, BackfillState, BackfillStore, Inserted, NewRun, RunState,
};

use crate::error::StateError;
use crate::pool::Pool;
use crate::runs;
use crate::store::SqlStateStore;
use crate::values::{from_integer, from_text, instant, to_integer, to_json};

#[async_trait]
impl BackfillStore for SqlStateStore {
    async fn insert_backfill(&self, backfill: &BackfillRecord) -> Result<()> {
        Ok(insert(&self.pool, backfill).await?)
    }

    async fn insert_runs(&self, runs: &[NewRun]) -> Result<Vec<Inserted>> {
        Ok(insert_runs(&self.pool, runs).await?)
    }

    async fn move_backfill(
        &self,
        backfill: BackfillId,
        from: &[BackfillState],
        to: BackfillState,
        at: DateTime<Utc>,
    ) -> Result<bool> {
        Ok(set_state(&self.pool, backfill, from, to, at).await?)
    }

    async fn backfill(&self, backfill: BackfillId) -> Result<Option<BackfillRecord>> {
        Ok(get(&self.pool, backfill).await?)
    }

    async fn backfills(&self, limit: u32) -> Result<Vec<BackfillRecord>> {
        Ok(list(&self.pool, limit).await?)
    }

    async fn backfill_runs(&self, backfill: BackfillId) -> Result<Vec<(RunState, u64)>> {
        Ok(count(&self.pool, backfill).await?)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    state: String,
    request: Json<Value>,
    runs: i64,
    concurrency: Option<i64>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for BackfillRecord {
    type Error = StateError;

    fn try_from(row: Row) -> Result<Self, StateError> {
        let concurrency = row
            .concurrency
            .map(|limit| from_integer("the backfill's concurrency", limit));
        Ok(Self {
            id: BackfillId(row.id),
            state: from_text("backfill state", &row.state, BackfillState::parse)?,
            request: row.request.0,
            runs: from_integer("the backfill's runs", row.runs)?,
            concurrency: concurrency.transpose()?,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

async fn insert(pool: &Pool, backfill: &BackfillRecord) -> Result<(), StateError> {
    let request = to_json("the backfill's request", &backfill.request)?;
    let runs: i64 = to_integer("the backfill's runs", backfill.runs)?;
    on_pool!(pool, |db| {
        sqlx::query(
            "INSERT INTO backfills (id, state, request, runs, concurrency, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(backfill.id.0)
        .bind(backfill.state.text())
        .bind(&request)
        .bind(runs)
        .bind(backfill.concurrency.map(i64::from))
        .bind(instant(backfill.created_at))
        .bind(instant(backfill.updated_at))
        .execute(db)
        .await?;
    });
    Ok(())
}

async fn insert_runs(pool: &Pool, new: &[NewRun]) -> Result<Vec<Inserted>, StateError> {
    let columns = new.iter().map(runs::Columns::of).collect::<Result<Vec<_>, _>>()?;
    let mut inserted = Vec::new();
    in_transaction!(pool, |tx, _dialect| {
        for columns in &columns {
            inserted.push(runs::insert!(tx, columns));
        }
    });
    Ok(inserted)
}

async fn set_state(
    pool: &Pool,
    backfill: BackfillId,
    from: &[BackfillState],
    to: BackfillState,
    at: DateTime<Utc>,
) -> Result<bool, StateError> {
    let moved = on_pool!(pool, |db| {
        let mut query = QueryBuilder::new("UPDATE backfills SET state = ");
        query.push_bind(to.text());
        query.push(", updated_at = ").push_bind(instant(at));
        query.push(" WHERE id = ").push_bind(backfill.0);
        query.push(" AND state IN (");
        let mut states = query.separated(", ");
        for state in from {
            states.push_bind(state.text());
        }
        query.push(")");
        query.build().execute(db).await?.rows_affected()
    });
    Ok(moved == 1)
}

async fn get(pool: &Pool, backfill: BackfillId) -> Result<Option<BackfillRecord>, StateError> {
    let row: Option<Row> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT id, state, request, runs, concurrency, created_at, updated_at FROM backfills WHERE id = $1",
        )
        .bind(backfill.0)
        .fetch_optional(db)
        .await?
    });
    row.map(BackfillRecord::try_from).transpose()
}

/// Ids sort by the time they were made.
async fn list(pool: &Pool, limit: u32) -> Result<Vec<BackfillRecord>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT id, state, request, runs, concurrency, created_at, updated_at FROM backfills
             ORDER BY id DESC LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(db)
        .await?
    });
    rows.into_iter().map(BackfillRecord::try_from).collect()
}

async fn count(pool: &Pool, backfill: BackfillId) -> Result<Vec<(RunState, u64)>, StateError> {
    let rows: Vec<(String, i64)> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT r.state, COUNT(*) FROM run_tags t JOIN runs r ON r.id = t.run
             WHERE t.key = $1 AND t.value = $2 GROUP BY r.state ORDER BY r.state",
        )
        .bind(BACKFILL_TAG)
        .bind(backfill.0.to_string())
        .fetch_all(db)
        .await?
    });
    rows.into_iter()
        .map(|(state, runs)| {
            Ok((
                from_text("run state", &state, RunState::parse)?,
                from_integer("a count of runs", runs)?,
            ))
        })
        .collect()
}
