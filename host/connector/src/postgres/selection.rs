//! What is asked of a table or query: columns in types that can be read, and the guard against values that are too large.

use sqlx::postgres::{PgTypeInfo, PgTypeKind};
use sqlx::{AssertSqlSafe, Column as _, Executor as _, SqlSafeStr as _, Statement as _, TypeInfo as _};
use tidegate_core::schema::Column;
use tidegate_core::types::LogicalType;
use tokio::time::timeout;

use super::decode::{Found, Shape, plan};
use super::error::{PostgresError, Result};
use super::server::Session;
use super::sql::{literal, name};

/// How many bytes become one at most: in LZ4's blocks, a byte of a length counts 255
/// (<https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md>); Postgres's own packing does less.
const PACKED_AT_MOST: u64 = 255;

/// The columns of a `SELECT`, and how its rows are read.
pub(super) struct Selection {
    /// What stands behind `SELECT`.
    pub(super) list: String,
    pub(super) shapes: Vec<Shape>,
    /// Whether a text follows that says what was too large.
    pub(super) guarded: bool,
}

impl Selection {
    /// The columns of what stands behind `FROM`; `largest_bytes` where values may be larger than that.
    pub(super) async fn of(
        session: &mut Session,
        from: &str,
        columns: &[Column],
        largest_bytes: Option<u64>,
    ) -> Result<Self> {
        let found = describe(session, from).await?;
        let mut list = Vec::new();
        let mut shapes = Vec::new();
        let mut guards = Vec::new();
        for column in columns {
            let (_, found) = found
                .iter()
                .find(|(name, _)| *name == column.name)
                .ok_or_else(|| {
                    let known: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
                    PostgresError::NoColumn {
                        column: column.name.clone(),
                        known: known.join(", "),
                    }
                })?;
            let (mut expression, shape) =
                plan(&column.name, &column.data_type, found).map_err(|reason| PostgresError::BadColumn {
                    column: column.name.clone(),
                    reason,
                })?;
            if let (Some(largest), Some(size)) = (
                largest_bytes,
                largest_bytes.and_then(|largest| size_of(column, found, &expression, largest)),
            ) {
                expression = format!("CASE WHEN {size} > {largest} THEN NULL ELSE {expression} END");
                guards.push(format!(
                    "CASE WHEN {size} > {largest} THEN {} || {size} || ' bytes' END",
                    literal(&format!("`{}` has ", column.name))
                ));
            }
            list.push(expression);
            shapes.push(shape);
        }
        let guarded = !guards.is_empty();
        if guarded {
            list.push(format!("NULLIF(concat_ws('; ', {}), '')", guards.join(", ")));
        }
        Ok(Self {
            list: list.join(", "),
            shapes,
            guarded,
        })
    }
}

/// The size of a value, where its type has no bound. That of text and bytes is known without reading it
/// (`toast_raw_datum_size`). Of others the size as stored is known, and only where what was packed into it may be larger than
/// allowed is it unpacked, on the server, and counted as it would travel.
fn size_of(column: &Column, found: &Found, expression: &str, largest_bytes: u64) -> Option<String> {
    let own = name(&column.name);
    let travels = match (&column.data_type, found) {
        (_, Found::Plain(kind)) if matches!(kind.as_str(), "TEXT" | "VARCHAR" | "BYTEA" | "JSON" | "XML") => {
            // JSON and XML have no length of their own, and are stored as text.
            let cast = if matches!(kind.as_str(), "JSON" | "XML") {
                "::text"
            } else {
                ""
            };
            return Some(format!("octet_length({own}{cast})"));
        }
        (LogicalType::List(_), Found::Array(_)) if !expression.starts_with("to_json(") => {
            format!("octet_length(array_send({expression}))")
        }
        (LogicalType::Utf8 | LogicalType::List(_) | LogicalType::Struct(_) | LogicalType::Map(..), _) => {
            format!("octet_length(({expression})::text)")
        }
        _ => return None,
    };
    let safe = largest_bytes / PACKED_AT_MOST;
    Some(format!(
        "(CASE WHEN pg_column_size({own}) BETWEEN {} AND {largest_bytes} THEN {travels} ELSE pg_column_size({own}) END)",
        safe + 1
    ))
}

/// The columns of what stands behind `FROM`, in order.
async fn describe(session: &mut Session, from: &str) -> Result<Vec<(String, Found)>> {
    let server = session.server().clone();
    let sql = AssertSqlSafe(format!("SELECT * FROM {from} LIMIT 0")).into_sql_str();
    let statement = timeout(server.timeout(), (&mut session.connection).prepare(sql))
        .await
        .map_err(|_| server.timed_out())?
        .map_err(|error| server.error(&error))?;
    Ok(statement
        .columns()
        .iter()
        .map(|column| (column.name().to_owned(), found(column.type_info())))
        .collect())
}

fn found(info: &PgTypeInfo) -> Found {
    match info.kind() {
        PgTypeKind::Array(item) => Found::Array(Box::new(found(item))),
        PgTypeKind::Enum(_) => Found::Enum(info.name().to_owned()),
        PgTypeKind::Composite(_) => Found::Composite(info.name().to_owned()),
        // Its values are those of the type below, less some.
        PgTypeKind::Domain(below) => found(below),
        _ => Found::Plain(info.name().to_owned()),
    }
}
