//! The table that an asset's schema asks for.

use arrow_schema::SchemaRef;
use serde::{Deserialize, Serialize};
use tidegate_core::plan::Partitioning;
use tidegate_core::schema::{Asset, Column, Contract, Load};
use tidegate_core::{Error, Kind, Place};

use super::super::config::{DestinationConfig, invalid};
use super::super::error::{PostgresError, Result as ServerResult};
use super::super::slice::SliceColumn;
use super::super::told_type::told_type;
use super::super::types::column_type;
use super::definition::{TableColumn, TableDefinition};

/// The longest name (`NAMEDATALEN` less its end); the server would cut longer ones.
const NAME_BYTES: usize = 63;

/// A destination as a task carries it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in super::super) struct CheckedDestination {
    /// The table; in the resource's schema, where its own is empty.
    pub(in super::super) table: TableDefinition,
    /// What a load does to it.
    pub(in super::super) mode: Mode,
    /// What says which slice of the asset a row is in.
    pub(in super::super) slice: Vec<SliceColumn>,
    /// Whether runs may add columns and widen types.
    pub(in super::super) evolve: bool,
}

/// What a load does to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Mode {
    /// Adds rows.
    Append,
    /// Adds rows, and changes those that have the same key.
    Upsert,
    /// Takes the place of all rows.
    Replace,
    /// Takes the place of the rows of a slice.
    ReplaceSlice,
}

/// The table and the load of an asset, or everything that keeps them from being made.
pub(in super::super) fn design(
    config: &DestinationConfig,
    asset: &Asset,
) -> Result<CheckedDestination, Vec<Error>> {
    let mut errors = Vec::new();
    let load = asset.destination.load;
    let keys: Vec<String> = asset
        .columns
        .iter()
        .filter(|column| column.key)
        .map(|column| column.name.clone())
        .collect();
    let slices = asset
        .partitions
        .as_ref()
        .and_then(|partitions| partitions.partitioning().ok().flatten());
    let slice: Vec<&Column> = slices
        .iter()
        .flat_map(Partitioning::columns)
        .filter_map(|name| asset.columns.iter().find(|column| column.name == name))
        .collect();
    let mode = match (load, &slices) {
        (Load::Append, _) => Mode::Append,
        (Load::Upsert, _) => Mode::Upsert,
        (Load::Replace | Load::ReplacePartition, None) => Mode::Replace,
        (Load::Replace | Load::ReplacePartition, Some(_)) => Mode::ReplaceSlice,
    };
    if mode == Mode::Upsert && keys.is_empty() {
        let error = Error::new(
            Kind::Schema,
            "schema.no_key",
            "an upsert needs to know what names a row",
        );
        errors.push(
            error
                .at(Place::Pointer(String::new()))
                .hint("give a column `key: true`"),
        );
    }
    if let (Mode::ReplaceSlice, Some(slices)) = (mode, &slices) {
        if slice.len() < slices.dimensions() {
            errors.push(
                invalid(
                    "",
                    "a partition can be replaced only where a loaded column says which one a row is in"
                        .into(),
                )
                .hint("name it as `column` of the asset's `partitions`, and in `columns`"),
            );
        }
        for column in slice.iter().filter(|column| column.nullable && !column.key) {
            errors.push(
                invalid(
                    "",
                    format!("the partitions follow `{}`, which may be missing", column.name),
                )
                .hint("write `nullable: false` at the column"),
            );
        }
    }
    let (schema, name) = place(config.table.as_deref().unwrap_or(asset.name.as_str()));
    let columns = columns(config, asset, &mut errors);
    for (what, text) in [("table", &name), ("schema", &schema)] {
        if text.len() > NAME_BYTES {
            errors.push(invalid(
                "/table",
                format!(
                    "the {what}'s name has {} bytes; Postgres keeps {NAME_BYTES}",
                    text.len()
                ),
            ));
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(CheckedDestination {
        table: TableDefinition {
            schema,
            name,
            columns,
            key: if mode == Mode::Upsert { keys } else { Vec::new() },
            comment: asset.description.as_ref().map(|text| text.trim().to_owned()),
        },
        mode,
        slice: slice.into_iter().map(SliceColumn::of).collect(),
        evolve: asset.contract == Contract::Evolve,
    })
}

/// Schema and name of a table; no schema where none is told.
fn place(table: &str) -> (String, String) {
    match table.split_once('.') {
        Some((schema, table)) => (schema.to_owned(), table.to_owned()),
        None => (String::new(), table.to_owned()),
    }
}

fn columns(config: &DestinationConfig, asset: &Asset, errors: &mut Vec<Error>) -> Vec<TableColumn> {
    let known: Vec<&str> = asset.columns.iter().map(|column| column.name.as_str()).collect();
    for name in config
        .columns
        .keys()
        .filter(|name| !known.contains(&name.as_str()))
    {
        errors.push(
            invalid(
                &format!("/columns/{name}"),
                format!("no column is called `{name}`"),
            )
            .hint(format!("the columns are {}", known.join(", "))),
        );
    }
    let mut columns = Vec::new();
    for column in &asset.columns {
        if column.name.len() > NAME_BYTES {
            errors.push(invalid(
                "",
                format!(
                    "the name of the column `{}` has {} bytes; Postgres keeps {NAME_BYTES}",
                    column.name,
                    column.name.len()
                ),
            ));
        }
        let told = config
            .columns
            .get(&column.name)
            .and_then(|config| config.data_type.as_deref());
        match table_column(column, told) {
            Ok(column) => columns.push(column),
            Err(error) => errors.push(error),
        }
    }
    columns
}

fn table_column(column: &Column, told: Option<&str>) -> Result<TableColumn, Error> {
    let unfit = |pointer: String, message: String| {
        Error::new(Kind::Schema, "schema.type_unsupported", message).at(Place::Pointer(pointer))
    };
    let (data_type, wire) = match told {
        None => column_type(column).map_err(|error| unfit(String::new(), error.to_string()))?,
        Some(told) => told_type(column, told).ok_or_else(|| {
            let pointer = format!("/columns/{}/type", column.name);
            unfit(pointer, format!("`{told}` does not hold {}", column.data_type))
        })?,
    };
    Ok(TableColumn {
        name: column.name.clone(),
        data_type,
        wire,
        nullable: column.nullable && !column.key,
        comment: column.description.as_ref().map(|text| text.trim().to_owned()),
    })
}

/// The table with the columns that come beyond those of the schema, as `contract: evolve` lets them.
pub(in super::super) fn with_evolved(
    table: &TableDefinition,
    schema: &SchemaRef,
) -> ServerResult<TableDefinition> {
    let mut table = table.clone();
    let loaded = Column::of_schema(schema).ok_or_else(|| {
        PostgresError::Internal("a column has a type that the schema has no word for".into())
    })?;
    for column in loaded {
        if table.column(&column.name).is_none() {
            let made = table_column(&column, None).map_err(|error| PostgresError::BadColumn {
                column: column.name.clone(),
                reason: error.message,
            })?;
            table.columns.push(made);
        }
    }
    Ok(table)
}
