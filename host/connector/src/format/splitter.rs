//! Cuts the bytes of a file into blocks of whole records, without looking at what the records say.
//!
//! Where a block ends depends on where it starts alone, never on how the bytes arrived. So a reader that starts at the
//! end of any block sees the same blocks as one that came from the file's start.

use super::error::{FormatError, Result};
use super::input::Input;
use super::origin::Stamp;
use super::scan::{Dialect, Scan, Step};

/// A block ends before the record that would make it longer than this, unless it is the first.
const BLOCK_BYTES: usize = 4 << 20;
/// What is read at once.
const READ_BYTES: u64 = 256 << 10;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Whole records, and where they stand.
pub(super) struct Block {
    /// The records, with blank lines before and between them.
    pub(super) bytes: Vec<u8>,
    /// The line that the block starts at, from 1.
    pub(super) line: u64,
    /// How many records there are.
    pub(super) records: usize,
    /// Where the next block starts, in unpacked bytes.
    pub(super) end_offset: u64,
    /// The line that the next block starts at.
    pub(super) end_line: u64,
}

/// Reads a file block by block.
pub(super) struct Splitter {
    input: Input,
    dialect: Dialect,
    max_record_bytes: usize,
    /// What was read and not yet given out.
    buffer: Vec<u8>,
    /// Whether the input has ended.
    ended: bool,
    /// Where the buffer starts, in unpacked bytes.
    offset: u64,
    /// The line that the buffer starts at.
    line: u64,
}

impl Splitter {
    /// Starts at the beginning of a file, behind its byte order mark.
    pub(super) fn open(input: Input, dialect: Dialect, max_record_bytes: u64) -> Result<Self> {
        let mut splitter = Self {
            input,
            dialect,
            max_record_bytes: usize::try_from(max_record_bytes).unwrap_or(usize::MAX),
            buffer: Vec::new(),
            ended: false,
            offset: 0,
            line: 1,
        };
        splitter.fill()?;
        if splitter.buffer.starts_with(BOM) {
            splitter.buffer.drain(..BOM.len());
            splitter.offset = BOM.len() as u64;
        }
        if splitter.buffer.starts_with(b"\xff\xfe") || splitter.buffer.starts_with(b"\xfe\xff") {
            return Err(FormatError::BadEncoding {
                path: splitter.path(),
                line: 1,
                detail: ": it looks like UTF-16",
            });
        }
        Ok(splitter)
    }

    /// The file, for messages.
    pub(super) fn path(&self) -> String {
        self.input.name().to_owned()
    }

    /// The file as it was opened.
    pub(super) fn stamp(&self) -> &Stamp {
        self.input.stamp()
    }

    /// Goes on to a place that [`Block::end_offset`] and [`Block::end_line`] told of, which is not behind.
    pub(super) fn skip_to(&mut self, offset: u64, line: u64) -> Result<()> {
        let ahead = offset.saturating_sub(self.offset);
        let buffered = self.buffer.len() as u64;
        if ahead <= buffered {
            self.buffer.drain(..ahead as usize);
        } else {
            self.input.skip(ahead - buffered)?;
            self.buffer.clear();
        }
        self.offset = offset;
        self.line = line;
        Ok(())
    }

    /// The next block of up to so many records, or none at the end.
    pub(super) fn next_block(&mut self, max_records: usize) -> Result<Option<Block>> {
        let mut scan = Scan::new(self.dialect);
        let (mut cut, mut cut_lines, mut records) = (0, 0, 0);
        while records < max_records {
            match scan.step(&self.buffer, self.ended) {
                Step::Record => {
                    if records > 0 && scan.end() > BLOCK_BYTES {
                        break;
                    }
                    self.check_length(&scan, scan.end())?;
                    records += 1;
                    (cut, cut_lines) = (scan.end(), scan.lines());
                }
                Step::End => break,
                Step::Unclosed { lines } => {
                    return Err(FormatError::UnclosedQuote {
                        path: self.path(),
                        line: self.line + lines,
                    });
                }
                Step::More => {
                    // The record under way ends behind the buffer, and so behind the block's limit.
                    if records > 0 && self.buffer.len() > BLOCK_BYTES {
                        break;
                    }
                    self.check_length(&scan, self.buffer.len())?;
                    self.fill()?;
                }
            }
        }
        if records == 0 {
            return Ok(None);
        }
        // Blocks are about as long as each other: the next one is read without moving it again.
        let mut rest = Vec::with_capacity(cut + 2 * READ_BYTES as usize);
        rest.extend_from_slice(&self.buffer[cut..]);
        let mut bytes = std::mem::replace(&mut self.buffer, rest);
        bytes.truncate(cut);
        let line = self.line;
        self.offset += cut as u64;
        self.line += cut_lines;
        Ok(Some(Block {
            bytes,
            line,
            records,
            end_offset: self.offset,
            end_line: self.line,
        }))
    }

    fn check_length(&self, scan: &Scan, end: usize) -> Result<()> {
        if end.saturating_sub(scan.record_start()) <= self.max_record_bytes {
            return Ok(());
        }
        Err(FormatError::RecordTooLong {
            path: self.path(),
            line: self.line + scan.record_lines(),
            limit_bytes: self.max_record_bytes as u64,
        })
    }

    fn fill(&mut self) -> Result<()> {
        self.buffer.reserve(READ_BYTES as usize);
        if self.input.read_into(&mut self.buffer, READ_BYTES)? == 0 {
            self.ended = true;
        }
        Ok(())
    }
}
