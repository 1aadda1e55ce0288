//! What is wrong with a selection, and where in its text.

use super::Span;
use crate::error::{Error, Excerpt, Kind, Place};

/// A selection was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SelectionError {
    /// Whether it could not be read, or names what is not there.
    pub(super) fault: Fault,
    pub(super) message: String,
    pub(super) hint: String,
    /// The whole selection.
    pub(super) text: String,
    /// What of it is wrong.
    pub(super) span: Span,
}

/// Why a selection was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Syntax,
    UnknownAsset,
    UnknownWord,
}

impl From<SelectionError> for Error {
    fn from(error: SelectionError) -> Self {
        let code = match error.fault {
            Fault::Syntax => "selection.syntax",
            Fault::UnknownAsset => "run.unknown_asset",
            Fault::UnknownWord => "selection.unknown",
        };
        let place = Place::File {
            path: "selection".into(),
            line: 1,
            column: error.span.start as u64 + 1,
            excerpt: Some(Excerpt {
                text: error.text,
                width: error.span.end.saturating_sub(error.span.start),
            }),
        };
        Self::new(Kind::Usage, code, error.message)
            .at(place)
            .hint(error.hint)
    }
}
