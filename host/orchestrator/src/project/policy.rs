//! How the attempts at an asset are made: how often, how long, how many at once.

use tidegate_core::plan::AssetName;
use tidegate_core::port::PoolLimit;
use tidegate_core::schema::{Asset, LoadedProject, RetryDecl};

/// How the attempts at an asset are made.
#[derive(Debug, Clone, Default)]
pub struct WorkPolicy {
    /// How one that failed is made again.
    pub retry: RetryDecl,
    /// How long one may take, in milliseconds; none for ever.
    pub timeout_ms: Option<u64>,
    /// What each uses of what is limited.
    pub pools: Vec<PoolLimit>,
}

impl WorkPolicy {
    pub(super) fn of(asset: &Asset, loaded: &LoadedProject) -> Self {
        let project = &loaded.project.value;
        let limits = &project.concurrency;
        let mut pools: Vec<PoolLimit> = Vec::new();
        let mut add = |what: &str, name: &AssetName, limit: Option<u32>| {
            let pool = format!("{what}:{name}");
            if let Some(limit) = limit
                && !pools.iter().any(|known| known.pool == pool)
            {
                pools.push(PoolLimit { pool, limit });
            }
        };
        add("asset", &asset.name, asset.concurrency);
        for pool in &asset.pools {
            add("pool", pool, limits.pools.get(pool).copied());
        }
        let above = asset.read();
        let read = above
            .iter()
            .filter_map(|name| loaded.assets.get(name))
            .map(|asset| &asset.value.destination.resource);
        let resources = asset
            .source
            .resource
            .iter()
            .chain([&asset.destination.resource])
            .chain(read);
        for resource in resources {
            add("resource", resource, limits.resources.get(resource).copied());
        }
        Self {
            retry: asset.retry.unwrap_or(project.retry),
            timeout_ms: asset.timeout.map(|timeout| timeout.0),
            pools,
        }
    }
}
