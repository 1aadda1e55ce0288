//! Attempts at asset partitions, and who may make one.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::plan::{AssetName, Epoch, PartitionKey, RunId, WorkerId};
use crate::port::PartitionPlace;

/// Where an asset partition of a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionState {
    /// No attempt yet, or none under way.
    Pending,
    /// An attempt is under way.
    Running,
    /// Materialized.
    Succeeded,
    /// The last attempt failed.
    Failed,
    /// Not tried, since something upstream failed or the run was cancelled.
    Skipped,
}

impl PartitionState {
    /// As the store and the API write it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// The state that [`PartitionState::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Pending,
            Self::Running,
            Self::Succeeded,
            Self::Failed,
            Self::Skipped,
        ]
        .into_iter()
        .find(|state| state.text() == text)
    }
}

/// An asset partition of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunPartition {
    /// Which asset.
    pub asset: AssetName,
    /// Which slice.
    pub partition: PartitionKey,
    /// Where it stands.
    pub state: PartitionState,
    /// The attempts so far, oldest first.
    pub attempts: Vec<AttemptRecord>,
    /// What came of a step of a job that succeeded, for the steps behind it; none of a slice of an asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<serde_json::Value>,
}

/// How a step of a job ended well.
#[derive(Debug, Clone, PartialEq)]
pub struct StepEnd {
    /// What came of it.
    pub result: serde_json::Value,
    /// What the run is to do beside what it did already: the step for each of its values, or slices of assets.
    pub items: Vec<(AssetName, PartitionKey)>,
    /// When.
    pub at: DateTime<Utc>,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// From 1 within the run.
    pub attempt: u32,
    /// Its fence.
    pub epoch: Epoch,
    /// Who worked on it.
    pub worker: WorkerId,
    /// Where it stands: running, succeeded or failed.
    pub state: PartitionState,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Until when its worker promised to be heard of.
    pub lease_until: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it failed.
    pub error: Option<Error>,
}

/// Names an attempt to the store; a write under a stale epoch is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptKey {
    /// The run.
    pub run: RunId,
    /// The asset.
    pub asset: AssetName,
    /// The slice.
    pub partition: PartitionKey,
    /// The try, from 1.
    pub attempt: u32,
    /// The fence.
    pub epoch: Epoch,
}

/// How many attempts may be under way at once that use the same thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolLimit {
    /// What is used: `pool:NAME`, `resource:NAME` or `asset:NAME`.
    pub pool: String,
    /// So many at once.
    pub limit: u32,
}

/// A wish to begin an attempt.
#[derive(Debug, Clone)]
pub struct Claiming<'a> {
    /// Of this run.
    pub run: RunId,
    /// At this asset.
    pub asset: &'a AssetName,
    /// At this slice.
    pub partition: &'a PartitionKey,
    /// Where the slice stands among those of its asset; none for an asset without slices.
    pub place: Option<&'a PartitionPlace>,
    /// By this worker.
    pub worker: &'a WorkerId,
    /// Workers known to be gone: what they hold is free.
    pub dead: &'a [WorkerId],
    /// Within these limits.
    pub pools: &'a [PoolLimit],
    /// Now.
    pub at: DateTime<Utc>,
    /// Until when the worker will be heard of.
    pub lease_until: DateTime<Utc>,
}

/// The answer to a claim on an asset partition.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// It is the caller's, with a new epoch.
    Granted(AttemptKey),
    /// Another attempt holds it, whose lease still runs.
    Held {
        /// The run of that attempt.
        run: RunId,
        /// Its worker.
        worker: WorkerId,
        /// Until when.
        lease_until: DateTime<Utc>,
    },
    /// As many attempts as a limit allows are under way.
    Full {
        /// Which limit.
        pool: String,
    },
}
