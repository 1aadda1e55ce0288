//! Runs: inserted, and moved from state to state.

use serde_json::Value;
use sqlx::types::Json;
use tidegate_core::port::{Inserted, NewRun, RunMove};

use crate::error::StateError;
use crate::pool::Pool;
use crate::values::to_json;

/// How many rows one INSERT takes, well below what either database allows in parameters.
pub(crate) const ROWS_PER_INSERT: usize = 1_000;

/// A run that can be inserted, with its documents as columns.
pub(crate) struct Columns<'a> {
    pub(crate) run: &'a NewRun,
    pub(crate) request: Json<Value>,
    pub(crate) tags: Json<Value>,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(run: &'a NewRun) -> Result<Self, StateError> {
        let texts = run
            .tags
            .iter()
            .flat_map(|(key, value)| [("a tag", key), ("a tag", value)])
            .chain(run.run_key.iter().map(|key| ("the run's key", key)))
            .chain(run.job.iter().map(|job| ("the job", job)))
            .chain(
                run.partitions
                    .iter()
                    .map(|(_, partition)| ("a partition key", &partition.0)),
            );
        for (what, text) in texts {
            if text.contains('\0') {
                let reason = format!("{text:?} holds a NUL character");
                return Err(StateError::Value { what, reason });
            }
        }
        Ok(Self {
            run,
            request: to_json("the run's request", &run.request)?,
            tags: to_json("the run's tags", &run.tags)?,
        })
    }
}

/// Inserts a run in a transaction of more; answers what became of it. A key that is taken is waited for: whoever took
/// it may yet roll back.
macro_rules! insert {
    ($tx:ident, $columns:expr) => {{
        let columns: &crate::runs::Columns<'_> = $columns;
        let run = columns.run;
        let at = crate::values::instant(run.at);
        let mut known: Option<sqlx::types::Uuid> = None;
        if let Some(key) = &run.run_key {
            let taken = sqlx::query(
                "INSERT INTO run_keys (run_key, run, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            )
            .bind(key.as_str())
            .bind(run.id.0)
            .bind(at)
            .execute(&mut *$tx)
            .await?
            .rows_affected();
            if taken == 0 {
                known = Some(
                    sqlx::query_scalar("SELECT run FROM run_keys WHERE run_key = $1")
                        .bind(key.as_str())
                        .fetch_one(&mut *$tx)
                        .await?,
                );
            }
        }
        match known {
            Some(id) => tidegate_core::port::Inserted::Known(tidegate_core::plan::RunId(id)),
            None => {
                sqlx::query(
                    "INSERT INTO runs (id, state, request, created_at, updated_at, worker, priority, job, tags, run_key,
                                       attended)
                     VALUES ($1, 'queued', $2, $3, $3, $4, $5, $6, $7, $8, $9)",
                )
                .bind(run.id.0)
                .bind(&columns.request)
                .bind(at)
                .bind(run.worker.as_ref().map(|worker| worker.0.as_str()))
                .bind(run.priority)
                .bind(run.job.as_deref())
                .bind(&columns.tags)
                .bind(run.run_key.as_deref())
                .bind(run.worker.is_some())
                .execute(&mut *$tx)
                .await?;
                for (key, value) in &run.tags {
                    sqlx::query("INSERT INTO run_tags (run, key, value) VALUES ($1, $2, $3)")
                        .bind(run.id.0)
                        .bind(key.as_str())
                        .bind(value.as_str())
                        .execute(&mut *$tx)
                        .await?;
                }
                let partitions: Vec<_> = (0_i64..).zip(&run.partitions).collect();
                for rows in partitions.chunks(crate::runs::ROWS_PER_INSERT) {
                    let mut insert = sqlx::QueryBuilder::new(
                        "INSERT INTO run_partitions (run, asset, partition_key, position, state) ",
                    );
                    insert.push_values(rows, |mut row, (position, (asset, partition))| {
                        row.push_bind(run.id.0)
                            .push_bind(asset.as_str())
                            .push_bind(partition.0.as_str())
                            .push_bind(position)
                            .push_bind(tidegate_core::port::PartitionState::Pending.text());
                    });
                    insert
                        .build()
                        .persistent(rows.len() == 1)
                        .execute(&mut *$tx)
                        .await?;
                }
                tidegate_core::port::Inserted::New
            }
        }
    }};
}
pub(crate) use insert;

pub(crate) async fn insert_one(pool: &Pool, run: &NewRun) -> Result<Inserted, StateError> {
    let columns = Columns::of(run)?;
    Ok(in_transaction!(pool, |tx, _dialect| { insert!(tx, &columns) }))
}

/// Moves a run in a transaction of more, with its event: whoever sees the run moved sees by whom. Answers whether it was
/// where the move begins.
macro_rules! step {
    ($tx:ident, $dialect:ident, $change:expr) => {{
        let change: &tidegate_core::port::RunMove = $change;
        let error = change.error.as_ref();
        let error = error.map(|error| crate::values::to_json("the run's error", error));
        let error = error.transpose()?;
        let at = crate::values::instant(change.at);
        let queued = change.to == tidegate_core::port::RunState::Queued;
        let starting = change.to == tidegate_core::port::RunState::Starting;
        // Of a worker that queues its own run, nothing was lost.
        let recovered = queued && !change.from.ended() && change.holder.is_none();
        let worker = if queued { change.reserved.as_ref() } else { Some(&change.by) };
        let moved = sqlx::query(
            "UPDATE runs SET state = $1, updated_at = $2, error = $3,
                    worker = CASE WHEN $4 THEN $5 ELSE worker END,
                    started_at = CASE WHEN $6 THEN COALESCE(started_at, $2) ELSE started_at END,
                    finished_at = CASE WHEN $7 THEN $2 ELSE NULL END,
                    recoveries = recoveries + $8,
                    attended = CASE WHEN $13 THEN $14 ELSE attended END
             WHERE id = $9 AND state = $10
               AND ($11 IS NULL OR updated_at = $11)
               AND ($12 IS NULL OR worker = $12)",
        )
        .bind(change.to.text())
        .bind(at)
        .bind(&error)
        // Only a worker that starts a run becomes its holder; who ends or cancels one does not.
        .bind(queued || starting)
        .bind(worker.map(|worker| worker.0.as_str()))
        .bind(starting)
        .bind(change.to.ended())
        .bind(i64::from(recovered))
        .bind(change.run.0)
        .bind(change.from.text())
        .bind(change.seen.map(crate::values::instant))
        .bind(change.holder.as_ref().map(|worker| worker.0.as_str()))
        .bind(queued)
        .bind(change.reserved.is_some())
        .execute(&mut *$tx)
        .await?
        .rows_affected();
        if moved == 1 {
            // What was not tried when the run ended is skipped; what was skipped is tried when it goes on again.
            let (from, to) = if queued { ("skipped", "pending") } else { ("pending", "skipped") };
            if change.to.ended() || queued {
                sqlx::query("UPDATE run_partitions SET state = $1 WHERE run = $2 AND state = $3")
                    .bind(to)
                    .bind(change.run.0)
                    .bind(from)
                    .execute(&mut *$tx)
                    .await?;
            }
            crate::events::insert!($tx, $dialect, &change.event());
            if change.to.ended() {
                let end = tidegate_core::port::RunEnd {
                    run: change.run,
                    state: change.to,
                    error: change.error.clone(),
                    at: change.at,
                };
                let outcome = tidegate_core::port::Outcome::Run(end);
                crate::outcomes::insert!($tx, &outcome, change.at);
            }
        }
        moved == 1
    }};
}
pub(crate) use step;

pub(crate) async fn set_state(pool: &Pool, change: &RunMove) -> Result<bool, StateError> {
    Ok(in_transaction!(pool, |tx, dialect| {
        step!(tx, dialect, change)
    }))
}
