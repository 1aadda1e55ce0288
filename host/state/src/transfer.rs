//! The whole store as JSON lines, out of one store and into another: a backup, or the move from SQLite to Postgres.
//!
//! The first line names the format. Then comes a line a row, `{"table": …, "row": {…}}`, the tables in the order of
//! [`TABLES`], and the last line tells how many rows there were and where the numbers go on: a text without it was cut
//! off.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::types::{Json, Uuid};
use sqlx::{AssertSqlSafe, QueryBuilder, Row};
use tidegate_core::Result;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt, Lines};

use crate::catalogue::{TABLES, Table, Type};
use crate::error::StateError;
use crate::pool::Pool;
use crate::store::SqlStateStore;

/// The format's name, in the first line.
const FORMAT: &str = "tidegate-state";

/// The version of the format that is written and read.
const VERSION: u32 = 1;

/// Rows that go in at once.
const ROWS_PER_INSERT: usize = 500;

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Head {
        format: String,
        version: u32,
    },
    Row {
        table: String,
        row: Map<String, Value>,
    },
    End {
        rows: u64,
        /// Numbers that were given out, by table: those of rows that were pruned are not given again.
        sequences: BTreeMap<String, i64>,
        leader_epoch: i64,
    },
}

impl SqlStateStore {
    /// Writes the whole store, as it is at one moment, as JSON lines. Answers how many rows it has.
    pub async fn export(&self, to: &mut (impl AsyncWrite + Unpin + Send)) -> Result<u64> {
        Ok(export(&self.pool, to).await?)
    }

    /// Reads what [`SqlStateStore::export`] wrote into a store that has nothing in it: all of it, or nothing. Answers how
    /// many rows there were.
    pub async fn import(&self, from: &mut (impl AsyncBufRead + Unpin + Send)) -> Result<u64> {
        Ok(import(&self.pool, from).await?)
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), line: &Line) -> Result<(), StateError> {
    let mut text = serde_json::to_vec(line).map_err(|error| StateError::Transfer(error.to_string()))?;
    text.push(b'\n');
    to.write_all(&text)
        .await
        .map_err(|error| StateError::Transfer(error.to_string()))
}

/// The value of a column, in either database.
macro_rules! value_of {
    ($row:ident, $index:expr, $kind:expr) => {
        match $kind {
            Type::Id => $row
                .try_get::<Option<Uuid>, _>($index)?
                .map(|id| id.to_string().into()),
            Type::Text => $row.try_get::<Option<String>, _>($index)?.map(Value::String),
            Type::Integer => $row.try_get::<Option<i64>, _>($index)?.map(Value::from),
            Type::Boolean | Type::Flag => $row.try_get::<Option<bool>, _>($index)?.map(Value::from),
            Type::Instant => $row
                .try_get::<Option<DateTime<Utc>>, _>($index)?
                .map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true).into()),
            Type::Json => $row
                .try_get::<Option<Json<Value>>, _>($index)?
                .map(|document| document.0),
        }
    };
}

fn columns(table: &Table) -> String {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

async fn export(pool: &Pool, to: &mut (impl AsyncWrite + Unpin + Send)) -> Result<u64, StateError> {
    let head = Line::Head {
        format: FORMAT.into(),
        version: VERSION,
    };
    write(to, &head).await?;
    let mut rows = 0;
    let mut sequences = BTreeMap::new();
    let leader_epoch: i64;
    macro_rules! all {
        ($pool:expr, $dialect:ident) => {{
            // One moment of the store, that others may write to meanwhile.
            let mut tx = $pool.begin_with(crate::$dialect::BEGIN_READ).await?;
            leader_epoch = sqlx::query_scalar("SELECT epoch FROM leader WHERE one = 1")
                .fetch_one(&mut *tx)
                .await?;
            for table in TABLES {
                let text = format!(
                    "SELECT {} FROM {} ORDER BY {}",
                    columns(table),
                    table.name,
                    table.order
                );
                let mut found = sqlx::query(AssertSqlSafe(text)).fetch(&mut *tx);
                while let Some(row) = found.try_next().await? {
                    let mut record = Map::new();
                    for (index, (name, kind)) in table.columns.iter().enumerate() {
                        // A document that is `null` is one, and a column without value is left out.
                        if let Some(value) = value_of!(row, index, kind) {
                            record.insert((*name).into(), value);
                        }
                    }
                    rows += 1;
                    let line = Line::Row {
                        table: table.name.into(),
                        row: record,
                    };
                    write(to, &line).await?;
                }
                drop(found);
                if let Some(sequence) = table.sequence {
                    let text = crate::$dialect::last_number(table.name, sequence);
                    let last: Option<i64> = sqlx::query_scalar(AssertSqlSafe(text))
                        .fetch_optional(&mut *tx)
                        .await?;
                    sequences.insert(table.name.to_owned(), last.unwrap_or(0));
                }
            }
        }};
    }
    match pool {
        Pool::Sqlite(pool) => all!(pool, sqlite),
        Pool::Postgres(pool) => all!(pool, postgres),
    }
    let end = Line::End {
        rows,
        sequences,
        leader_epoch,
    };
    write(to, &end).await?;
    to.flush()
        .await
        .map_err(|error| StateError::Transfer(error.to_string()))?;
    Ok(rows)
}

/// A value of a record that is to be bound.
fn parsed<T>(
    record: &Map<String, Value>,
    name: &str,
    parse: impl Fn(&Value) -> Option<T>,
) -> Result<Option<T>, StateError> {
    match record.get(name) {
        None => Ok(None),
        Some(value) => match parse(value) {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(StateError::Transfer(format!("`{name}` cannot be {value}"))),
        },
    }
}

enum Bound {
    Id(Option<Uuid>),
    Text(Option<String>),
    Integer(Option<i64>),
    Boolean(Option<bool>),
    Instant(Option<DateTime<Utc>>),
    Json(Option<Json<Value>>),
}

fn bound(record: &Map<String, Value>, name: &str, kind: Type) -> Result<Bound, StateError> {
    Ok(match kind {
        Type::Id => Bound::Id(parsed(record, name, |value| value.as_str()?.parse().ok())?),
        Type::Text => Bound::Text(parsed(record, name, |value| value.as_str().map(str::to_owned))?),
        Type::Integer => Bound::Integer(parsed(record, name, Value::as_i64)?),
        Type::Boolean => Bound::Boolean(parsed(record, name, Value::as_bool)?),
        Type::Flag => {
            let told = parsed(record, name, Value::as_bool)?;
            Bound::Boolean(Some(told.unwrap_or_default()))
        }
        Type::Instant => Bound::Instant(parsed(record, name, |value| value.as_str()?.parse().ok())?),
        Type::Json => Bound::Json(record.get(name).cloned().map(Json)),
    })
}

fn read_line(text: &str, number: u64) -> Result<Line, StateError> {
    serde_json::from_str(text).map_err(|error| StateError::Transfer(format!("line {number}: {error}")))
}

async fn next_line(
    lines: &mut Lines<&mut (impl AsyncBufRead + Unpin + Send)>,
    number: u64,
) -> Result<Option<Line>, StateError> {
    let text = lines
        .next_line()
        .await
        .map_err(|error| StateError::Transfer(error.to_string()))?;
    text.as_deref().map(|text| read_line(text, number)).transpose()
}

/// The table that a line is a row of.
fn table_of(line: Option<&Line>, number: u64) -> Result<Option<&'static Table>, StateError> {
    let Some(Line::Row { table, .. }) = line else {
        return Ok(None);
    };
    let known = TABLES.iter().find(|known| known.name == table);
    let unknown = || StateError::Transfer(format!("line {number}: no table is called `{table}`"));
    Ok(Some(known.ok_or_else(unknown)?))
}

/// The values of a row, in the order of its table's columns.
fn values_of(table: Option<&Table>, row: &Map<String, Value>, number: u64) -> Result<Vec<Bound>, StateError> {
    let columns = table.map_or(&[][..], |table| table.columns);
    let unknown = row
        .keys()
        .find(|name| columns.iter().all(|(known, _)| known != name));
    if let Some(name) = unknown {
        let reason = format!("line {number}: no column is called `{name}`");
        return Err(StateError::Transfer(reason));
    }
    columns
        .iter()
        .map(|(name, kind)| bound(row, name, *kind))
        .collect()
}

/// Inserts the rows that are held of a table.
macro_rules! insert_rows {
    ($tx:ident, $dialect:ident, $table:ident, $held:ident) => {
        let mut insert = QueryBuilder::new(format!(
            "INSERT INTO {} ({}){} ",
            $table.name,
            columns($table),
            $dialect::OVERRIDING
        ));
        insert.push_values($held.drain(..), |mut row, values| {
            for value in values {
                match value {
                    Bound::Id(value) => row.push_bind(value),
                    Bound::Text(value) => row.push_bind(value),
                    Bound::Integer(value) => row.push_bind(value),
                    Bound::Boolean(value) => row.push_bind(value),
                    Bound::Instant(value) => row.push_bind(value),
                    Bound::Json(value) => row.push_bind(value),
                };
            }
        });
        insert.build().persistent(false).execute(&mut *$tx).await?;
    };
}

async fn import(pool: &Pool, from: &mut (impl AsyncBufRead + Unpin + Send)) -> Result<u64, StateError> {
    let refused = |reason: String| StateError::Transfer(reason);
    let mut lines = from.lines();
    let first = next_line(&mut lines, 1).await?;
    if !matches!(first, Some(Line::Head { format, version }) if format == FORMAT && version == VERSION) {
        return Err(refused(format!(
            "the first line does not say that it is `{FORMAT}` of version {VERSION}"
        )));
    }
    let (mut rows, mut number, mut ended) = (0_u64, 1_u64, false);
    in_transaction!(pool, |tx, dialect| {
        for table in TABLES {
            let full: i64 = sqlx::query_scalar(AssertSqlSafe(format!(
                "SELECT COUNT(*) FROM (SELECT 1 FROM {} LIMIT 1) any_row",
                table.name
            )))
            .fetch_one(&mut *tx)
            .await?;
            if full > 0 {
                return Err(StateError::NotEmpty(table.name));
            }
        }
        let mut held: Vec<Vec<Bound>> = Vec::new();
        let mut of: Option<&Table> = None;
        loop {
            number += 1;
            let line = next_line(&mut lines, number).await?;
            let next = table_of(line.as_ref(), number)?;
            let other = of.map(|table| table.name) != next.map(|table| table.name);
            if let Some(table) = of
                && (other || held.len() >= ROWS_PER_INSERT)
            {
                insert_rows!(tx, dialect, table, held);
            }
            of = next;
            match line {
                Some(Line::Row { row, .. }) => {
                    held.push(values_of(of, &row, number)?);
                    rows += 1;
                }
                Some(Line::End {
                    rows: told,
                    sequences,
                    leader_epoch,
                }) => {
                    if told != rows {
                        return Err(refused(format!("{rows} rows were read; {told} were written")));
                    }
                    for table in TABLES {
                        let Some(sequence) = table.sequence else {
                            continue;
                        };
                        let last = sequences.get(table.name).copied().unwrap_or(0);
                        for text in dialect::go_on_from(table.name, sequence, last) {
                            sqlx::query(AssertSqlSafe(text)).execute(&mut *tx).await?;
                        }
                    }
                    // What was exported before this table was there does not hold it.
                    sqlx::query(
                        "INSERT INTO newest_materializations (asset, partition_key, epoch)
                         SELECT asset, partition_key, MAX(epoch) FROM materializations WHERE true
                         GROUP BY asset, partition_key ON CONFLICT DO NOTHING",
                    )
                    .execute(&mut *tx)
                    .await?;
                    sqlx::query("UPDATE leader SET epoch = $1 WHERE one = 1 AND epoch < $1")
                        .bind(leader_epoch)
                        .execute(&mut *tx)
                        .await?;
                    ended = true;
                    break;
                }
                Some(Line::Head { .. }) => {
                    return Err(refused(format!("line {number}: a second beginning")));
                }
                None => break,
            }
        }
        if !ended {
            return Err(refused("it was cut off: its last line is missing".into()));
        }
    });
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqlStateStore;

    /// What a migration adds and nobody adds to the list would be left behind by a move.
    #[tokio::test]
    async fn every_table_and_column_is_exported() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite:{}", folder.path().join("state.db").display());
        let store = SqlStateStore::open(&address).await.unwrap();
        let Pool::Sqlite(db) = &store.pool else {
            unreachable!("it is a file")
        };
        let found: Vec<(String, String)> = sqlx::query_as(
            "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c
             WHERE t.type = 'table' AND t.name NOT IN ('sqlite_sequence', '_sqlx_migrations', 'workers', 'leader')
             ORDER BY t.name, c.cid",
        )
        .fetch_all(db)
        .await
        .unwrap();
        let mut listed: Vec<(String, String)> = TABLES
            .iter()
            .flat_map(|table| {
                table
                    .columns
                    .iter()
                    .map(|(name, _)| (table.name.to_owned(), (*name).to_owned()))
            })
            .collect();
        let mut found = found;
        found.sort();
        listed.sort();
        assert_eq!(found, listed);
    }
}
