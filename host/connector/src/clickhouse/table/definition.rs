//! A table as the schema has it, and its DDL.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::sql::{literal, name};

/// The host's own column: the number of the load that brought the row, 0 where somebody else did. `SELECT *` does not show
/// it. By it a load that was cut off between moving its rows and saying so is known again; docs/decisions/0010 says why.
pub(in super::super) const LOAD_COLUMN: &str = "_tidegate_load";

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in super::super) struct TableDefinition {
    /// Its name, in the resource's database.
    pub(in super::super) name: String,
    /// Its columns, in order; without the host's own.
    pub(in super::super) columns: Vec<TableColumn>,
    /// The engine with its arguments.
    pub(in super::super) engine: String,
    /// The partition key; none for a table in one piece.
    pub(in super::super) partition_by: Option<String>,
    /// The order, as expressions; empty for none.
    pub(in super::super) order_by: Vec<String>,
    /// When rows vanish.
    pub(in super::super) ttl: Option<String>,
    /// Settings of the engine.
    pub(in super::super) settings: BTreeMap<String, Value>,
    /// What the table is.
    pub(in super::super) comment: Option<String>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in super::super) struct TableColumn {
    /// Its name.
    pub(in super::super) name: String,
    /// Its type.
    pub(in super::super) data_type: String,
    /// Whether the schema tells the type, in place of the one that follows from its own.
    pub(in super::super) told: bool,
    /// Whether a text whose dictionary is up to the first rows.
    pub(in super::super) may_be_dictionary: bool,
    /// How it is compressed.
    pub(in super::super) codec: Option<String>,
    /// What it means.
    pub(in super::super) comment: Option<String>,
}

impl TableColumn {
    /// The column as DDL writes it.
    pub(in super::super) fn ddl(&self) -> String {
        let mut text = format!("{} {}", name(&self.name), self.data_type);
        if let Some(codec) = &self.codec {
            let _ = write!(text, " CODEC({codec})");
        }
        if let Some(comment) = &self.comment {
            let _ = write!(text, " COMMENT {}", literal(comment));
        }
        text
    }
}

/// The host's own column as DDL writes it.
pub(super) fn load_column_ddl() -> String {
    format!(
        "{} UInt64 MATERIALIZED 0 COMMENT 'The load that brought the row, as in _tidegate_loads.'",
        name(LOAD_COLUMN)
    )
}

impl TableDefinition {
    /// The statement that makes the table. Repeating it does nothing.
    pub(in super::super) fn create(&self) -> String {
        let mut text = format!("CREATE TABLE IF NOT EXISTS {}\n(\n", name(&self.name));
        for column in &self.columns {
            let _ = writeln!(text, "    {},", column.ddl());
        }
        let _ = write!(text, "    {}\n)\nENGINE = {}", load_column_ddl(), self.engine);
        if let Some(partition_by) = &self.partition_by {
            let _ = write!(text, "\nPARTITION BY {partition_by}");
        }
        let _ = write!(text, "\nORDER BY {}", tuple(&self.order_by));
        if let Some(ttl) = &self.ttl {
            let _ = write!(text, "\nTTL {ttl}");
        }
        let settings: Vec<String> = self
            .settings
            .iter()
            .map(|(key, value)| match value {
                Value::String(text) => format!("{key} = {}", literal(text)),
                Value::Bool(flag) => format!("{key} = {}", u8::from(*flag)),
                other => format!("{key} = {other}"),
            })
            .collect();
        if !settings.is_empty() {
            let _ = write!(text, "\nSETTINGS {}", settings.join(", "));
        }
        if let Some(comment) = &self.comment {
            let _ = write!(text, "\nCOMMENT {}", literal(comment));
        }
        text
    }

    /// The engine's name without arguments.
    pub(super) fn engine_name(&self) -> &str {
        self.engine.split('(').next().unwrap_or_default().trim()
    }
}

/// Expressions as one sorting key.
pub(super) fn tuple(expressions: &[String]) -> String {
    match expressions {
        [] => "tuple()".into(),
        some => format!("({})", some.join(", ")),
    }
}
