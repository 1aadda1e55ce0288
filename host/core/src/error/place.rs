//! Where an error is: a file with line and column, or a pointer into a document.

use serde::{Deserialize, Serialize};

/// Where an error is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A spot in a file. Lines and columns count from 1; columns count characters.
    File {
        /// The file, as the user would name it.
        path: String,
        /// From 1.
        line: u64,
        /// From 1; 0 where only the line is known.
        column: u64,
        /// The line itself, where it can be shown.
        excerpt: Option<Excerpt>,
    },
    /// A value in a document, as a JSON pointer (RFC 6901).
    Pointer(String),
}

/// The source line of an error and the part of it that is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// The whole line, without its line ending.
    pub text: String,
    /// How many characters the caret line underlines; at least 1.
    pub width: usize,
}

impl Place {
    /// A line of a data file, without an excerpt: data may be private.
    pub fn line(path: impl Into<String>, line: u64) -> Self {
        Self::File {
            path: path.into(),
            line,
            column: 0,
            excerpt: None,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File {
                path,
                line,
                column: 0,
                ..
            } => write!(f, "{path}:{line}"),
            Self::File {
                path, line, column, ..
            } => write!(f, "{path}:{line}:{column}"),
            Self::Pointer(pointer) => write!(f, "at {pointer}"),
        }
    }
}
