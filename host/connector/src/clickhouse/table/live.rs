//! A table as the server has it.

use serde::Deserialize;

use super::super::error::Result;
use super::super::server::Server;
use super::super::sql::literal;
use super::definition::LOAD_COLUMN;

/// A table as `system.tables` and `system.columns` tell of it.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct LiveTable {
    /// Its engine's name, without arguments.
    pub(in super::super) engine: String,
    /// The engine with arguments, keys and settings.
    pub(in super::super) engine_full: String,
    /// The partition key; empty for none.
    pub(in super::super) partition_key: String,
    /// The sorting key; empty for none.
    pub(in super::super) sorting_key: String,
    /// The primary key, where it is not the sorting key.
    pub(in super::super) primary_key: String,
    /// Changes when another table takes the name.
    pub(in super::super) uuid: String,
    /// Its columns, in order, the host's own among them.
    pub(in super::super) columns: Vec<LiveColumn>,
}

/// A column as `system.columns` tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(in super::super) struct LiveColumn {
    pub(in super::super) name: String,
    #[serde(rename = "type")]
    pub(in super::super) data_type: String,
    /// Empty, `DEFAULT`, `MATERIALIZED`, `ALIAS` or `EPHEMERAL`.
    pub(in super::super) default_kind: String,
    is_in_partition_key: u8,
    is_in_sorting_key: u8,
}

impl LiveColumn {
    /// Whether the table's order or partitions hang on it: its type cannot change.
    pub(in super::super) fn in_a_key(&self) -> bool {
        self.is_in_partition_key != 0 || self.is_in_sorting_key != 0
    }
}

#[derive(Deserialize)]
struct TableRow {
    engine: String,
    engine_full: String,
    partition_key: String,
    sorting_key: String,
    primary_key: String,
    uuid: String,
}

impl LiveTable {
    /// The table of a name, or none.
    pub(in super::super) async fn read(server: &Server, table: &str) -> Result<Option<Self>> {
        let named = format!("database = currentDatabase() AND {{}} = {}", literal(table));
        let rows: Vec<TableRow> = server
            .rows(&format!(
                "SELECT engine, engine_full, partition_key, sorting_key, primary_key, toString(uuid) AS uuid \
                 FROM system.tables WHERE {}",
                named.replace("{}", "name")
            ))
            .await?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let columns = server
            .rows(&format!(
                "SELECT name, type, default_kind, is_in_partition_key, is_in_sorting_key \
                 FROM system.columns WHERE {} ORDER BY position",
                named.replace("{}", "table")
            ))
            .await?;
        Ok(Some(Self {
            engine: row.engine,
            engine_full: row.engine_full,
            partition_key: row.partition_key,
            sorting_key: row.sorting_key,
            primary_key: row.primary_key,
            uuid: row.uuid,
            columns,
        }))
    }

    /// The column of a name.
    pub(in super::super) fn column(&self, name: &str) -> Option<&LiveColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether the host's own column is there.
    pub(in super::super) fn has_load_column(&self) -> bool {
        self.column(LOAD_COLUMN).is_some()
    }

    /// Whether older rows of a key may still be there, so that reading needs `FINAL`
    /// (<https://clickhouse.com/docs/sql-reference/statements/select/from#final-modifier>).
    pub(in super::super) fn merges_rows(&self) -> bool {
        Self::engine_merges_rows(&self.engine)
    }

    /// The same, of an engine's name.
    pub(in super::super) fn engine_merges_rows(engine: &str) -> bool {
        ["Replacing", "Summing", "Aggregating", "Collapsing", "Coalescing"]
            .iter()
            .any(|family| engine.contains(family))
    }
}
