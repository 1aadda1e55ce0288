//! Reading only what is new: up to where a column goes, and which rows are behind a mark.

use serde_json::json;
use tidegate_core::port::Watermark;
use tidegate_core::schema::{Column, CursorDecl};
use tidegate_core::types::LogicalType;

use super::error::{ClickHouseError, Result};
use super::server::Server;
use super::sql::{literal, name};
use super::types::digits_of;

const MS_PER_DAY: u64 = 86_400_000;

/// A cursor over a column of a source.
pub(super) struct Since<'a> {
    cursor: &'a CursorDecl,
    data_type: &'a LogicalType,
}

impl<'a> Since<'a> {
    pub(super) fn new(cursor: &'a CursorDecl, columns: &'a [Column]) -> Result<Self> {
        let column = columns.iter().find(|column| column.name == cursor.column);
        let column =
            column.ok_or_else(|| ClickHouseError::Internal("the cursor's column is not read".into()))?;
        Ok(Self {
            cursor,
            data_type: &column.data_type,
        })
    }

    /// The greatest value that is there, asked before any row is read: a row that comes later has a greater one, or is read
    /// again. None where there is no row.
    pub(super) async fn watermark(&self, server: &Server, from: &str) -> Result<Option<Watermark>> {
        let column = name(&self.cursor.column);
        let greatest = match self.data_type {
            // Whatever its zone: the hour that clocks show twice must not be ambiguous.
            LogicalType::Timestamp(..) => format!("toTimeZone(max({column}), 'UTC')"),
            _ => format!("max({column})"),
        };
        let query = format!("SELECT count(), countIf({column} IS NULL), toString({greatest}) FROM {from}");
        let answer = server.text(&query).await?;
        let mut parts = answer.trim_end().splitn(3, '\t');
        let (rows, missing, value) = (parts.next(), parts.next(), parts.next());
        if missing != Some("0") {
            return Err(ClickHouseError::BadColumn {
                column: self.cursor.column.clone(),
                reason: format!(
                    "{} rows have no value, and would never be read",
                    missing.unwrap_or("some")
                ),
            });
        }
        Ok(match (rows, value) {
            (Some("0"), _) | (_, None) => None,
            (_, Some(value)) => Some(Watermark(json!({"column": self.cursor.column, "value": value}))),
        })
    }

    /// Which rows are to be read; those at the mark itself among them, since others of that value may have come later. None
    /// where the mark is one of another column: then all rows are.
    pub(super) fn condition(&self, since: &Watermark) -> Option<String> {
        if since.0["column"] != self.cursor.column.as_str() {
            return None;
        }
        let value = since.0["value"].as_str()?;
        let column = name(&self.cursor.column);
        let lag_ms = self.cursor.lag.0;
        let least = match self.data_type {
            LogicalType::Timestamp(unit, _) => {
                let digits = digits_of(*unit);
                format!(
                    "toDateTime64({}, {digits}, 'UTC') - toIntervalMillisecond({lag_ms})",
                    literal(value)
                )
            }
            // A day that has begun counts.
            LogicalType::Date32 => format!("toDate32({}) - {}", literal(value), lag_ms.div_ceil(MS_PER_DAY)),
            // Only digits and a sign: nothing that could end the statement.
            _ => value.parse::<i128>().ok()?.to_string(),
        };
        Some(format!("{column} >= {least}"))
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::schema::Millis;

    use super::*;

    fn cursor(lag_ms: u64) -> CursorDecl {
        CursorDecl {
            column: "c".into(),
            lag: Millis(lag_ms),
        }
    }

    fn condition(data_type: &str, lag_ms: u64, mark: serde_json::Value) -> Option<String> {
        let columns = [Column::new("c", data_type.parse().unwrap())];
        let cursor = cursor(lag_ms);
        Since::new(&cursor, &columns).unwrap().condition(&Watermark(mark))
    }

    #[test]
    fn rows_at_the_mark_are_read_again() {
        let mark = |value: &str| json!({"column": "c", "value": value});
        assert_eq!(condition("int64", 0, mark("-5")).unwrap(), "`c` >= -5");
        assert_eq!(condition("int64", 0, mark("1 OR 1")), None);
        assert_eq!(
            condition("date32", 1, mark("2024-01-31")).unwrap(),
            "`c` >= toDate32('2024-01-31') - 1"
        );
        assert_eq!(
            condition("timestamp(ms, UTC)", 600_000, mark("2024-01-31 10:00:00.123")).unwrap(),
            "`c` >= toDateTime64('2024-01-31 10:00:00.123', 3, 'UTC') - toIntervalMillisecond(600000)"
        );
    }

    #[test]
    fn a_mark_of_another_column_is_none() {
        assert_eq!(condition("int64", 0, json!({"column": "d", "value": "5"})), None);
    }
}
