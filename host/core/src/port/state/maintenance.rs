//! What keeps the state small.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::event::EventKind;
use crate::error::Result;

/// What a batch of pruning did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// Rows that were removed.
    pub rows: u64,
    /// Where the next batch begins; none where nothing that is old enough is left.
    pub next: Option<i64>,
}

/// A table of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSize {
    /// Its name; of a table in months, that of the month.
    pub table: String,
    /// Its rows: counted in SQLite, as the statistics have it in Postgres.
    pub rows: u64,
    /// What it and its indexes take of the disk, in bytes; none where the database does not tell.
    pub bytes: Option<u64>,
}

/// Removes what is old, in batches: each is a transaction of its own, so that no lock is held over a long one.
/// Everything here may be done twice, and by two processes at once.
#[async_trait]
pub trait MaintenanceStore: Send + Sync {
    /// Removes runs that ended before an instant, `most` at once, with their attempts, checkpoints and events. Their
    /// materializations, fences and run keys stay. Answers how many went; fewer than `most` where no more are left.
    async fn prune_runs(&self, before: DateTime<Utc>, most: u32) -> Result<u64>;
    /// Looks at `most` events of a kind behind a sequence number, and removes those from before an instant.
    async fn prune_events(
        &self,
        kind: EventKind,
        before: DateTime<Utc>,
        after: i64,
        most: u32,
    ) -> Result<Pruned>;
    /// How many runs [`MaintenanceStore::prune_runs`] would remove in all.
    async fn prunable_runs(&self, before: DateTime<Utc>) -> Result<u64>;
    /// How many events of a kind are from before an instant.
    async fn prunable_events(&self, kind: EventKind, before: DateTime<Utc>) -> Result<u64>;
    /// Where events lie in months: makes the tables of the next three.
    async fn cut_months(&self, now: DateTime<Utc>) -> Result<()>;
    /// Where events lie in months: drops the months that were over before an instant. Answers their names.
    async fn drop_months(&self, before: DateTime<Utc>) -> Result<Vec<String>>;
    /// The tables by name.
    async fn sizes(&self) -> Result<Vec<TableSize>>;
}
