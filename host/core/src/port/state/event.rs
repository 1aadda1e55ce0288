//! What happened in runs.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::plan::{AssetName, PartitionKey, RunId};

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The run moved to another state.
    RunState,
    /// An attempt began.
    AttemptStarted,
    /// An attempt goes on from a checkpoint.
    Resumed,
    /// An attempt made a checkpoint.
    Checkpoint,
    /// An attempt ended well.
    Materialized,
    /// An attempt failed.
    AttemptFailed,
    /// Rows were refused.
    Quarantined,
    /// A check passed.
    Checked,
    /// A check failed: its verdict tells how grave that is, and whether it kept the load from being shown.
    CheckFailed,
    /// Somebody looked at an asset from outside, and told.
    Observed,
    /// A step of a job ended well.
    StepSucceeded,
    /// A step of a job is not done, and why.
    StepSkipped,
    /// A child process told what it made, or how a check of it went.
    Reported,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::RunState,
        Self::AttemptStarted,
        Self::Resumed,
        Self::Checkpoint,
        Self::Materialized,
        Self::AttemptFailed,
        Self::Quarantined,
        Self::Checked,
        Self::CheckFailed,
        Self::Observed,
        Self::StepSucceeded,
        Self::StepSkipped,
        Self::Reported,
    ];

    /// As the store writes it.
    pub fn text(self) -> &'static str {
        match self {
            Self::RunState => "run_state",
            Self::AttemptStarted => "attempt_started",
            Self::Resumed => "resumed",
            Self::Checkpoint => "checkpoint",
            Self::Materialized => "materialized",
            Self::AttemptFailed => "attempt_failed",
            Self::Quarantined => "quarantined",
            Self::Checked => "checked",
            Self::CheckFailed => "check_failed",
            Self::Observed => "observed",
            Self::StepSucceeded => "step_succeeded",
            Self::StepSkipped => "step_skipped",
            Self::Reported => "reported",
        }
    }

    /// The kind that [`EventKind::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.text() == text)
    }
}

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// In which run.
    pub run: RunId,
    /// To which asset, if to one.
    pub asset: Option<AssetName>,
    /// To which slice, if to one.
    pub partition: Option<PartitionKey>,
    /// In which attempt, if in one.
    pub attempt: Option<u32>,
    /// What.
    pub kind: EventKind,
    /// The particulars.
    pub data: serde_json::Value,
    /// When.
    pub at: DateTime<Utc>,
}

/// An event with its place in the store's order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// Grows with every event of the store.
    pub sequence: i64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}
