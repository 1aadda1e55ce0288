//! Runs: requests to materialize assets.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::plan::{AssetName, PartitionKey, RunId, WorkerId};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Asked for.
    Queued,
    /// Taken up by a worker.
    Starting,
    /// Attempts are under way.
    Running,
    /// Asked to stop, and stopping.
    Cancelling,
    /// Every partition was materialized.
    Succeeded,
    /// A partition could not be.
    Failed,
    /// Stopped as asked.
    Cancelled,
}

impl RunState {
    /// As the store and the API write it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it has ended.
    pub fn ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// The state that [`RunState::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Queued,
            Self::Starting,
            Self::Running,
            Self::Cancelling,
            Self::Succeeded,
            Self::Failed,
            Self::Cancelled,
        ]
        .into_iter()
        .find(|state| state.text() == text)
    }
}

/// A run to be inserted, with the asset partitions that it will materialize.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// What was asked for, as JSON: the names, the partition, the flags.
    pub request: serde_json::Value,
    /// Asset partitions in the order of work.
    pub partitions: Vec<(AssetName, PartitionKey)>,
    /// The worker that will carry it out; none for whichever takes it from the queue.
    pub worker: Option<WorkerId>,
    /// Of the queued ones the highest goes first; 0 unless told.
    pub priority: i64,
    /// The job that it is of.
    pub job: Option<String>,
    /// Words to find it by, and to limit how many go on at once.
    pub tags: BTreeMap<String, String>,
    /// A second run of the same key is not made, not even after the first was pruned.
    pub run_key: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// What became of a run that was to be inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is there now.
    New,
    /// One with its key was there before: this one. Nothing was changed.
    Known(RunId),
}

/// A run as the store knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// Where it stands.
    pub state: RunState,
    /// What was asked for.
    pub request: serde_json::Value,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it last moved.
    pub updated_at: DateTime<Utc>,
    /// Why it failed.
    pub error: Option<Error>,
    /// Who carries it out, or did last; of a queued one, for whom it is reserved.
    pub worker: Option<WorkerId>,
    /// Of the queued ones the highest goes first.
    pub priority: i64,
    /// The job that it is of.
    pub job: Option<String>,
    /// Words to find it by.
    pub tags: BTreeMap<String, String>,
    /// What makes a repeat of the request known.
    pub run_key: Option<String>,
    /// When a worker first took it up.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended; none while it has not, or goes on again.
    pub finished_at: Option<DateTime<Utc>>,
    /// How often its worker was lost and it was queued again.
    pub recoveries: u32,
    /// Whether somebody waits for it in the process that carries it out. One that is not waited for is of the queue, and of
    /// whichever worker takes it.
    pub attended: bool,
}

/// Which runs to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only those that touch this asset.
    pub asset: Option<AssetName>,
    /// Only those in one of these states; empty for any.
    pub states: Vec<RunState>,
    /// Only those of this job.
    pub job: Option<String>,
    /// Only those with all of these tags.
    pub tags: Vec<(String, String)>,
    /// Only those of this worker.
    pub worker: Option<WorkerId>,
    /// Only those older than this one.
    pub before: Option<RunId>,
    /// So many at most.
    pub limit: u32,
}
