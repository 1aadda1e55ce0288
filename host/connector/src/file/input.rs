//! Files as they lie on disk: which ones a pattern names, whether they stay the same, and their bytes unpacked.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::config::Compression;
use super::error::{FileError, Result};

/// What a file is recognised by when it is opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub(super) size: u64,
    pub(super) mtime_ms: u64,
}

impl Stamp {
    /// The stamp of an open file.
    pub(super) fn of_file(file: &File) -> io::Result<Self> {
        file.metadata().map(|metadata| Self::of(&metadata))
    }

    fn of(metadata: &Metadata) -> Self {
        let age = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            size: metadata.len(),
            mtime_ms: age.map_or(0, |age| age.as_millis() as u64),
        }
    }

    /// Fails unless the file at a path still has this stamp.
    pub(super) fn verify(self, path: &Path) -> Result<()> {
        let now = Self::of(&path.metadata().map_err(|error| FileError::io(path, error))?);
        if now == self {
            return Ok(());
        }
        let what = if now.size == self.size {
            "it was written again since it was read".to_owned()
        } else {
            format!("it had {} bytes and has {} now", self.size, now.size)
        };
        Err(FileError::Changed {
            path: path.display().to_string(),
            what,
        })
    }
}

/// The files under a root that a source's path names, in the order of their names.
///
/// `{partition}` is the partition's key, or any where no partition is asked for.
pub(super) fn find(root: &Path, path: &str, partition: Option<&str>) -> Result<Vec<PathBuf>> {
    let key = partition.map_or_else(|| "*".to_owned(), glob::Pattern::escape);
    let relative = path.replace("{partition}", &key);
    let pattern = format!(
        "{}/{relative}",
        glob::Pattern::escape(&root.display().to_string())
    );
    let options = glob::MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let shown = || {
        format!(
            "{}/{}",
            root.display(),
            path.replace("{partition}", partition.unwrap_or("*"))
        )
    };
    let found = glob::glob_with(&pattern, options).map_err(|_| FileError::NotFound { pattern: shown() })?;
    let mut files = Vec::new();
    for entry in found {
        let path = entry.map_err(|error| {
            let path = error.path().to_owned();
            FileError::io(&path, error.into())
        })?;
        if path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(FileError::NotFound { pattern: shown() });
    }
    files.sort();
    Ok(files)
}

/// A file's bytes, unpacked.
pub(super) struct Input {
    path: PathBuf,
    stamp: Stamp,
    body: Body,
}

enum Body {
    Plain(File),
    Gzip(Box<MultiGzDecoder<io::BufReader<File>>>),
    Zstd(zstd::Decoder<'static, io::BufReader<File>>),
}

/// What is read from a compressed file at once.
const PACKED_BYTES: usize = 64 << 10;

impl Input {
    pub(super) fn open(path: &Path, compression: Compression) -> Result<Self> {
        let failed = |error| FileError::io(path, error);
        let mut file = File::open(path).map_err(failed)?;
        let stamp = Stamp::of_file(&file).map_err(failed)?;
        let compression = match compression {
            Compression::Auto => sniff(&mut file).map_err(failed)?,
            given => given,
        };
        let packed = |file| io::BufReader::with_capacity(PACKED_BYTES, file);
        let body = match compression {
            Compression::Gzip => Body::Gzip(Box::new(MultiGzDecoder::new(packed(file)))),
            Compression::Zstd => Body::Zstd(zstd::Decoder::with_buffer(packed(file)).map_err(failed)?),
            Compression::Auto | Compression::None => Body::Plain(file),
        };
        Ok(Self {
            path: path.to_owned(),
            stamp,
            body,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Adds up to so many bytes to a buffer; answers how many, 0 only at the end.
    pub(super) fn read_into(&mut self, buffer: &mut Vec<u8>, limit: u64) -> Result<usize> {
        let read = match &mut self.body {
            Body::Plain(file) => file.take(limit).read_to_end(buffer),
            Body::Gzip(decoder) => decoder.take(limit).read_to_end(buffer),
            Body::Zstd(decoder) => decoder.take(limit).read_to_end(buffer),
        };
        read.map_err(|error| self.failure(error))
    }

    /// Passes over so many unpacked bytes.
    pub(super) fn skip(&mut self, bytes: u64) -> Result<()> {
        let skipped = match &mut self.body {
            Body::Plain(file) => i64::try_from(bytes)
                .map_err(io::Error::other)
                .and_then(|bytes| file.seek(SeekFrom::Current(bytes)))
                .map(|_| bytes),
            Body::Gzip(decoder) => io::copy(&mut decoder.take(bytes), &mut io::sink()),
            Body::Zstd(decoder) => io::copy(&mut decoder.take(bytes), &mut io::sink()),
        };
        skipped.map_err(|error| self.failure(error))?;
        Ok(())
    }

    fn failure(&self, source: io::Error) -> FileError {
        let format = match &self.body {
            Body::Plain(_) => return FileError::io(&self.path, source),
            Body::Gzip(_) => "gzip",
            Body::Zstd(_) => "zstd",
        };
        // The disk under a packed file answers with an error number, the decoder without one.
        if source.raw_os_error().is_some() {
            return FileError::io(&self.path, source);
        }
        FileError::Compression {
            path: self.path.display().to_string(),
            format,
            source,
        }
    }
}

/// The compression that a file's first bytes tell of.
fn sniff(file: &mut File) -> io::Result<Compression> {
    let mut start = Vec::with_capacity(4);
    file.take(4).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(match start.as_slice() {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] => Compression::Zstd,
        _ => Compression::None,
    })
}
