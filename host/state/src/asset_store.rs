//! The store's part for assets, each call handed to the file of its concept.

use async_trait::async_trait;
use tidegate_core::Result;
use tidegate_core::plan::{AssetName, PartitionKey, RunId};
use tidegate_core::port::{AssetStore, Forgotten, Kept, Report, SliceVersion, Wipe};

use crate::store::SqlStateStore;
use crate::{prune, report, versions, wipe};

#[async_trait]
impl AssetStore for SqlStateStore {
    async fn slice_versions(&self, assets: &[AssetName]) -> Result<Vec<SliceVersion>> {
        Ok(versions::list(self.pool(), assets).await?)
    }

    async fn slice_versions_of(
        &self,
        asset: &AssetName,
        partitions: &[PartitionKey],
    ) -> Result<Vec<SliceVersion>> {
        Ok(versions::of(self.pool(), asset, partitions).await?)
    }

    async fn report(&self, told: &Report) -> Result<Kept<RunId>> {
        Ok(report::keep(self.pool(), told).await?)
    }

    async fn wipe(&self, wanted: &Wipe) -> Result<Kept<Forgotten>> {
        Ok(wipe::forget(self.pool(), wanted).await?)
    }

    async fn delete_run(&self, run: RunId) -> Result<bool> {
        Ok(prune::one_run(self.pool(), run).await?)
    }
}
