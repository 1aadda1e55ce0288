//! Built-in sources and destinations.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::batch::Rejects;
use crate::error::{Error, Result};
use crate::plan::{AssetName, DestinationSpec, Epoch, LoadToken, Partition, PartitionKey, SourceSpec};
use crate::port::{AskHealth, Change, Health, LogSink};
use crate::schema::{Asset, Column, Node};
use crate::types::LogicalType;

/// Where a source stopped: made and read by the source alone. Null where nobody can go on from there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub serde_json::Value);

/// Up to where a source was read, for the next run of the asset to read on: made and read by the source alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Watermark(pub serde_json::Value);

/// A kind of resource that Tidegate can read from and write to, such as `file`.
///
/// The `check_*` functions touch neither disk nor network; they answer the config in the form that `open_*` takes.
/// What they refuse is placed by a JSON pointer relative to the node.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The resource's `type` in YAML.
    fn kind(&self) -> &'static str;
    /// Whether secrets may stand in a resource's `config`: only where the connector never shows what it was given.
    fn takes_secrets(&self) -> bool {
        false
    }
    /// Checks a resource's `config`. `root` is the project's folder, absolute: relative paths start there.
    fn check_resource(&self, config: &Node, root: &std::path::Path) -> Result<serde_json::Value, Vec<Error>>;
    /// Checks an asset's `source`, less the keys that every source has.
    fn check_source(&self, config: &Node, columns: &[Column]) -> Result<serde_json::Value, Vec<Error>>;
    /// Whether its sources can read only what is new, told by a column.
    fn reads_since(&self) -> bool {
        false
    }
    /// Whether a source, checked, brings only what is new, by a mark of its own: then a load must not take others' place.
    fn brings_only_new(&self, _source: &serde_json::Value) -> bool {
        false
    }
    /// Whether its sources give cursors that a later attempt can go on from.
    fn resumes(&self) -> bool {
        true
    }
    /// Checks an asset's `destination`, less the keys that every destination has.
    fn check_destination(&self, config: &Node, asset: &Asset) -> Result<serde_json::Value, Vec<Error>>;
    /// Whether a resource, checked, can be what it is used as: `source` or `destination`.
    fn check_use(&self, _resource: &serde_json::Value, _role: &'static str) -> Result<()> {
        Ok(())
    }
    /// The JSON Schemas of resource, source and destination config, in this order.
    fn json_schemas(&self) -> [schemars::Schema; 3];
    /// The source that reads what an asset of this destination holds. Opened with a partition, it reads that one.
    fn asset_source(
        &self,
        asset: &AssetName,
        destination: &DestinationSpec,
        columns: &[Column],
    ) -> Result<SourceSpec>;
    /// The source that answers a query over assets of one resource of this connector, each written `{NAME}`; none where the
    /// other side runs no SQL.
    fn sql_source(
        &self,
        _sql: &str,
        _assets: &[(AssetName, DestinationSpec)],
        _columns: &[Column],
    ) -> Result<Option<SourceSpec>> {
        Ok(None)
    }
    /// Where an asset (partition) of this destination lies, for people.
    fn locate(&self, asset: &AssetName, destination: &DestinationSpec, partition: &PartitionKey) -> String;
    /// What has to change at the other side before a load of these columns fits, such as the DDL of a table; in the order
    /// in which it has to be done. Looks, and changes nothing.
    async fn changes(&self, _open: OpenChanges<'_>) -> Result<Vec<Change>> {
        Ok(Vec::new())
    }
    /// Makes the changes that a person need not make by hand, and answers all that there were. Repeating it does nothing.
    async fn apply_changes(&self, _open: OpenChanges<'_>) -> Result<Vec<Change>> {
        Ok(Vec::new())
    }
    /// What there is to read at a resource, checked and with its secrets. None where the other side cannot tell.
    async fn discover(&self, _resource: &serde_json::Value) -> Result<Vec<Discovered>> {
        Ok(Vec::new())
    }
    /// Whether a resource can be used as it is to be: reached, logged in to, listed and, for destinations, written to. Makes
    /// one try, waits for nobody, leaves nothing behind, and answers all that stands in the way. None where the other side
    /// cannot be asked.
    async fn check_health(&self, _ask: AskHealth<'_>) -> Result<Option<Health>, Vec<Error>> {
        Ok(None)
    }
    /// The files or objects at a resource, checked and with its secrets, that a source's `path` names; in any order. None
    /// where there are no such things. No more are looked for when
    /// there are more than [`MAX_FOUND`].
    async fn find_files(&self, _resource: &serde_json::Value, _path: &str) -> Result<Option<Vec<FoundFile>>> {
        Ok(None)
    }
    /// Merges what an asset's loads left at the other side, such as the parts of a table, and answers what is there then.
    /// `destination` has its secrets. Repeating it does no harm. None where there is nothing to merge.
    async fn optimize(&self, _destination: &DestinationSpec) -> Result<Option<serde_json::Value>> {
        Ok(None)
    }
    /// Opens a source.
    async fn open_source(&self, open: OpenSource<'_>) -> Result<Box<dyn Source>>;
    /// Opens a destination. Nothing that it does before [`Destination::commit`] can be seen by a reader.
    async fn open_destination(&self, open: OpenDestination<'_>) -> Result<Box<dyn Destination>>;
}

/// Files that one look of a sensor can take in.
pub const MAX_FOUND: usize = 100_000;

/// A file or object, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// Its path or key, below the resource's.
    pub path: String,
    /// Another one for other content, as far as the other side can tell.
    pub version: String,
    /// When it was last written, by the other side's clock; in milliseconds from 1970.
    pub modified_ms: i64,
}

/// Something that a source can read, such as a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Discovered {
    /// Its name at the other side.
    pub name: String,
    /// What it is, as the other side says.
    pub description: Option<String>,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// What an asset's `source` says beside the resource.
    pub source: serde_json::Value,
}

/// What a source is opened with.
pub struct OpenSource<'a> {
    /// What to read.
    pub spec: &'a SourceSpec,
    /// The slice to read, or none for all.
    pub partition: Option<&'a Partition>,
    /// Go on behind this cursor, made by the same source with the same spec.
    pub cursor: Option<&'a Cursor>,
    /// Read only what is new behind this, made by the same source; none for everything.
    pub since: Option<&'a Watermark>,
    /// Rows a batch at most.
    pub batch_rows: usize,
    /// Where lines of the run's log go.
    pub log: Arc<dyn LogSink>,
    /// Values in the spec that must not be shown.
    pub secrets: &'a [String],
}

/// What a destination's changes are asked with.
pub struct OpenChanges<'a> {
    /// Where to write.
    pub spec: &'a DestinationSpec,
    /// What is loaded.
    pub schema: SchemaRef,
    /// Values in the spec that must not be shown.
    pub secrets: &'a [String],
}

/// What a destination is opened with.
pub struct OpenDestination<'a> {
    /// Where to write.
    pub spec: &'a DestinationSpec,
    /// For which asset.
    pub asset: &'a AssetName,
    /// For which slice.
    pub partition: &'a PartitionKey,
    /// The slice's window; none for an asset without partitions.
    pub window: Option<&'a Partition>,
    /// The fence of the attempt that writes.
    pub epoch: Epoch,
    /// The name of the load; a load that this destination has committed already is not made twice.
    pub token: &'a LoadToken,
    /// What comes: every batch written has this schema.
    pub schema: SchemaRef,
    /// What an earlier attempt of the same load staged, in order; it counts as written.
    pub staged: &'a [Part],
    /// Whether a later attempt may go on from what this one stages; else it writes all anew.
    pub resumable: bool,
    /// Rows a batch at most, for a destination that cuts its own.
    pub batch_rows: usize,
    /// Where lines of the run's log go.
    pub log: Arc<dyn LogSink>,
    /// Values in the spec that must not be shown.
    pub secrets: &'a [String],
}

/// Reads batches in an order that is the same each time.
#[async_trait]
pub trait Source: Send {
    /// The schema of every batch: the spec's columns, in order.
    fn schema(&self) -> SchemaRef;
    /// Up to where it reads, which is fixed when it is opened; none for a source without a cursor.
    fn watermark(&self) -> Option<Watermark> {
        None
    }
    /// The next batch, or none at the end. Never called again after none or an error.
    async fn next(&mut self) -> Result<Option<SourceBatch>>;
}

/// A batch and where the source stands behind it.
#[derive(Debug, Clone)]
pub struct SourceBatch {
    /// Up to `batch_rows` rows of the source's schema; may be empty.
    pub batch: RecordBatch,
    /// Reading on from here gives the row behind the batch's last.
    pub cursor: Cursor,
    /// Rows refused on the way, as the source could read them; not part of `batch`.
    pub rejects: Option<Rejects>,
}

/// Something written that will stay: a file, a staged block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name, or what else the destination that made it knows it by.
    pub name: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size as stored.
    pub bytes: u64,
    /// Its sha256, hexadecimal.
    pub sha256: String,
}

/// What a commit needs to be refused when stale and repeated without harm.
#[derive(Debug, Clone)]
pub struct Commit {
    /// When, for the record.
    pub at: chrono::DateTime<chrono::Utc>,
}

/// What a destination says of a load that it committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadReceipt {
    /// Rows loaded.
    pub rows: u64,
    /// Bytes as stored.
    pub bytes: u64,
    /// Files or blocks.
    pub parts: u64,
    /// Where it lies, for people.
    pub location: String,
    /// Whether an earlier attempt had committed this load already.
    pub repeated: bool,
}

/// The values of a column that a destination holds; those beside them would become others, or fail a whole load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDomain {
    /// The column's name.
    pub column: String,
    /// What it holds.
    pub domain: Domain,
}

/// Values that a destination holds. A missing value is in every domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Domain {
    /// Whole numbers, dates and timestamps from one to another, in the unit of the column's Arrow type.
    Between {
        /// The least.
        least: i128,
        /// The greatest.
        greatest: i128,
    },
    /// Texts that are UUIDs, as RFC 9562 writes them.
    Uuid,
    /// Texts that are addresses of IPv4.
    Ipv4,
    /// Texts that are addresses of IPv6, or of IPv4.
    Ipv6,
    /// These texts.
    OneOf(Vec<String>),
    /// Texts of so many bytes at most.
    Bytes(usize),
    /// Texts of so many letters (code points) at most.
    Characters(usize),
    /// Texts without the letter U+0000.
    WithoutNul,
    /// Texts that are JSON (RFC 8259), without the letter U+0000, escaped or not.
    Json,
    /// Lists, structs and maps whose members, by their places in the Arrow type, are in these domains: the items of a list
    /// are at 0, the keys of a map at 0 and its values at 1.
    Members(Vec<(usize, Domain)>),
}

impl Domain {
    /// The domain of a type whose plain parts have the domains that `plain` says; none where all values are inside.
    pub fn of_parts(data_type: &LogicalType, plain: &impl Fn(&LogicalType) -> Option<Self>) -> Option<Self> {
        let parts: Vec<&LogicalType> = match data_type {
            LogicalType::List(item) => vec![item],
            LogicalType::Map(key, value) => vec![key, value],
            LogicalType::Struct(fields) => fields.iter().map(|field| &field.data_type).collect(),
            other => return plain(other),
        };
        let members: Vec<_> = parts
            .iter()
            .enumerate()
            .filter_map(|(index, part)| Some((index, Self::of_parts(part, plain)?)))
            .collect();
        (!members.is_empty()).then_some(Self::Members(members))
    }
}

/// Takes batches, and shows all of them at once or none.
#[async_trait]
pub trait Destination: Send {
    /// The columns that it cannot hold all values of. Rows with others do not reach it.
    fn domains(&self) -> Vec<ColumnDomain> {
        Vec::new()
    }
    /// Takes a batch. What is not staged yet is lost with the attempt.
    async fn write(&mut self, batch: RecordBatch) -> Result<()>;
    /// Whether it can fetch all rows of a source by itself, since both lie in one database; of a slice, if there is one.
    fn pulls(&self, _source: &SourceSpec, _window: Option<&Partition>) -> bool {
        false
    }
    /// Fetches all rows of a source, as if they had been written, and answers how many there were. Only where
    /// [`Destination::pulls`] says so. A value that the load's columns cannot hold fails it.
    async fn pull(&mut self, _source: &SourceSpec, _window: Option<&Partition>) -> Result<u64> {
        Ok(0)
    }
    /// Makes all that was written durable and answers every part so far, those of earlier attempts first. None where the
    /// other side cannot hold back what was written: then there is no checkpoint, and a later attempt writes all anew.
    async fn stage(&mut self) -> Result<Option<Vec<Part>>>;
    /// Stages the rest and shows the load, unless a newer attempt has taken over. Repeating it changes nothing.
    async fn commit(self: Box<Self>, commit: Commit) -> Result<LoadReceipt>;
    /// Forgets what this attempt wrote and nobody staged.
    async fn abort(self: Box<Self>) -> Result<()>;
}
