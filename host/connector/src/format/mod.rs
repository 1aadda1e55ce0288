//! What files hold, wherever they lie: CSV, JSON Lines and Parquet, read from and written to a disk or a bucket.

mod config;
mod csv;
mod cursor;
mod encode;
mod error;
mod input;
mod jsonl;
mod origin;
mod parquet;
mod read;
mod rejects;
mod scan;
mod source;
mod splitter;
mod text;
mod types;
mod values;

pub(crate) use self::config::{CheckedFiles, check_source, invalid, refuse_nested};
pub use self::config::{ColumnCompression, Compression, Format, OnBadRow, SourceConfig};
pub(crate) use self::cursor::FileCursor;
pub(crate) use self::encode::{Finished, ParquetEncoder, PartSink, TextEncoder, TextFormat, encodings};
pub(crate) use self::error::{FormatError, Result, carry, shorten};
pub(crate) use self::origin::{Body, Chunks, Origin, Origins, Stamp};
pub(crate) use self::read::{FileFormat, ReadFiles};
