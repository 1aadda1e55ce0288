//! A schema folder with its connectors and plugins.

mod changes;
mod checks;
mod connect;
mod health;
mod lineage;
mod loaded_checks;
mod look;
mod packages;
mod places;
mod policy;
mod prepare;
mod run_config;
mod select;
mod slice_columns;
mod source_columns;
mod sql;
mod upstream;
mod version;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate_core::plan::{AssetName, Graph, PartitionKey, Partitioning};
use tidegate_core::port::Connector;
use tidegate_core::schema::{LoadedProject, Placed, ReferenceKind, Resource, Unavailable, load_project};
use tidegate_core::{Error, Errors};
use tidegate_plugin::package::{Locking, Packages};
use tidegate_plugin::{Catalog, PluginConnector, Runtime};

use crate::error::OrchestratorError;

pub(crate) use checks::Surroundings;
pub use health::{Found, HealthLimits, ResourceHealth};
pub use lineage::{ColumnLineage, Origin};
pub use policy::WorkPolicy;
pub use prepare::{AssetPlan, PlannedStep, secret_names};
pub use run_config::RunConfig;
pub(crate) use sql::bind_sql;
pub use upstream::Above;

/// Gives what `${env:…}` and `${secret:…}` point at; none where nothing has that name.
pub type Lookup = Arc<dyn Fn(ReferenceKind, &str) -> Result<Option<String>, Unavailable> + Send + Sync>;

/// What a project is opened with.
pub struct ProjectConfig {
    /// The schema folder.
    pub schemas: PathBuf,
    /// The target that the assets go to, by name; none for the destinations that they name.
    pub target: Option<String>,
    /// The connectors that are built in.
    pub connectors: Vec<Arc<dyn Connector>>,
    /// Where compiled plugins are kept; the user's own, never the project's.
    pub plugin_cache: PathBuf,
    /// Whether `tidegate.lock` may be written.
    pub locking: Locking,
    /// Gives what references point at.
    pub lookup: Lookup,
}

/// A project, loaded. Its documents are right by themselves and together; connectors and plugins have not been asked.
pub struct Project {
    pub(crate) loaded: LoadedProject,
    pub(crate) graph: Graph,
    pub(crate) connectors: BTreeMap<&'static str, Arc<dyn Connector>>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) packages: Packages,
    pub(crate) locking: Locking,
    pub(crate) runtime: Runtime,
    pub(crate) lookup: Lookup,
    pub(crate) target: Option<String>,
}

impl Project {
    /// Loads the documents and starts the plugin runtime. Compiles nothing, connects to nothing.
    pub fn open(config: ProjectConfig) -> Result<Self, Errors> {
        let mut loaded = load_project(&config.schemas)?;
        loaded.retarget(config.target.as_deref())?;
        let edges = loaded
            .assets
            .iter()
            .map(|(name, asset)| (name.clone(), asset.value.upstream()));
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
        let packages = packages::open(&loaded, &config.plugin_cache)?;
        let runtime = Runtime::new(&config.plugin_cache).map_err(Error::from)?;
        let catalog = Arc::new(Catalog::new(folders));
        let plugins: Arc<dyn Connector> = Arc::new(PluginConnector::new(runtime.clone(), catalog.clone()));
        Ok(Self {
            graph,
            connectors: config
                .connectors
                .into_iter()
                .chain([plugins])
                .map(|connector| (connector.kind(), connector))
                .collect(),
            catalog,
            packages,
            locking: config.locking,
            runtime,
            lookup: config.lookup,
            target: config.target,
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

    /// The target that the assets go to, if they do not go where they say.
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// What is made from what.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// An asset's slices; none where it has no partitions.
    pub fn partitioning(&self, name: &AssetName) -> tidegate_core::Result<Option<Partitioning>> {
        let Some(asset) = self.loaded.assets.get(name) else {
            return Err(OrchestratorError::UnknownAsset {
                name: name.to_string(),
                hint: "the schema does not declare it, or not for this target".into(),
            }
            .into());
        };
        let partitions = asset.value.partitions.as_ref();
        // Validation has refused those that are wrong, with their place.
        Ok(partitions.and_then(|partitions| partitions.partitioning().ok().flatten()))
    }

    /// Where what a plan loads will lie, for people.
    pub fn locate(&self, plan: &AssetPlan) -> String {
        self.connectors
            .get(plan.destination.connector.as_str())
            .map_or_else(String::new, |connector| {
                connector.locate(&plan.name, &plan.destination, &PartitionKey::whole())
            })
    }

    /// The runtime of its plugins.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(crate) fn resource(&self, name: &AssetName) -> Option<&Placed<Resource>> {
        self.loaded.resources.get(name)
    }
}
