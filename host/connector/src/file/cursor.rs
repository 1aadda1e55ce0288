//! Where a file source stopped.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tidegate_core::port::Cursor;

use super::error::{FileError, Result};
use super::input::Stamp;

/// Where a file source stopped: in which file, as it was then, and how far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileCursor {
    /// The file, absolute.
    pub(super) path: String,
    #[serde(flatten)]
    pub(super) stamp: Stamp,
    #[serde(flatten)]
    pub(super) position: Position,
    /// Records read of this file.
    pub(super) records: u64,
}

/// How far a file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Position {
    /// Unpacked bytes of a text file, and the line behind them.
    Text { offset: u64, line: u64 },
    /// Rows of a row group.
    Rows { row_group: usize, row: usize },
}

impl FileCursor {
    pub(super) fn encode(&self) -> Result<Cursor> {
        serde_json::to_value(self)
            .map(Cursor)
            .map_err(FileError::internal)
    }

    pub(super) fn decode(cursor: &Cursor) -> Result<Self> {
        serde_json::from_value(cursor.0.clone())
            .map_err(|error| FileError::Internal(format!("the cursor cannot be read: {error}")))
    }

    /// The files from this one on. Fails where it is gone or not as it was.
    pub(super) fn rest(&self, files: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
        let path = Path::new(&self.path);
        let rest: Vec<_> = files.into_iter().skip_while(|file| file != path).collect();
        if rest.is_empty() {
            return Err(FileError::Changed {
                path: self.path.clone(),
                what: "it is gone".into(),
            });
        }
        self.stamp.verify(path)?;
        Ok(rest)
    }
}
