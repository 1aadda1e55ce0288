//! Finds components by name and version in the project's plugin folders.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use tidegate_core::plan::Digest;
use tidegate_core::schema::closest;

use crate::error::PluginError;
use crate::manifest::{Manifest, is_name};

/// A plugin is a few megabytes, with an interpreter inside some tens; a file beyond this is something else.
pub(crate) const MAX_PLUGIN_BYTES: u64 = 256 << 20;

/// `NAME` or `NAME@VERSIONS`, as a schema writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The plugin's name.
    pub name: String,
    /// The versions that will do.
    pub versions: semver::VersionReq,
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.versions)
    }
}

impl FromStr for Requirement {
    type Err = PluginError;

    fn from_str(text: &str) -> Result<Self, PluginError> {
        let (name, versions) = text.split_once('@').unwrap_or((text, "*"));
        if !is_name(name) {
            return Err(PluginError::Requirement(
                text.into(),
                "a plugin's name has small letters, digits, `-` and `_`".into(),
            ));
        }
        let versions = semver::VersionReq::parse(versions)
            .map_err(|error| PluginError::Requirement(text.into(), error.to_string()))?;
        Ok(Self {
            name: name.into(),
            versions,
        })
    }
}

/// A component with its manifest and digest; not compiled.
#[derive(Debug)]
pub struct Plugin {
    /// The file that it came from.
    pub file: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    /// Of the whole file.
    pub digest: Digest,
    /// The component.
    pub wasm: Vec<u8>,
}

impl Plugin {
    /// Reads a component.
    pub fn read(file: &Path) -> Result<Self, PluginError> {
        let not = |why: String| PluginError::NotAPlugin {
            file: file.display().to_string(),
            why,
        };
        let io = |error: std::io::Error| PluginError::Io {
            what: "cannot read the plugin",
            file: file.display().to_string(),
            why: error.to_string(),
        };
        let found = std::fs::metadata(file).map_err(io)?;
        // Reading a pipe waits for whoever writes to it.
        if !found.is_file() {
            return Err(not("it is not a regular file".into()));
        }
        let length = found.len();
        if length > MAX_PLUGIN_BYTES {
            return Err(not(format!("it has {length} bytes")));
        }
        Self::of_bytes(file.to_owned(), std::fs::read(file).map_err(io)?)
    }

    /// A component that was read already; errors name the file.
    pub(crate) fn of_bytes(file: PathBuf, wasm: Vec<u8>) -> Result<Self, PluginError> {
        let manifest = Manifest::read(&wasm).map_err(|why| why.of(file.display().to_string()))?;
        Ok(Self {
            file,
            manifest,
            digest: Digest::of(&wasm),
            wasm,
        })
    }
}

/// The plugins of a project.
#[derive(Debug)]
pub struct Catalog {
    folders: Vec<PathBuf>,
    read: Mutex<BTreeMap<PathBuf, Arc<Plugin>>>,
    settled: Mutex<BTreeMap<String, Result<Arc<Plugin>, PluginError>>>,
}

impl Catalog {
    /// The plugins in these folders. A folder need not exist.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self {
            folders,
            read: Mutex::new(BTreeMap::new()),
            settled: Mutex::new(BTreeMap::new()),
        }
    }

    /// The plugin that was settled on for a requirement, else the newest that fits in the folders.
    pub fn find(&self, wanted: &Requirement) -> Result<Arc<Plugin>, PluginError> {
        let settled = lock(&self.settled).get(&wanted.to_string()).cloned();
        settled.unwrap_or_else(|| self.in_folders(wanted))
    }

    /// Settles what [`Catalog::find`] answers to a requirement: what the lock and the registries say.
    pub(crate) fn settle(&self, wanted: &Requirement, answer: Result<Arc<Plugin>, PluginError>) {
        lock(&self.settled).insert(wanted.to_string(), answer);
    }

    /// Every plugin in the folders, and the files that are none.
    pub fn all(&self) -> Vec<Result<Arc<Plugin>, PluginError>> {
        self.files().iter().map(|file| self.plugin(file)).collect()
    }

    /// The newest plugin in the folders that fits. Only files named after it, `NAME.wasm` or `NAME-….wasm`, are looked
    /// into.
    pub(crate) fn in_folders(&self, wanted: &Requirement) -> Result<Arc<Plugin>, PluginError> {
        let files = self.files();
        let mut found: Vec<Arc<Plugin>> = Vec::new();
        let mut refused = None;
        for file in &files {
            if !named(file, &wanted.name) {
                continue;
            }
            match self.plugin(file) {
                Ok(plugin) if plugin.manifest.name == wanted.name => found.push(plugin),
                Ok(_) => {}
                Err(error) => refused = Some(error),
            }
        }
        found.sort_by(|a, b| b.manifest.version.cmp(&a.manifest.version));
        if let Some(plugin) = found
            .iter()
            .find(|plugin| wanted.versions.matches(&plugin.manifest.version))
        {
            return Ok(plugin.clone());
        }
        if found.is_empty() {
            return Err(refused.unwrap_or_else(|| self.not_found(wanted, &files)));
        }
        let versions: Vec<String> = found
            .iter()
            .map(|plugin| plugin.manifest.version.to_string())
            .collect();
        Err(PluginError::Version {
            name: wanted.name.clone(),
            wanted: wanted.versions.to_string(),
            found: versions.join(", "),
        })
    }

    /// The plugin of a name and digest, as a task names it. Files are looked into as for [`Catalog::find`].
    pub fn by_digest(&self, name: &str, digest: &Digest) -> Result<Arc<Plugin>, PluginError> {
        let wanted = Requirement {
            name: name.into(),
            versions: semver::VersionReq::STAR,
        };
        let settled = lock(&self.settled)
            .values()
            .filter_map(|answer| answer.as_ref().ok())
            .find(|plugin| plugin.manifest.name == name && plugin.digest == *digest)
            .cloned();
        if let Some(plugin) = settled {
            return Ok(plugin);
        }
        let files = self.files();
        let found = files
            .iter()
            .filter(|file| named(file, name))
            .find_map(|file| match self.plugin(file) {
                Ok(plugin) if plugin.digest == *digest => Some(plugin),
                _ => None,
            });
        found.ok_or_else(|| self.not_found(&wanted, &files))
    }

    fn not_found(&self, wanted: &Requirement, files: &[PathBuf]) -> PluginError {
        let stems: Vec<String> = files
            .iter()
            .filter_map(|file| {
                file.file_stem()
                    .and_then(|stem| stem.to_str())
                    .map(|stem| stem.replace('_', "-"))
            })
            .collect();
        PluginError::NotFound {
            name: wanted.name.clone(),
            folders: self
                .folders
                .iter()
                .map(|folder| format!("`{}`", folder.display()))
                .collect::<Vec<_>>()
                .join(", "),
            near: closest(&wanted.name, stems.iter().map(String::as_str)).map(str::to_owned),
        }
    }

    fn plugin(&self, file: &Path) -> Result<Arc<Plugin>, PluginError> {
        let mut read = lock(&self.read);
        if let Some(plugin) = read.get(file) {
            return Ok(plugin.clone());
        }
        let plugin = Arc::new(Plugin::read(file)?);
        read.insert(file.to_owned(), plugin.clone());
        Ok(plugin)
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self
            .folders
            .iter()
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flatten()
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
            .collect();
        files.sort();
        files
    }
}

/// A value that is whole whoever panicked while holding it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Whether a file may hold a plugin of that name: `NAME.wasm` or `NAME-….wasm`, `_` and `-` taken for each other.
fn named(file: &Path, name: &str) -> bool {
    let stem = file
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    stem.replace('_', "-").starts_with(&name.replace('_', "-"))
}
