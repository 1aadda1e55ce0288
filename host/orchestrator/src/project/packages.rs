//! Which plugins a project asks for, and what its lock and registries make of that.

use std::collections::BTreeSet;
use std::path::Path;

use tidegate_core::plan::AssetName;
use tidegate_core::schema::{LoadedProject, Node, NodeKind};
use tidegate_core::{Error, Errors};
use tidegate_plugin::package::{
    LockChange, PackageError, Packages, PackagesConfig, TrustedKeys, open_registry,
};
use tidegate_plugin::{Catalog, PluginError, Requirement};

use super::Project;

/// The lock's name, beside the schema folder.
const LOCK: &str = "tidegate.lock";

/// The packages of a project's documents. Reads nothing.
pub(super) fn open(loaded: &LoadedProject, plugin_cache: &Path) -> Result<Packages, Errors> {
    let project = &loaded.project;
    let mut errors = Vec::new();
    let at = |pointer: String, error: PackageError| {
        let place = project.document.place(&pointer, false);
        Error::from(error).at(place)
    };
    let mut registries = Vec::new();
    for (index, place) in project.value.registries.iter().enumerate() {
        match open_registry(place, &loaded.root) {
            Ok(registry) => registries.push(registry),
            Err(error) => errors.push(at(format!("/registries/{index}"), error)),
        }
    }
    for (index, key) in project.value.trusted_keys.iter().enumerate() {
        if let Err(error) = TrustedKeys::new(std::slice::from_ref(key)) {
            errors.push(at(format!("/trusted_keys/{index}"), error));
        }
    }
    if !errors.is_empty() {
        return Err(Errors(errors));
    }
    Ok(Packages::new(PackagesConfig {
        lock_file: loaded.root.join(LOCK),
        registries,
        trusted_keys: TrustedKeys::new(&project.value.trusted_keys).map_err(Error::from)?,
        store: plugin_cache.join("components"),
    }))
}

impl Project {
    /// Its plugins in folders, and what was settled on.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Its registries and lock.
    pub fn packages(&self) -> &Packages {
        &self.packages
    }

    /// Settles which plugins the requirements of some assets, and of all resources and sensors, mean.
    pub(crate) async fn settle(&self, names: &[AssetName]) -> Result<(), Errors> {
        let names: BTreeSet<&AssetName> = names.iter().collect();
        let wanted = self.requirements(|name| names.contains(name));
        let settled = self.packages.settle(&self.catalog, &wanted, self.locking).await;
        settled.map_err(|error| Error::from(error).into())
    }

    /// Makes `tidegate.lock` anew: what is locked and still fits stays. Plugins in `pins` are locked though they lie in a
    /// plugin folder.
    pub async fn lock_plugins(&self, pins: &[String]) -> Result<Vec<LockChange>, Errors> {
        let wanted = self.requirements(|_| true);
        let locked = self.packages.relock(&self.catalog, &wanted, pins).await;
        locked.map_err(all)
    }

    /// Takes the newest of these plugins, or of all, that fit into `tidegate.lock`.
    pub async fn update_plugins(&self, names: &[String]) -> Result<Vec<LockChange>, Errors> {
        let wanted = self.requirements(|_| true);
        let updated = self.packages.update(&self.catalog, &wanted, names).await;
        updated.map_err(all)
    }

    /// What assets, resources and sensors ask for, sorted, each once. What is no requirement is told where it is bound.
    fn requirements(&self, of: impl Fn(&AssetName) -> bool) -> Vec<Requirement> {
        let mut texts = Vec::new();
        for asset in self.loaded.assets.values().filter(|asset| of(&asset.value.name)) {
            for steps in ["transforms", "checks"] {
                texts.extend(asset.document.root.get(steps).into_iter().flat_map(plugins));
            }
        }
        for resource in self.loaded.resources.values() {
            if resource.value.connector == "plugin" {
                texts.extend(
                    resource
                        .document
                        .root
                        .find("/config/plugin", false)
                        .and_then(Node::text),
                );
            }
        }
        let sensors = self.loaded.sensors.values();
        texts.extend(
            sensors.filter_map(|sensor| sensor.value.plugin.as_ref().map(|plugin| plugin.name.as_str())),
        );
        let mut wanted: Vec<Requirement> = texts.into_iter().filter_map(|text| text.parse().ok()).collect();
        wanted.sort_by_cached_key(ToString::to_string);
        wanted.dedup();
        wanted
    }
}

/// The `plugin:` of each entry of a list.
fn plugins(list: &Node) -> Vec<&str> {
    match &list.kind {
        NodeKind::List(steps) => steps
            .iter()
            .filter_map(|step| step.get("plugin").and_then(Node::text))
            .collect(),
        _ => Vec::new(),
    }
}

fn all(errors: Vec<PluginError>) -> Errors {
    Errors(errors.into_iter().map(Error::from).collect())
}
