//! How fresh the assets are that have a policy.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tidegate_core::plan::{AssetName, Freshness, FreshnessPolicy};
use tidegate_core::port::{FreshnessRecord, StateStore};
use tidegate_core::{Error, Kind, Result};

use crate::project::Project;

/// An asset with a policy, and how it stands.
#[derive(Debug, Clone, Serialize)]
pub struct AssetFreshness {
    /// Which asset.
    pub asset: AssetName,
    /// How it stands.
    #[serde(flatten)]
    pub freshness: Freshness,
    /// How it was last seen to stand by whoever leads; none where nobody looked yet.
    pub seen: Option<FreshnessRecord>,
}

/// How the assets that have a policy stand at an instant, by name. Several clocks may take part, of workers and of whoever
/// asks: what they differ by, the answer is wrong by, and nothing else hangs on it.
pub async fn freshness(
    project: &Project,
    state: &dyn StateStore,
    now: DateTime<Utc>,
) -> Result<Vec<AssetFreshness>> {
    let mut seen: BTreeMap<AssetName, FreshnessRecord> = state
        .freshness()
        .await?
        .into_iter()
        .map(|record| (record.asset.clone(), record))
        .collect();
    let mut found = Vec::new();
    for (name, policy) in policies(project)? {
        let last_at = state.materialized_at(&name).await?;
        let seen = seen.remove(&name);
        let since = seen.as_ref().map(|record| record.watched_since);
        found.push(AssetFreshness {
            freshness: policy.at(now, last_at, since),
            asset: name,
            seen,
        });
    }
    Ok(found)
}

fn policies(project: &Project) -> Result<Vec<(AssetName, FreshnessPolicy)>> {
    let mut policies = Vec::new();
    for (name, asset) in &project.documents().assets {
        let Some(decl) = &asset.value.freshness else {
            continue;
        };
        // `load_project` has refused those that are wrong, with their place.
        let policy = decl
            .policy()
            .map_err(|error| Error::new(Kind::Schema, "schema.freshness", error.to_string()))?;
        policies.push((name.clone(), policy));
    }
    Ok(policies)
}
