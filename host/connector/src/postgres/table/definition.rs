//! A table as the schema has it, and its DDL.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::super::sql::{literal, name, names};
use super::super::wire::Wire;

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in super::super) struct TableDefinition {
    /// The schema that it is in.
    pub(in super::super) schema: String,
    /// Its name.
    pub(in super::super) name: String,
    /// Its columns, in order.
    pub(in super::super) columns: Vec<TableColumn>,
    /// What tells rows apart, where a load goes by it.
    pub(in super::super) key: Vec<String>,
    /// What the table is.
    pub(in super::super) comment: Option<String>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in super::super) struct TableColumn {
    /// Its name.
    pub(in super::super) name: String,
    /// Its type, as `format_type` names it.
    pub(in super::super) data_type: String,
    /// How its values travel.
    pub(in super::super) wire: Wire,
    /// Whether a value may be missing.
    pub(in super::super) nullable: bool,
    /// What it means.
    pub(in super::super) comment: Option<String>,
}

impl TableColumn {
    /// The column as DDL writes it.
    pub(in super::super) fn ddl(&self) -> String {
        let missing = if self.nullable { "" } else { " NOT NULL" };
        format!("{} {}{missing}", name(&self.name), self.data_type)
    }
}

impl TableDefinition {
    /// The name with its schema, as SQL writes it.
    pub(in super::super) fn place(&self) -> String {
        format!("{}.{}", name(&self.schema), name(&self.name))
    }

    /// The column of a name.
    pub(in super::super) fn column(&self, name: &str) -> Option<&TableColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The statements that make the table. Repeating them does nothing.
    pub(in super::super) fn create(&self) -> String {
        let mut parts: Vec<String> = self.columns.iter().map(TableColumn::ddl).collect();
        if !self.key.is_empty() {
            parts.push(format!(
                "PRIMARY KEY ({})",
                names(self.key.iter().map(String::as_str))
            ));
        }
        let place = self.place();
        let mut text = format!(
            "CREATE TABLE IF NOT EXISTS {place}\n(\n    {}\n)",
            parts.join(",\n    ")
        );
        if let Some(comment) = &self.comment {
            // Writing into text does not fail.
            let _ = write!(text, ";\nCOMMENT ON TABLE {place} IS {}", literal(comment));
        }
        for column in &self.columns {
            if let Some(comment) = &column.comment {
                let _ = write!(
                    text,
                    ";\nCOMMENT ON COLUMN {place}.{} IS {}",
                    name(&column.name),
                    literal(comment)
                );
            }
        }
        text
    }
}
