//! What can be wrong with a file or the disk under it.

use std::io;
use std::path::Path;

use tidegate_core::{Error, Kind};

use crate::format::FormatError;

/// What this connector's calls answer.
pub(super) type Result<T, E = FileError> = std::result::Result<T, E>;

/// What can be wrong. Each has a stable code; see [`FileError::code`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("no file is at `{pattern}`")]
    NotFound { pattern: String },
    #[error("there is no folder `{path}`")]
    NoFolder { path: String },
    #[error("`{path}` cannot be used: {source}")]
    Permission { path: String, source: io::Error },
    #[error("no space is left for `{path}`: {source}")]
    DiskFull { path: String, source: io::Error },
    #[error("`{path}` could not be read or written: {source}")]
    Io { path: String, source: io::Error },
    #[error("`{path}` is not what it was: {what}")]
    Changed { path: String, what: String },
    #[error("`{path}` was staged by an earlier attempt and is not as it was left")]
    StagedLost { path: String },
    #[error("a newer attempt (epoch {newest}) has loaded `{path}`; this one (epoch {epoch}) may not")]
    Fenced { path: String, newest: i64, epoch: i64 },
    #[error("the manifest `{path}` cannot be read: {reason}")]
    BadManifest { path: String, reason: String },
    #[error("`{path}` holds both an asset without partitions and partitions")]
    LayoutMixed { path: String },
    #[error("nothing has been loaded into `{path}` yet")]
    NotLoaded { path: String },
    #[error("`{name}` cannot be an artifact's name")]
    BadArtifactName { name: String },
    #[error("{0}")]
    Internal(String),
}

impl From<FileError> for FormatError {
    fn from(error: FileError) -> Self {
        Self::Place(Box::new(error.into()))
    }
}

impl FileError {
    /// What an operating system error on a path means.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        use io::ErrorKind::{
            AlreadyExists, NotADirectory, NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem,
            StorageFull,
        };
        let path_text = path.display().to_string();
        match source.kind() {
            NotFound => Self::NotFound { pattern: path_text },
            PermissionDenied | ReadOnlyFilesystem | NotADirectory | AlreadyExists => Self::Permission {
                path: path_text,
                source,
            },
            StorageFull | QuotaExceeded => Self::DiskFull {
                path: path_text,
                source,
            },
            _ => Self::Io {
                path: path_text,
                source,
            },
        }
    }

    /// What must not happen, as an error rather than a panic.
    pub(crate) fn internal(what: impl std::fmt::Display) -> Self {
        Self::Internal(what.to_string())
    }

    /// The stable code, documented in `docs/error-codes.md`.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } | Self::NoFolder { .. } => "file.not_found",
            Self::Permission { .. } => "file.permission",
            Self::DiskFull { .. } => "file.disk_full",
            Self::Io { .. } => "file.io",
            Self::Changed { .. } => "file.changed",
            Self::StagedLost { .. } => "file.staged_lost",
            Self::Fenced { .. } => "attempt.fenced",
            Self::BadManifest { .. } => "file.manifest_bad",
            Self::LayoutMixed { .. } => "file.layout_mixed",
            Self::NotLoaded { .. } => "file.not_loaded",
            Self::BadArtifactName { .. } => "artifact.bad_name",
            Self::Internal(_) => "file.internal",
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. }
            | Self::NoFolder { .. }
            | Self::Permission { .. }
            | Self::DiskFull { .. }
            | Self::Io { .. }
            | Self::Changed { .. }
            | Self::StagedLost { .. }
            | Self::BadManifest { .. }
            | Self::LayoutMixed { .. }
            | Self::NotLoaded { .. } => Kind::Resource,
            Self::Fenced { .. } => Kind::State,
            Self::BadArtifactName { .. } | Self::Internal(_) => Kind::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotFound { .. } => "check the source's `path` and the resource's `root`".into(),
            Self::NoFolder { .. } => "make the folder, or correct the resource's `root`".into(),
            Self::Permission { path, .. } => {
                format!("let the user that runs tidegate read and write `{path}`, or set another `root`")
            }
            Self::DiskFull { .. } => "free some space or set another `root`, then run again; nothing of this load is visible".into(),
            Self::Changed { .. } => "run again from the start: what was read before may be outdated".into(),
            Self::StagedLost { .. } => "run again from the start: a newer load of the same partition has cleared it away".into(),
            Self::Fenced { .. } => {
                "nothing to do if another run loads this partition; if the state store was reset, remove the folder too".into()
            }
            Self::BadManifest { .. } => "remove the damaged file: the manifest before it is then used".into(),
            Self::LayoutMixed { .. } => "remove the older of the two by hand, then run again".into(),
            Self::NotLoaded { .. } => "materialize that asset first".into(),
            Self::Io { .. } => "check the disk or network drive that it lies on, and try again".into(),
            Self::BadArtifactName { .. } | Self::Internal(_) => return None,
        })
    }
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        let mut out = Self::new(error.kind(), error.code(), error.to_string());
        out.hint = error.hint();
        match error {
            FileError::DiskFull { .. } | FileError::Io { .. } | FileError::Changed { .. } => out.later(),
            _ => out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operating_system_says_has_its_code() {
        let code = |number| FileError::io(Path::new("/x"), io::Error::from_raw_os_error(number)).code();
        // ENOENT, EACCES, EPERM, EROFS, ENOTDIR, ENOSPC, EDQUOT, EIO, as Linux numbers them.
        let codes = [2, 13, 1, 30, 20, 28, 122, 5].map(code);
        let permission = "file.permission";
        assert_eq!(
            codes,
            [
                "file.not_found",
                permission,
                permission,
                permission,
                permission,
                "file.disk_full",
                "file.disk_full",
                "file.io"
            ]
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_device_is_a_full_disk() {
        use std::io::Write;
        let mut device = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = FileError::io(Path::new("/dev/full"), device.write_all(b"x").unwrap_err());
        let error = Error::from(error);
        assert_eq!(
            (error.code.as_str(), error.retry),
            ("file.disk_full", tidegate_core::Retry::Later)
        );
        assert!(error.message.contains("/dev/full") && error.hint.is_some());
    }
}
