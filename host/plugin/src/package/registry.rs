//! Where releases are kept.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_core::plan::Digest;

use super::error::PackageError;
use super::folder_registry::FolderRegistry;
use super::oci_registry::OciRegistry;
use super::release::{Package, Release};
use super::s3_registry::S3Registry;

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

/// What publishing a version that is there already comes to.
pub(super) enum Again {
    /// It is the same.
    Already,
    /// It is the same, unsigned: it is given this signature.
    Sign(String),
}

/// Compares a version that is there with one that is to be published; other bytes, or another signature, are refused.
pub(super) fn again(registry: &str, there: &Package, package: &Package) -> Result<Again, PackageError> {
    let Release {
        name,
        version,
        digest,
        ..
    } = &package.release;
    let refuse = |published: String, found: String| {
        Err(PackageError::Published {
            registry: registry.into(),
            name: name.clone(),
            version: version.to_string(),
            published,
            found,
        })
    };
    let published = Digest::of(&there.wasm);
    if published != *digest {
        return refuse(published.to_string(), digest.to_string());
    }
    match (&there.signature, &package.signature) {
        (_, None) => Ok(Again::Already),
        (Some(theirs), Some(ours)) if theirs == ours => Ok(Again::Already),
        (Some(_), Some(_)) => refuse(
            "signed otherwise".into(),
            "the same component with another signature".into(),
        ),
        (None, Some(signature)) => Ok(Again::Sign(signature.clone())),
    }
}

/// The registry that a text names: `s3://BUCKET/PREFIX`, `oci://HOST/PATH`, else a folder, from `root` on. Nothing is
/// read and nobody is asked before it is used.
pub fn open_registry(place: &str, root: &Path) -> Result<Arc<dyn Registry>, PackageError> {
    let refuse = |why: &str| Err(PackageError::unusable(place, why));
    if place.is_empty() || place.chars().any(char::is_control) {
        return refuse("a registry is a folder's path, `s3://BUCKET/PREFIX` or `oci://HOST/PATH`");
    }
    match place.split_once("://") {
        None => Ok(Arc::new(FolderRegistry::new(place, root.join(place)))),
        Some(("s3", rest)) => Ok(Arc::new(S3Registry::new(place, rest)?)),
        Some(("oci", rest)) => Ok(Arc::new(OciRegistry::new(place, rest)?)),
        Some(_) => refuse("registries are folders, `s3://BUCKET/PREFIX` and `oci://HOST/PATH`"),
    }
}
