//! What an attempt leaves behind: checkpoints, materializations, quarantine files.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::counts::TaskCounts;
use crate::plan::{AssetName, Digest, Epoch, PartitionKey, RunId};
use crate::port::{Cursor, LoadReceipt, Part, Watermark};

/// A cursor with all that was made durable before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The digest of what was being done: see [`crate::plan::PartitionTask::fingerprint`]. A task that does something else
    /// cannot go on from here.
    pub fingerprint: Digest,
    /// The source goes on from here.
    pub cursor: Cursor,
    /// Each transform's state, base64, in order; none for those without.
    pub snapshots: Vec<Option<String>>,
    /// What the destination holds staged.
    pub parts: Vec<Part>,
    /// Counts so far.
    pub counts: TaskCounts,
    /// Batches read so far.
    pub batches: u64,
    /// Quarantine files written so far.
    pub quarantined: Vec<QuarantineEntry>,
    /// Each check's state, base64, in order; none for those without.
    #[serde(default)]
    pub checks: Vec<Option<String>>,
    /// Up to where the source reads; none for a source without a cursor.
    #[serde(default)]
    pub watermark: Option<Watermark>,
}

/// The recorded fact that an attempt loaded an asset partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Materialization {
    /// By which run.
    pub run: RunId,
    /// Of which asset.
    pub asset: AssetName,
    /// Of which slice.
    pub partition: PartitionKey,
    /// Under which fence.
    pub epoch: Epoch,
    /// When.
    pub at: DateTime<Utc>,
    /// What the destination said.
    pub load: LoadReceipt,
    /// What became of every row.
    pub counts: TaskCounts,
    /// The plugins that took part: `name@version` and digest.
    pub plugins: Vec<(String, Digest)>,
    /// How long the attempt took.
    pub duration_ms: u64,
    /// Where the next run reads on; none for a source that is read whole each time.
    pub watermark: Option<Watermark>,
    /// The version of the asset that it was made by: see `docs/lineage-and-versions.md`. None where nobody told.
    #[serde(default)]
    pub code_version: Option<Digest>,
    /// How the assets before it stood when it was begun; none where nobody told.
    #[serde(default)]
    pub inputs: Option<Vec<Input>>,
    /// What else is told of it.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// Whether it was made elsewhere, and reported.
    #[serde(default)]
    pub external: bool,
}

/// How an asset stood that another was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The asset.
    pub asset: AssetName,
    /// The slices of it that were read and had been materialized.
    pub slices: u64,
    /// The digest of which materializations those were: of their keys and epochs, in order.
    pub version: Digest,
    /// The run that had made the slice, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

/// A file of rejects: one step, one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineEntry {
    /// Its name in the artifact store; unique.
    pub artifact: String,
    /// The run.
    pub run: RunId,
    /// The asset.
    pub asset: AssetName,
    /// The slice.
    pub partition: PartitionKey,
    /// The step that refused: `plugin@version`, or `source`.
    pub step: String,
    /// The component's digest; none for a built-in.
    pub digest: Option<Digest>,
    /// Rows in it.
    pub rows: u64,
    /// Rows by code, most first.
    pub codes: Vec<(String, u64)>,
}
