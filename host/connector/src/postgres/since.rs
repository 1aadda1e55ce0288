//! Reading only what is new: up to where a column goes, and which rows are behind a mark.

use serde_json::json;
use tidegate_core::port::Watermark;
use tidegate_core::schema::{Column, CursorDecl};
use tidegate_core::types::LogicalType;

use super::error::{PostgresError, Result};
use super::server::{Session, value};
use super::sql::{literal, name};

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
            column.ok_or_else(|| PostgresError::Internal("the cursor's column is not read".into()))?;
        Ok(Self {
            cursor,
            data_type: &column.data_type,
        })
    }

    /// The greatest value in the session's snapshot: a row that comes later has a greater one, or is read again. None where
    /// there is no row.
    pub(super) async fn watermark(&self, session: &mut Session, from: &str) -> Result<Option<Watermark>> {
        let column = name(&self.cursor.column);
        let bad = |reason: String| PostgresError::BadColumn {
            column: self.cursor.column.clone(),
            reason,
        };
        // Not counted: an index answers both.
        let query = format!(
            "SELECT (SELECT max({column})::text FROM {from}), EXISTS (SELECT FROM {from} WHERE {column} IS NULL)"
        );
        let Some(row) = session.row(&query).await? else {
            return Ok(None);
        };
        if value::<bool>(&row, 1)? {
            return Err(bad(
                "there are rows without a value, which would never be read".into()
            ));
        }
        let greatest: Option<String> = value(&row, 0)?;
        match greatest.as_deref() {
            Some("infinity") => Err(bad(
                "its greatest value is infinity, behind which nothing new would ever be".into(),
            )),
            Some(greatest) => Ok(Some(Watermark(
                json!({"column": self.cursor.column, "value": greatest}),
            ))),
            None => Ok(None),
        }
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
            LogicalType::Timestamp(_, zone) => {
                let kind = if zone.is_some() {
                    "timestamptz"
                } else {
                    "timestamp"
                };
                format!("{kind} {} - interval '{lag_ms} milliseconds'", literal(value))
            }
            // A day that has begun counts.
            LogicalType::Date32 => format!("date {} - {}", literal(value), lag_ms.div_ceil(MS_PER_DAY)),
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

    fn condition(data_type: &str, lag_ms: u64, mark: serde_json::Value) -> Option<String> {
        let columns = [Column::new("c", data_type.parse().unwrap())];
        let cursor = CursorDecl {
            column: "c".into(),
            lag: Millis(lag_ms),
        };
        Since::new(&cursor, &columns).unwrap().condition(&Watermark(mark))
    }

    #[test]
    fn rows_at_the_mark_are_read_again() {
        let mark = |value: &str| json!({"column": "c", "value": value});
        assert_eq!(condition("int64", 0, mark("-5")).unwrap(), "\"c\" >= -5");
        assert_eq!(condition("int64", 0, mark("1 OR 1")), None);
        assert_eq!(
            condition("date32", 1, mark("2024-01-31")).unwrap(),
            "\"c\" >= date '2024-01-31' - 1"
        );
        assert_eq!(
            condition("timestamp(us, UTC)", 600_000, mark("2024-01-31 10:00:00.123+00")).unwrap(),
            "\"c\" >= timestamptz '2024-01-31 10:00:00.123+00' - interval '600000 milliseconds'"
        );
        assert_eq!(condition("int64", 0, json!({"column": "d", "value": "5"})), None);
    }
}
