//! Schedules, sensors and automations: whether they are on, and where they stand.

use chrono::{DateTime, Utc};
use tidegate_core::port::{Instigator, InstigatorKind, InstigatorRecord, Leader};

use crate::error::StateError;
use crate::leader::unless_leads_return;
use crate::pool::Pool;
use crate::values::{from_integer, from_text, instant};

#[derive(sqlx::FromRow)]
struct Row {
    kind: String,
    name: String,
    enabled: Option<bool>,
    since: DateTime<Utc>,
    paused: Option<String>,
    cursor: Option<String>,
    last_tick_at: Option<DateTime<Utc>>,
    sequence: i64,
    failures: i64,
}

impl TryFrom<Row> for InstigatorRecord {
    type Error = StateError;

    fn try_from(row: Row) -> Result<Self, StateError> {
        Ok(Self {
            instigator: Instigator {
                kind: from_text("instigator", &row.kind, InstigatorKind::parse)?,
                name: from_text("instigator", &row.name, |name| name.parse().ok())?,
            },
            enabled: row.enabled,
            since: row.since,
            paused: row.paused,
            cursor: row.cursor,
            last_tick_at: row.last_tick_at,
            sequence: row.sequence,
            failures: from_integer("failures", row.failures)?,
        })
    }
}

/// A text that both databases can hold.
fn text<'a>(what: &'static str, text: &'a str) -> Result<&'a str, StateError> {
    if text.contains('\0') {
        let reason = format!("{text:?} holds a NUL character");
        return Err(StateError::Value { what, reason });
    }
    Ok(text)
}

pub(crate) async fn list(pool: &Pool) -> Result<Vec<InstigatorRecord>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT kind, name, enabled, since, paused, cursor, last_tick_at, sequence, failures
             FROM instigators ORDER BY kind, name",
        )
        .fetch_all(db)
        .await?
    });
    rows.into_iter().map(InstigatorRecord::try_from).collect()
}

pub(crate) async fn get(pool: &Pool, which: &Instigator) -> Result<Option<InstigatorRecord>, StateError> {
    let row: Option<Row> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT kind, name, enabled, since, paused, cursor, last_tick_at, sequence, failures
             FROM instigators WHERE kind = $1 AND name = $2",
        )
        .bind(which.kind.text())
        .bind(which.name.as_str())
        .fetch_optional(db)
        .await?
    });
    row.map(InstigatorRecord::try_from).transpose()
}

pub(crate) async fn meet(
    pool: &Pool,
    leader: &Leader,
    which: &Instigator,
    at: DateTime<Utc>,
) -> Result<bool, StateError> {
    in_transaction!(pool, |tx, dialect| {
        unless_leads_return!(tx, dialect, leader, false);
        sqlx::query(
            "INSERT INTO instigators (kind, name, since, sequence, failures) VALUES ($1, $2, $3, 0, 0)
             ON CONFLICT DO NOTHING",
        )
        .bind(which.kind.text())
        .bind(which.name.as_str())
        .bind(instant(at))
        .execute(&mut *tx)
        .await?;
    });
    Ok(true)
}

pub(crate) async fn enable(
    pool: &Pool,
    which: &Instigator,
    enabled: bool,
    at: DateTime<Utc>,
) -> Result<InstigatorRecord, StateError> {
    let row: Row = in_transaction!(pool, |tx, _dialect| {
        let row = sqlx::query_as(
            "INSERT INTO instigators AS i (kind, name, enabled, since, sequence, failures)
             VALUES ($1, $2, $3, $4, 1, 0)
             ON CONFLICT (kind, name) DO UPDATE SET
                 enabled = $3, sequence = i.sequence + 1, failures = 0,
                 since = CASE WHEN $3 THEN $4 ELSE i.since END,
                 paused = CASE WHEN $3 THEN NULL ELSE i.paused END
             RETURNING kind, name, enabled, since, paused, cursor, last_tick_at, sequence, failures",
        )
        .bind(which.kind.text())
        .bind(which.name.as_str())
        .bind(enabled)
        .bind(instant(at))
        .fetch_one(&mut *tx)
        .await?;
        if !enabled {
            sqlx::query(
                "UPDATE ticks SET outcome = 'skipped', reason = 'stopped while the tick waited'
                 WHERE kind = $1 AND name = $2 AND outcome = 'buffered'",
            )
            .bind(which.kind.text())
            .bind(which.name.as_str())
            .execute(&mut *tx)
            .await?;
        }
        // One that is started is met anew, also where no evaluation saw it stopped.
        if which.kind == InstigatorKind::Automation {
            sqlx::query("DELETE FROM automation_memory WHERE asset = $1")
                .bind(which.name.as_str())
                .execute(&mut *tx)
                .await?;
        }
        row
    });
    row.try_into()
}

pub(crate) async fn pause(
    pool: &Pool,
    leader: &Leader,
    which: &Instigator,
    seen: i64,
    why: &str,
) -> Result<bool, StateError> {
    let why = text("the reason of a pause", why)?;
    let paused = in_transaction!(pool, |tx, dialect| {
        unless_leads_return!(tx, dialect, leader, false);
        sqlx::query(
            "UPDATE instigators SET paused = $1, sequence = sequence + 1
             WHERE kind = $2 AND name = $3 AND sequence = $4",
        )
        .bind(why)
        .bind(which.kind.text())
        .bind(which.name.as_str())
        .bind(seen)
        .execute(&mut *tx)
        .await?
        .rows_affected()
    });
    Ok(paused == 1)
}

pub(crate) async fn set_cursor(
    pool: &Pool,
    which: &Instigator,
    cursor: Option<&str>,
    at: DateTime<Utc>,
) -> Result<(), StateError> {
    let cursor = cursor.map(|cursor| text("a cursor", cursor)).transpose()?;
    on_pool!(pool, |db| {
        sqlx::query(
            "INSERT INTO instigators AS i (kind, name, cursor, since, sequence, failures)
             VALUES ($1, $2, $3, $4, 1, 0)
             ON CONFLICT (kind, name) DO UPDATE SET cursor = $3, sequence = i.sequence + 1",
        )
        .bind(which.kind.text())
        .bind(which.name.as_str())
        .bind(cursor)
        .bind(instant(at))
        .execute(db)
        .await?;
    });
    Ok(())
}

/// Its ticks go with it.
pub(crate) async fn wipe(pool: &Pool, which: &Instigator) -> Result<(), StateError> {
    on_pool!(pool, |db| {
        sqlx::query("DELETE FROM instigators WHERE kind = $1 AND name = $2")
            .bind(which.kind.text())
            .bind(which.name.as_str())
            .execute(db)
            .await?;
    });
    Ok(())
}
