//! A page of records.

use tidegate_sdk::prelude::*;

use crate::{Cursor, Place};

/// A page of records.
pub(crate) struct Page {
    place: Place,
    /// The array of records, as it stood in the answer.
    text: String,
    rows: RecordBatch,
    taken: usize,
    /// The page behind it.
    pub(crate) next: Option<Place>,
}

impl Page {
    pub(crate) fn new(place: Place, text: String, rows: RecordBatch, next: Option<Place>) -> Self {
        Self {
            place,
            text,
            rows,
            taken: 0,
            next,
        }
    }

    /// Whether both have the same records; pages without any are not the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.rows.num_rows() > 0 && self.text == other.text
    }

    /// Without so many records, which were read before; a page may have become shorter since.
    pub(crate) fn without(mut self, records: usize) -> Self {
        self.taken = records.min(self.rows.num_rows());
        self
    }

    /// The next records, and where a reader stands behind them; none at the end.
    pub(crate) fn take(&mut self, max_rows: usize) -> Option<(RecordBatch, Cursor)> {
        let count = max_rows.min(self.rows.num_rows() - self.taken);
        if count == 0 {
            return None;
        }
        let rows = self.rows.slice(self.taken, count);
        self.taken += count;
        let cursor = Cursor {
            page: self.place.clone(),
            records: self.taken,
        };
        Some((rows, cursor))
    }
}
