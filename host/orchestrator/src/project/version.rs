//! The version of an asset's code: a digest of what decides which rows it has.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidegate_core::Errors;
use tidegate_core::plan::{AssetName, Digest};
use tidegate_core::schema::{Asset, Column, Node};

use super::Project;
use super::prepare::personal;

impl Project {
    /// The versions of some assets, with plugins as they are settled on. Nothing is bound or compiled.
    pub async fn code_versions(&self, names: &[AssetName]) -> Result<BTreeMap<AssetName, Digest>, Errors> {
        self.settle(names).await?;
        let known = names.iter().filter_map(|name| self.loaded.assets.get(name));
        Ok(known
            .map(|asset| (asset.value.name.clone(), self.code_version(&asset.value)))
            .collect())
    }

    /// The digest of source, transforms with the digests of their plugins, columns, contract and destination, as the
    /// documents say them. Words about an asset, its checks, limits and retries, and the values of variables do not count:
    /// they change no row, or are not the schema's.
    pub(crate) fn code_version(&self, asset: &Asset) -> Digest {
        let columns = |columns: &[Column]| {
            let facts = columns.iter().map(|column| {
                json!([
                    column.name,
                    column.data_type,
                    column.nullable,
                    column.key,
                    personal(column)
                ])
            });
            facts.collect::<Vec<Value>>()
        };
        let steps: Vec<Value> = asset
            .transforms
            .iter()
            .map(|step| {
                json!({
                    "plugin": step.plugin.as_deref().map(|plugin| self.component(plugin)),
                    "sql": step.sql,
                    "reads": step.reads,
                    "writes": step.writes,
                    "drops": step.drops,
                    "config": step.config,
                    "http": step.http,
                    "on_reject": step.on_reject,
                })
            })
            .collect();
        let source = &asset.source;
        let sliced_by: Vec<String> = self
            .slices_of(&asset.name)
            .iter()
            .flat_map(|slices| slices.columns().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let what = json!({
            "source": {
                "resource": source.resource,
                "plugin": source.resource.as_ref().and_then(|name| self.resource_component(name)),
                "asset": source.asset,
                "sql": source.sql,
                "columns": source.columns.as_deref().map(columns),
                "cursor": source.cursor,
                "partitions": source.partitions,
                "config": source.config,
            },
            "steps": steps,
            "columns": columns(&asset.columns),
            "contract": asset.contract,
            "sliced_by": sliced_by,
            "destination": {
                "resource": asset.destination.resource,
                "plugin": self.resource_component(&asset.destination.resource),
                "load": asset.destination.load,
                "config": asset.destination.config,
            },
        });
        Digest::of(what.to_string().as_bytes())
    }

    /// The digest of the component that a requirement means; its text where there is none, which is told elsewhere.
    fn component(&self, requirement: &str) -> String {
        let wanted: Option<tidegate_plugin::Requirement> = requirement.parse().ok();
        let found = wanted.and_then(|wanted| self.catalog.find(&wanted).ok());
        found.map_or_else(|| requirement.to_owned(), |plugin| plugin.digest.to_string())
    }

    /// The component that a resource is, where it is one.
    fn resource_component(&self, name: &AssetName) -> Option<String> {
        let resource = self.resource(name)?;
        if resource.value.connector != "plugin" {
            return None;
        }
        let requirement = resource
            .document
            .root
            .find("/config/plugin", false)
            .and_then(Node::text)?;
        Some(self.component(requirement))
    }
}
