//! A schema folder with its connectors and plugins.

mod connect;
mod prepare;
mod source_columns;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate_core::plan::{AssetName, Graph};
use tidegate_core::port::Connector;
use tidegate_core::schema::{LoadedProject, Placed, ReferenceKind, Resource, load_project};
use tidegate_core::{Error, Errors};
use tidegate_plugin::{Catalog, Runtime};

pub use prepare::{AssetPlan, PlannedStep};

/// Gives what `${env:…}` and `${secret:…}` point at.
pub type Lookup = Arc<dyn Fn(ReferenceKind, &str) -> Option<String> + Send + Sync>;

/// What a project is opened with.
pub struct ProjectConfig {
    /// The schema folder.
    pub schemas: PathBuf,
    /// The connectors that there are.
    pub connectors: Vec<Arc<dyn Connector>>,
    /// Where compiled plugins are kept; the user's own, never the project's.
    pub plugin_cache: PathBuf,
    /// Gives what references point at.
    pub lookup: Lookup,
}

/// A project, loaded. Its documents are right by themselves and together; connectors and plugins have not been asked.
pub struct Project {
    pub(crate) loaded: LoadedProject,
    pub(crate) graph: Graph,
    pub(crate) connectors: BTreeMap<&'static str, Arc<dyn Connector>>,
    pub(crate) catalog: Catalog,
    pub(crate) runtime: Runtime,
    pub(crate) lookup: Lookup,
}

impl Project {
    /// Loads the documents and starts the plugin runtime. Compiles nothing, connects to nothing.
    pub fn open(config: ProjectConfig) -> Result<Self, Errors> {
        let loaded = load_project(&config.schemas)?;
        let edges = loaded
            .assets
            .iter()
            .map(|(name, asset)| (name.clone(), asset.value.source.asset.iter().cloned().collect()));
        // `load_project` has refused cycles with their place.
        let graph = Graph::new(edges)
            .map_err(|error| Error::new(tidegate_core::Kind::Schema, "schema.cycle", error.to_string()))?;
        let folders = loaded
            .project
            .value
            .plugins
            .iter()
            .map(|folder| loaded.root.join(folder))
            .collect();
        let runtime = Runtime::new(&config.plugin_cache).map_err(Error::from)?;
        Ok(Self {
            graph,
            connectors: config
                .connectors
                .into_iter()
                .map(|connector| (connector.kind(), connector))
                .collect(),
            catalog: Catalog::new(folders),
            runtime,
            lookup: config.lookup,
            loaded,
        })
    }

    /// The folder that relative paths start at.
    pub fn root(&self) -> &Path {
        &self.loaded.root
    }

    /// The documents.
    pub fn documents(&self) -> &LoadedProject {
        &self.loaded
    }

    /// What is made from what.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(crate) fn resource(&self, name: &AssetName) -> Option<&Placed<Resource>> {
        self.loaded.resources.get(name)
    }
}
