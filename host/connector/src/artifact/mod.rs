//! Where logs, quarantine and other files of runs are kept.

mod folder;
mod name;
mod s3;

pub use folder::FolderArtifacts;
pub use s3::S3Artifacts;
