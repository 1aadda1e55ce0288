//! Artifacts in a folder.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_core::Result;
use tidegate_core::port::ArtifactStore;

use super::name::is_safe;
use crate::blocking;
use crate::durable::{self, TEMPORARY};
use crate::file::FileError;

/// Keeps artifacts as files under a folder, which is made when the first one is stored.
#[derive(Debug, Clone)]
pub struct FolderArtifacts {
    root: PathBuf,
}

impl FolderArtifacts {
    /// A store under a folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Works on the file of a name, on a thread that may block.
    async fn with_path<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let path = self.root.join(checked(name)?);
        let work = move || work(&path).map_err(|error| FileError::io(&path, error));
        blocking::run(work).await
    }
}

#[async_trait]
impl ArtifactStore for FolderArtifacts {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        self.with_path(name, move |path| {
            fs::create_dir_all(durable::parent(path))?;
            durable::replace(path, &bytes)
        })
        .await
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        self.with_path(name, |path| match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn append(&self, name: &str, bytes: Bytes) -> Result<()> {
        self.with_path(name, move |path| {
            fs::create_dir_all(durable::parent(path))?;
            OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)?
                .write_all(&bytes)
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let (root, prefix) = (self.root.clone(), prefix.to_owned());
        let work = move || {
            let mut names = Vec::new();
            walk(&root, "", &prefix, &mut names).map_err(|error| FileError::io(&root, error))?;
            names.sort();
            Ok::<_, FileError>(names)
        };
        blocking::run(work).await
    }

    async fn delete(&self, name: &str) -> Result<()> {
        self.with_path(name, durable::remove).await
    }

    fn locate(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }
}

/// A name that stays under the root on every system, or an error.
fn checked(name: &str) -> Result<&str, FileError> {
    if is_safe(name) && !name.ends_with(TEMPORARY) {
        return Ok(name);
    }
    Err(FileError::BadArtifactName {
        name: name.to_owned(),
    })
}

/// Adds the names under a folder that start with a prefix. Folders that cannot hold one are passed over.
fn walk(folder: &Path, at: &str, prefix: &str, names: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let name = format!("{at}{name}");
        if entry.file_type()?.is_dir() {
            let below = format!("{name}/");
            if below.starts_with(prefix) || prefix.starts_with(&below) {
                walk(&entry.path(), &below, prefix, names)?;
            }
        } else if name.ends_with(TEMPORARY) {
            // What a process that was killed had begun to write.
            if durable::is_forsaken(&entry.path()) {
                let _ = durable::remove(&entry.path());
            }
        } else if name.starts_with(prefix) {
            names.push(name);
        }
    }
    Ok(())
}
