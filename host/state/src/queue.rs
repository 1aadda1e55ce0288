//! The queue of runs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::types::Uuid;
use tidegate_core::Result;
use tidegate_core::plan::{RunId, WorkerId};
use tidegate_core::port::{
    BACKFILL_TAG, QueueStore, RunMove, RunRecord, RunState, TagLimit, TakeRuns, WorkerRecord,
};

use crate::error::StateError;
use crate::pool::Pool;
use crate::run_list::Row;
use crate::store::SqlStateStore;
use crate::values::instant;
use crate::{events, workers};

#[async_trait]
impl QueueStore for SqlStateStore {
    async fn take_runs(&self, take: &TakeRuns<'_>) -> Result<Vec<RunRecord>> {
        Ok(take_runs(&self.pool, take).await?)
    }

    async fn join_worker(&self, worker: &WorkerId, at: DateTime<Utc>) -> Result<()> {
        Ok(workers::join(&self.pool, worker, at).await?)
    }

    async fn beat(&self, worker: &WorkerId, at: DateTime<Utc>) -> Result<Option<Vec<RunId>>> {
        Ok(workers::beat(&self.pool, worker, at).await?)
    }

    async fn forget_worker(&self, worker: &WorkerId) -> Result<()> {
        Ok(workers::forget(&self.pool, worker).await?)
    }

    async fn workers(&self) -> Result<Vec<WorkerRecord>> {
        Ok(workers::list(&self.pool).await?)
    }
}

/// What is full, or how much is left of it.
struct Room<'a> {
    limits: &'a [TagLimit],
    /// Runs that go on, by tag.
    used: BTreeMap<(String, String), u32>,
}

impl Room<'_> {
    fn limit(&self, key: &str, value: &str) -> Option<u32> {
        self.limits
            .iter()
            .filter(|limit| limit.key == key && limit.value.as_deref().is_none_or(|wanted| wanted == value))
            .map(|limit| limit.limit)
            .min()
    }

    /// The tags of which no more may go on.
    fn full(&self) -> Vec<(String, String)> {
        let full = |((key, value), used): (&(String, String), &u32)| {
            let limit = self.limit(key, value)?;
            (*used >= limit).then(|| (key.clone(), value.clone()))
        };
        self.used.iter().filter_map(full).collect()
    }

    /// Whether a run of these tags may go on too; then it counts.
    fn admit(&mut self, tags: &BTreeMap<String, String>) -> bool {
        let limited: Vec<(String, String)> = tags
            .iter()
            .filter(|(key, value)| self.limit(key, value).is_some())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let fits = limited.iter().all(|tag| {
            let used = self.used.get(tag).copied().unwrap_or(0);
            self.limit(&tag.0, &tag.1).is_none_or(|limit| used < limit)
        });
        if fits {
            for tag in limited {
                *self.used.entry(tag).or_default() += 1;
            }
        }
        fits
    }
}

/// The runs that go on.
pub(crate) const GOING: &str =
    "SELECT COUNT(*) FROM runs WHERE state IN ('starting', 'running', 'cancelling')";

/// The runs that go on, by a tag.
pub(crate) const GOING_BY_TAG: &str =
    "SELECT t.key, t.value, COUNT(*) FROM runs r JOIN run_tags t ON t.run = r.id
     WHERE r.state IN ('starting', 'running', 'cancelling') AND t.key = $1
       AND ($2 IS NULL OR t.value = $2)
     GROUP BY t.key, t.value";

/// The queued runs that a worker may take, behind a prefix, less those with a tag that is full.
macro_rules! queued {
    ($prefix:literal, $full:expr, $worker:expr, $limit:expr, $locked:expr) => {{
        let full: &[(String, String)] = $full;
        let mut query = sqlx::QueryBuilder::new(concat!(
            $prefix,
            "SELECT ",
            crate::run_list::columns!(),
            " FROM runs r WHERE r.state = 'queued'"
        ));
        query
            .push(" AND (r.worker IS NULL OR r.worker = ")
            .push_bind($worker.0.as_str())
            .push(")");
        for (key, value) in full {
            query
                .push(" AND NOT EXISTS (SELECT 1 FROM run_tags t WHERE t.run = r.id AND t.key = ")
                .push_bind(key.as_str())
                .push(" AND t.value = ")
                .push_bind(value.as_str())
                .push(")");
        }
        query
            .push(" ORDER BY r.priority DESC, r.id LIMIT ")
            .push_bind($limit)
            .push($locked);
        query
    }};
}
#[cfg(test)]
pub(crate) use queued;

/// Takers come one after the other and count what goes on, so that no limit is passed.
async fn take_runs(pool: &Pool, take: &TakeRuns<'_>) -> Result<Vec<RunRecord>, StateError> {
    let at = instant(take.at);
    let mut taken: Vec<RunRecord> = Vec::new();
    in_transaction!(pool, |tx, dialect| {
        sqlx::query(dialect::LOCK_QUEUE).execute(&mut *tx).await?;
        let mut most = take.most;
        if let Some(limit) = take.limit {
            let going: i64 = sqlx::query_scalar(GOING).fetch_one(&mut *tx).await?;
            most = most.min(limit.saturating_sub(u32::try_from(going).unwrap_or(u32::MAX)));
        }
        // A backfill that is not open lets none of its runs go on.
        let backfills: Vec<(Uuid, String, Option<i64>)> = sqlx::query_as(
            "SELECT id, state, concurrency FROM backfills
             WHERE state IN ('queueing', 'paused') OR (state = 'open' AND concurrency IS NOT NULL)",
        )
        .fetch_all(&mut *tx)
        .await?;
        let held = backfills.into_iter().map(|(id, state, concurrency)| TagLimit {
            key: BACKFILL_TAG.into(),
            value: Some(id.to_string()),
            limit: match (state.as_str(), concurrency) {
                ("open", Some(limit)) => u32::try_from(limit).unwrap_or(u32::MAX),
                _ => 0,
            },
        });
        let limits: Vec<TagLimit> = take.tag_limits.iter().cloned().chain(held).collect();
        let mut room = Room {
            limits: &limits,
            used: BTreeMap::new(),
        };
        for limit in &limits {
            if limit.limit == 0
                && let Some(value) = &limit.value
            {
                room.used.insert((limit.key.clone(), value.clone()), 0);
                continue;
            }
            let used: Vec<(String, String, i64)> = sqlx::query_as(GOING_BY_TAG)
                .bind(limit.key.as_str())
                .bind(limit.value.as_deref())
                .fetch_all(&mut *tx)
                .await?;
            for (key, value, runs) in used {
                room.used
                    .insert((key, value), u32::try_from(runs).unwrap_or(u32::MAX));
            }
        }
        // Each pass leaves out what is full by then, so runs that are held back do not hide those behind them.
        while (taken.len() as u32) < most {
            let full = room.full();
            let left = i64::from(most) - taken.len() as i64;
            let mut query = queued!("", &full, take.worker, left, dialect::SKIP_LOCKED);
            let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *tx).await?;
            let found = rows.len();
            let mut held_back = false;
            for row in rows {
                let mut run = RunRecord::try_from(row)?;
                if !room.admit(&run.tags) {
                    held_back = true;
                    continue;
                }
                let moved = RunMove {
                    run: run.id,
                    from: RunState::Queued,
                    to: RunState::Starting,
                    seen: None,
                    holder: None,
                    reserved: None,
                    error: None,
                    by: take.worker.clone(),
                    at: take.at,
                };
                sqlx::query(
                    "UPDATE runs SET state = 'starting', worker = $1, updated_at = $2,
                            started_at = COALESCE(started_at, $2), finished_at = NULL, error = NULL
                     WHERE id = $3",
                )
                .bind(take.worker.0.as_str())
                .bind(at)
                .bind(run.id.0)
                .execute(&mut *tx)
                .await?;
                events::insert!(tx, dialect, &moved.event());
                run.state = RunState::Starting;
                run.worker = Some(take.worker.clone());
                run.updated_at = at;
                run.started_at = run.started_at.or(Some(at));
                run.finished_at = None;
                run.error = None;
                taken.push(run);
            }
            if found == 0 || !held_back {
                break;
            }
        }
    });
    Ok(taken)
}
