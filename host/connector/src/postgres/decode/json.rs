//! Structs, maps and lists of such, read from JSON.

use std::sync::Arc;

use arrow_array::{ArrayRef, new_null_array};
use arrow_json::ReaderBuilder;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat;

use super::super::error::{PostgresError, Result};
use super::text::Pieces;
use super::{Complaint, Decode, Late};

/// Values of a nested type.
pub(super) struct Json {
    pieces: Pieces,
    schema: SchemaRef,
}

impl Json {
    pub(super) fn boxed(data_type: DataType, versioned: bool) -> Box<dyn Decode> {
        Box::new(Self {
            pieces: Pieces::new(versioned),
            schema: Arc::new(Schema::new(vec![Field::new("v", data_type, true)])),
        })
    }

    /// Some values, or why they are none of the type.
    fn read(&self, lines: &[u8], rows: usize) -> Result<ArrayRef, Complaint> {
        let told = |error: arrow_schema::ArrowError| format!("is not what the schema says: {error}");
        let mut decoder = ReaderBuilder::new(self.schema.clone())
            .with_batch_size(rows.max(1))
            .build_decoder()
            .map_err(told)?;
        let mut at = 0;
        while at < lines.len() {
            match decoder.decode(&lines[at..]).map_err(told)? {
                0 => break,
                read => at += read,
            }
        }
        let batch = decoder.flush().map_err(told)?;
        match batch {
            Some(batch) if batch.num_rows() == rows => Ok(batch.column(0).clone()),
            _ => Err("is not one value of JSON".into()),
        }
    }
}

impl Decode for Json {
    fn push(&mut self, value: Option<&[u8]>) -> Result<(), Complaint> {
        self.pieces.push(value)
    }

    fn finish(&mut self) -> Result<(ArrayRef, Vec<Late>)> {
        let (offsets, values, nulls) = self.pieces.take();
        let rows = offsets.len() - 1;
        let mut lines = Vec::with_capacity(values.len() + rows * 8);
        let mut starts = Vec::with_capacity(rows + 1);
        for row in 0..rows {
            starts.push(lines.len());
            lines.extend_from_slice(b"{\"v\":");
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                lines.extend_from_slice(&values[offsets[row] as usize..offsets[row + 1] as usize]);
            } else {
                lines.extend_from_slice(b"null");
            }
            lines.extend_from_slice(b"}\n");
        }
        starts.push(lines.len());
        if let Ok(array) = self.read(&lines, rows) {
            return Ok((array, Vec::new()));
        }
        // One by one, to find those that are wrong.
        let missing = new_null_array(self.schema.field(0).data_type(), 1);
        let mut late = Vec::new();
        let mut each = Vec::with_capacity(rows);
        for row in 0..rows {
            match self.read(&lines[starts[row]..starts[row + 1]], 1) {
                Ok(array) => each.push(array),
                Err(complaint) => {
                    late.push((row, complaint));
                    each.push(missing.clone());
                }
            }
        }
        let parts: Vec<&dyn arrow_array::Array> = each.iter().map(AsRef::as_ref).collect();
        let array = concat(&parts).map_err(|error| PostgresError::Internal(error.to_string()))?;
        Ok((array, late))
    }
}
