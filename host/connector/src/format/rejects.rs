//! Records that cannot be read: an error, or rows kept aside.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use tidegate_core::batch::Rejects;

use super::config::OnBadRow;
use super::error::{FormatError, Result};
use super::scan::count_lines;

/// What became of a block.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) batch: RecordBatch,
    pub(super) rejects: Option<Rejects>,
}

/// A record that cannot be read.
pub(super) struct BadRow {
    /// Its row in the batch, or none where it is in none.
    pub(super) row: Option<usize>,
    /// The line that it starts at.
    pub(super) line: u64,
    /// The record as it stands in the file.
    pub(super) record: String,
    /// Why.
    pub(super) error: FormatError,
}

/// Takes the bad rows, which are in order, out of a batch, or fails at the first. The batch comes with every column
/// nullable, and leaves with the schema.
pub(super) fn settle(
    batch: &RecordBatch,
    schema: &SchemaRef,
    bad: Vec<BadRow>,
    on_bad_row: OnBadRow,
) -> Result<Parsed> {
    if bad.is_empty() {
        return Ok(Parsed {
            batch: tighten(batch, schema)?,
            rejects: None,
        });
    }
    if on_bad_row == OnBadRow::Fail {
        let first = bad.into_iter().next().map(|row| row.error);
        return Err(first.unwrap_or_else(|| FormatError::Internal("a bad row was lost".into())));
    }
    let mut keep = vec![true; batch.num_rows()];
    for row in bad.iter().filter_map(|bad| bad.row) {
        keep[row] = false;
    }
    let kept = filter_record_batch(batch, &BooleanArray::from(keep)).map_err(FormatError::internal)?;
    Ok(Parsed {
        batch: tighten(&kept, schema)?,
        rejects: Some(rejects(&bad)?),
    })
}

/// A schema with every column nullable.
pub(super) fn nullable(schema: &Schema) -> SchemaRef {
    let fields = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A batch whose columns were nullable, under a schema where some are not.
fn tighten(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &options)
        .map_err(FormatError::internal)
}

fn rejects(bad: &[BadRow]) -> Result<Rejects> {
    let schema = Schema::new(vec![
        Field::new("line", DataType::UInt64, false),
        Field::new("record", DataType::Utf8, false),
    ]);
    let lines: ArrayRef = Arc::new(UInt64Array::from_iter_values(bad.iter().map(|row| row.line)));
    let records: ArrayRef = Arc::new(StringArray::from_iter_values(bad.iter().map(|row| &row.record)));
    Ok(Rejects {
        rows: RecordBatch::try_new(Arc::new(schema), vec![lines, records]).map_err(FormatError::internal)?,
        codes: StringArray::from_iter_values(bad.iter().map(|row| row.error.code())),
        messages: StringArray::from_iter_values(bad.iter().map(|row| row.error.to_string())),
    })
}

/// The lines of places in a block, asked for in order.
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn new(bytes: &'a [u8], line: u64) -> Self {
        Self { bytes, at: 0, line }
    }

    /// The line of the record that starts here, at or behind the place asked for before.
    pub(super) fn at(&mut self, start: usize) -> u64 {
        self.line += count_lines(&self.bytes[self.at..start]);
        self.at = start;
        self.line
    }
}
