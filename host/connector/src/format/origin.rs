//! Where a file lies: what the readers of all formats ask of a disk or a bucket. All of it may block.

use std::io::{Read, Seek};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use serde::{Deserialize, Serialize};

use super::error::{FormatError, Result};

/// A file that a source reads.
pub(crate) trait Origin: Send {
    /// What messages and cursors call it: a path or a URL.
    fn name(&self) -> String;
    /// Opens its bytes as they are stored, from the start. A read that fails is [`super::error::carry`] of why.
    fn open(&self) -> Result<(Stamp, Box<dyn Body>)>;
    /// Opens it to be read here and there.
    fn open_chunks(&self) -> Result<(Stamp, Arc<dyn Chunks>)>;
    /// Fails unless it is still what it was.
    fn verify(&self, stamp: &Stamp) -> Result<()>;
}

/// The files of a source, in order. There may be more than fit into memory.
pub(crate) type Origins = Box<dyn Iterator<Item = Result<Box<dyn Origin>>> + Send>;

/// Bytes of a file, as they are stored.
pub(crate) trait Body: Read + Seek + Send {}

impl<T: Read + Seek + Send> Body for T {}

/// What a file is recognised by when it is opened again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Stamp {
    /// A file on disk: its bytes, and when it was written.
    File { size: u64, mtime_ms: u64 },
    /// An object in a bucket: its bytes, and the tag that the service gave it.
    Object { size: u64, etag: String },
}

/// A file that is read here and there, as Parquet is.
pub(crate) trait Chunks: Send + Sync {
    /// Bytes of the whole file.
    fn size(&self) -> u64;
    /// Says which ranges are about to be read, each from its start to its end.
    fn plan(&self, ranges: &[Range<u64>]) -> Result<()>;
    /// A reader from some byte on.
    fn read_from(&self, start: u64) -> parquet::errors::Result<Box<dyn Read + Send>>;
    /// So many bytes from some byte on.
    fn bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes>;
    /// What a reader's error means: what the disk or service said last, or that the file is bad.
    fn explain(&self, error: ParquetError) -> FormatError;
}

/// A file as the Parquet reader takes it.
#[derive(Clone)]
pub(super) struct ChunkFile(pub(super) Arc<dyn Chunks>);

impl Length for ChunkFile {
    fn len(&self) -> u64 {
        self.0.size()
    }
}

impl ChunkReader for ChunkFile {
    type T = Box<dyn Read + Send>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        self.0.read_from(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.0.bytes(start, length)
    }
}
