//! The unit of work: one attempt at one asset partition, with everything that it needs to run anywhere.

use serde::{Deserialize, Serialize};

use super::check::CheckStep;
use super::{AssetName, Digest, Epoch, Partition, PartitionKey, RunId};
use crate::port::{Checkpoint, LoadReceipt, QuarantineEntry, Verdict, Watermark};
use crate::schema::{Column, Contract, CursorDecl, HttpGrant, Load};

/// One attempt at one asset partition. Serialisable: an engine may carry it to another process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartitionTask {
    /// The run that asked.
    pub run: RunId,
    /// What is materialized.
    pub asset: AssetName,
    /// The slice, or none for an asset without partitions.
    pub partition: Option<Partition>,
    /// Which try this is within the run, from 1.
    pub attempt: u32,
    /// This attempt's fence.
    pub epoch: Epoch,
    /// Where rows come from.
    pub source: SourceSpec,
    /// What is done to them, in order.
    pub steps: Vec<Step>,
    /// Where they go.
    pub destination: DestinationSpec,
    /// The contract of what is loaded.
    pub columns: Vec<Column>,
    /// What happens to columns that the contract does not name.
    pub contract: Contract,
    /// What looks at what is loaded.
    pub checks: Vec<CheckStep>,
    /// Rows a batch at most.
    pub batch_rows: usize,
    /// When to checkpoint.
    pub checkpoint: CheckpointPolicy,
    /// Stop the source after so many rows.
    pub limit_rows: Option<u64>,
    /// What is done about rows that the slice does not hold.
    pub slice: SliceRule,
    /// Which slice of the source is read.
    #[serde(default)]
    pub source_slice: SourceSlice,
    /// Read only what is new behind this; none for everything.
    #[serde(default)]
    pub since: Option<Watermark>,
    /// The row counts of the asset's last loads, newest first, where a check wants them; no part of what the task does.
    #[serde(default)]
    pub history: Vec<u64>,
    /// Do everything but write to the destination.
    pub dry_run: bool,
    /// Where an earlier attempt of this run got to.
    pub resume: Option<Checkpoint>,
}

impl PartitionTask {
    /// The slice's key; the empty key without partitions.
    pub fn key(&self) -> PartitionKey {
        self.partition
            .as_ref()
            .map(|partition| partition.key.clone())
            .unwrap_or_default()
    }

    /// The digest of what the task does to rows: source, steps with their plugins' digests and config, columns, contract, checks.
    /// An attempt may go on from the checkpoint of another only where both have the same.
    pub fn fingerprint(&self) -> Digest {
        let what = serde_json::json!([
            self.source,
            self.steps,
            self.columns,
            self.contract,
            self.slice,
            self.source_slice,
            self.partition,
            self.limit_rows,
            self.destination,
            self.checks,
            self.since,
        ]);
        Digest::of(what.to_string().as_bytes())
    }

    /// The slice that a source is asked for that is asked once; none for all that it has.
    pub fn read_slice(&self) -> Option<&Partition> {
        match &self.source_slice {
            SourceSlice::Own => self.partition.as_ref(),
            SourceSlice::Other(partition) => Some(partition),
            SourceSlice::Whole | SourceSlice::Several(_) => None,
        }
    }

    /// Whether the source is asked once, and what it gives needs no further look than it has by itself.
    pub fn reads_at_once(&self) -> bool {
        match self.source_slice {
            SourceSlice::Own => true,
            SourceSlice::Other(_) | SourceSlice::Whole => self.slice == SliceRule::Trusted,
            SourceSlice::Several(_) => false,
        }
    }

    /// The token under which the destination knows this load, whichever attempt commits it.
    pub fn token(&self) -> LoadToken {
        LoadToken::new(&self.asset, &self.key(), self.run)
    }
}

/// What a connector opens to read rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceSpec {
    /// The connector, such as `file`.
    pub connector: String,
    /// The resource's config, checked by the connector.
    pub resource: serde_json::Value,
    /// The source's config, checked by the connector.
    pub config: serde_json::Value,
    /// The columns to read with their types, in order.
    pub columns: Vec<Column>,
    /// Read only what is new, told by this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<CursorDecl>,
}

/// What a connector opens to write rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DestinationSpec {
    /// The connector, such as `file`.
    pub connector: String,
    /// The resource's config, checked by the connector.
    pub resource: serde_json::Value,
    /// The destination's config, checked by the connector.
    pub config: serde_json::Value,
    /// How what is loaded meets what lies there.
    pub load: Load,
}

/// One transform of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(
    clippy::large_enum_variant,
    reason = "a task has a few steps, and they are not moved about"
)]
pub enum Step {
    /// A plugin.
    Plugin(StepSpec),
    /// SQL.
    Sql(SqlSpec),
}

impl Step {
    /// What happens to rows that it refuses; SQL refuses none.
    pub fn on_reject(&self) -> OnReject {
        match self {
            Self::Plugin(spec) => spec.on_reject,
            Self::Sql(_) => OnReject::Fail,
        }
    }
}

/// SQL over the stream and over assets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SqlSpec {
    /// Where it stands among the asset's transforms, from 0.
    pub index: usize,
    /// The statement; `input` is the stream, and each of the tables has its asset's name.
    pub sql: String,
    /// The assets that it reads beside the stream.
    pub tables: Vec<SqlTable>,
    /// What it may hold.
    pub memory_bytes: u64,
    /// Rows a batch at most.
    pub batch_rows: usize,
}

/// An asset that SQL reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SqlTable {
    /// Its name.
    pub asset: AssetName,
    /// Reads it, all of it.
    pub source: SourceSpec,
}

/// One plugin of a task, and what it is granted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepSpec {
    /// Where it stands among the asset's transforms, from 0.
    pub index: usize,
    /// The plugin's name.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
    /// The component's digest.
    pub digest: Digest,
    /// The plugin's config, as JSON.
    pub config: serde_json::Value,
    /// What it may see, write and use.
    pub grant: GrantSpec,
    /// Columns taken off the stream after this step.
    pub drops: Vec<String>,
    /// What happens to rows that it refuses.
    pub on_reject: OnReject,
    /// How many instances work side by side, at least 1; several only of a transform without state.
    pub instances: u32,
}

/// A plugin that is a check of a task: which one, and what it is granted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckSpec {
    /// Where it stands among the asset's checks, from 0.
    pub index: usize,
    /// The plugin's name.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
    /// The component's digest.
    pub digest: Digest,
    /// The plugin's config, as JSON.
    pub config: serde_json::Value,
    /// What it may see and use; it writes nothing.
    pub grant: GrantSpec,
}

/// What the schema opens to one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantSpec {
    /// The columns that it is shown, in this order.
    pub reads: Vec<String>,
    /// The columns that it may add or replace.
    pub writes: Vec<String>,
    /// Linear memory of an instance.
    pub memory_bytes: u64,
    /// Wall time of one call.
    pub time_per_batch_ms: u64,
    /// What one call may return.
    pub output_bytes: u64,
    /// The HTTP requests that it may make; their secrets are references until it is bound.
    pub http: Vec<HttpGrant>,
}

/// What happens to rows that a transform refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnReject {
    /// They are kept aside with code and reason, and the run goes on.
    #[default]
    Quarantine,
    /// The attempt fails at the first one.
    Fail,
    /// They are counted and forgotten.
    Drop,
}

/// What is done about rows that the source gives and the slice does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SliceRule {
    /// The source gives the slice's rows and no others: none is looked at.
    #[default]
    Trusted,
    /// The source gives every slice's rows: those of others are filtered.
    Filter,
    /// The source says that it gives the slice's rows: others are rejected, since nobody else would load them.
    Reject,
}

/// Which slice of a source is read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceSlice {
    /// The slice that is made, or all where there are none.
    #[default]
    Own,
    /// All that there is.
    Whole,
    /// This slice of the asset that is read.
    Other(Box<Partition>),
    /// These slices of the asset that is read, one after the other; without any there are no rows.
    Several(Vec<Partition>),
}

/// When an attempt makes its work durable, so that a later one need not do it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointPolicy {
    /// After so many rows read.
    pub every_rows: u64,
}

/// Names a load to the destination: the same token means the same rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LoadToken(pub String);

impl LoadToken {
    /// Asset, partition and generation; the generation is the run, since a run loads a partition once, however many
    /// attempts it takes.
    pub fn new(asset: &AssetName, partition: &PartitionKey, generation: RunId) -> Self {
        // A NUL cannot stand in any of the three, so no two triples make one text.
        Self(
            Digest::of(format!("{asset}\0{}\0{generation}", partition.0).as_bytes())
                .hex()
                .to_owned(),
        )
    }
}

/// What an attempt that succeeded answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskReceipt {
    /// What the destination says of the load; none in a dry run.
    pub load: Option<LoadReceipt>,
    /// Counts of the source and then of each step, over all attempts of the run.
    pub counts: crate::port::TaskCounts,
    /// What was loaded: column name and type, in order.
    pub columns: Vec<Column>,
    /// The quarantine's files, over all attempts of the run.
    pub quarantined: Vec<QuarantineEntry>,
    /// What the checks say, in order.
    pub verdicts: Vec<Verdict>,
    /// Where the next run of the asset reads on; none for a source that is read whole each time.
    #[serde(default)]
    pub watermark: Option<Watermark>,
}
