//! Batches into binary `COPY`, row by row as it wants them, without a value on the heap.

mod column;
mod json;
mod numeric;

use arrow_array::RecordBatch;

use super::error::{PostgresError, Result};
use super::wire::{HEADER, MISSING, TRAILER, Wire};

use column::values;

/// Writes a value's bytes; its length stands before them.
trait Encode {
    fn put(&self, row: usize, out: &mut Vec<u8>);
}

/// Rows on their way to a table.
pub(super) struct Encoder {
    wires: Vec<Wire>,
    out: Vec<u8>,
    started: bool,
}

impl Encoder {
    /// An encoder of columns that travel so.
    pub(super) fn new(wires: Vec<Wire>) -> Self {
        Self {
            wires,
            out: Vec::new(),
            started: false,
        }
    }

    /// Adds the rows of a batch.
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        if !self.started {
            self.out.extend_from_slice(HEADER);
            self.started = true;
        }
        let count = i16::try_from(batch.num_columns())
            .map_err(|_| PostgresError::Internal("a table has no more than 1,600 columns".into()))?
            .to_be_bytes();
        let columns = batch
            .columns()
            .iter()
            .zip(&self.wires)
            .map(|(column, wire)| Ok((column.logical_nulls(), values(column, wire)?)))
            .collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            self.out.extend_from_slice(&count);
            for (nulls, values) in &columns {
                if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                    self.out.extend_from_slice(&MISSING.to_be_bytes());
                } else {
                    measured(values.as_ref(), row, &mut self.out);
                }
            }
        }
        Ok(())
    }

    /// Says that no row follows.
    pub(super) fn finish(&mut self) {
        self.out.extend_from_slice(&TRAILER);
    }

    /// How many bytes are ready.
    pub(super) fn ready_bytes(&self) -> usize {
        self.out.len()
    }

    /// The bytes that are ready.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let next = Vec::with_capacity(self.out.capacity());
        std::mem::replace(&mut self.out, next)
    }
}

/// A value with its length before it, which is known behind it.
fn measured(values: &dyn Encode, row: usize, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    values.put(row, out);
    // No value is as long as a batch, which has less than 2 GiB.
    let length = (out.len() - at - 4) as i32;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests;
