//! Which assets of the project a selection means.

use std::collections::BTreeSet;

use tidegate_core::plan::{AssetFacts, AssetName, Facts, Selection};
use tidegate_core::schema::Asset;
use tidegate_core::{Error, Errors};

use super::Project;

impl Project {
    /// The assets that any of some selections means, in the order in which they are made from each other. A text that is
    /// an asset's name means that asset, whatever the syntax makes of it. Every selection that is wrong is told.
    pub fn select(&self, selections: &[String]) -> Result<Vec<AssetName>, Errors> {
        let assets = &self.loaded.assets;
        let mut facts = None;
        let mut found: BTreeSet<AssetName> = BTreeSet::new();
        let mut errors = Vec::new();
        for text in selections {
            let name = text.parse().ok().filter(|name| assets.contains_key(name));
            if let Some(name) = name {
                found.insert(name);
                continue;
            }
            let facts = facts.get_or_insert_with(|| self.facts());
            match Selection::parse(text).and_then(|selection| selection.evaluate(&self.graph, facts)) {
                Ok(more) => found.extend(more),
                Err(error) => errors.push(Error::from(error)),
            }
        }
        let order = self.graph.order();
        Errors::or(
            errors,
            order.into_iter().filter(|name| found.contains(name)).collect(),
        )
    }

    /// What each asset can be selected by.
    pub fn facts(&self) -> Facts {
        let assets = self.loaded.assets.iter();
        assets
            .map(|(name, asset)| (name.clone(), self.facts_of(&asset.value)))
            .collect()
    }

    fn facts_of(&self, asset: &Asset) -> AssetFacts {
        let mut kinds: BTreeSet<String> = BTreeSet::new();
        kinds.extend(self.connectors_read(asset));
        kinds.extend(self.connector_of(&asset.destination.resource));
        if asset.source.sql.is_some() || asset.transforms.iter().any(|step| step.sql.is_some()) {
            kinds.insert("sql".into());
        }
        if asset.transforms.iter().any(|step| step.plugin.is_some()) {
            kinds.insert("plugin".into());
        }
        AssetFacts {
            group: asset.group.clone(),
            owners: asset.owners.clone(),
            tags: asset.tags.clone(),
            kinds: kinds.into_iter().collect(),
        }
    }

    /// The connectors that an asset's source reads with: the resource's, or where the assets lie that it reads.
    fn connectors_read(&self, asset: &Asset) -> Vec<String> {
        let resource = asset.source.resource.iter().cloned();
        let above = asset.source.assets().into_iter().filter_map(|name| {
            let above = self.loaded.assets.get(&name)?;
            Some(above.value.destination.resource.clone())
        });
        resource
            .chain(above)
            .filter_map(|name| self.connector_of(&name))
            .collect()
    }

    fn connector_of(&self, resource: &AssetName) -> Option<String> {
        let resource = self.loaded.resources.get(resource)?;
        Some(resource.value.connector.clone())
    }
}
