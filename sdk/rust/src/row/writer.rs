//! Rows into columns.

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};

use super::Row;

/// Writes rows to columns.
pub struct RowWriter<R: Row> {
    builders: R::Builders,
    rows: usize,
}

impl<R: Row> RowWriter<R> {
    /// Room for so many rows at first.
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            builders: R::builders(rows),
            rows: 0,
        }
    }

    /// One more row.
    pub fn push(&mut self, row: R::Of<'_>) {
        R::write(&mut self.builders, row);
        self.rows += 1;
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The columns, in the order of the fields.
    pub fn columns(mut self) -> Vec<ArrayRef> {
        R::finish(&mut self.builders)
    }

    /// The columns with their names.
    pub fn batch(self) -> RecordBatch {
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        match RecordBatch::try_new_with_options(R::schema(), self.columns(), &options) {
            Ok(batch) => batch,
            // Each field's builder makes arrays of the field's type, with a value for each row.
            Err(error) => unreachable!("{error}"),
        }
    }
}
