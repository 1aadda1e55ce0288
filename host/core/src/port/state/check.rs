//! What checks said, and how fresh assets are.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::attempt::AttemptKey;
use super::leader::Leader;
use crate::error::Result;
use crate::plan::{AssetName, FreshnessStatus, PartitionKey, RunId};
use crate::port::Verdict;

/// What a check said of an asset partition at an instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Of the load of which run; none where what lies in the destination was looked at by itself.
    pub run: Option<RunId>,
    /// Of which asset.
    pub asset: AssetName,
    /// Of which slice; the empty key for all of it.
    pub partition: PartitionKey,
    /// In which attempt of the run.
    pub attempt: Option<u32>,
    /// What it said.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Whether what it speaks of can be seen; not where a check kept the load back.
    pub shown: bool,
    /// When.
    pub at: DateTime<Utc>,
}

/// Keeps what checks said. What those of a load that is shown said is kept by [`super::StateStore::finish_materialized`].
#[async_trait]
pub trait CheckStore: Send + Sync {
    /// Keeps what the checks of an attempt said of a load that is not shown, and an event of each; `false`, with nothing
    /// changed, where the attempt is not the newest of its asset partition.
    async fn keep_verdicts(
        &self,
        attempt: &AttemptKey,
        verdicts: &[Verdict],
        at: DateTime<Utc>,
    ) -> Result<bool>;
    /// Keeps results of no attempt, all or none.
    async fn keep_check_results(&self, results: &[CheckResult]) -> Result<()>;
    /// What one check of an asset said, newest first.
    async fn check_results(&self, asset: &AssetName, check: &str, limit: u32) -> Result<Vec<CheckResult>>;
    /// What each check of an asset said last, by name.
    async fn last_check_results(&self, asset: &AssetName) -> Result<Vec<CheckResult>>;
    /// The rows of an asset's last materializations, newest first: of one slice, or of any.
    async fn recent_rows(
        &self,
        asset: &AssetName,
        partition: Option<&PartitionKey>,
        limit: u32,
    ) -> Result<Vec<u64>>;
    /// Removes results from before an instant, `most` at once; answers how many went.
    async fn prune_check_results(&self, before: DateTime<Utc>, most: u32) -> Result<u64>;
    /// How many results are from before an instant.
    async fn prunable_check_results(&self, before: DateTime<Utc>) -> Result<u64>;
}

/// How an asset with a freshness policy was last seen to stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreshnessRecord {
    /// Which asset.
    pub asset: AssetName,
    /// How it stands.
    pub status: FreshnessStatus,
    /// Since when it is watched.
    pub watched_since: DateTime<Utc>,
    /// When the status last changed.
    pub changed_at: DateTime<Utc>,
}

/// An asset became late, or fresh again: an event of no run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreshnessChange {
    /// Grows with every change of the store; 0 before it is kept.
    pub sequence: i64,
    /// Which asset.
    pub asset: AssetName,
    /// How it stands from here on: late, or fresh behind that.
    pub status: FreshnessStatus,
    /// By when a materialization is expected, or was.
    pub due_at: Option<DateTime<Utc>>,
    /// When it was materialized last.
    pub last_at: Option<DateTime<Utc>>,
    /// When it was seen.
    pub at: DateTime<Utc>,
}

/// Keeps how fresh assets are.
#[async_trait]
pub trait FreshnessStore: Send + Sync {
    /// When an asset was last materialized, any slice of it.
    async fn materialized_at(&self, asset: &AssetName) -> Result<Option<DateTime<Utc>>>;
    /// How the assets that are watched were last seen to stand, by name.
    async fn freshness(&self) -> Result<Vec<FreshnessRecord>>;
    /// Keeps how an asset stands, and, where that is told, the change of it; `false`, with nothing changed, where somebody else
    /// leads.
    async fn keep_freshness(
        &self,
        leader: &Leader,
        record: &FreshnessRecord,
        change: Option<&FreshnessChange>,
    ) -> Result<bool>;
    /// Changes behind a sequence number, oldest first.
    async fn freshness_changes(&self, after: i64, limit: u32) -> Result<Vec<FreshnessChange>>;
    /// Removes changes from before an instant; answers how many went. There are few of them.
    async fn prune_freshness_changes(&self, before: DateTime<Utc>) -> Result<u64>;
}
