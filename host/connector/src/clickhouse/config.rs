//! What YAML says of a ClickHouse resource, source and destination.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidegate_core::schema::{ByteSize, Millis, Node, decode};
use tidegate_core::{Error, Kind, Place};
use url::Url;

use crate::password::written_out;

/// A database of a ClickHouse server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClickHouseResource")]
pub struct ResourceConfig {
    /// The server's HTTP interface, such as `http://localhost:8123` or `https://HOST:8443`; no login in it.
    pub url: String,
    /// The database. It must exist.
    #[serde(default = "default_name")]
    pub database: String,
    /// Who logs in.
    #[serde(default = "default_name")]
    pub user: String,
    /// The password: `${secret:NAME}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// How bytes travel; `auto` compresses them unless the server is on this machine.
    #[serde(default)]
    pub compression: Compression,
    /// How long the server may take for a statement, or keep silent in an answer.
    #[serde(default = "default_timeout")]
    pub timeout: Millis,
    /// Settings of every query, such as `max_memory_usage`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, Value>,
}

/// How bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ClickHouseCompression")]
pub enum Compression {
    /// LZ4, but not to this machine, where it costs more than it saves.
    #[default]
    Auto,
    /// LZ4.
    Lz4,
    /// As they are.
    None,
}

/// How bytes travel, decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Plain,
    Lz4,
}

/// A table or query to read rows from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The table, `TABLE` or `DATABASE.TABLE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// A `SELECT` whose columns have the names that are read, in place of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Read rows as they are after all merges (`FINAL`); told from the table's engine unless given.
    #[serde(default, rename = "final", skip_serializing_if = "Option::is_none")]
    pub merged: Option<bool>,
}

/// How the table of an asset is made and loaded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClickHouseDestination")]
pub struct DestinationConfig {
    /// The table's name; the asset's, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// What its rows are: it decides the engine. `dimension` for `load: upsert`, else `event`, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// How many rows it will have: it decides whether the table has partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_rows: Option<u64>,
    /// The engine, in place of the role's, such as `ReplacingMergeTree(updated_at)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// `dimension`: the column of which the greatest value is a key's newest row; without it the row that was loaded last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `metric`: the columns that are summed; all numbers that are not keys, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<Vec<String>>,
    /// The column of dates or times that the table's partitions follow; that of the asset's partitions or the first key of
    /// such a type, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// How long the table's partitions are; decided by role and `expected_rows` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<PartitionLength>,
    /// The table's partition key as an expression, in place of `partition`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_by: Option<String>,
    /// The column of tenants: ten groups of them are partitions of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The table's order, columns or expressions; the key columns, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_by: Option<Vec<String>>,
    /// When rows vanish, such as `time_hour + INTERVAL 2 YEAR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
    /// Settings of the table, such as `index_granularity`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, Value>,
    /// What single columns have otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, ColumnConfig>,
    /// How much is inserted at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<ByteSize>,
    /// How many partitions the table may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_partitions: Option<u64>,
}

/// What the rows of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Things with a key, of which the newest version counts: ReplacingMergeTree.
    Dimension,
    /// What happened, once: MergeTree, in monthly partitions.
    Event,
    /// Sums by key: SummingMergeTree.
    Metric,
}

/// How long a partition of a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartitionLength {
    /// The table is not partitioned by time.
    None,
    /// A day.
    Day,
    /// A week, from Monday.
    Week,
    /// A month.
    Month,
}

/// What a column has otherwise than its type says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClickHouseColumn")]
pub struct ColumnConfig {
    /// ClickHouse's type, such as `UUID`, `IPv4`, `Enum8('a' = 1)` or `SimpleAggregateFunction(sum, Int64)`; the server
    /// converts what is loaded.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub data_type: Option<String>,
    /// `utf8`: keep each value once, in a dictionary; as the first rows suggest, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_cardinality: Option<bool>,
    /// How the column is compressed, such as `Delta, ZSTD(3)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
}

fn default_name() -> String {
    "default".into()
}

fn default_timeout() -> Millis {
    Millis(300_000)
}

impl ResourceConfig {
    pub(super) fn transport(&self) -> Transport {
        match self.compression {
            Compression::None => Transport::Plain,
            Compression::Auto if self.is_here() => Transport::Plain,
            Compression::Auto | Compression::Lz4 => Transport::Lz4,
        }
    }

    /// Whether both are one database for one user.
    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        (&self.url, &self.database, &self.user) == (&other.url, &other.database, &other.user)
    }

    fn is_here(&self) -> bool {
        match Url::parse(&self.url).ok().as_ref().and_then(Url::host) {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }
}

/// A resource's config, if it can be one.
pub(super) fn check_resource(config: &Node) -> Result<ResourceConfig, Vec<Error>> {
    let config: ResourceConfig = decode(config)?;
    let mut errors = Vec::new();
    match Url::parse(&config.url) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") || url.host().is_none() => {
            errors.push(invalid("/url", "the URL must be one of HTTP".into()).hint(
                "write `http://HOST:8123` or `https://HOST:8443`; the native protocol (9000) is not spoken",
            ));
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            // The URL is shown in messages; what stands in it must not be.
            errors.push(
                invalid("/url", "the URL may not hold a login".into())
                    .hint("write `user: NAME` and `password: ${secret:NAME}`"),
            );
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            errors.push(
                invalid("/url", "the URL may not have a query".into())
                    .hint("write settings under `settings:`"),
            );
        }
        Ok(_) => {}
        Err(error) => {
            errors.push(invalid("/url", format!("this is no URL: {error}")).hint("write `http://HOST:8123`"));
        }
    }
    errors.extend(written_out("/password", config.password.as_deref()));
    for (pointer, text) in [("/database", &config.database), ("/user", &config.user)] {
        if text.contains("${secret:") {
            errors.push(invalid(pointer, "this is shown, and may not be a secret".into()));
        }
    }
    if errors.is_empty() {
        Ok(config)
    } else {
        Err(errors)
    }
}

/// A source's config, if it can be one.
pub(super) fn check_source(config: &Node) -> Result<SourceConfig, Vec<Error>> {
    let config: SourceConfig = decode(config)?;
    match (&config.table, &config.query) {
        (Some(_), Some(_)) | (None, None) => Err(vec![
            invalid("", "a source reads a table or a query".into())
                .hint("write one of `table: NAME` and `query: SELECT …`"),
        ]),
        _ => Ok(config),
    }
}

pub(super) fn invalid(pointer: &str, message: String) -> Error {
    Error::new(Kind::Schema, "schema.invalid_value", message).at(Place::Pointer(pointer.to_owned()))
}
