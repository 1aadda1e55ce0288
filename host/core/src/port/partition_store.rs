//! What the store keeps of slices: dynamic keys, and how each asset's slices stand.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::plan::{AssetName, Digest, PartitionKey, PartitionRange, RangeState};

/// Where a slice stands among those of its asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionPlace {
    /// What gives the asset's keys their meaning: see [`crate::plan::Partitioning::cut`].
    pub cut: Digest,
    /// The key before it in time; none before the first, and for slices that are not of time.
    pub previous: Option<PartitionKey>,
    /// The key behind it in time.
    pub next: Option<PartitionKey>,
}

/// Keeps dynamic keys, and how slices stand: as ranges of keys that stand alike, not a row a key.
///
/// Keys are compared by their bytes. Every call is one transaction.
///
/// When an attempt ends that was claimed with a [`PartitionPlace`], its slice moves to materialized or failed in the same
/// transaction, and ranges are merged and split around it. A slice in no range was never tried. An asset has ranges of one
/// cut: the first claim of another takes those of the former away, and what still ends under the former leaves no mark.
#[async_trait]
pub trait PartitionStore: Send + Sync {
    /// Adds dynamic keys; those that are there stay. Answers how many are new.
    async fn add_dynamic_keys(&self, name: &AssetName, keys: &[String], at: DateTime<Utc>) -> Result<u64>;
    /// Removes dynamic keys. What was loaded under them stays where it lies. Answers how many there were.
    async fn remove_dynamic_keys(&self, name: &AssetName, keys: &[String]) -> Result<u64>;
    /// The dynamic keys behind one, in order, so many at most.
    async fn dynamic_keys(&self, name: &AssetName, after: Option<&str>, limit: u32) -> Result<Vec<String>>;
    /// How the slices of an asset stand under a cut: ranges in order, none of which overlap.
    async fn partition_ranges(&self, asset: &AssetName, cut: &Digest) -> Result<Vec<PartitionRange>>;
    /// Says how a slice stands, without an attempt: what was loaded from outside, or, with none, what was taken away.
    async fn set_partition(
        &self,
        asset: &AssetName,
        partition: &PartitionKey,
        place: &PartitionPlace,
        state: Option<RangeState>,
    ) -> Result<()>;
    /// Forgets how the slices of an asset stand, all of them: each was then never tried.
    async fn clear_partitions(&self, asset: &AssetName) -> Result<()>;
}
