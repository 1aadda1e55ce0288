//! Runs as they are read: one by its id, or many by what they have in common.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::{Json, Uuid};
use tidegate_core::plan::{RunId, WorkerId};
use tidegate_core::port::{RunFilter, RunRecord, RunState};

use crate::error::StateError;
use crate::pool::Pool;
use crate::values::{from_integer, from_json, from_text};

/// The columns of [`Row`].
macro_rules! columns {
    () => {
        "r.id, r.state, r.request, r.created_at, r.updated_at, r.error, r.worker, r.priority, r.job, r.tags, r.run_key, \
         r.started_at, r.finished_at, r.recoveries, r.attended"
    };
}
pub(crate) use columns;

#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    id: Uuid,
    state: String,
    request: Json<Value>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    error: Option<Json<Value>>,
    worker: Option<String>,
    priority: i64,
    job: Option<String>,
    tags: Json<Value>,
    run_key: Option<String>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    recoveries: i64,
    attended: bool,
}

impl TryFrom<Row> for RunRecord {
    type Error = StateError;

    fn try_from(row: Row) -> Result<Self, StateError> {
        Ok(Self {
            id: RunId(row.id),
            state: from_text("run state", &row.state, RunState::parse)?,
            request: row.request.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
            error: row.error.map(|error| from_json("run error", error)).transpose()?,
            worker: row.worker.map(WorkerId),
            priority: row.priority,
            job: row.job,
            tags: from_json("run tags", row.tags)?,
            run_key: row.run_key,
            started_at: row.started_at,
            finished_at: row.finished_at,
            recoveries: from_integer("recoveries", row.recoveries)?,
            attended: row.attended,
        })
    }
}

pub(crate) async fn get(pool: &Pool, run: RunId) -> Result<Option<RunRecord>, StateError> {
    let row: Option<Row> = on_pool!(pool, |db| {
        sqlx::query_as(concat!("SELECT ", columns!(), " FROM runs r WHERE r.id = $1"))
            .bind(run.0)
            .fetch_optional(db)
            .await?
    });
    row.map(RunRecord::try_from).transpose()
}

/// The query of [`list`], behind a prefix, for the database that the place where it is used tells. Only the conditions that
/// are told stand in the text: each has an index, which a condition that may be missing would keep from being used.
macro_rules! listing {
    ($prefix:literal, $filter:expr) => {{
        let filter: &tidegate_core::port::RunFilter = $filter;
        let mut query = sqlx::QueryBuilder::new(concat!(
            $prefix,
            "SELECT ",
            crate::run_list::columns!(),
            " FROM runs r WHERE 1 = 1"
        ));
        if let Some(before) = filter.before {
            query.push(" AND r.id < ").push_bind(before.0);
        }
        if !filter.states.is_empty() {
            query.push(" AND r.state IN (");
            let mut states = query.separated(", ");
            for state in &filter.states {
                states.push_bind(state.text());
            }
            query.push(")");
        }
        if let Some(job) = &filter.job {
            query.push(" AND r.job = ").push_bind(job.as_str());
        }
        if let Some(worker) = &filter.worker {
            query.push(" AND r.worker = ").push_bind(worker.0.as_str());
        }
        if let Some(asset) = &filter.asset {
            query
                .push(" AND r.id IN (SELECT run FROM run_partitions WHERE asset = ")
                .push_bind(asset.as_str())
                .push(")");
        }
        for (key, value) in &filter.tags {
            query
                .push(" AND r.id IN (SELECT run FROM run_tags WHERE key = ")
                .push_bind(key.as_str())
                .push(" AND value = ")
                .push_bind(value.as_str())
                .push(")");
        }
        query
            .push(" ORDER BY r.id DESC LIMIT ")
            .push_bind(i64::from(filter.limit));
        query
    }};
}
#[cfg(test)]
pub(crate) use listing;

/// Ids sort by the time they were made, so the newest is the greatest.
pub(crate) async fn list(pool: &Pool, filter: &RunFilter) -> Result<Vec<RunRecord>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| {
        listing!("", filter).build_query_as().fetch_all(db).await?
    });
    rows.into_iter().map(RunRecord::try_from).collect()
}
