//! Ticks of schedules and sensors: each one transaction with its runs and cursor, under the leader's fence but where somebody
//! asked for it.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::QueryBuilder;
use sqlx::types::Json;
use tidegate_core::Result;
use tidegate_core::plan::RunId;
use tidegate_core::port::{
    Inserted, Instigator, InstigatorRecord, Leader, NewRun, NewTick, TICKS_KEPT, TickFilter, TickOutcome,
    TickRecord, TickStore, Ticked,
};

use crate::error::StateError;
use crate::leader::unless_leads_return;
use crate::pool::Pool;
use crate::store::SqlStateStore;
use crate::values::{from_json, from_text, instant, to_json};
use crate::{instigators, runs};

#[async_trait]
impl TickStore for SqlStateStore {
    async fn instigators(&self) -> Result<Vec<InstigatorRecord>> {
        Ok(instigators::list(&self.pool).await?)
    }

    async fn instigator(&self, instigator: &Instigator) -> Result<Option<InstigatorRecord>> {
        Ok(instigators::get(&self.pool, instigator).await?)
    }

    async fn meet_instigator(
        &self,
        leader: &Leader,
        instigator: &Instigator,
        at: DateTime<Utc>,
    ) -> Result<bool> {
        Ok(instigators::meet(&self.pool, leader, instigator, at).await?)
    }

    async fn enable_instigator(
        &self,
        instigator: &Instigator,
        enabled: bool,
        at: DateTime<Utc>,
    ) -> Result<InstigatorRecord> {
        Ok(instigators::enable(&self.pool, instigator, enabled, at).await?)
    }

    async fn pause_instigator(
        &self,
        leader: &Leader,
        instigator: &Instigator,
        seen: i64,
        why: &str,
    ) -> Result<bool> {
        Ok(instigators::pause(&self.pool, leader, instigator, seen, why).await?)
    }

    async fn set_cursor(
        &self,
        instigator: &Instigator,
        cursor: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<()> {
        Ok(instigators::set_cursor(&self.pool, instigator, cursor, at).await?)
    }

    async fn wipe_instigator(&self, instigator: &Instigator) -> Result<()> {
        Ok(instigators::wipe(&self.pool, instigator).await?)
    }

    async fn keep_tick(&self, leader: &Leader, tick: &NewTick) -> Result<Ticked> {
        Ok(keep(&self.pool, leader, tick).await?)
    }

    async fn keep_tick_by_hand(&self, tick: &NewTick) -> Result<Vec<(RunId, Inserted)>> {
        Ok(keep_by_hand(&self.pool, tick).await?)
    }

    async fn release_tick(
        &self,
        leader: &Leader,
        instigator: &Instigator,
        sequence: i64,
        runs: &[NewRun],
    ) -> Result<Ticked> {
        Ok(release(&self.pool, leader, instigator, sequence, runs).await?)
    }

    async fn ticks(&self, instigator: &Instigator, filter: &TickFilter) -> Result<Vec<TickRecord>> {
        Ok(list(&self.pool, instigator, filter).await?)
    }
}

/// Inserts the runs of a tick; answers what became of each.
macro_rules! insert_runs {
    ($tx:ident, $columns:expr) => {{
        let mut launched = Vec::new();
        for columns in $columns {
            let inserted = runs::insert!($tx, columns);
            launched.push((columns.run.id, inserted));
        }
        launched
    }};
}

/// Those that are new.
fn new_runs(launched: &[(RunId, Inserted)]) -> Vec<RunId> {
    launched
        .iter()
        .filter(|(_, inserted)| *inserted == Inserted::New)
        .map(|(run, _)| *run)
        .collect()
}

/// What a tick keeps as documents, and its runs, as columns.
struct Columns<'a> {
    tick: &'a NewTick,
    runs: Vec<runs::Columns<'a>>,
    reason: Option<String>,
    result: Option<Json<Value>>,
    error: Option<Json<Value>>,
}

impl<'a> Columns<'a> {
    fn of(tick: &'a NewTick) -> Result<Self, StateError> {
        let runs = tick.runs.iter().map(runs::Columns::of);
        let result = tick.result.as_ref();
        let result = result.map(|result| to_json("a tick's result", result));
        let error = tick.error.as_ref().map(|error| to_json("a tick's error", error));
        Ok(Self {
            tick,
            runs: runs.collect::<Result<_, _>>()?,
            // A reason may quote what a plugin or a server said.
            reason: tick.reason.as_ref().map(|text| text.replace('\0', "\u{fffd}")),
            result: result.transpose()?,
            error: error.transpose()?,
        })
    }
}

/// Inserts a tick under its number, and deletes those that are too old.
macro_rules! insert {
    ($tx:ident, $columns:ident, $sequence:ident, $launched:ident, $by_hand:literal) => {
        let tick = $columns.tick;
        sqlx::query(
            "INSERT INTO ticks (kind, name, sequence, scheduled_at, at, outcome, reason, runs, result, error, by_hand)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(tick.instigator.kind.text())
        .bind(tick.instigator.name.as_str())
        .bind($sequence)
        .bind(instant(tick.scheduled_at))
        .bind(instant(tick.at))
        .bind(tick.outcome.text())
        .bind($columns.reason.as_deref())
        .bind(to_json("a tick's runs", &new_runs(&$launched))?)
        .bind(&$columns.result)
        .bind(&$columns.error)
        .bind($by_hand)
        .execute(&mut *$tx)
        .await?;
        sqlx::query(
            "DELETE FROM ticks WHERE kind = $1 AND name = $2 AND sequence <= $3 AND outcome <> 'buffered'",
        )
        .bind(tick.instigator.kind.text())
        .bind(tick.instigator.name.as_str())
        .bind($sequence - TICKS_KEPT)
        .execute(&mut *$tx)
        .await?;
    };
}

async fn keep(pool: &Pool, leader: &Leader, tick: &NewTick) -> Result<Ticked, StateError> {
    let which = &tick.instigator;
    let columns = Columns::of(tick)?;
    if tick.cursor.as_ref().is_some_and(|cursor| cursor.contains('\0')) {
        return Err(StateError::Value {
            what: "a cursor",
            reason: "it holds a NUL character".to_owned(),
        });
    }
    let launched = in_transaction!(pool, |tx, dialect| {
        unless_leads_return!(tx, dialect, leader, Ticked::NotLeading);
        // A clock that goes back never makes a schedule due again. A sensor looks by the clock, whatever it says.
        let sequence: Option<i64> = sqlx::query_scalar(
            "UPDATE instigators
             SET sequence = sequence + 1, last_tick_at = $1, cursor = COALESCE($2, cursor),
                 failures = CASE WHEN $3 THEN failures + 1 ELSE 0 END
             WHERE kind = $4 AND name = $5 AND sequence = $6
               AND (kind = 'sensor' OR last_tick_at IS NULL OR last_tick_at < $1)
             RETURNING sequence",
        )
        .bind(instant(tick.scheduled_at))
        .bind(tick.cursor.as_deref())
        .bind(tick.outcome == TickOutcome::Failed)
        .bind(which.kind.text())
        .bind(which.name.as_str())
        .bind(tick.seen)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(sequence) = sequence else {
            return Ok(Ticked::Stale);
        };
        for change in &tick.cancels {
            if !runs::step!(tx, dialect, change) {
                return Ok(Ticked::Stale);
            }
        }
        let launched = insert_runs!(tx, &columns.runs);
        insert!(tx, columns, sequence, launched, false);
        launched
    });
    Ok(Ticked::Kept(launched))
}

async fn keep_by_hand(pool: &Pool, tick: &NewTick) -> Result<Vec<(RunId, Inserted)>, StateError> {
    let columns = Columns::of(tick)?;
    Ok(in_transaction!(pool, |tx, _dialect| {
        let sequence: i64 = sqlx::query_scalar(
            "INSERT INTO instigators AS i (kind, name, since, sequence, failures) VALUES ($1, $2, $3, 1, 0)
             ON CONFLICT (kind, name) DO UPDATE SET sequence = i.sequence + 1
             RETURNING sequence",
        )
        .bind(tick.instigator.kind.text())
        .bind(tick.instigator.name.as_str())
        .bind(instant(tick.at))
        .fetch_one(&mut *tx)
        .await?;
        let launched = insert_runs!(tx, &columns.runs);
        insert!(tx, columns, sequence, launched, true);
        launched
    }))
}

async fn release(
    pool: &Pool,
    leader: &Leader,
    which: &Instigator,
    sequence: i64,
    runs: &[NewRun],
) -> Result<Ticked, StateError> {
    let columns = runs.iter().map(runs::Columns::of);
    let columns: Vec<_> = columns.collect::<Result<_, _>>()?;
    let launched = in_transaction!(pool, |tx, dialect| {
        unless_leads_return!(tx, dialect, leader, Ticked::NotLeading);
        let launched = insert_runs!(tx, &columns);
        let moved = sqlx::query(
            "UPDATE ticks SET outcome = 'launched', runs = $1
             WHERE kind = $2 AND name = $3 AND sequence = $4 AND outcome = 'buffered'",
        )
        .bind(to_json("a tick's runs", &new_runs(&launched))?)
        .bind(which.kind.text())
        .bind(which.name.as_str())
        .bind(sequence)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if moved == 0 {
            return Ok(Ticked::Stale);
        }
        launched
    });
    Ok(Ticked::Kept(launched))
}

#[derive(sqlx::FromRow)]
struct Row {
    sequence: i64,
    scheduled_at: DateTime<Utc>,
    at: DateTime<Utc>,
    outcome: String,
    reason: Option<String>,
    runs: Json<Value>,
    result: Option<Json<Value>>,
    error: Option<Json<Value>>,
    by_hand: bool,
}

impl TryFrom<Row> for TickRecord {
    type Error = StateError;

    fn try_from(row: Row) -> Result<Self, StateError> {
        let error = row.error.map(|error| from_json("a tick's error", error));
        Ok(Self {
            sequence: row.sequence,
            scheduled_at: row.scheduled_at,
            at: row.at,
            by_hand: row.by_hand,
            outcome: from_text("tick outcome", &row.outcome, TickOutcome::parse)?,
            reason: row.reason,
            runs: from_json("a tick's runs", row.runs)?,
            result: row.result.map(|result| result.0),
            error: error.transpose()?,
        })
    }
}

async fn list(pool: &Pool, which: &Instigator, filter: &TickFilter) -> Result<Vec<TickRecord>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| {
        let mut query = QueryBuilder::new(
            "SELECT sequence, scheduled_at, at, outcome, reason, runs, result, error, by_hand
             FROM ticks WHERE kind = ",
        );
        query
            .push_bind(which.kind.text())
            .push(" AND name = ")
            .push_bind(which.name.as_str());
        if let Some(before) = filter.before {
            query.push(" AND sequence < ").push_bind(before);
        }
        if !filter.outcomes.is_empty() {
            query.push(" AND outcome IN (");
            let mut outcomes = query.separated(", ");
            for outcome in &filter.outcomes {
                outcomes.push_bind(outcome.text());
            }
            query.push(")");
        }
        query
            .push(" ORDER BY sequence DESC LIMIT ")
            .push_bind(i64::from(filter.limit));
        query.build_query_as().fetch_all(db).await?
    });
    rows.into_iter().map(TickRecord::try_from).collect()
}
