//! Deliveries: messages to be sent, and what came of sending them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::{Json, Uuid};
use tidegate_core::port::{
    DeliveryFilter, DeliveryRecord, DeliveryState, DeliveryTry, Leader, NotificationEvent,
};

use crate::error::StateError;
use crate::leader::unless_leads_return;
use crate::pool::Pool;
use crate::values::{from_integer, from_json, from_text, instant, to_json};

/// Inserts a delivery, pending, unless there is one of its outcome, event and subject.
macro_rules! insert {
    ($tx:ident, $delivery:expr) => {{
        let delivery: &tidegate_core::port::NewDelivery = $delivery;
        sqlx::query(
            "INSERT INTO deliveries
                 (id, notification, event, subject, outcome, body, state, attempts, created_at, next_try_at)
             VALUES ($1, $2, $3, $4, $5, $6, 'pending', 0, $7, $7) ON CONFLICT DO NOTHING",
        )
        .bind(delivery.id)
        .bind(delivery.notification.as_str())
        .bind(delivery.event.text())
        .bind(delivery.subject.text())
        .bind(delivery.outcome)
        .bind(crate::values::to_json("a message", &delivery.body)?)
        .bind(crate::values::instant(delivery.at))
        .execute(&mut *$tx)
        .await?;
    }};
}
pub(crate) use insert;

#[derive(sqlx::FromRow)]
struct Row {
    sequence: i64,
    id: Uuid,
    notification: String,
    event: String,
    subject: String,
    body: Json<Value>,
    state: String,
    attempts: i64,
    created_at: DateTime<Utc>,
    next_try_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    error: Option<Json<Value>>,
}

impl TryFrom<Row> for DeliveryRecord {
    type Error = StateError;

    fn try_from(row: Row) -> Result<Self, StateError> {
        Ok(Self {
            sequence: row.sequence,
            id: row.id,
            notification: from_text("notification", &row.notification, |text| text.parse().ok())?,
            event: from_text("event of a notification", &row.event, NotificationEvent::parse)?,
            subject: row.subject,
            body: row.body.0,
            state: from_text("state of a delivery", &row.state, DeliveryState::parse)?,
            attempts: from_integer("attempts", row.attempts)?,
            created_at: row.created_at,
            next_try_at: row.next_try_at,
            ended_at: row.ended_at,
            error: row.error.map(|error| from_json("an error", error)).transpose()?,
        })
    }
}

/// The oldest pending delivery of each notification.
pub(crate) const NEXT: &str =
    "SELECT sequence, id, notification, event, subject, body, state, attempts, created_at, next_try_at, ended_at, error
     FROM deliveries
     WHERE sequence IN (SELECT MIN(sequence) FROM deliveries WHERE state = 'pending' GROUP BY notification)
     ORDER BY sequence";

pub(crate) async fn next(pool: &Pool) -> Result<Vec<DeliveryRecord>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| { sqlx::query_as(NEXT).fetch_all(db).await? });
    rows.into_iter().map(DeliveryRecord::try_from).collect()
}

pub(crate) async fn list(pool: &Pool, filter: &DeliveryFilter) -> Result<Vec<DeliveryRecord>, StateError> {
    let wanted = |state: DeliveryState| filter.states.is_empty() || filter.states.contains(&state);
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT sequence, id, notification, event, subject, body, state, attempts, created_at, next_try_at,
                    ended_at, error
             FROM deliveries
             WHERE ($1 IS NULL OR notification = $1) AND ($2 IS NULL OR sequence < $2)
               AND ((state = 'pending' AND $3) OR (state = 'delivered' AND $4) OR (state = 'failed' AND $5))
             ORDER BY sequence DESC LIMIT $6",
        )
        .bind(filter.notification.as_ref().map(tidegate_core::plan::AssetName::as_str))
        .bind(filter.before)
        .bind(wanted(DeliveryState::Pending))
        .bind(wanted(DeliveryState::Delivered))
        .bind(wanted(DeliveryState::Failed))
        .bind(i64::from(filter.limit))
        .fetch_all(db)
        .await?
    });
    rows.into_iter().map(DeliveryRecord::try_from).collect()
}

pub(crate) async fn keep_try(pool: &Pool, leader: &Leader, tried: &DeliveryTry) -> Result<bool, StateError> {
    let error = tried
        .error
        .as_ref()
        .map(|error| to_json("an error", error))
        .transpose()?;
    let ended_at = (tried.state != DeliveryState::Pending).then(|| instant(tried.at));
    let kept = in_transaction!(pool, |tx, dialect| {
        unless_leads_return!(tx, dialect, leader, false);
        sqlx::query(
            "UPDATE deliveries
             SET state = $1, attempts = attempts + 1, next_try_at = $2, ended_at = $3, error = $4
             WHERE id = $5 AND state = 'pending'",
        )
        .bind(tried.state.text())
        .bind(instant(tried.next_try_at))
        .bind(ended_at)
        .bind(&error)
        .bind(tried.id)
        .execute(&mut *tx)
        .await?
        .rows_affected()
    });
    Ok(kept == 1)
}

/// Answers how many deliveries went, and how many outcomes.
pub(crate) async fn prune(pool: &Pool, before: DateTime<Utc>, most: u32) -> Result<(u64, u64), StateError> {
    let before = instant(before);
    Ok(on_pool!(pool, |db| {
        let outcomes = sqlx::query(
            "DELETE FROM outcomes WHERE sequence IN
                 (SELECT sequence FROM outcomes WHERE at < $1 ORDER BY sequence LIMIT $2)",
        )
        .bind(before)
        .bind(i64::from(most))
        .execute(db)
        .await?
        .rows_affected();
        let deliveries = sqlx::query(
            "DELETE FROM deliveries WHERE sequence IN
                 (SELECT sequence FROM deliveries WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)",
        )
        .bind(before)
        .bind(i64::from(most))
        .execute(db)
        .await?
        .rows_affected();
        (deliveries, outcomes)
    }))
}

pub(crate) async fn prunable(pool: &Pool, before: DateTime<Utc>) -> Result<u64, StateError> {
    let count: i64 = on_pool!(pool, |db| {
        sqlx::query_scalar("SELECT COUNT(*) FROM deliveries WHERE ended_at < $1")
            .bind(instant(before))
            .fetch_one(db)
            .await?
    });
    Ok(count.unsigned_abs())
}
