//! The contract of what is loaded.

use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::LogicalType;

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, such as `int64` or `timestamp(ms, UTC)`.
    #[serde(rename = "type")]
    pub data_type: LogicalType,
    /// Whether a value may be missing. Key columns may not, whatever stands here.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub nullable: bool,
    /// Whether it is part of the key that names a row.
    #[serde(default, skip_serializing_if = "is_false")]
    pub key: bool,
    /// What it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Words to find and govern it by; `pii` keeps it out of `reads: "*"`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_true(value: &bool) -> bool {
    *value
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Column {
    /// A nullable column without further words.
    pub fn new(name: &str, data_type: LogicalType) -> Self {
        Self {
            name: name.to_owned(),
            data_type,
            nullable: true,
            key: false,
            description: None,
            tags: Vec::new(),
        }
    }

    /// The column as an Arrow field.
    pub fn field(&self) -> Field {
        Field::new(&self.name, self.data_type.arrow(), self.nullable && !self.key)
    }

    /// Columns as an Arrow schema, in order.
    pub fn schema(columns: &[Self]) -> SchemaRef {
        Arc::new(Schema::new(columns.iter().map(Self::field).collect::<Vec<_>>()))
    }

    /// The columns of an Arrow schema; none where the schema has no word for a type.
    pub fn of_schema(schema: &Schema) -> Option<Vec<Self>> {
        schema
            .fields()
            .iter()
            .map(|field| {
                let mut column = Self::new(field.name(), LogicalType::from_arrow(field.data_type())?);
                column.nullable = field.is_nullable();
                Some(column)
            })
            .collect()
    }
}

/// What happens to columns that reach the destination and are not in `columns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Contract {
    /// They are an error.
    #[default]
    Strict,
    /// They are loaded too.
    Evolve,
    /// They are left out.
    Discard,
}

/// How what is loaded meets what lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// Rows are added.
    Append,
    /// Rows take the place of those with the same key.
    Upsert,
    /// The whole asset is replaced; for an asset with partitions, the same as `replace_partition`.
    #[default]
    Replace,
    /// The partition is replaced.
    ReplacePartition,
}

impl Load {
    /// As YAML writes it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Upsert => "upsert",
            Self::Replace => "replace",
            Self::ReplacePartition => "replace_partition",
        }
    }
}
