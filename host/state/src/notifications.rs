//! Notifications that are known, their incidents, and what comes of a look at outcomes.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;
use tidegate_core::plan::{AssetName, PartitionKey};
use tidegate_core::port::{
    DeliveryFilter, DeliveryRecord, DeliveryTry, Incident, Leader, Notices, NotificationRecord,
    NotificationStore, Outcome, Subject,
};
use tidegate_core::{Error, Kind, Result};

use crate::error::StateError;
use crate::leader::unless_leads_return;
use crate::pool::Pool;
use crate::runs::ROWS_PER_INSERT;
use crate::store::SqlStateStore;
use crate::values::{from_integer, from_text, instant, to_integer, to_json};
use crate::{deliveries, outcomes};

#[async_trait]
impl NotificationStore for SqlStateStore {
    async fn notifications(&self) -> Result<Vec<NotificationRecord>> {
        Ok(list(&self.pool).await?)
    }

    async fn meet_notifications(
        &self,
        leader: &Leader,
        names: &[AssetName],
        at: DateTime<Utc>,
    ) -> Result<bool> {
        Ok(meet(&self.pool, leader, names, at).await?)
    }

    async fn outcomes(&self, limit: u32) -> Result<Vec<(i64, Result<Outcome>)>> {
        let oldest = outcomes::oldest(&self.pool, limit).await?;
        let each = |(sequence, outcome): (i64, Result<Outcome, StateError>)| {
            (sequence, outcome.map_err(Error::from))
        };
        Ok(oldest.into_iter().map(each).collect())
    }

    async fn incidents(&self) -> Result<Vec<Incident>> {
        Ok(incidents(&self.pool).await?)
    }

    async fn keep_notices(&self, leader: &Leader, notices: &Notices) -> Result<bool> {
        Ok(keep(&self.pool, leader, notices).await?)
    }

    async fn next_deliveries(&self) -> Result<Vec<DeliveryRecord>> {
        Ok(deliveries::next(&self.pool).await?)
    }

    async fn keep_try(&self, leader: &Leader, tried: &DeliveryTry) -> Result<bool> {
        Ok(deliveries::keep_try(&self.pool, leader, tried).await?)
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRecord>> {
        Ok(deliveries::list(&self.pool, filter).await?)
    }

    async fn prune_deliveries(&self, before: DateTime<Utc>, most: u32) -> Result<(u64, u64)> {
        Ok(deliveries::prune(&self.pool, before, most).await?)
    }

    async fn prunable_deliveries(&self, before: DateTime<Utc>) -> Result<u64> {
        Ok(deliveries::prunable(&self.pool, before).await?)
    }
}

async fn list(pool: &Pool) -> Result<Vec<NotificationRecord>, StateError> {
    let rows: Vec<(String, i64, DateTime<Utc>)> = on_pool!(pool, |db| {
        sqlx::query_as("SELECT name, after_outcome, since FROM notifications ORDER BY name")
            .fetch_all(db)
            .await?
    });
    rows.into_iter()
        .map(|(name, after_outcome, since)| {
            Ok(NotificationRecord {
                name: from_text("notification", &name, |text| text.parse().ok())?,
                after_outcome,
                since,
            })
        })
        .collect()
}

/// What is not to be known any more, of a table that names notifications.
macro_rules! forget {
    ($tx:ident, $start:expr, $column:expr, $names:expr) => {
        let mut query = QueryBuilder::new($start);
        if !$names.is_empty() {
            query.push(concat!(" AND ", $column, " NOT IN ("));
            let mut list = query.separated(", ");
            for name in $names {
                list.push_bind(name.as_str());
            }
            query.push(")");
        }
        query.build().persistent(false).execute(&mut *$tx).await?;
    };
}

async fn meet(
    pool: &Pool,
    leader: &Leader,
    names: &[AssetName],
    at: DateTime<Utc>,
) -> Result<bool, StateError> {
    let at = instant(at);
    let gone = Error::new(
        Kind::Usage,
        "notification.gone",
        "the notification was disabled, or taken out of the schema, before the message was delivered",
    );
    let gone = to_json("an error", &gone)?;
    in_transaction!(pool, |tx, dialect| {
        unless_leads_return!(tx, dialect, leader, false);
        forget!(tx, "DELETE FROM notifications WHERE true", "name", names);
        let mut fail = QueryBuilder::new("UPDATE deliveries SET state = 'failed', ended_at = ");
        fail.push_bind(at).push(", error = ").push_bind(&gone);
        fail.push(" WHERE state = 'pending' AND notification NOT IN (SELECT name FROM notifications)");
        fail.build().persistent(false).execute(&mut *tx).await?;
        for name in names {
            sqlx::query(
                "INSERT INTO notifications (name, after_outcome, since)
                 SELECT $1, (SELECT COALESCE(MAX(sequence), 0) FROM outcomes), $2
                 WHERE true ON CONFLICT DO NOTHING",
            )
            .bind(name.as_str())
            .bind(at)
            .execute(&mut *tx)
            .await?;
        }
    });
    Ok(true)
}

#[derive(sqlx::FromRow)]
struct Row {
    notification: String,
    subject: String,
    partition_key: String,
    failures: i64,
    opened_at: DateTime<Utc>,
    notified_at: DateTime<Utc>,
}

async fn incidents(pool: &Pool) -> Result<Vec<Incident>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT notification, subject, partition_key, failures, opened_at, notified_at FROM incidents
             ORDER BY notification, subject, partition_key",
        )
        .fetch_all(db)
        .await?
    });
    rows.into_iter()
        .map(|row| {
            Ok(Incident {
                notification: from_text("notification", &row.notification, |text| text.parse().ok())?,
                subject: from_text("subject", &row.subject, Subject::parse)?,
                partition: PartitionKey(row.partition_key),
                failures: from_integer("failures", row.failures)?,
                opened_at: row.opened_at,
                notified_at: row.notified_at,
            })
        })
        .collect()
}

async fn keep(pool: &Pool, leader: &Leader, notices: &Notices) -> Result<bool, StateError> {
    let open = notices.open.iter();
    let open = open.map(|incident| Ok((incident, to_integer("failures", incident.failures)?)));
    let open: Vec<(&Incident, i64)> = open.collect::<Result<_, StateError>>()?;
    in_transaction!(pool, |tx, dialect| {
        unless_leads_return!(tx, dialect, leader, false);
        if !notices.seen.is_empty() {
            let mut delete = QueryBuilder::new("DELETE FROM outcomes WHERE sequence IN (");
            let mut numbers = delete.separated(", ");
            for sequence in &notices.seen {
                numbers.push_bind(*sequence);
            }
            delete.push(")");
            delete.build().persistent(false).execute(&mut *tx).await?;
        }
        for rows in open.chunks(ROWS_PER_INSERT) {
            let mut insert = QueryBuilder::new(
                "INSERT INTO incidents (notification, subject, partition_key, failures, opened_at, notified_at) ",
            );
            insert.push_values(rows, |mut row, (incident, failures)| {
                row.push_bind(incident.notification.as_str())
                    .push_bind(incident.subject.text())
                    .push_bind(incident.partition.0.as_str())
                    .push_bind(*failures)
                    .push_bind(instant(incident.opened_at))
                    .push_bind(instant(incident.notified_at));
            });
            insert.push(
                " ON CONFLICT (notification, subject, partition_key) DO UPDATE SET failures = excluded.failures,
                     opened_at = excluded.opened_at, notified_at = excluded.notified_at",
            );
            insert
                .build()
                .persistent(rows.len() == 1)
                .execute(&mut *tx)
                .await?;
        }
        for rows in notices.closed.chunks(ROWS_PER_INSERT) {
            let mut delete =
                QueryBuilder::new("DELETE FROM incidents WHERE (notification, subject, partition_key) IN (");
            delete.push_values(rows, |mut row, incident| {
                row.push_bind(incident.notification.as_str())
                    .push_bind(incident.subject.text())
                    .push_bind(incident.partition.0.as_str());
            });
            delete.push(")");
            delete
                .build()
                .persistent(rows.len() == 1)
                .execute(&mut *tx)
                .await?;
        }
        for delivery in &notices.deliveries {
            deliveries::insert!(tx, delivery);
        }
    });
    Ok(true)
}
