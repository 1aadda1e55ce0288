//! What can be wrong with the content of a file, wherever the file lies.

use std::io;

use tidegate_core::{Error, Kind, Place};

/// What calls of this module answer.
pub(crate) type Result<T, E = FormatError> = std::result::Result<T, E>;

/// What can be wrong. Each has a stable code; see [`FormatError::code`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormatError {
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
    #[error("column `{column}` has a value that {format} cannot hold: {reason}")]
    Unwritable {
        column: String,
        format: &'static str,
        reason: String,
    },
    /// What the disk or the service that the file lies on says.
    #[error("{}", .0.message)]
    Place(Box<Error>),
    #[error("{0}")]
    Internal(String),
}

impl FormatError {
    /// What must not happen, as an error rather than a panic.
    pub(crate) fn internal(what: impl std::fmt::Display) -> Self {
        Self::Internal(what.to_string())
    }

    /// What the disk or service under a reader or writer said, if it was that; see [`carry`].
    pub(crate) fn carried(error: &io::Error) -> Option<Self> {
        let told = error.get_ref()?.downcast_ref::<Error>()?;
        Some(Self::Place(Box::new(told.clone())))
    }

    /// The stable code, documented in `docs/error-codes.md`.
    pub(crate) fn code(&self) -> &str {
        match self {
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
            Self::Unwritable { .. } => "file.unwritable",
            Self::Place(error) => &error.code,
            Self::Internal(_) => "file.internal",
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
            Self::BadParquet { .. } => "write the file again: it is cut off, damaged, or no Parquet".into(),
            Self::Unwritable { .. } => "mend or refuse such values in a transform, or write Parquet".into(),
            Self::Place(_) | Self::Internal(_) => return None,
        })
    }
}

impl From<FormatError> for Error {
    fn from(error: FormatError) -> Self {
        let kind = match error {
            FormatError::Place(error) => return *error,
            FormatError::Internal(_) => Kind::Internal,
            _ => Kind::Data,
        };
        let mut out = Self::new(kind, error.code(), error.to_string());
        out.place = error.place();
        out.hint = error.hint();
        out
    }
}

/// An error of a place on its way through a reader or writer that knows I/O errors alone; [`FormatError::carried`] takes
/// it out again.
pub(crate) fn carry(error: impl Into<Error>) -> io::Error {
    io::Error::other(error.into())
}

/// A value for a message: the start of it where it is long.
pub(crate) fn shorten(value: &str) -> String {
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
    fn long_values_and_lists_are_cut() {
        assert_eq!(shorten(&"é".repeat(80)), "é".repeat(80));
        assert_eq!(shorten(&"é".repeat(81)), "é".repeat(80) + "…");
        let names: Vec<_> = (0..50).map(|n| n.to_string()).collect();
        assert!(list(&names).ends_with("`39`, and 10 more"));
        assert_eq!(list(&[]), "none");
    }
}
