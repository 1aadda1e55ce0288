//! Whether the resources of a project can be used as its assets use them.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use serde::Serialize;
use tidegate_core::Error;
use tidegate_core::plan::AssetName;
use tidegate_core::port::{AskHealth, Health};
use tokio::time::timeout;

use super::Project;
use crate::error::OrchestratorError;

/// Resources that are asked at once.
const AT_ONCE: usize = 16;

/// How long resources are waited for.
#[derive(Debug, Clone, Copy)]
pub struct HealthLimits {
    /// How long a resource may keep silent.
    pub silence_ms: u64,
    /// How long all questions of one resource may take.
    pub whole_ms: u64,
}

impl Default for HealthLimits {
    fn default() -> Self {
        // Far more than a server needs that is well, and what a person waits for.
        Self {
            silence_ms: 10_000,
            whole_ms: 15_000,
        }
    }
}

/// How a resource was found.
#[derive(Debug, Serialize)]
pub struct ResourceHealth {
    /// Its name.
    pub resource: AssetName,
    /// Its `type` in YAML.
    #[serde(rename = "type")]
    pub connector: String,
    /// What came of asking it.
    #[serde(flatten)]
    pub found: Found,
}

/// What came of asking a resource.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Found {
    /// It can be used.
    Ok(Health),
    /// Something stands in the way.
    Failed {
        /// All that does, placed at the resource.
        errors: Vec<Error>,
    },
    /// Its connector has no way to ask.
    NotAsked,
}

impl Project {
    /// Asks every resource, in the order of their names, several at once. One that fails keeps none from being asked.
    pub async fn check_health(&self, limits: HealthLimits) -> Vec<ResourceHealth> {
        let assets = || self.loaded.assets.values().map(|asset| &asset.value);
        let read: BTreeSet<&AssetName> = assets()
            .filter_map(|asset| asset.source.resource.as_ref())
            .collect();
        let written: BTreeSet<&AssetName> = assets().map(|asset| &asset.destination.resource).collect();
        let asked = self.loaded.resources.iter().map(|(name, resource)| {
            let (reads, writes) = (read.contains(name), written.contains(name));
            async move {
                let found = match self.ask_health(name, reads, writes, limits).await {
                    Ok(Some(health)) => Found::Ok(health),
                    Ok(None) => Found::NotAsked,
                    Err(errors) => {
                        let mut errors = resource.document.locate("/config", errors);
                        for error in errors.iter_mut().filter(|error| error.place.is_none()) {
                            error.place = Some(resource.document.place("/config", true));
                        }
                        Found::Failed { errors }
                    }
                };
                ResourceHealth {
                    resource: name.clone(),
                    connector: resource.value.connector.clone(),
                    found,
                }
            }
        });
        // Made before they are waited for, so that nothing borrows the closure.
        let asked: Vec<_> = asked.collect();
        stream::iter(asked).buffered(AT_ONCE).collect().await
    }

    async fn ask_health(
        &self,
        name: &AssetName,
        reads: bool,
        writes: bool,
        limits: HealthLimits,
    ) -> Result<Option<Health>, Vec<Error>> {
        let (connector, config) = self.resource_config(name)?;
        let (config, _) = self.with_secrets(&config).map_err(|error| vec![error])?;
        let ask = AskHealth {
            resource: &config,
            reads,
            writes,
            silence_ms: limits.silence_ms,
        };
        let whole = Duration::from_millis(limits.whole_ms);
        timeout(whole, connector.check_health(ask))
            .await
            .unwrap_or_else(|_| {
                let error = OrchestratorError::Unfinished {
                    resource: name.clone(),
                    limit_ms: limits.whole_ms,
                };
                Err(vec![error.into()])
            })
    }
}
