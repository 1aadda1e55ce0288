//! What came of a run.

use serde::Serialize;
use tidegate_core::Error;
use tidegate_core::plan::{AssetName, PartitionKey, RunId};
use tidegate_core::port::{LoadReceipt, PartitionState, RunState, TaskCounts, Verdict};

/// What came of one asset partition.
#[derive(Debug, Clone, Serialize)]
pub struct PartitionOutcome {
    /// Which asset.
    pub asset: AssetName,
    /// Which slice.
    pub partition: PartitionKey,
    /// Where it stands.
    pub state: PartitionState,
    /// What the destination said; none in a dry run or on an error.
    pub load: Option<LoadReceipt>,
    /// What became of every row; none on an error.
    pub counts: Option<TaskCounts>,
    /// What the checks said; nothing on an error, which tells it then.
    pub verdicts: Vec<Verdict>,
    /// How long the attempt took.
    pub duration_ms: u64,
    /// What came of a step of a job; none of a slice of an asset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<serde_json::Value>,
    /// Why it failed.
    pub error: Option<Error>,
}

/// What came of a run.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// The run.
    pub run: RunId,
    /// Where it ended.
    pub state: RunState,
    /// Its asset partitions, in the order in which they ended.
    pub partitions: Vec<PartitionOutcome>,
    /// How long it took.
    pub duration_ms: u64,
}
