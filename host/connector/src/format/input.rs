//! The bytes of a file, unpacked.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::MultiGzDecoder;

use super::config::Compression;
use super::error::{FormatError, Result};
use super::origin::{Body, Origin, Stamp};

/// A file's bytes, unpacked.
pub(super) struct Input {
    name: String,
    stamp: Stamp,
    unpacked: Unpacked,
}

enum Unpacked {
    Plain(Box<dyn Body>),
    Gzip(Box<MultiGzDecoder<io::BufReader<Box<dyn Body>>>>),
    Zstd(zstd::Decoder<'static, io::BufReader<Box<dyn Body>>>),
}

/// What is read from a compressed file at once.
const PACKED_BYTES: usize = 64 << 10;

impl Input {
    pub(super) fn open(origin: &dyn Origin, compression: Compression) -> Result<Self> {
        let name = origin.name();
        let failed = |error| failure(&name, "packed", error);
        let (stamp, mut body) = origin.open()?;
        let compression = match compression {
            Compression::Auto => sniff(body.as_mut()).map_err(failed)?,
            given => given,
        };
        let packed = |body| io::BufReader::with_capacity(PACKED_BYTES, body);
        let unpacked = match compression {
            Compression::Gzip => Unpacked::Gzip(Box::new(MultiGzDecoder::new(packed(body)))),
            Compression::Zstd => Unpacked::Zstd(zstd::Decoder::with_buffer(packed(body)).map_err(failed)?),
            Compression::Auto | Compression::None => Unpacked::Plain(body),
        };
        Ok(Self {
            name,
            stamp,
            unpacked,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// Adds up to so many bytes to a buffer; answers how many, 0 only at the end.
    pub(super) fn read_into(&mut self, buffer: &mut Vec<u8>, limit: u64) -> Result<usize> {
        let read = match &mut self.unpacked {
            Unpacked::Plain(body) => body.take(limit).read_to_end(buffer),
            Unpacked::Gzip(decoder) => decoder.take(limit).read_to_end(buffer),
            Unpacked::Zstd(decoder) => decoder.take(limit).read_to_end(buffer),
        };
        read.map_err(|error| self.failure(error))
    }

    /// Passes over so many unpacked bytes.
    pub(super) fn skip(&mut self, bytes: u64) -> Result<()> {
        let skipped = match &mut self.unpacked {
            Unpacked::Plain(body) => i64::try_from(bytes)
                .map_err(io::Error::other)
                .and_then(|bytes| body.seek(SeekFrom::Current(bytes)))
                .map(|_| bytes),
            Unpacked::Gzip(decoder) => io::copy(&mut decoder.take(bytes), &mut io::sink()),
            Unpacked::Zstd(decoder) => io::copy(&mut decoder.take(bytes), &mut io::sink()),
        };
        skipped.map_err(|error| self.failure(error))?;
        Ok(())
    }

    fn failure(&self, source: io::Error) -> FormatError {
        let format = match &self.unpacked {
            Unpacked::Plain(_) => "stored",
            Unpacked::Gzip(_) => "gzip",
            Unpacked::Zstd(_) => "zstd",
        };
        failure(&self.name, format, source)
    }
}

/// What the disk or service under a file said, or else that its packed bytes are bad.
fn failure(name: &str, format: &'static str, source: io::Error) -> FormatError {
    FormatError::carried(&source).unwrap_or_else(|| FormatError::Compression {
        path: name.to_owned(),
        format,
        source,
    })
}

/// The compression that a file's first bytes tell of.
fn sniff(body: &mut dyn Body) -> io::Result<Compression> {
    let mut start = Vec::with_capacity(4);
    let mut first = [0; 4];
    while start.len() < first.len() {
        let wanted = first.len() - start.len();
        match body.read(&mut first[..wanted])? {
            0 => break,
            read => start.extend_from_slice(&first[..read]),
        }
    }
    body.seek(SeekFrom::Start(0))?;
    Ok(match start.as_slice() {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] => Compression::Zstd,
        _ => Compression::None,
    })
}
