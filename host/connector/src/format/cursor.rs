//! Where a source of files stopped.

use serde::{Deserialize, Serialize};
use tidegate_core::port::{Cursor, Watermark};

use super::error::{FormatError, Result};
use super::origin::Stamp;

/// Where a source of files stopped: in which file, as it was then, and how far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileCursor {
    /// The file's name, as its origin says it.
    pub(crate) path: String,
    #[serde(flatten)]
    pub(crate) stamp: Stamp,
    #[serde(flatten)]
    pub(crate) position: Position,
    /// Records read of this file.
    pub(crate) records: u64,
    /// Up to where the source reads, so that it reads up to there when it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) watermark: Option<Watermark>,
}

/// How far a file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Position {
    /// Unpacked bytes of a text file, and the line behind them.
    Text { offset: u64, line: u64 },
    /// Rows of a row group.
    Rows { row_group: usize, row: usize },
}

impl FileCursor {
    pub(super) fn encode(&self) -> Result<Cursor> {
        serde_json::to_value(self)
            .map(Cursor)
            .map_err(FormatError::internal)
    }

    /// The cursor that a source of files made.
    pub(crate) fn decode(cursor: &Cursor) -> Result<Self> {
        serde_json::from_value(cursor.0.clone())
            .map_err(|error| FormatError::Internal(format!("the cursor cannot be read: {error}")))
    }
}
