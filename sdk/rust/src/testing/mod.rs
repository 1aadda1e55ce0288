//! Run a plugin natively, in its own unit tests. Configs, cursors and what was staged go through JSON, as they do to the
//! host and back.
#![allow(clippy::needless_pass_by_value, reason = "a test writes its config in place")]

mod check;
mod destination;
mod rows;
mod sensor;
mod source;
mod transform;

use arrow_array::{Array, RecordBatch, RecordBatchOptions};

pub use check::verdict;
pub use destination::{load, load_with_repeats};
pub use rows::rows;
pub use sensor::evaluate;
pub use source::{read, read_from_each_cursor, request};
pub use transform::{bind_to, process, run, run_all, run_with_rejects};

use crate::fault::Fault;

/// The rows of batches of the same columns, in order.
pub fn concat(batches: &[RecordBatch]) -> Result<RecordBatch, Fault> {
    let Some(first) = batches.first() else {
        return Err(Fault::data("there is no batch"));
    };
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let mut columns = Vec::new();
    for index in 0..first.num_columns() {
        let parts: Vec<_> = batches
            .iter()
            .map(|batch| batch.column(index).to_data())
            .collect();
        let mut copy = arrow_data::transform::MutableArrayData::new(parts.iter().collect(), true, rows);
        for (part, data) in parts.iter().enumerate() {
            copy.try_extend(part, 0, data.len())?;
        }
        columns.push(arrow_array::make_array(copy.freeze()));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        first.schema(),
        columns,
        &options,
    )?)
}
