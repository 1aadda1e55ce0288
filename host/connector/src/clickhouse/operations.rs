//! What operators ask of a table and of a server; the command line and the API show it.

use serde::{Deserialize, Serialize};
use tidegate_core::plan::DestinationSpec;

use super::config::ResourceConfig;
use super::error::{ClickHouseError, Result};
use super::from_json;
use super::health::{self, ServerHealth};
use super::server::Server;
use super::sql::{literal, name};
use super::table::{CheckedDestination, LiveTable};

/// The table of an asset on its server.
pub struct Operations {
    server: Server,
    table: String,
}

/// A partition of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionInfo {
    /// Its name, as `ALTER TABLE … PARTITION` takes it.
    pub partition: String,
    /// Its parts, which merges make fewer.
    pub parts: u64,
    /// Rows, older ones of a key among them until they are merged.
    pub rows: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// When it last changed, UTC.
    pub modified: String,
}

/// A merge or mutation that runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MergeInfo {
    /// The partition's name.
    pub partition: String,
    /// The part that it makes.
    pub result: String,
    /// Parts that it merges.
    pub parts: u64,
    /// Rows read so far.
    pub rows_read: u64,
    /// Seconds since it began.
    pub elapsed_s: f64,
    /// From 0 to 1.
    pub progress: f64,
    /// Whether it changes values, such as a `DELETE`.
    pub mutation: u8,
}

/// How large a table is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSize {
    /// Rows.
    pub rows: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Parts.
    pub parts: u64,
    /// By column, the largest first.
    pub columns: Vec<ColumnSize>,
}

/// How large a column is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSize {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Bytes on disk.
    pub bytes: u64,
    /// Bytes before compression.
    pub uncompressed_bytes: u64,
}

impl Operations {
    /// Of a destination whose secrets are filled in. Connects to nothing yet.
    pub fn new(destination: &DestinationSpec) -> tidegate_core::Result<Self> {
        let resource: ResourceConfig = from_json(&destination.resource)?;
        let checked: CheckedDestination = from_json(&destination.config)?;
        Ok(Self {
            server: Server::new(&resource),
            table: checked.table.name,
        })
    }

    /// The partitions, in the order of their names.
    pub async fn partitions(&self) -> tidegate_core::Result<Vec<PartitionInfo>> {
        self.live().await?;
        let query = format!(
            "SELECT partition, count() AS parts, sum(rows) AS rows, sum(bytes_on_disk) AS bytes, \
             formatDateTime(max(modification_time), '%Y-%m-%d %H:%i:%S', 'UTC') AS modified \
             FROM system.parts WHERE {} AND active GROUP BY partition ORDER BY partition",
            self.condition()
        );
        Ok(self.server.rows(&query).await?)
    }

    /// The merges and mutations that run, the oldest first.
    pub async fn merges(&self) -> tidegate_core::Result<Vec<MergeInfo>> {
        self.live().await?;
        let query = format!(
            "SELECT partition, result_part_name AS result, num_parts AS parts, rows_read, elapsed AS elapsed_s, \
             progress, is_mutation AS mutation FROM system.merges WHERE {} ORDER BY elapsed DESC",
            self.condition()
        );
        Ok(self.server.rows(&query).await?)
    }

    /// The size of the table and of its columns.
    pub async fn size(&self) -> tidegate_core::Result<TableSize> {
        #[derive(Deserialize)]
        struct Whole {
            rows: u64,
            bytes: u64,
            parts: u64,
        }
        self.live().await?;
        let whole: Vec<Whole> = self
            .server
            .rows(&format!(
                "SELECT sum(rows) AS rows, sum(bytes_on_disk) AS bytes, count() AS parts \
                 FROM system.parts WHERE {} AND active",
                self.condition()
            ))
            .await?;
        let columns = self
            .server
            .rows(&format!(
                "SELECT name, type, data_compressed_bytes AS bytes, data_uncompressed_bytes AS uncompressed_bytes \
                 FROM system.columns WHERE {} ORDER BY bytes DESC, name",
                self.condition()
            ))
            .await?;
        let whole = whole.first();
        Ok(TableSize {
            rows: whole.map_or(0, |whole| whole.rows),
            bytes: whole.map_or(0, |whole| whole.bytes),
            parts: whole.map_or(0, |whole| whole.parts),
            columns,
        })
    }

    /// Merges the parts of each partition, or of one, into one, and with them older rows of a key. Reads and writes all of
    /// it; waits until it is done.
    pub async fn optimize(&self, partition: Option<&str>) -> tidegate_core::Result<()> {
        self.live().await?;
        let partition = match partition {
            Some(wanted) => {
                let known = self.partitions().await?;
                if known.iter().all(|known| known.partition != wanted) {
                    let names: Vec<&str> = known.iter().map(|known| known.partition.as_str()).collect();
                    return Err(ClickHouseError::NoPartition {
                        table: self.table.clone(),
                        partition: wanted.to_owned(),
                        known: names.join(", "),
                    }
                    .into());
                }
                let query = format!(
                    "SELECT any(partition_id) FROM system.parts WHERE {} AND active AND partition = {}",
                    self.condition(),
                    literal(wanted)
                );
                format!(
                    " PARTITION ID {}",
                    literal(self.server.text(&query).await?.trim())
                )
            }
            None => String::new(),
        };
        let statement = format!("OPTIMIZE TABLE {}{partition} FINAL", name(&self.table));
        Ok(self.server.execute(&statement).await?)
    }

    /// How the server is, for whoever loads into the database.
    pub async fn health(&self) -> tidegate_core::Result<ServerHealth> {
        Ok(health::look(&self.server).await?)
    }

    async fn live(&self) -> Result<LiveTable> {
        self.server.greet().await?;
        let table = self.table.clone();
        LiveTable::read(&self.server, &self.table)
            .await?
            .ok_or(ClickHouseError::NotLoaded { table })
    }

    fn condition(&self) -> String {
        format!(
            "database = currentDatabase() AND table = {}",
            literal(&self.table)
        )
    }
}
