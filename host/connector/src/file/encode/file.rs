//! Puts encoded row groups into a file, and knows its size and digest when it is whole.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::worker::Chunks;
use super::{Finished, encode_failed};
use crate::file::error::{FileError, Result};

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
    path: PathBuf,
    writer: SerializedFileWriter<BufWriter<Hashed>>,
    rows: u64,
}

impl FileWriter {
    /// Creates the file, which must not be there.
    pub(super) fn create(
        path: PathBuf,
        schema: &SchemaRef,
        mut properties: WriterProperties,
    ) -> Result<Self> {
        // Parquet alone cannot tell a duration from a number, nor a zone from UTC.
        add_encoded_arrow_schema_to_metadata(schema, &mut properties);
        let converted = ArrowSchemaConverter::new()
            .convert(schema)
            .map_err(|error| encode_failed(&error))?;
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.map_err(|error| FileError::io(&path, error))?;
        let sink = BufWriter::with_capacity(WRITE_BYTES, Hashed::new(file));
        let writer = SerializedFileWriter::new(sink, converted.root_schema_ptr(), Arc::new(properties));
        match writer {
            Ok(writer) => Ok(Self {
                path,
                writer,
                rows: 0,
            }),
            Err(error) => Err(write_failed(&path, error)),
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
        let path = self.path;
        let failed = |error| FileError::io(&path, error);
        let sink = self
            .writer
            .into_inner()
            .map_err(|error| write_failed(&path, error))?;
        let hashed = sink.into_inner().map_err(|error| failed(error.into_error()))?;
        hashed.file.sync_all().map_err(failed)?;
        Ok(Finished {
            rows: self.rows,
            bytes: hashed.bytes,
            sha256: hex(&hashed.digest.finalize()),
        })
    }

    fn append(&mut self, pending: Vec<oneshot::Receiver<parquet::errors::Result<Chunks>>>) -> Result<()> {
        let mut columns = Vec::new();
        for chunks in pending {
            let chunks = chunks.blocking_recv();
            let chunks = chunks.map_err(|_| FileError::Internal("an encoder's thread was lost".into()))?;
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
        write().map_err(|error| write_failed(&self.path, error))
    }
}

/// A write error as ours: what the operating system said lies within the writer's error.
fn write_failed(path: &std::path::Path, error: ParquetError) -> FileError {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => FileError::io(path, *error),
            Err(other) => FileError::Internal(other.to_string()),
        },
        other => encode_failed(&other),
    }
}

/// A file that knows the size and digest of what was written to it.
struct Hashed {
    file: File,
    digest: Sha256,
    bytes: u64,
}

impl Hashed {
    fn new(file: File) -> Self {
        Self {
            file,
            digest: Sha256::new(),
            bytes: 0,
        }
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
