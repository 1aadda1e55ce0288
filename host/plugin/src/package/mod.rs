//! Plugins as packages: published to registries, pinned by a lock, signed.
//!
//! A [`Registry`] keeps releases that never change. [`Packages`] settles which plugin each requirement of a project
//! means: what `tidegate.lock` says, else the newest that fits. What comes from a registry is kept on this machine by its
//! digest, and checked whenever it is read.

mod error;
mod folder_registry;
mod lock;
mod oci_artifact;
mod oci_error;
mod oci_login;
mod oci_registry;
mod packages;
mod registry;
mod release;
mod s3_registry;
mod signature;
mod store;

pub use error::PackageError;
pub use folder_registry::FolderRegistry;
pub use lock::{Lock, LockEntry};
pub use packages::{LockChange, Locking, Packages, PackagesConfig};
pub use registry::{Published, Registry, open_registry};
pub use release::{Package, Release};
pub use signature::TrustedKeys;
