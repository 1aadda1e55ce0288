//! Automation: how far its evaluation has come, what conditions remember, and the evaluations that came to something.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::leader::Leader;
use super::run::NewRun;
use super::tick::Ticked;
use crate::error::{Error, Result};
use crate::plan::{AssetName, Explained, KeptMemory, PartitionKey, RunId, Updated};

/// How many evaluations of each asset are kept; older ones are deleted with the next.
pub const EVALUATIONS_KEPT: i64 = 100;

/// How far the evaluation has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AutomationCursor {
    /// Grows with each evaluation that is kept; 0 before the first. Who keeps one names the number that he saw.
    pub sequence: i64,
    /// When the last one was.
    pub evaluated_at: Option<DateTime<Utc>>,
    /// The materializations that were seen, as ranges of their numbers; none before the first evaluation.
    pub seen: Option<Vec<(u64, u64)>>,
}

/// An evaluation of one asset that came to something new.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAssetEvaluation {
    /// Which asset.
    pub asset: AssetName,
    /// How many slices were asked for.
    pub requested: u64,
    /// The runs that take part in it.
    pub runs: Vec<RunId>,
    /// Why.
    pub explained: Option<Explained>,
    /// Why what was asked for cannot be launched.
    pub error: Option<Error>,
}

/// An evaluation to be kept, with all that comes of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewEvaluation {
    /// The number that it was made from.
    pub seen_sequence: i64,
    /// When it was.
    pub at: DateTime<Utc>,
    /// The materializations that were seen by now.
    pub seen: Vec<(u64, u64)>,
    /// The runs that it launches; of those whose key is known none is made.
    pub runs: Vec<NewRun>,
    /// What assets remember from now on; with none, nothing any more.
    pub memories: Vec<(AssetName, Option<KeptMemory>)>,
    /// What came to something new.
    pub assets: Vec<NewAssetEvaluation>,
}

/// An evaluation of one asset, as it was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssetEvaluation {
    /// The number of the evaluation.
    pub sequence: i64,
    /// When it was.
    pub at: DateTime<Utc>,
    /// How many slices were asked for.
    pub requested: u64,
    /// The runs that were launched.
    pub runs: Vec<RunId>,
    /// Why.
    pub explained: Option<Explained>,
    /// Why what was asked for could not be launched.
    pub error: Option<Error>,
}

/// What a blocking check said of a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockingResult {
    /// Of which asset.
    pub asset: AssetName,
    /// Of which slice; the empty key for all of it.
    pub partition: PartitionKey,
    /// Which check.
    pub check: String,
    /// Whether it passed; one that is not an error counts as passed.
    pub passed: bool,
    /// When.
    pub at: DateTime<Utc>,
}

/// What the condition of an asset remembers, as far as it can be read.
pub type ReadMemory = (AssetName, Result<KeptMemory>);

/// Keeps what automation needs. An evaluation, with its runs, is one transaction under the leader's fence.
#[async_trait]
pub trait AutomationStore: Send + Sync {
    /// How far the evaluation has come.
    async fn automation_cursor(&self) -> Result<AutomationCursor>;
    /// What conditions remember, by asset; one that cannot be read holds up no other. What somebody starts or stops remembers
    /// nothing from then on: that is one transaction with it.
    async fn automation_memories(&self) -> Result<Vec<ReadMemory>>;
    /// The highest number of a materialization; 0 where there is none.
    async fn last_update(&self) -> Result<u64>;
    /// The materializations behind a number, with theirs, in order, so many at most.
    async fn updates(&self, after: u64, limit: u32) -> Result<Vec<(u64, Updated)>>;
    /// The assets of some runs.
    async fn assets_of_runs(&self, runs: &[RunId]) -> Result<HashMap<RunId, Vec<AssetName>>>;
    /// All that runs that have not ended are to load and have not loaded, also what failed there: it may be tried again. In no
    /// order; what several runs are to load is told for each.
    async fn open_partitions(&self) -> Result<Vec<(AssetName, PartitionKey)>>;
    /// The highest number of what a check said; 0 where none said anything.
    async fn last_check_number(&self) -> Result<u64>;
    /// What blocking checks said behind a number, with theirs, in order, so many at most.
    async fn blocking_results(&self, after: u64, limit: u32) -> Result<Vec<(u64, BlockingResult)>>;
    /// What blocking checks said last where they failed, and nothing was loaded since. Looks at all that failed.
    async fn failed_blocking_results(&self) -> Result<Vec<BlockingResult>>;
    /// Keeps an evaluation and all that comes of it, all or nothing. Refused where another process leads, and where another
    /// evaluation was kept since the one that it was made from.
    async fn keep_evaluation(&self, leader: &Leader, evaluation: &NewEvaluation) -> Result<Ticked>;
    /// The evaluations of an asset that came to something new, newest first.
    async fn evaluations(&self, asset: &AssetName, limit: u32) -> Result<Vec<AssetEvaluation>>;
}
