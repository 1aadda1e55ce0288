//! Puts encoded row groups into a Parquet file.

use std::io::{self, BufWriter};
use std::sync::Arc;

use arrow_schema::SchemaRef;
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use tokio::sync::{mpsc, oneshot};

use super::encode_failed;
use super::sink::{Finished, Hashed, PartSink};
use super::worker::Chunks;
use crate::format::error::{FormatError, Result};

/// What is gathered before it is written and hashed.
const WRITE_BYTES: usize = 256 << 10;

/// What comes next in the file.
pub(super) enum Next {
    /// A row group whose chunks are being made: one answer a worker.
    RowGroup(Vec<oneshot::Receiver<parquet::errors::Result<Chunks>>>),
    /// The footer.
    End,
}

/// Puts encoded row groups into a file.
pub(super) struct FileWriter {
    writer: SerializedFileWriter<BufWriter<Hashed>>,
    rows: u64,
}

impl FileWriter {
    /// Begins a file.
    pub(super) fn create(
        sink: Box<dyn PartSink>,
        schema: &SchemaRef,
        mut properties: WriterProperties,
    ) -> Result<Self> {
        // Parquet alone cannot tell a duration from a number, nor a zone from UTC.
        add_encoded_arrow_schema_to_metadata(schema, &mut properties);
        let converted = ArrowSchemaConverter::new()
            .convert(schema)
            .map_err(|error| encode_failed(&error))?;
        let sink = BufWriter::with_capacity(WRITE_BYTES, Hashed::new(sink));
        let writer = SerializedFileWriter::new(sink, converted.root_schema_ptr(), Arc::new(properties));
        match writer {
            Ok(writer) => Ok(Self { writer, rows: 0 }),
            Err(error) => Err(write_failed(&error)),
        }
    }

    /// Makes the writers of each row group's columns.
    pub(super) fn factory(&self, schema: SchemaRef) -> ArrowRowGroupWriterFactory {
        ArrowRowGroupWriterFactory::new(&self.writer, schema)
    }

    /// For each leaf column, the root column that it is of.
    pub(super) fn roots(&self) -> Vec<usize> {
        let schema = self.writer.schema_descr();
        (0..schema.num_columns())
            .map(|leaf| schema.get_column_root_idx(leaf))
            .collect()
    }

    /// Writes row groups as they come, then the footer, and makes the file durable. None where nobody wants the file
    /// any more.
    pub(super) fn run(mut self, mut next: mpsc::Receiver<Next>) -> Result<Option<Finished>> {
        loop {
            match next.blocking_recv() {
                Some(Next::RowGroup(chunks)) => self.append(chunks)?,
                Some(Next::End) => return self.end().map(Some),
                None => return Ok(None),
            }
        }
    }

    fn end(self) -> Result<Finished> {
        let sink = self.writer.into_inner().map_err(|error| write_failed(&error))?;
        let hashed = sink.into_inner().map_err(|error| sink_failed(error.error()))?;
        hashed.close(self.rows).map_err(|error| sink_failed(&error))
    }

    fn append(&mut self, pending: Vec<oneshot::Receiver<parquet::errors::Result<Chunks>>>) -> Result<()> {
        let mut columns = Vec::new();
        for chunks in pending {
            let chunks = chunks.blocking_recv();
            let chunks = chunks.map_err(|_| FormatError::Internal("an encoder's thread was lost".into()))?;
            columns.extend(chunks.map_err(|error| encode_failed(&error))?);
        }
        columns.sort_by_key(|(column, _)| *column);
        let mut write = || {
            let mut writer = self.writer.next_row_group()?;
            for chunk in columns.drain(..).flat_map(|(_, chunks)| chunks) {
                chunk.append_to_row_group(&mut writer)?;
            }
            self.rows += writer.close()?.num_rows() as u64;
            Ok(())
        };
        write().map_err(|error| write_failed(&error))
    }
}

/// A write error as ours: what the sink said lies within the writer's error.
fn write_failed(error: &ParquetError) -> FormatError {
    match error {
        ParquetError::External(inner) => match inner.downcast_ref::<io::Error>() {
            Some(error) => sink_failed(error),
            None => FormatError::internal(inner),
        },
        other => encode_failed(other),
    }
}

fn sink_failed(error: &io::Error) -> FormatError {
    FormatError::carried(error).unwrap_or_else(|| FormatError::internal(error))
}
