//! What can be wrong with a file, its content, or the disk under it.

use std::io;
use std::path::Path;

use tidegate_core::{Error, Kind, Place};

/// What this connector's calls answer.
pub(super) type Result<T, E = FileError> = std::result::Result<T, E>;

/// What can be wrong. Each has a stable code; see [`FileError::code`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("no file is at `{pattern}`")]
    NotFound { pattern: String },
    #[error("`{path}` cannot be used: {source}")]
    Permission { path: String, source: io::Error },
    #[error("no space is left for `{path}`: {source}")]
    DiskFull { path: String, source: io::Error },
    #[error("`{path}` could not be read or written: {source}")]
    Io { path: String, source: io::Error },
    #[error("`{path}` is not what it was: {what}")]
    Changed { path: String, what: String },
    #[error("the {format} data is corrupt or ends too early: {source}")]
    Compression {
        path: String,
        format: &'static str,
        source: io::Error,
    },
    #[error("the file is empty, but a header was expected")]
    Empty { path: String },
    #[error("the text is not UTF-8{detail}")]
    BadEncoding {
        path: String,
        line: u64,
        detail: &'static str,
    },
    #[error("the record is longer than {limit_bytes} bytes")]
    RecordTooLong {
        path: String,
        line: u64,
        limit_bytes: u64,
    },
    #[error("the file has no column `{column}`; it has {}", list(.found))]
    ColumnMissing {
        path: String,
        column: String,
        found: Vec<String>,
    },
    #[error("the header names `{column}` twice")]
    ColumnTwice { path: String, column: String },
    #[error("a quote that opens here is never closed")]
    UnclosedQuote { path: String, line: u64 },
    #[error("the row has {found} fields where {wanted} are wanted")]
    RaggedRow {
        path: String,
        line: u64,
        wanted: usize,
        found: usize,
    },
    #[error("`{value}` in column `{column}` is not {wanted}")]
    BadValue {
        path: String,
        line: u64,
        column: String,
        value: String,
        wanted: String,
    },
    #[error("column `{column}` has no value, but may not be null")]
    NullValue { path: String, line: u64, column: String },
    #[error("column `{column}` has no value in row {row} of `{path}`, but may not be null")]
    NullInRow { path: String, row: u64, column: String },
    #[error("the record cannot be read: {reason}")]
    BadRecord { path: String, line: u64, reason: String },
    #[error("`{path}` is not good Parquet: {reason}")]
    BadParquet { path: String, reason: String },
    #[error("column `{column}` is {found} in the file, and {wanted} was asked for")]
    TypeMismatch {
        path: String,
        column: String,
        found: String,
        wanted: String,
    },
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
            Self::NotFound { .. } => "file.not_found",
            Self::Permission { .. } => "file.permission",
            Self::DiskFull { .. } => "file.disk_full",
            Self::Io { .. } => "file.io",
            Self::Changed { .. } => "file.changed",
            Self::Compression { .. } => "file.compression",
            Self::Empty { .. } => "file.empty",
            Self::BadEncoding { .. } => "file.bad_encoding",
            Self::RecordTooLong { .. } => "file.record_too_long",
            Self::ColumnMissing { .. } => "file.column_missing",
            Self::ColumnTwice { .. } => "file.column_twice",
            Self::UnclosedQuote { .. } => "file.csv.unclosed_quote",
            Self::RaggedRow { .. } => "file.csv.ragged_row",
            Self::BadValue { .. } => "file.csv.bad_value",
            Self::NullValue { .. } | Self::NullInRow { .. } => "file.null_value",
            Self::BadRecord { .. } => "file.jsonl.bad_record",
            Self::BadParquet { .. } => "file.parquet.bad",
            Self::TypeMismatch { .. } => "file.parquet.type_mismatch",
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
            _ => Kind::Data,
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::BadEncoding { path, line, .. }
            | Self::RecordTooLong { path, line, .. }
            | Self::UnclosedQuote { path, line }
            | Self::RaggedRow { path, line, .. }
            | Self::BadValue { path, line, .. }
            | Self::NullValue { path, line, .. }
            | Self::BadRecord { path, line, .. } => Some(Place::line(path, *line)),
            Self::Empty { path }
            | Self::ColumnMissing { path, .. }
            | Self::ColumnTwice { path, .. }
            | Self::TypeMismatch { path, .. }
            | Self::Compression { path, .. } => Some(Place::line(path, 1)),
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotFound { .. } => "check the source's `path` and the resource's `root`".into(),
            Self::Permission { path, .. } => {
                format!("let the user that runs tidegate read and write `{path}`, or set another `root`")
            }
            Self::DiskFull { .. } => "free some space or set another `root`, then run again; nothing of this load is visible".into(),
            Self::Changed { .. } => "run again from the start: what was read before may be outdated".into(),
            Self::Compression { .. } => "copy the file again, or set `compression` to what it really is".into(),
            Self::Empty { .. } => "set `header: false` if the file has no header".into(),
            Self::BadEncoding { .. } => "convert the file to UTF-8, for example with `iconv -f LATIN1 -t UTF-8`".into(),
            Self::RecordTooLong { .. } => "look for a quote or line end that is missing, or raise `max_record_bytes`".into(),
            Self::ColumnMissing { column, found, .. } => {
                let close = tidegate_core::schema::closest(column, found.iter().map(String::as_str));
                match close {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => "add it to the file, or take it out of the columns that are read".into(),
                }
            }
            Self::ColumnTwice { .. } => "rename one of the two in the file".into(),
            Self::UnclosedQuote { .. } => {
                "close the quote, double a quote that belongs to the text, or set `quote` to another character or \"\"".into()
            }
            Self::RaggedRow { .. } | Self::BadRecord { .. } => {
                "mend the record, or set `on_bad_row: quarantine` to keep such rows aside".into()
            }
            Self::BadValue { .. } => {
                "mend the value, list it in `nulls` if it stands for none, or set `on_bad_row: quarantine`".into()
            }
            Self::NullValue { .. } | Self::NullInRow { .. } => "mend the record, or drop `nullable: false` from the column".into(),
            Self::TypeMismatch { .. } => "give the column the type that the file has, and convert it in a transform".into(),
            Self::StagedLost { .. } => "run again from the start: a newer load of the same partition has cleared it away".into(),
            Self::Fenced { .. } => {
                "nothing to do if another run loads this partition; if the state store was reset, remove the folder too".into()
            }
            Self::BadManifest { .. } => "remove the damaged file: the manifest before it is then used".into(),
            Self::LayoutMixed { .. } => "remove the older of the two by hand, then run again".into(),
            Self::NotLoaded { .. } => "materialize that asset first".into(),
            Self::BadParquet { .. } => "write the file again: it is cut off, damaged, or no Parquet".into(),
            Self::Io { .. } => "check the disk or network drive that it lies on, and try again".into(),
            Self::BadArtifactName { .. } | Self::Internal(_) => return None,
        })
    }
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        let mut out = Self::new(error.kind(), error.code(), error.to_string());
        out.place = error.place();
        out.hint = error.hint();
        match error {
            FileError::DiskFull { .. } | FileError::Io { .. } | FileError::Changed { .. } => out.later(),
            _ => out,
        }
    }
}

/// A value for a message: the start of it where it is long.
pub(super) fn shorten(value: &str) -> String {
    const SHOWN: usize = 80;
    if value.chars().count() <= SHOWN {
        return value.to_owned();
    }
    format!("{}…", value.chars().take(SHOWN).collect::<String>())
}

fn list(names: &[String]) -> String {
    const SHOWN: usize = 40;
    let mut shown: Vec<_> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if names.len() > SHOWN {
        shown.push(format!("and {} more", names.len() - SHOWN));
    }
    if shown.is_empty() {
        "none".into()
    } else {
        shown.join(", ")
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

    #[test]
    fn long_values_and_lists_are_cut() {
        assert_eq!(shorten(&"é".repeat(80)), "é".repeat(80));
        assert_eq!(shorten(&"é".repeat(81)), "é".repeat(80) + "…");
        let names: Vec<_> = (0..50).map(|n| n.to_string()).collect();
        assert!(list(&names).ends_with("`39`, and 10 more"));
        assert_eq!(list(&[]), "none");
    }
}
