//! Manifests in a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tidegate_core::plan::{AssetName, PartitionKey};

use super::error::{FileError, Result};
use super::layout::{self, manifest_path};
use crate::durable;
use crate::layout::{MANIFESTS, manifest_version};
use crate::manifest::Manifest;

/// The newest manifest of a partition's folder, or none where nothing was loaded.
pub(super) fn newest(folder: &Path) -> Result<Option<Manifest>> {
    // A load that commits meanwhile removes old versions, so one that was listed may be gone when it is opened.
    const TRIES: usize = 10;
    for _ in 0..TRIES {
        let Some(version) = versions(folder)?.into_iter().max() else {
            return Ok(None);
        };
        let path = manifest_path(folder, version);
        match fs::read(&path) {
            Ok(bytes) => return parse(&path, &bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::io(&path, error)),
        }
    }
    Err(FileError::Changed {
        path: folder.display().to_string(),
        what: "it is being loaded over and over".into(),
    })
}

/// Creates a manifest; `false` where its version exists already.
pub(super) fn create(folder: &Path, manifest: &Manifest) -> Result<bool> {
    let path = manifest_path(folder, manifest.version);
    let bytes = serde_json::to_vec_pretty(manifest).map_err(FileError::internal)?;
    durable::create(&path, &bytes).map_err(|error| FileError::io(&path, error))
}

/// The versions in a partition's folder, in no order.
pub(super) fn versions(folder: &Path) -> Result<Vec<u64>> {
    let folder = folder.join(MANIFESTS);
    Ok(names(&folder)?
        .iter()
        .filter_map(|name| manifest_version(name))
        .collect())
}

/// The folders to read of an asset: its one slice, or every partition that was loaded, in the order of their names.
pub(super) fn loaded_folders(
    root: &Path,
    asset: &AssetName,
    partition: Option<&PartitionKey>,
) -> Result<Vec<PathBuf>> {
    let loaded = |folder: &PathBuf| versions(folder).map(|versions| !versions.is_empty());
    if let Some(partition) = partition {
        let folder = layout::partition_folder(root, asset, partition);
        if loaded(&folder)? {
            return Ok(vec![folder]);
        }
        return Err(FileError::NotLoaded {
            path: folder.display().to_string(),
        });
    }
    let whole = layout::asset_folder(root, asset);
    let mut folders = Vec::new();
    for name in names(&whole)?.into_iter().filter(|name| name != MANIFESTS) {
        let folder = whole.join(name);
        if folder.is_dir() && loaded(&folder)? {
            folders.push(folder);
        }
    }
    match (loaded(&whole)?, folders.is_empty()) {
        (true, true) => Ok(vec![whole]),
        (false, false) => {
            folders.sort();
            Ok(folders)
        }
        (true, false) => Err(FileError::LayoutMixed {
            path: whole.display().to_string(),
        }),
        (false, true) => Err(FileError::NotLoaded {
            path: whole.display().to_string(),
        }),
    }
}

/// The names in a folder; none where it does not exist.
pub(super) fn names(folder: &Path) -> Result<Vec<String>> {
    let failed = |error| FileError::io(folder, error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry.map_err(failed)?.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Manifest> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    Manifest::parse(name, bytes, |ending| ending == layout::ENDING).map_err(|reason| FileError::BadManifest {
        path: path.display().to_string(),
        reason,
    })
}
