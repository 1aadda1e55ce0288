//! A step between source and destination.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;

use crate::batch::Processed;
use crate::error::Result;

/// Turns batches of one schema into batches of another. Calls never overlap.
#[async_trait]
pub trait Transform: Send {
    /// What the step is called in counts, logs and errors: `plugin@version`.
    fn name(&self) -> &str;
    /// The schema of every output.
    fn output_schema(&self) -> SchemaRef;
    /// One batch through the step. `sequence` counts the attempt's batches from 0, for messages.
    async fn process(&mut self, batch: RecordBatch, sequence: u64) -> Result<Processed>;
    /// What the step still holds, once the source has ended.
    async fn finish(&mut self) -> Result<Processed>;
    /// The step's state, or none for a step without state. A step restored from it goes on as if never stopped.
    async fn snapshot(&mut self) -> Result<Option<Vec<u8>>>;
    /// Takes a state over; called before the first batch or never.
    async fn restore(&mut self, state: &[u8]) -> Result<()>;
}
