//! Where an encoded part goes, and what it is known by when it is whole.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

/// Where the bytes of a part go: a file or an object. What it does may block. An error is [`crate::format::carry`] of why.
/// One that is dropped before it is closed leaves nothing that can be seen.
pub(crate) trait PartSink: Write + Send {
    /// Makes all that was written durable.
    fn close(self: Box<Self>) -> io::Result<()>;
}

/// What a finished part is known by.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Hexadecimal.
    pub(crate) sha256: String,
}

/// A sink that knows the size and digest of what was written to it.
pub(super) struct Hashed {
    sink: Box<dyn PartSink>,
    digest: Sha256,
    bytes: u64,
}

impl Hashed {
    pub(super) fn new(sink: Box<dyn PartSink>) -> Self {
        Self {
            sink,
            digest: Sha256::new(),
            bytes: 0,
        }
    }

    /// Closes the sink behind so many rows.
    pub(super) fn close(self, rows: u64) -> io::Result<Finished> {
        self.sink.close()?;
        Ok(Finished {
            rows,
            bytes: self.bytes,
            sha256: hex(&self.digest.finalize()),
        })
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
