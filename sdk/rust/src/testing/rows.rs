//! Rows of a batch in a plugin's own unit tests.

use arrow_array::RecordBatch;

use crate::batch::{Batch, Input};
use crate::fault::Fault;
use crate::row::{Row, RowReader, Rows};

/// The rows of a batch; of what a transform made, for example.
pub fn rows<R: Row>(batch: &RecordBatch) -> Result<Rows<R>, Fault> {
    RowReader::bind(&Input::new(batch.schema()))?.read(&Batch::of_record_batch(batch))
}
