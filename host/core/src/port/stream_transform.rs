//! A step that is given the whole stream, not batch by batch.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::error::Result;

/// Turns a stream of batches of one schema into one of another. What it holds cannot be written down in between, so an
/// attempt with such a step has no checkpoints.
#[async_trait]
pub trait StreamTransform: Send {
    /// What the step is called in counts, logs and errors.
    fn name(&self) -> &str;
    /// The schema of every batch that comes out.
    fn output_schema(&self) -> SchemaRef;
    /// Begins. Batches of the input are taken as they are needed, and dropping what is answered ends it.
    async fn run(
        self: Box<Self>,
        input: BoxStream<'static, RecordBatch>,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>>;
}
