//! Writes files: text on one thread, Parquet with its columns encoded on several.
//!
//! Parquet's columns are shared out to workers; each encodes its own and hands the finished chunks of a row group to the file's
//! thread, which puts them in order. So at most one row group is in memory encoded, while the next is begun.

mod properties;
mod records;
mod sink;
mod text;
mod worker;
mod writer;

use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory};
use parquet::file::properties::WriterProperties;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub(crate) use self::properties::encodings;
pub(crate) use self::records::TextFormat;
pub(crate) use self::sink::{Finished, PartSink};
pub(crate) use self::text::TextEncoder;
use self::worker::{Message, Worker};
use self::writer::{FileWriter, Next};
use super::error::{FormatError, Result};
use crate::blocking::panicked;

/// Batches that wait for a worker, beside the one that it encodes.
const WAITING_BATCHES: usize = 2;
/// A row group ends early when its rows are so large.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// Writes one Parquet file.
pub(crate) struct ParquetEncoder {
    factory: ArrowRowGroupWriterFactory,
    /// For each leaf column, the root column that it is of.
    roots: Vec<usize>,
    /// For each root column, its worker.
    shares: Vec<usize>,
    workers: Vec<mpsc::Sender<Message>>,
    next: mpsc::Sender<Next>,
    /// The file's thread, until it has answered.
    file: Option<JoinHandle<Result<Option<Finished>>>>,
    row_group_rows: usize,
    /// Row groups begun.
    begun: usize,
    /// Rows in the row group under way; none is under way where 0.
    rows: usize,
    bytes: usize,
}

impl ParquetEncoder {
    /// Begins a file. Called on a thread that may block.
    pub(crate) fn create(
        sink: Box<dyn PartSink>,
        schema: &SchemaRef,
        properties: WriterProperties,
        row_group_rows: usize,
    ) -> Result<Self> {
        let weights: Vec<usize> = schema
            .fields()
            .iter()
            .map(|field| weight(field.data_type()))
            .collect();
        let writer = FileWriter::create(sink, schema, properties)?;
        let factory = writer.factory(schema.clone());
        let roots = writer.roots();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let shares = share_out(&weights, threads.min(schema.fields().len()).max(1));
        let workers = (0..=shares.iter().copied().max().unwrap_or(0)).map(|share| {
            let (sender, messages) = mpsc::channel(WAITING_BATCHES);
            let columns = (0..shares.len())
                .filter(|column| shares[*column] == share)
                .collect();
            let worker = Worker::new(schema.clone(), columns);
            tokio::task::spawn_blocking(move || worker.run(messages));
            sender
        });
        let workers = workers.collect();
        let (next, receiver) = mpsc::channel(1);
        let file = tokio::task::spawn_blocking(move || writer.run(receiver));
        Ok(Self {
            factory,
            roots,
            shares,
            workers,
            next,
            file: Some(file),
            row_group_rows,
            begun: 0,
            rows: 0,
            bytes: 0,
        })
    }

    /// Takes a batch. Waits while the workers have enough to do.
    pub(crate) async fn write(&mut self, batch: RecordBatch) -> tidegate_core::Result<()> {
        let mut from = 0;
        while from < batch.num_rows() {
            if self.rows == 0 {
                self.begin_row_group().await?;
            }
            let rows = (batch.num_rows() - from).min(self.row_group_rows - self.rows);
            let slice = batch.slice(from, rows);
            from += rows;
            self.rows += rows;
            self.bytes += size(&slice);
            for worker in &self.workers {
                // A worker ends before its time only by a panic, which the row group's end tells of.
                let _ = worker.send(Message::Write(slice.clone())).await;
            }
            if self.rows >= self.row_group_rows || self.bytes >= ROW_GROUP_BYTES {
                self.end_row_group().await?;
            }
        }
        Ok(())
    }

    /// Writes what is left and the footer, and makes the file durable.
    pub(crate) async fn finish(mut self) -> tidegate_core::Result<Finished> {
        if self.rows > 0 {
            self.end_row_group().await?;
        }
        self.send(Next::End).await?;
        match self.answer().await? {
            Some(finished) => Ok(finished),
            None => Err(FormatError::Internal("a part ended before its rows".into()).into()),
        }
    }

    /// Stops all work on the file, which is worthless then.
    pub(crate) async fn abandon(self) {
        drop((self.workers, self.next));
        if let Some(file) = self.file {
            let _ = file.await;
        }
    }

    async fn begin_row_group(&mut self) -> tidegate_core::Result<()> {
        let writers = self
            .factory
            .create_column_writers(self.begun)
            .map_err(|error| encode_failed(&error))?;
        self.begun += 1;
        let mut shares: Vec<Vec<Vec<ArrowColumnWriter>>> = self.workers.iter().map(|_| Vec::new()).collect();
        let mut last = None;
        for (writer, root) in writers.into_iter().zip(&self.roots) {
            let share = &mut shares[self.shares[*root]];
            if last != Some(*root) {
                share.push(Vec::new());
                last = Some(*root);
            }
            if let Some(column) = share.last_mut() {
                column.push(writer);
            }
        }
        for (worker, writers) in self.workers.iter().zip(shares) {
            let _ = worker.send(Message::Begin(writers)).await;
        }
        Ok(())
    }

    async fn end_row_group(&mut self) -> tidegate_core::Result<()> {
        let mut chunks = Vec::with_capacity(self.workers.len());
        for worker in &self.workers {
            let (sender, receiver) = oneshot::channel();
            let _ = worker.send(Message::End(sender)).await;
            chunks.push(receiver);
        }
        self.rows = 0;
        self.bytes = 0;
        self.send(Next::RowGroup(chunks)).await
    }

    async fn send(&mut self, next: Next) -> tidegate_core::Result<()> {
        if self.next.send(next).await.is_ok() {
            return Ok(());
        }
        // The file's thread ends before its time only with an error.
        self.answer().await?;
        Err(FormatError::Internal("a part ended before its rows".into()).into())
    }

    async fn answer(&mut self) -> tidegate_core::Result<Option<Finished>> {
        match self.file.take() {
            Some(file) => Ok(file.await.map_err(|error| panicked(&error))??),
            None => Err(FormatError::Internal("a part was written to after it had failed".into()).into()),
        }
    }
}

/// An encoder's error as ours.
fn encode_failed(error: &parquet::errors::ParquetError) -> FormatError {
    FormatError::Internal(format!("a batch could not be encoded: {error}"))
}

/// Gives each column to a worker, so that all have about as much to do.
fn share_out(weights: &[usize], workers: usize) -> Vec<usize> {
    let mut loads = vec![0; workers];
    let mut shares = vec![0; weights.len()];
    let mut heaviest: Vec<usize> = (0..weights.len()).collect();
    heaviest.sort_by_key(|column| std::cmp::Reverse(weights[*column]));
    for column in heaviest {
        let worker = (0..workers).min_by_key(|worker| loads[*worker]).unwrap_or(0);
        shares[column] = worker;
        loads[worker] += weights[column];
    }
    shares
}

/// About how long a column takes, against one of numbers.
fn weight(data_type: &DataType) -> usize {
    match data_type {
        DataType::Boolean => 1,
        DataType::Utf8 | DataType::Binary => 4,
        DataType::Struct(fields) => fields.iter().map(|field| weight(field.data_type())).sum(),
        DataType::List(item) | DataType::Map(item, _) => 2 + weight(item.data_type()),
        _ => 2,
    }
}

/// The bytes that a batch's rows take.
fn size(batch: &RecordBatch) -> usize {
    batch
        .columns()
        .iter()
        .map(|column| column.to_data().get_slice_memory_size().unwrap_or_default())
        .sum()
}
