//! The store's part for slices, each call handed to the file of its concept.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tidegate_core::Result;
use tidegate_core::plan::{AssetName, Digest, PartitionKey, PartitionRange, RangeState};
use tidegate_core::port::{PartitionPlace, PartitionStore};

use crate::store::SqlStateStore;
use crate::{dynamic_keys, ranges};

#[async_trait]
impl PartitionStore for SqlStateStore {
    async fn add_dynamic_keys(&self, name: &AssetName, keys: &[String], at: DateTime<Utc>) -> Result<u64> {
        Ok(dynamic_keys::add(self.pool(), name, keys, at).await?)
    }

    async fn remove_dynamic_keys(&self, name: &AssetName, keys: &[String]) -> Result<u64> {
        Ok(dynamic_keys::remove(self.pool(), name, keys).await?)
    }

    async fn dynamic_keys(&self, name: &AssetName, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        Ok(dynamic_keys::list(self.pool(), name, after, limit).await?)
    }

    async fn partition_ranges(&self, asset: &AssetName, cut: &Digest) -> Result<Vec<PartitionRange>> {
        Ok(ranges::list(self.pool(), asset, cut).await?)
    }

    async fn set_partition(
        &self,
        asset: &AssetName,
        partition: &PartitionKey,
        place: &PartitionPlace,
        state: Option<RangeState>,
    ) -> Result<()> {
        Ok(ranges::set(self.pool(), asset, partition, place, state).await?)
    }

    async fn clear_partitions(&self, asset: &AssetName) -> Result<()> {
        Ok(ranges::clear(self.pool(), asset).await?)
    }
}
