//! A project with its stores, opened as a command needs it.

use std::path::Path;
use std::sync::Arc;

use tidegate_connector::artifact::{FolderArtifacts, S3Artifacts};
use tidegate_core::plan::AssetName;
use tidegate_core::port::{ArtifactStore, StateStore};
use tidegate_core::schema::closest;
use tidegate_core::{Error, Errors, Kind};
use tidegate_orchestrator::{AssetPlan, Locking, OrchestratorError, Project, ProjectConfig, RunConfig};
use tidegate_state::SqlStateStore;

use crate::arguments::{Chosen, Config, ProjectAt, Selection};
use crate::environment;

/// Opens a project. `tidegate.lock` is written where it has to be.
pub(crate) fn open_project(at: &ProjectAt) -> Result<Project, Errors> {
    open_locking(at, Locking::Write)
}

/// Opens a project, its lock as it is where `locked`.
pub(crate) fn open_locked(at: &ProjectAt, locked: bool) -> Result<Project, Errors> {
    open_locking(at, if locked { Locking::Locked } else { Locking::Write })
}

fn open_locking(at: &ProjectAt, locking: Locking) -> Result<Project, Errors> {
    let folder = &at.folder;
    // Absolute and without `..`, so that every path that starts there is too.
    let folder = std::fs::canonicalize(folder).map_err(|error| {
        Error::new(
            Kind::Usage,
            "schema.no_project",
            format!("cannot open the folder `{}`: {error}", folder.display()),
        )
        .hint("name the project's folder with --project DIR")
    })?;
    let lookup = environment::lookup(&folder);
    Project::open(ProjectConfig {
        schemas: folder.join("schemas"),
        target: at.target.clone(),
        connectors: tidegate_connector::all(),
        plugin_cache: environment::plugin_cache(),
        locking,
        lookup,
    })
}

/// Opens the project's state store, making its folder.
pub(crate) async fn open_state(project: &Project) -> Result<Arc<dyn StateStore>, Error> {
    Ok(Arc::new(open_sql_state(project).await?))
}

/// The same, where it is exported or imported.
pub(crate) async fn open_sql_state(project: &Project) -> Result<SqlStateStore, Error> {
    let declared = &project.documents().project.value.state;
    let address = match environment::state() {
        Some(address) => address,
        None => match declared.strip_prefix("sqlite:") {
            Some(path) => {
                let path = project.root().join(path);
                if let Some(folder) = path.parent() {
                    make_folder(folder)?;
                }
                format!("sqlite:{}", path.display())
            }
            None => declared.clone(),
        },
    };
    SqlStateStore::open(&address).await
}

/// The project's artifacts: in a bucket or a folder.
pub(crate) fn open_artifacts(project: &Project) -> Result<Arc<dyn ArtifactStore>, Error> {
    let declared = &project.documents().project.value.artifacts;
    if declared.starts_with("s3://") {
        return Ok(Arc::new(S3Artifacts::new(declared)?));
    }
    Ok(Arc::new(FolderArtifacts::new(project.root().join(declared))))
}

/// Makes a folder of the project's.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Error::new(
            Kind::Resource,
            "file.permission",
            format!("cannot make the folder `{}`: {error}", folder.display()),
        )
        .hint("the project's folder must be writable")
    })
}

/// The assets of a selection, in the order in which they are made from each other.
pub(crate) fn selected(project: &Project, selection: &Selection) -> Result<Vec<AssetName>, Errors> {
    if selection.all {
        return Ok(project.graph().order());
    }
    chosen(project, &selection.chosen)
}

/// The assets that were chosen, in the order in which they are made from each other; an error where there are none.
pub(crate) fn chosen(project: &Project, chosen: &Chosen) -> Result<Vec<AssetName>, Errors> {
    for name in &chosen.named {
        asset(project, name)?;
    }
    let names = project.select(&chosen.texts())?;
    if names.is_empty() {
        return Err(Error::from(OrchestratorError::NothingSelected).into());
    }
    Ok(names)
}

/// The config of a run, as it was typed or as a file has it.
pub(crate) fn run_config(config: &Config) -> Result<RunConfig, Errors> {
    let (text, shown) = match (&config.config_json, &config.config) {
        (Some(text), _) => (text.clone(), "--config-json"),
        (None, Some(text)) if text.trim_start().starts_with('{') => (text.clone(), "--config"),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                let message = format!("cannot read the file `{path}`: {error}");
                let hint = "--config takes JSON that begins with `{`, or the path of a file";
                Error::new(Kind::Usage, "run.config_file", message).hint(hint)
            })?;
            (text, path.as_str())
        }
        (None, None) => return Ok(RunConfig::default()),
    };
    RunConfig::parse(text, shown)
}

/// The asset of a name.
pub(crate) fn asset(project: &Project, name: &str) -> Result<AssetName, Error> {
    let known = &project.documents().assets;
    if let Some((found, _)) = known.iter().find(|(known, _)| known.as_str() == name) {
        return Ok(found.clone());
    }
    let names: Vec<&str> = known.keys().map(AssetName::as_str).collect();
    let hint = match closest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the assets are {}", names.join(", ")),
    };
    Err(OrchestratorError::UnknownAsset {
        name: name.to_owned(),
        hint,
    }
    .into())
}

/// The plans of a selection.
pub(crate) async fn plans(project: &Project, selection: &Selection) -> Result<Vec<AssetPlan>, Errors> {
    let names = selected(project, selection)?;
    project.prepare(&names).await
}
