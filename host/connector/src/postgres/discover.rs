//! What a database has, as columns of ours.

use tidegate_core::port::Discovered;
use tidegate_core::schema::Column;
use tidegate_core::types::LogicalType;

use super::error::Result;
use super::server::{Session, value};
use super::sql::literal;

/// The most digits of Arrow's decimals, and how many places are kept where the server sets no limit.
const MOST_DIGITS: i32 = 76;

/// The tables and views of a schema, in the order of their names. A column whose type has no like is read as text.
pub(super) async fn discover(session: &mut Session, schema: &str) -> Result<Vec<Discovered>> {
    // Own tables are none of the user's, and a partition is read with the table that it is one of.
    let rows = session
        .rows(&format!(
            "SELECT c.relname::text, a.attname::text, format_type(t.oid, \
               CASE WHEN t0.typtype = 'd' THEN t0.typtypmod ELSE a.atttypmod END), a.attnotnull, \
               coalesce(a.attnum = ANY (i.indkey), false), col_description(c.oid, a.attnum), \
               obj_description(c.oid, 'pg_class') \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
             JOIN pg_type t0 ON t0.oid = a.atttypid \
             JOIN pg_type t ON t.oid = CASE WHEN t0.typtype = 'd' THEN t0.typbasetype ELSE t0.oid END \
             LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary \
             WHERE n.nspname = {} AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition \
               AND NOT starts_with(c.relname::text, '_tidegate_') \
               AND has_table_privilege(c.oid, 'SELECT') \
             ORDER BY c.relname, a.attnum",
            literal(schema)
        ))
        .await?;
    let mut tables: Vec<Discovered> = Vec::new();
    for row in &rows {
        let table: String = value(row, 0)?;
        let mut column = Column::new(&value::<String>(row, 1)?, logical(&value::<String>(row, 2)?));
        column.key = value(row, 4)?;
        column.nullable = !value::<bool>(row, 3)?;
        column.description = value(row, 5)?;
        if tables.last().is_none_or(|last| last.name != table) {
            tables.push(Discovered {
                name: table.clone(),
                description: value(row, 6)?,
                columns: Vec::new(),
                source: serde_json::json!({"table": table}),
            });
        }
        if let Some(last) = tables.last_mut() {
            last.columns.push(column);
        }
    }
    Ok(tables)
}

/// The type that holds all values of one of the server's.
fn logical(found: &str) -> LogicalType {
    if let Some(item) = found.strip_suffix("[]") {
        return LogicalType::List(Box::new(logical(item)));
    }
    let text = match found {
        "boolean" => "boolean",
        "smallint" => "int16",
        "integer" => "int32",
        "bigint" => "int64",
        "real" => "float32",
        "double precision" => "float64",
        "bytea" => "binary",
        "date" => "date32",
        "interval" => "duration(us)",
        other => return precise(other),
    };
    text.parse().unwrap_or(LogicalType::Utf8)
}

/// The type of one that has arguments.
fn precise(found: &str) -> LogicalType {
    use tidegate_core::types::TimeUnit::Microsecond;
    if let Some(inner) = found
        .strip_prefix("numeric(")
        .and_then(|rest| rest.strip_suffix(')'))
        && let Some((precision, scale)) = inner.split_once(',')
        && let (Ok(precision), Ok(scale)) = (precision.parse::<i32>(), scale.parse::<i32>())
        && (1..=MOST_DIGITS).contains(&precision)
        && (0..=precision).contains(&scale)
    {
        return LogicalType::Decimal {
            precision: precision as u8,
            scale: scale as i8,
        };
    }
    // `timestamp(3) with time zone`: fewer digits, all of which a microsecond has.
    match found.split(['(', ' ']).next() {
        Some("timestamp") if found.ends_with("with time zone") => {
            LogicalType::Timestamp(Microsecond, Some("UTC".into()))
        }
        Some("timestamp") => LogicalType::Timestamp(Microsecond, None),
        Some("time") if found.ends_with("without time zone") => LogicalType::Time64(Microsecond),
        // A `numeric` without a limit among them: as text it loses nothing.
        _ => LogicalType::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_hold_what_they_are_read_from() {
        for (theirs, ours) in [
            ("numeric(12,2)", "decimal(12,2)"),
            ("numeric", "utf8"),
            ("numeric(100,2)", "utf8"),
            ("timestamp(3) with time zone", "timestamp(us, UTC)"),
            ("timestamp without time zone", "timestamp(us)"),
            ("time with time zone", "utf8"),
            ("time without time zone", "time64(us)"),
            ("integer[]", "list(int32)"),
            ("uuid", "utf8"),
            ("mood", "utf8"),
        ] {
            assert_eq!(logical(theirs).to_string(), ours, "{theirs}");
        }
    }
}
