//! The table that an asset's schema asks for: engine by role, partitions by size and tenant, order by keys.
//!
//! | role | engine | partitions, unless told |
//! | --- | --- | --- |
//! | `dimension` | `ReplacingMergeTree`, of the greatest `version` or the row loaded last | by `expected_rows` |
//! | `event` | `MergeTree` | a month, if there is a column of time; none under 1,000,000 `expected_rows` |
//! | `metric` | `SummingMergeTree` | by `expected_rows` |
//!
//! `expected_rows` under 1,000,000: none; from there on a month. An asset whose partitions are replaced one by one has the
//! same ones in its table, so that one replaces the other.

use arrow_schema::SchemaRef;
use serde::{Deserialize, Serialize};
use tidegate_core::plan::{Cadence, Partitioning};
use tidegate_core::schema::{Asset, Column, Contract, Load};
use tidegate_core::types::LogicalType;
use tidegate_core::{Error, Kind, Place};

use super::super::config::{DestinationConfig, Role, invalid};
use super::super::error::{ClickHouseError, Result as ServerResult};
use super::super::sql;
use super::super::told_type::told_type;
use super::super::types::column_type;
use super::definition::{LOAD_COLUMN, TableColumn, TableDefinition};

/// How many partitions a table may have unless told; from half of them on a run warns (DESIGN, section 6).
const MAX_PARTITIONS: u64 = 200;
/// How much is inserted at once unless told: see docs/performance.md.
const BLOCK_BYTES: u64 = 16 << 20;

/// A destination as a task carries it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in super::super) struct CheckedDestination {
    /// The table.
    pub(in super::super) table: TableDefinition,
    /// What a load does to it.
    pub(in super::super) mode: Mode,
    /// What says which slice of the asset a row is in, where the table tells.
    pub(in super::super) slice: Vec<SliceColumn>,
    /// Whether runs may add columns and widen types.
    pub(in super::super) evolve: bool,
    /// How much is inserted at once.
    pub(in super::super) block_bytes: u64,
    /// How many partitions the table may have.
    pub(in super::super) max_partitions: u64,
}

/// What a load does to a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Mode {
    /// Adds rows.
    Append,
    /// Adds rows that hide older ones of the same key.
    Upsert,
    /// Takes the whole table's place.
    Replace,
    /// Takes the place of the rows of a slice.
    ReplaceSlice,
}

/// The column that says which slice a row belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in super::super) struct SliceColumn {
    /// Its name.
    pub(in super::super) name: String,
    /// Its type.
    pub(in super::super) data_type: LogicalType,
}

/// The table and the load of an asset, or everything that keeps them from being made.
pub(in super::super) fn design(
    config: &DestinationConfig,
    asset: &Asset,
) -> Result<CheckedDestination, Vec<Error>> {
    let mut design = Design {
        asset,
        config,
        errors: Vec::new(),
    };
    let load = asset.destination.load;
    let role = config.role.unwrap_or(match load {
        Load::Upsert => Role::Dimension,
        _ => Role::Event,
    });
    let slices = asset
        .partitions
        .as_ref()
        .and_then(|partitions| partitions.partitioning().ok().flatten());
    let mode = design.mode(load, role, slices.as_ref());
    let table = TableDefinition {
        name: config.table.clone().unwrap_or_else(|| asset.name.to_string()),
        columns: design.columns(),
        engine: config.engine.clone().unwrap_or_else(|| design.engine(role)),
        partition_by: design.partition_by(role, &mode, slices.as_ref()),
        order_by: design.order_by(load),
        ttl: config.ttl.clone(),
        settings: config.settings.clone(),
        comment: asset.description.as_ref().map(|text| text.trim().to_owned()),
    };
    if mode == Mode::Upsert && !table.engine_name().contains("Replacing") {
        design.refuse(
            "/engine",
            format!("`{}` keeps older rows of a key", table.engine_name()),
            "an upsert needs `role: dimension` or a ReplacingMergeTree",
        );
    }
    if role == Role::Metric && table.order_by.is_empty() {
        design.refuse(
            "/role",
            "a metric sums rows of one key, and there is none".into(),
            "give a column `key: true`",
        );
    }
    let slice = design.slice(slices.as_ref());
    let errors = design.errors;
    if errors.is_empty() {
        Ok(CheckedDestination {
            table,
            mode,
            slice,
            evolve: asset.contract == Contract::Evolve,
            block_bytes: config
                .block
                .map_or(BLOCK_BYTES, |size| size.0.clamp(64 << 10, 1 << 30)),
            max_partitions: config.max_partitions.unwrap_or(MAX_PARTITIONS),
        })
    } else {
        Err(errors)
    }
}

pub(super) struct Design<'a> {
    asset: &'a Asset,
    pub(super) config: &'a DestinationConfig,
    errors: Vec<Error>,
}

impl Design<'_> {
    pub(super) fn refuse(&mut self, pointer: &str, message: String, hint: &str) {
        self.errors.push(invalid(pointer, message).hint(hint));
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.asset.columns.iter().find(|column| column.name == name)
    }

    /// The column of a name that an option gives, or an error at the option.
    pub(super) fn named(&mut self, pointer: &str, name: &str) -> Option<Column> {
        let found = self.column(name).cloned();
        if found.is_none() {
            let known: Vec<&str> = self
                .asset
                .columns
                .iter()
                .map(|column| column.name.as_str())
                .collect();
            let known = format!("the columns are {}", known.join(", "));
            self.refuse(pointer, format!("no column is called `{name}`"), &known);
        }
        found
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Column> {
        self.asset.columns.iter().filter(|column| column.key)
    }

    fn columns(&mut self) -> Vec<TableColumn> {
        for name in self.config.columns.keys() {
            self.named(&format!("/columns/{name}"), name);
        }
        let mut columns = Vec::new();
        for column in &self.asset.columns {
            if column.name == LOAD_COLUMN {
                self.refuse(
                    "",
                    format!("a column may not be called `{LOAD_COLUMN}`"),
                    "that is the host's own",
                );
                continue;
            }
            match table_column(column, self.config) {
                Ok(column) => columns.push(column),
                Err(error) => self.errors.push(error),
            }
        }
        columns
    }

    fn engine(&mut self, role: Role) -> String {
        if let (Some(version), role) = (&self.config.version, role) {
            if role != Role::Dimension {
                self.refuse(
                    "/version",
                    "only a dimension has versions".into(),
                    "write `role: dimension`, or leave it out",
                );
            } else if let Some(column) = self.named("/version", version) {
                use LogicalType::{
                    Date32, Int8, Int16, Int32, Int64, Timestamp, UInt8, UInt16, UInt32, UInt64,
                };
                // https://clickhouse.com/docs/engines/table-engines/mergetree-family/replacingmergetree#ver
                if !matches!(
                    column.data_type,
                    Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Date32 | Timestamp(..)
                ) || (column.nullable && !column.key)
                {
                    self.refuse(
                        "/version",
                        format!("`{version}` of type {} cannot be a version", column.data_type),
                        "it must be a whole number, date or timestamp with `nullable: false`",
                    );
                }
            }
        }
        match role {
            Role::Event => "MergeTree".into(),
            Role::Dimension => match &self.config.version {
                Some(version) => format!("ReplacingMergeTree({})", sql::name(version)),
                None => "ReplacingMergeTree".into(),
            },
            Role::Metric => {
                let sums = match &self.config.sum {
                    Some(names) => {
                        for (index, name) in names.iter().enumerate() {
                            self.named(&format!("/sum/{index}"), name);
                        }
                        names.clone()
                    }
                    None => self
                        .asset
                        .columns
                        .iter()
                        .filter(|column| !column.key && is_number(&column.data_type))
                        .map(|column| column.name.clone())
                        .collect(),
                };
                if sums.is_empty() {
                    self.refuse(
                        "/role",
                        "a metric sums numbers, and no column is one".into(),
                        "write `role: event`",
                    );
                }
                // Named one by one: without names it would sum the host's own column too.
                let sums: Vec<String> = sums.iter().map(|column| sql::name(column)).collect();
                format!("SummingMergeTree(({}))", sums.join(", "))
            }
        }
    }

    fn order_by(&mut self, load: Load) -> Vec<String> {
        let keys: Vec<String> = self.keys().map(|column| sql::name(&column.name)).collect();
        if load == Load::Upsert && keys.is_empty() {
            let error = Error::new(
                Kind::Schema,
                "schema.no_key",
                "an upsert needs to know what names a row",
            );
            self.errors.push(
                error
                    .at(Place::Pointer(String::new()))
                    .hint("give a column `key: true`"),
            );
        }
        let Some(order_by) = self.config.order_by.clone() else {
            return keys;
        };
        order_by
            .iter()
            .map(|expression| match self.column(expression) {
                Some(column) => sql::name(&column.name),
                None => expression.clone(),
            })
            .collect()
    }

    fn mode(&mut self, load: Load, role: Role, slices: Option<&Partitioning>) -> Mode {
        if role == Role::Metric && matches!(load, Load::Append | Load::Upsert) {
            // Rows of several loads become one, and then nobody can tell whether a load is in it: docs/decisions/0010.
            let error = Error::new(
                Kind::Schema,
                "schema.load_unsupported",
                format!("a metric cannot be loaded with `load: {}`", load.text()),
            );
            let hint = "use `replace` or `replace_partition`, or `role: event` and sum in queries";
            self.errors
                .push(error.at(Place::Pointer(String::new())).hint(hint));
        }
        match (load, slices) {
            (Load::Append, _) => Mode::Append,
            (Load::Upsert, _) => Mode::Upsert,
            (Load::Replace | Load::ReplacePartition, None) => Mode::Replace,
            (Load::Replace | Load::ReplacePartition, Some(slices)) => {
                self.require_slice_column(slices);
                Mode::ReplaceSlice
            }
        }
    }

    fn require_slice_column(&mut self, slices: &Partitioning) {
        let named: Vec<Column> = slices
            .columns()
            .filter_map(|name| self.column(name))
            .cloned()
            .collect();
        if named.len() < slices.dimensions() {
            self.refuse(
                "",
                "a partition can be replaced only where a loaded column says which one a row is in".into(),
                "name it as `column` of the asset's `partitions`, and in `columns`",
            );
        }
        for column in named.iter().filter(|column| column.nullable && !column.key) {
            self.refuse(
                "",
                format!(
                    "the table's partitions follow `{}`, which may be missing",
                    column.name
                ),
                "write `nullable: false` at the column",
            );
        }
        // Only whole partitions of the table are replaced, and its expressions know hours, days, weeks and months.
        let Some(time) = slices.time() else { return };
        let shifts_by_half = time.timezone == chrono_tz::Australia::Lord_Howe;
        if matches!(time.cadence, Cadence::Cron(_)) || (time.cadence == Cadence::Hourly && shifts_by_half) {
            self.refuse(
                "",
                "a table has no partitions that follow these slices, so they cannot be replaced one by one"
                    .into(),
                "load with `append` or `upsert`, or slice by hours, days, weeks or months",
            );
        }
    }

    /// The loaded columns that say which slice a row is in.
    fn slice(&self, slices: Option<&Partitioning>) -> Vec<SliceColumn> {
        slices
            .into_iter()
            .flat_map(Partitioning::columns)
            .filter_map(|name| self.column(name))
            .map(|column| SliceColumn {
                name: column.name.clone(),
                data_type: column.data_type.clone(),
            })
            .collect()
    }
}

/// A column of the schema as the table has it.
pub(in super::super) fn table_column(
    column: &Column,
    config: &DestinationConfig,
) -> Result<TableColumn, Error> {
    let told = config.columns.get(&column.name).cloned().unwrap_or_default();
    let text = column.data_type == LogicalType::Utf8;
    let plain = column_type(column).map_err(|error| {
        Error::new(Kind::Schema, "schema.type_unsupported", error.to_string())
            .at(Place::Pointer(String::new()))
    })?;
    if told.low_cardinality.is_some() && !text {
        let pointer = format!("/columns/{}/low_cardinality", column.name);
        let error = invalid(
            &pointer,
            format!(
                "`{}` is {}, and only text has a dictionary",
                column.name, column.data_type
            ),
        );
        return Err(error.hint("leave it out"));
    }
    let told_as = told
        .data_type
        .as_deref()
        .map(|told| told_type(column, told))
        .transpose();
    let told_as = told_as.map_err(|error| {
        let pointer = format!("/columns/{}/type", column.name);
        Error::new(Kind::Schema, "schema.type_unsupported", error.to_string())
            .at(Place::Pointer(pointer))
            .hint("convert it in a transform, so that what cannot be converted is refused by row")
    })?;
    Ok(TableColumn {
        name: column.name.clone(),
        told: told.data_type.is_some(),
        may_be_dictionary: text && told.data_type.is_none() && told.low_cardinality.is_none(),
        data_type: match (told_as, told.low_cardinality) {
            (Some(data_type), _) => data_type,
            (None, Some(true)) => format!("LowCardinality({plain})"),
            _ => plain,
        },
        codec: told.codec,
        comment: column.description.as_ref().map(|text| text.trim().to_owned()),
    })
}

/// The table with the columns that come beside those that the schema names, under `contract: evolve`.
pub(in super::super) fn with_evolved(
    table: &TableDefinition,
    schema: &SchemaRef,
) -> ServerResult<TableDefinition> {
    let mut table = table.clone();
    let columns = Column::of_schema(schema).ok_or_else(|| {
        ClickHouseError::Internal("a column has a type that the schema has no word for".into())
    })?;
    for column in columns {
        if table.columns.iter().all(|known| known.name != column.name) {
            let made = table_column(&column, &DestinationConfig::default())
                .map_err(|error| ClickHouseError::Internal(error.message))?;
            table.columns.push(made);
        }
    }
    Ok(table)
}

pub(super) fn is_time(data_type: &LogicalType) -> bool {
    matches!(data_type, LogicalType::Date32 | LogicalType::Timestamp(..))
}

pub(super) fn is_integer(data_type: &LogicalType) -> bool {
    use LogicalType::{Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
    matches!(
        data_type,
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64
    )
}

fn is_number(data_type: &LogicalType) -> bool {
    is_integer(data_type)
        || matches!(
            data_type,
            LogicalType::Float32 | LogicalType::Float64 | LogicalType::Decimal { .. }
        )
}
