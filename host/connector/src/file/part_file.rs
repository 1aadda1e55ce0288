//! The file that a part is written to.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use super::error::{FileError, Result};
use crate::format::{PartSink, carry};

/// A file that a part is written to.
pub(super) struct PartFileSink {
    path: PathBuf,
    file: File,
}

impl PartFileSink {
    /// Creates the file, which must not be there.
    pub(super) fn create(path: PathBuf) -> Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.map_err(|error| FileError::io(&path, error))?;
        Ok(Self { path, file })
    }

    fn told<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| carry(FileError::io(&self.path, error)))
    }
}

impl Write for PartFileSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        self.told(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.flush();
        self.told(flushed)
    }
}

impl PartSink for PartFileSink {
    fn close(self: Box<Self>) -> io::Result<()> {
        self.told(self.file.sync_all())
    }
}
