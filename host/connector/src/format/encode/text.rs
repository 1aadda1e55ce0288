//! Writes one CSV or JSON Lines file, on a thread of its own.

use std::io::{self, BufWriter, Write};

use arrow_array::RecordBatch;
use flate2::write::GzEncoder;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::records::TextFormat;
use super::sink::{Finished, Hashed, PartSink};
use crate::blocking::panicked;
use crate::format::config::Compression;
use crate::format::error::{FormatError, Result};

/// Batches that wait, beside the one that is being encoded.
const WAITING_BATCHES: usize = 2;
/// What is gathered before it is written and hashed.
const WRITE_BYTES: usize = 256 << 10;

/// Writes one text file.
pub(crate) struct TextEncoder {
    next: mpsc::Sender<Next>,
    /// The file's thread, until it has answered.
    file: Option<JoinHandle<Result<Option<Finished>>>>,
}

enum Next {
    Batch(RecordBatch),
    End,
}

impl TextEncoder {
    /// Starts a file. The compression is what it is: `Auto` is none.
    pub(crate) fn start(
        sink: Box<dyn PartSink>,
        format: TextFormat,
        compression: Compression,
    ) -> tidegate_core::Result<Self> {
        let plain = BufWriter::with_capacity(WRITE_BYTES, Hashed::new(sink));
        let packed = Packed::new(plain, compression).map_err(|error| write_failed(&error))?;
        let (next, batches) = mpsc::channel(WAITING_BATCHES);
        let file = tokio::task::spawn_blocking(move || run(batches, packed, &format));
        Ok(Self {
            next,
            file: Some(file),
        })
    }

    /// Takes a batch. Waits while enough is under way.
    pub(crate) async fn write(&mut self, batch: RecordBatch) -> tidegate_core::Result<()> {
        self.send(Next::Batch(batch)).await
    }

    /// Writes what is left and makes the file durable.
    pub(crate) async fn finish(mut self) -> tidegate_core::Result<Finished> {
        self.send(Next::End).await?;
        match self.answer().await? {
            Some(finished) => Ok(finished),
            None => Err(FormatError::Internal("a part ended before its rows".into()).into()),
        }
    }

    /// Stops all work on the file, which is worthless then.
    pub(crate) async fn abandon(self) {
        drop(self.next);
        if let Some(file) = self.file {
            let _ = file.await;
        }
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

/// Writes batches as they come. None where nobody wants the file any more.
fn run(
    mut batches: mpsc::Receiver<Next>,
    mut packed: Packed,
    format: &TextFormat,
) -> Result<Option<Finished>> {
    let (mut rows, mut bytes) = (0, Vec::new());
    loop {
        match batches.blocking_recv() {
            Some(Next::Batch(batch)) => {
                bytes.clear();
                format.encode(&batch, rows == 0, &mut bytes)?;
                rows += batch.num_rows() as u64;
                packed.write_all(&bytes).map_err(|error| write_failed(&error))?;
            }
            Some(Next::End) => {
                let finished = packed.close(rows).map_err(|error| write_failed(&error))?;
                return Ok(Some(finished));
            }
            None => return Ok(None),
        }
    }
}

/// What the disk or service said.
fn write_failed(error: &io::Error) -> FormatError {
    FormatError::carried(error).unwrap_or_else(|| FormatError::internal(error))
}

type Plain = BufWriter<Hashed>;

/// The bytes of a file on their way, packed or not.
enum Packed {
    Plain(Plain),
    Gzip(GzEncoder<Plain>),
    Zstd(zstd::Encoder<'static, Plain>),
}

impl Packed {
    fn new(plain: Plain, compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::Auto | Compression::None => Self::Plain(plain),
            Compression::Gzip => Self::Gzip(GzEncoder::new(plain, flate2::Compression::default())),
            Compression::Zstd => Self::Zstd(zstd::Encoder::new(plain, zstd::DEFAULT_COMPRESSION_LEVEL)?),
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(plain) => plain.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    fn close(self, rows: u64) -> io::Result<Finished> {
        let plain = match self {
            Self::Plain(plain) => plain,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        let hashed = plain.into_inner().map_err(io::IntoInnerError::into_error)?;
        hashed.close(rows)
    }
}
