//! The months that events lie in, in Postgres.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, Utc};
use sqlx::{AssertSqlSafe, PgPool};

use crate::error::StateError;
use crate::postgres;

/// Months that are cut ahead, so that nothing is to be done in a hurry where maintenance does not get its turn.
const AHEAD: u32 = 3;

/// Bounds what a change of the tables may wait for and take: whoever writes events waits behind it. In an hour is time to
/// try again. Runs are locked first, as whoever writes events does.
const BRIEFLY: &str = "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '5s'";

/// The tables of events with an end, and that end.
const WITH_END: &str = r"SELECT c.relname::text, substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)''\)')::timestamptz
     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'events'::regclass AND pg_get_expr(c.relpartbound, c.oid) LIKE '%TO (''%'";

fn start_of_month(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

fn instant(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// Makes the tables of the months that come. The month that has begun is not cut: what there is of it lies in the default.
pub(crate) async fn cut(pool: &PgPool, now: DateTime<Utc>) -> Result<(), StateError> {
    let this = start_of_month(now.date_naive());
    for ahead in 1..=AHEAD {
        let (Some(from), Some(to)) = (
            this.checked_add_months(Months::new(ahead)),
            this.checked_add_months(Months::new(ahead + 1)),
        ) else {
            return Ok(());
        };
        let covered: bool = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT EXISTS (SELECT 1 FROM ({WITH_END}) months (name, until) WHERE until >= $1)"
        )))
        .bind(instant(to))
        .fetch_one(pool)
        .await?;
        if !covered {
            cut_one(pool, from, to).await?;
        }
    }
    Ok(())
}

/// What clocks that went ahead wrote of the month lies in the default, and is moved.
async fn cut_one(pool: &PgPool, from: NaiveDate, to: NaiveDate) -> Result<(), StateError> {
    let name = format!("events_{}", from.format("%Y_%m"));
    let mut tx = pool.begin_with(postgres::BEGIN).await?;
    let steps = format!(
        "{BRIEFLY};
         LOCK TABLE runs IN SHARE ROW EXCLUSIVE MODE;
         LOCK TABLE events IN ACCESS EXCLUSIVE MODE;
         CREATE TABLE {name} (LIKE events INCLUDING DEFAULTS);
         WITH ahead AS (DELETE FROM events_default WHERE at >= '{from} 00:00Z' AND at < '{to} 00:00Z' RETURNING *)
         INSERT INTO {name} SELECT * FROM ahead;
         ALTER TABLE events ATTACH PARTITION {name} FOR VALUES FROM ('{from} 00:00Z') TO ('{to} 00:00Z')"
    );
    match sqlx::raw_sql(AssertSqlSafe(steps)).execute(&mut *tx).await {
        Ok(_) => Ok(tx.commit().await?),
        // Another process was first.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P07") => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Drops the months that were over by then: no row of them is looked at. The default never ends, and is not dropped.
pub(crate) async fn drop(pool: &PgPool, before: DateTime<Utc>) -> Result<Vec<String>, StateError> {
    let months: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT name FROM ({WITH_END}) months (name, until) WHERE until <= $1 ORDER BY until"
    )))
    .bind(before)
    .fetch_all(pool)
    .await?;
    for name in &months {
        let mut tx = pool.begin_with(postgres::BEGIN).await?;
        let steps = format!(
            "{BRIEFLY};
             LOCK TABLE runs IN ACCESS EXCLUSIVE MODE;
             LOCK TABLE events IN ACCESS EXCLUSIVE MODE;
             DROP TABLE IF EXISTS {name}"
        );
        sqlx::raw_sql(AssertSqlSafe(steps)).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(months)
}
