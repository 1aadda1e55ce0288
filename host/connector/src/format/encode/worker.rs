//! Encodes some of the columns, row group by row group.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::errors::Result;
use tokio::sync::{mpsc, oneshot};

/// The chunks of a worker's columns: each column's number, and the chunk of each of its leaves.
pub(super) type Chunks = Vec<(usize, Vec<ArrowColumnChunk>)>;

/// What a worker is told.
pub(super) enum Message {
    /// Begin a row group with these writers: for each column, one a leaf.
    Begin(Vec<Vec<ArrowColumnWriter>>),
    /// Encode the columns of these rows.
    Write(RecordBatch),
    /// End the row group.
    End(oneshot::Sender<Result<Chunks>>),
}

/// Encodes some of the columns.
pub(super) struct Worker {
    schema: SchemaRef,
    columns: Vec<usize>,
}

impl Worker {
    pub(super) fn new(schema: SchemaRef, columns: Vec<usize>) -> Self {
        Self { schema, columns }
    }

    /// Works until nobody sends any more. After an error, the rest of the row group is passed over.
    pub(super) fn run(self, mut messages: mpsc::Receiver<Message>) {
        let mut state = Ok(Vec::new());
        while let Some(message) = messages.blocking_recv() {
            match message {
                Message::Begin(writers) => state = Ok(writers),
                Message::Write(batch) => {
                    if let Ok(writers) = &mut state
                        && let Err(error) = self.write(writers, &batch)
                    {
                        state = Err(error);
                    }
                }
                Message::End(reply) => {
                    let ended = std::mem::replace(&mut state, Ok(Vec::new()));
                    let _ = reply.send(ended.and_then(|writers| self.end(writers)));
                }
            }
        }
    }

    fn write(&self, writers: &mut [Vec<ArrowColumnWriter>], batch: &RecordBatch) -> Result<()> {
        for (column, writers) in self.columns.iter().zip(writers) {
            let leaves = compute_leaves(self.schema.field(*column), batch.column(*column))?;
            for (leaf, writer) in leaves.iter().zip(writers) {
                writer.write(leaf)?;
            }
        }
        Ok(())
    }

    fn end(&self, writers: Vec<Vec<ArrowColumnWriter>>) -> Result<Chunks> {
        let ended = self.columns.iter().zip(writers).map(|(column, writers)| {
            let chunks = writers
                .into_iter()
                .map(ArrowColumnWriter::close)
                .collect::<Result<_>>()?;
            Ok((*column, chunks))
        });
        ended.collect()
    }
}
