//! Where logs, quarantine and other files of runs are kept.

mod folder;

pub use folder::FolderArtifacts;
