//! A registry in a folder: a disk, or a share that a team mounts.
//!
//! `NAME/VERSION/` holds `plugin.wasm`, `release.json` and, where it is signed, `plugin.wasm.minisig`. A release is
//! written beside its place and renamed into it, so that a reader sees all of it or nothing, and of two publishers one wins.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use super::error::PackageError;
use super::registry::{Again, Published, Registry, again};
use super::release::{MAX_RELEASE_BYTES, MAX_SIGNATURE_BYTES, Package, Release};
use crate::catalog::MAX_PLUGIN_BYTES;
use crate::manifest::is_name;

const COMPONENT: &str = "plugin.wasm";
const SIGNATURE: &str = "plugin.wasm.minisig";
const INDEX: &str = "release.json";

/// A registry in a folder.
#[derive(Debug, Clone)]
pub struct FolderRegistry {
    place: String,
    folder: PathBuf,
}

impl FolderRegistry {
    /// The registry in a folder, called `place` in messages and the lock.
    pub fn new(place: &str, folder: PathBuf) -> Self {
        Self {
            place: place.to_owned(),
            folder,
        }
    }

    /// Does file work where it holds up nobody.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, PackageError> + Send + 'static,
    ) -> Result<T, PackageError> {
        let registry = self.clone();
        match tokio::task::spawn_blocking(move || work(&registry)).await {
            Ok(done) => done,
            Err(error) => Err(self.unusable(&error.to_string())),
        }
    }

    fn unusable(&self, why: &str) -> PackageError {
        PackageError::unusable(&self.place, why)
    }

    fn damaged(&self, name: &str, version: &semver::Version, why: impl Into<String>) -> PackageError {
        PackageError::damaged(&self.place, name, version, why)
    }

    /// The names in a folder that `good` takes for one of its own; nothing where it is not there.
    fn entries<T: Ord>(
        &self,
        folder: &Path,
        good: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, PackageError> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            // What is no folder in a registry is not one of its plugins.
            Err(error)
                if folder != self.folder
                    && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(Vec::new());
            }
            Err(error) => return Err(self.unusable(&format!("`{}`: {error}", folder.display()))),
        };
        let mut found: Vec<T> = entries
            .filter_map(|entry| good(entry.ok()?.file_name().to_str()?))
            .collect();
        found.sort();
        Ok(found)
    }

    /// Where a release lies. Names reach it from locks and command lines, so they are looked at here once more.
    fn release_folder(&self, name: &str, version: &semver::Version) -> Result<PathBuf, PackageError> {
        if !is_name(name) {
            return Err(self.unusable("a plugin's name has small letters, digits, `-` and `_`"));
        }
        Ok(self.folder.join(name).join(version.to_string()))
    }

    fn read_release(&self, name: &str, version: &semver::Version) -> Result<Release, PackageError> {
        let folder = self.release_folder(name, version)?;
        let text = bounded(&folder.join(INDEX), MAX_RELEASE_BYTES)
            .map_err(|why| self.damaged(name, version, format!("its index: {why}")))?
            .ok_or_else(|| self.damaged(name, version, "it has no index"))?;
        Release::parse(&text, name, version).map_err(|why| self.damaged(name, version, why))
    }

    fn read_package(&self, name: &str, version: &semver::Version) -> Result<Package, PackageError> {
        let release = self.read_release(name, version)?;
        let folder = self.release_folder(name, version)?;
        let damaged = |why: String| self.damaged(name, version, why);
        let wasm = bounded(&folder.join(COMPONENT), MAX_PLUGIN_BYTES)
            .map_err(damaged)?
            .ok_or_else(|| damaged("it has no component".into()))?;
        let signature = bounded(&folder.join(SIGNATURE), MAX_SIGNATURE_BYTES).map_err(damaged)?;
        let signature = signature
            .map(String::from_utf8)
            .transpose()
            .map_err(|_| damaged("its signature is not text".into()))?;
        Ok(Package {
            release,
            wasm,
            signature,
        })
    }

    fn write(&self, package: &Package) -> Result<Published, PackageError> {
        let Release { name, version, .. } = &package.release;
        let release = self.release_folder(name, version)?;
        let plugin = self.folder.join(name);
        let io = |error: std::io::Error| PackageError::io("cannot publish to", &release, &error);
        fs::create_dir_all(&plugin).map_err(io)?;
        let half = plugin.join(unique());
        let written = write_files(&half, package)
            .and_then(|()| fs::rename(&half, &release))
            .and_then(|()| fs::File::open(&plugin)?.sync_all());
        match written {
            Ok(()) => Ok(Published::New),
            Err(error) => {
                let _ = fs::remove_dir_all(&half);
                if release.is_dir() {
                    self.again(package, &release)
                } else {
                    Err(io(error))
                }
            }
        }
    }

    /// A version that is there already: the same, the same to be signed, or another.
    fn again(&self, package: &Package, folder: &Path) -> Result<Published, PackageError> {
        let Release { name, version, .. } = &package.release;
        let there = self.read_package(name, version)?;
        match again(&self.place, &there, package)? {
            Again::Already => Ok(Published::Already),
            Again::Sign(signature) => {
                let half = folder.join(unique());
                // A link is made or is not, and never takes the place of a signature that came first.
                let added = write_file(&half, signature.as_bytes())
                    .and_then(|()| fs::hard_link(&half, folder.join(SIGNATURE)));
                let _ = fs::remove_file(&half);
                added.map_err(|error| PackageError::io("cannot sign", folder, &error))?;
                Ok(Published::Signed)
            }
        }
    }
}

#[async_trait]
impl Registry for FolderRegistry {
    fn place(&self) -> &str {
        &self.place
    }

    async fn names(&self) -> Result<Vec<String>, PackageError> {
        self.blocking(|it| it.entries(&it.folder, |name| is_name(name).then(|| name.to_owned())))
            .await
    }

    async fn versions(&self, name: &str) -> Result<Vec<semver::Version>, PackageError> {
        let name = name.to_owned();
        self.blocking(move |it| {
            // A folder that is not there is told from a plugin that is not in it.
            it.entries(&it.folder, |_| None::<()>)?;
            if !is_name(&name) {
                return Ok(Vec::new());
            }
            it.entries(&it.folder.join(&name), |text| {
                let version = semver::Version::parse(text).ok()?;
                (version.to_string() == text).then_some(version)
            })
        })
        .await
    }

    async fn release(&self, name: &str, version: &semver::Version) -> Result<Release, PackageError> {
        let (name, version) = (name.to_owned(), version.clone());
        self.blocking(move |it| it.read_release(&name, &version)).await
    }

    async fn fetch(&self, name: &str, version: &semver::Version) -> Result<Package, PackageError> {
        let (name, version) = (name.to_owned(), version.clone());
        self.blocking(move |it| it.read_package(&name, &version)).await
    }

    async fn publish(&self, package: &Package) -> Result<Published, PackageError> {
        let package = package.clone();
        self.blocking(move |it| it.write(&package)).await
    }
}

/// A file's bytes up to a limit; none where it is not there.
pub(crate) fn bounded(file: &Path, limit_bytes: u64) -> Result<Option<Vec<u8>>, String> {
    match fs::metadata(file) {
        Ok(found) if found.is_file() => {}
        // Opening a pipe waits for whoever writes to it.
        Ok(_) => return Err("it is not a regular file".into()),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    }
    let open = fs::File::open(file).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    open.take(limit_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > limit_bytes {
        return Err(format!("it has more than {limit_bytes} bytes"));
    }
    Ok(Some(bytes))
}

/// A name that no other process or thread uses, and that is no version.
fn unique() -> String {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let write = WRITES.fetch_add(1, Ordering::Relaxed);
    format!(".publish-{}-{write}", std::process::id())
}

fn write_files(folder: &Path, package: &Package) -> std::io::Result<()> {
    fs::create_dir(folder)?;
    let index = serde_json::to_vec_pretty(&package.release)?;
    write_file(&folder.join(COMPONENT), &package.wasm)?;
    write_file(&folder.join(INDEX), &index)?;
    if let Some(signature) = &package.signature {
        write_file(&folder.join(SIGNATURE), signature.as_bytes())?;
    }
    fs::File::open(folder)?.sync_all()
}

fn write_file(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut open = fs::File::create_new(file)?;
    open.write_all(bytes)?;
    open.sync_all()
}
