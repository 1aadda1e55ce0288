//! Structs, maps and lists of such, as JSON.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, RecordBatch};
use arrow_json::WriterBuilder;
use arrow_json::writer::LineDelimited;
use arrow_schema::{ArrowError, Field, Schema};

use super::super::error::{PostgresError, Result};
use super::Encode;

/// What stands before and behind a value in its line.
const BEFORE: &[u8] = b"{\"v\":";
const BEHIND: &[u8] = b"}";

/// The texts of a column's values.
pub(super) struct Json {
    text: Vec<u8>,
    values: Vec<Range<usize>>,
    /// Whether a version stands before each.
    versioned: bool,
}

impl Json {
    pub(super) fn new(column: &ArrayRef, versioned: bool) -> Result<Self> {
        let text = lines(column).map_err(|error| PostgresError::Internal(error.to_string()))?;
        let mut values = Vec::with_capacity(column.len());
        let mut at = 0;
        // No line end stands in a value: JSON escapes it.
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let end = at + line.len() - 1;
            values.push(at + BEFORE.len()..end - BEHIND.len());
            at += line.len();
        }
        if values.len() != column.len() {
            return Err(PostgresError::Internal("a value has no text".into()));
        }
        Ok(Self {
            text,
            values,
            versioned,
        })
    }
}

fn lines(column: &ArrayRef) -> Result<Vec<u8>, ArrowError> {
    let schema = Schema::new(vec![Field::new("v", column.data_type().clone(), true)]);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![column.clone()])?;
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, LineDelimited>(Vec::new());
    writer.write(&batch)?;
    writer.finish()?;
    Ok(writer.into_inner())
}

impl Encode for Json {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        if self.versioned {
            out.push(1);
        }
        out.extend_from_slice(&self.text[self.values[row].clone()]);
    }
}
