//! Which slices a run is about, and which slice of its source each reads.

use std::collections::BTreeSet;

use chrono::Utc;
use tidegate_core::plan::{
    AssetName, PartitionError, PartitionKey, Partitioning, SourceSlice, Upstream, check_value,
};
use tidegate_core::port::{Input, StateStore};
use tidegate_core::{Error, Result};

use super::orchestrator::Orchestrator;
use super::order::Item;
use super::request::Launch;
use crate::error::OrchestratorError;
use crate::instigate::first;
use crate::project::AssetPlan;
use crate::stale::{input, standing};

/// Dynamic keys that are read at once.
const PAGE_KEYS: u32 = 10_000;

/// The dynamic keys of a partitioning, in the order of their bytes; none where it has no such.
pub async fn dynamic_keys(state: &dyn StateStore, slices: &Partitioning) -> Result<Vec<String>> {
    let Some(name) = slices.dynamic() else {
        return Ok(Vec::new());
    };
    let mut keys: Vec<String> = Vec::new();
    loop {
        let after = keys.last().map(String::as_str);
        let page = state.dynamic_keys(name, after, PAGE_KEYS).await?;
        let ended = page.len() < PAGE_KEYS as usize;
        keys.extend(page);
        if ended {
            return Ok(keys);
        }
    }
}

/// Adds keys to the dynamic ones of an asset; answers how many are new. All are looked at before one is added.
pub async fn add_dynamic_keys(
    state: &dyn StateStore,
    asset: &AssetName,
    slices: &Partitioning,
    keys: &[String],
) -> Result<u64> {
    let name = dynamic_name(asset, slices)?;
    for key in keys {
        check_value(key).map_err(|error| OrchestratorError::PartitionKey(error.to_string()))?;
    }
    state.add_dynamic_keys(name, keys, Utc::now()).await
}

/// Removes keys of the dynamic ones of an asset; answers how many there were.
pub async fn remove_dynamic_keys(
    state: &dyn StateStore,
    asset: &AssetName,
    slices: &Partitioning,
    keys: &[String],
) -> Result<u64> {
    state
        .remove_dynamic_keys(dynamic_name(asset, slices)?, keys)
        .await
}

fn dynamic_name<'a>(asset: &AssetName, slices: &'a Partitioning) -> Result<&'a AssetName> {
    let name = slices.dynamic();
    name.ok_or_else(|| OrchestratorError::NotDynamic(asset.clone()).into())
}

impl Orchestrator {
    /// The asset partitions that are asked for, in the order of the assets.
    pub(super) async fn items(&self, launch: &Launch) -> Result<Vec<Item>> {
        if launch.assets.is_empty() {
            return Err(OrchestratorError::NothingSelected.into());
        }
        let now = Utc::now();
        let mut items = Vec::new();
        for name in &launch.assets {
            let refused = |error: PartitionError| refused(name, &error);
            let item = |key: PartitionKey| (name.clone(), key);
            let Some(slices) = self.project.partitioning(name)? else {
                if launch.partition.is_some() || launch.partition_range.is_some() {
                    return Err(OrchestratorError::NoPartitions(name.clone()).into());
                }
                items.push(item(PartitionKey::whole()));
                continue;
            };
            let dynamic = dynamic_keys(self.state.as_ref(), &slices).await?;
            let keys = slices.keys(now, &dynamic);
            match (&launch.partition, &launch.partition_range) {
                (Some(key), _) => items.push(item(keys.find(key).map_err(refused)?.key)),
                (None, Some(range)) => items.extend(keys.range(range).map_err(refused)?.map(item)),
                (None, None) => items.extend(keys.all().map(item)),
            }
        }
        if launch.stale {
            let standing = standing(&self.project, self.state.as_ref(), &launch.assets)
                .await
                .map_err(first)?;
            let stale: BTreeSet<Item> = standing
                .into_iter()
                .flat_map(|(name, asset)| {
                    let keys = asset.stale.into_iter().map(|(key, _)| key);
                    keys.map(|key| (name.clone(), key)).collect::<Vec<_>>()
                })
                .collect();
            items.retain(|item| stale.contains(item));
        }
        Ok(items)
    }

    /// How the assets before a slice stand now.
    pub(super) async fn inputs(&self, plan: &AssetPlan, key: &PartitionKey) -> Result<Vec<Input>> {
        let (state, below) = (self.state.as_ref(), plan.partitioning.as_ref());
        let mut inputs = Vec::new();
        for above in &plan.above {
            if above.same_keys(below) {
                let version = state
                    .slice_versions_of(&above.name, std::slice::from_ref(key))
                    .await?;
                inputs.push(input(&above.name, &version));
                continue;
            }
            let dynamic = match &above.partitioning {
                Some(slices) => dynamic_keys(state, slices).await?,
                None => Vec::new(),
            };
            let versions = match above.read_keys(below, &key.0, Utc::now(), &dynamic) {
                Upstream::Keys(keys) => state.slice_versions_of(&above.name, &keys).await?,
                Upstream::All => state.slice_versions(std::slice::from_ref(&above.name)).await?,
            };
            inputs.push(input(&above.name, &versions));
        }
        Ok(inputs)
    }

    /// Which slice of its source an asset's slice reads.
    pub(super) async fn source_slice(&self, plan: &AssetPlan, key: &PartitionKey) -> Result<SourceSlice> {
        let above = plan
            .above
            .iter()
            .find(|above| Some(&above.name) == plan.reads.as_ref());
        let Some(above) = above else {
            return Ok(SourceSlice::Own);
        };
        let alike = above.same_keys(plan.partitioning.as_ref());
        let dynamic = match &above.partitioning {
            // Nothing is asked of them where the key is the same.
            Some(slices) if !alike => dynamic_keys(self.state.as_ref(), slices).await?,
            _ => Vec::new(),
        };
        above
            .source_slice(plan.partitioning.as_ref(), &key.0, Utc::now(), &dynamic)
            .map_err(|error| refused(&above.name, &error))
    }
}

fn refused(asset: &AssetName, error: &PartitionError) -> Error {
    OrchestratorError::Partition {
        asset: asset.clone(),
        why: error.to_string(),
    }
    .into()
}
