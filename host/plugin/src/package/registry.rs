//! Where releases are kept.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::error::PackageError;
use super::folder_registry::FolderRegistry;
use super::release::{Package, Release};

/// Keeps releases. What it answers is not trusted: whoever fetches compares digest, manifest and signature.
#[async_trait]
pub trait Registry: Send + Sync {
    /// As the project writes it: what the lock and messages call it.
    fn place(&self) -> &str;

    /// The plugins that it has, sorted.
    async fn names(&self) -> Result<Vec<String>, PackageError>;

    /// The versions of a plugin, oldest first; none of a plugin that it does not have.
    async fn versions(&self, name: &str) -> Result<Vec<semver::Version>, PackageError>;

    /// What it says of a version, without the component.
    async fn release(&self, name: &str, version: &semver::Version) -> Result<Release, PackageError>;

    /// A version, whole.
    async fn fetch(&self, name: &str, version: &semver::Version) -> Result<Package, PackageError>;

    /// Keeps a release. Readers see all of it or nothing. The same again changes nothing; other bytes under a version that
    /// is there are refused. A release without a signature can be given one later.
    async fn publish(&self, package: &Package) -> Result<Published, PackageError>;
}

/// What publishing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It is there now.
    New,
    /// It was there.
    Already,
    /// It was there unsigned, and now has a signature.
    Signed,
}

/// The registry that a text names: a folder, from `root` on.
pub fn open_registry(place: &str, root: &Path) -> Result<Arc<dyn Registry>, PackageError> {
    let refuse = |why: &str| {
        Err(PackageError::Registry {
            registry: place.into(),
            why: why.into(),
        })
    };
    if place.is_empty() || place.chars().any(char::is_control) {
        return refuse("a registry is a folder's path");
    }
    if place.contains("://") {
        return refuse("this Tidegate has registries in folders only");
    }
    Ok(Arc::new(FolderRegistry::new(place, root.join(place))))
}
