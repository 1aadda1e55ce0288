//! Files on this machine: which ones a pattern names, whether they stay the same, and their bytes.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use tidegate_core::port::{FoundFile, MAX_FOUND};

use super::error::{FileError, Result};
use crate::format::{self, Body, Chunks, FormatError, Origin, Stamp, carry};

/// A file of a source.
pub(super) struct LocalFile(pub(super) PathBuf);

impl LocalFile {
    fn open_stamped(&self) -> Result<(Stamp, File)> {
        let failed = |error| FileError::io(&self.0, error);
        let file = File::open(&self.0).map_err(failed)?;
        let stamp = stamp(&file.metadata().map_err(failed)?);
        Ok((stamp, file))
    }
}

impl Origin for LocalFile {
    fn name(&self) -> String {
        self.0.display().to_string()
    }

    fn open(&self) -> format::Result<(Stamp, Box<dyn Body>)> {
        let (stamp, file) = self.open_stamped()?;
        let path = self.0.clone();
        Ok((stamp, Box::new(LocalBody { path, file })))
    }

    fn open_chunks(&self) -> format::Result<(Stamp, Arc<dyn Chunks>)> {
        let (stamp, file) = self.open_stamped()?;
        let path = self.0.clone();
        Ok((stamp, Arc::new(LocalChunks { path, file })))
    }

    fn verify(&self, stamp: &Stamp) -> format::Result<()> {
        Ok(verify(&self.0, stamp)?)
    }
}

/// Fails unless the file at a path still has this stamp.
pub(super) fn verify(path: &Path, wanted: &Stamp) -> Result<()> {
    let now = stamp(&path.metadata().map_err(|error| FileError::io(path, error))?);
    if now == *wanted {
        return Ok(());
    }
    let what = match (wanted, now) {
        (Stamp::File { size, .. }, Stamp::File { size: now, .. }) if now != *size => {
            format!("it had {size} bytes and has {now} now")
        }
        _ => "it was written again since it was read".to_owned(),
    };
    Err(FileError::Changed {
        path: path.display().to_string(),
        what,
    })
}

fn stamp(metadata: &Metadata) -> Stamp {
    let age = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Stamp::File {
        size: metadata.len(),
        mtime_ms: age.map_or(0, |age| age.as_millis() as u64),
    }
}

/// The bytes of a file, with errors that say of which.
struct LocalBody {
    path: PathBuf,
    file: File,
}

impl Read for LocalBody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer);
        read.map_err(|error| carry(FileError::io(&self.path, error)))
    }
}

impl Seek for LocalBody {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let sought = self.file.seek(to);
        sought.map_err(|error| carry(FileError::io(&self.path, error)))
    }
}

/// A file that is read here and there. The operating system reads ahead, so nothing is planned.
struct LocalChunks {
    path: PathBuf,
    file: File,
}

impl Chunks for LocalChunks {
    fn size(&self) -> u64 {
        self.file.len()
    }

    fn plan(&self, _ranges: &[Range<u64>]) -> format::Result<()> {
        Ok(())
    }

    fn read_from(&self, start: u64) -> parquet::errors::Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.file.get_read(start)?))
    }

    fn bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.file.get_bytes(start, length)
    }

    fn explain(&self, error: ParquetError) -> FormatError {
        let reason = match error {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(error) => return FileError::io(&self.path, *error).into(),
                Err(other) => other.to_string(),
            },
            other => other.to_string(),
        };
        FormatError::BadParquet {
            path: self.path.display().to_string(),
            reason,
        }
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

/// The files under a root that a path names, as they are now. One that goes while it is looked at is not there.
pub(super) fn look(root: &Path, path: &str) -> Result<Vec<FoundFile>> {
    let files = match find(root, path, None) {
        Ok(files) => files,
        Err(FileError::NotFound { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let found = files.into_iter().take(MAX_FOUND + 1).filter_map(|file| {
        let Stamp::File { size, mtime_ms } = stamp(&file.metadata().ok()?) else {
            return None;
        };
        let below = file.strip_prefix(root).unwrap_or(&file);
        Some(FoundFile {
            path: below.display().to_string(),
            version: format!("{size}-{mtime_ms}"),
            modified_ms: i64::try_from(mtime_ms).unwrap_or(i64::MAX),
        })
    });
    Ok(found.collect())
}
