//! An object as a file of a source: pinned by its tag, so that all that is read is of one version.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::bucket::{Bucket, Listed};
use super::chunks::ObjectChunks;
use super::error::{Result, S3Error};
use crate::format::{self, Body, Chunks, Origin, Stamp, carry};

/// What is asked for at once, and how many such pieces are under way while one is read.
const PIECE_BYTES: u64 = 2 << 20;
const PIECES_AHEAD: usize = 3;

/// An object of a source.
pub(super) struct S3Object {
    pub(super) bucket: Arc<Bucket>,
    pub(super) listed: Listed,
}

impl S3Object {
    fn stamp(&self) -> Stamp {
        Stamp::Object {
            size: self.listed.size,
            etag: self.listed.etag.clone(),
        }
    }

    /// Fails unless the object is the one that has this stamp.
    pub(super) fn verify_is(&self, stamp: &Stamp) -> Result<()> {
        if self.stamp() == *stamp {
            return Ok(());
        }
        Err(S3Error::Changed {
            place: self.bucket.url(&self.listed.key),
            what: "another object took its place since it was read".into(),
        })
    }
}

impl Origin for S3Object {
    fn name(&self) -> String {
        self.bucket.url(&self.listed.key)
    }

    fn open(&self) -> format::Result<(Stamp, Box<dyn Body>)> {
        let pieces = Pieces {
            bucket: self.bucket.clone(),
            object: Arc::new(self.listed.clone()),
            at: 0,
            piece: (0, Bytes::new()),
            ahead: VecDeque::new(),
        };
        Ok((self.stamp(), Box::new(pieces)))
    }

    fn open_chunks(&self) -> format::Result<(Stamp, Arc<dyn Chunks>)> {
        let chunks = ObjectChunks::new(self.bucket.clone(), self.listed.clone());
        Ok((self.stamp(), Arc::new(chunks)))
    }

    fn verify(&self, _stamp: &Stamp) -> format::Result<()> {
        // Each request was for the listed version alone: what was read is of one version, whatever is there now.
        Ok(())
    }
}

/// The bytes of an object, fetched piece by piece.
struct Pieces {
    bucket: Arc<Bucket>,
    object: Arc<Listed>,
    /// Where the next read begins.
    at: u64,
    /// The piece that is read from, and where it starts.
    piece: (u64, Bytes),
    /// The pieces that are under way, in order, and where each starts.
    ahead: VecDeque<(u64, JoinHandle<Result<Bytes>>)>,
}

impl Pieces {
    /// The bytes that are there from the place of the next read on; empty at the end.
    fn there(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.object.size {
            return Ok(&[]);
        }
        if !self.holds() {
            self.turn()?;
        }
        Ok(&self.piece.1[(self.at - self.piece.0) as usize..])
    }

    fn holds(&self) -> bool {
        let (start, bytes) = &self.piece;
        (*start..start + bytes.len() as u64).contains(&self.at)
    }

    /// Goes on to the piece that the next read begins in.
    fn turn(&mut self) -> io::Result<()> {
        if self.ahead.front().is_none_or(|(start, _)| *start != self.at) {
            self.give_up();
        }
        let mut next = self
            .ahead
            .back()
            .map_or(self.at, |(start, _)| start + PIECE_BYTES);
        while self.ahead.len() <= PIECES_AHEAD && next < self.object.size {
            let range = next..(next + PIECE_BYTES).min(self.object.size);
            let (bucket, object) = (self.bucket.clone(), self.object.clone());
            let fetch = tokio::spawn(async move { bucket.fetch(&object, range).await });
            self.ahead.push_back((next, fetch));
            next += PIECE_BYTES;
        }
        let Some((start, fetch)) = self.ahead.pop_front() else {
            return Err(carry(S3Error::internal("no piece is under way")));
        };
        let fetched = Handle::current()
            .block_on(fetch)
            .map_err(|error| carry(S3Error::internal(error)))?;
        self.piece = (start, fetched.map_err(carry)?);
        Ok(())
    }

    fn give_up(&mut self) {
        for (_, fetch) in self.ahead.drain(..) {
            fetch.abort();
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let there = self.there()?;
        let read = there.len().min(buffer.len());
        buffer[..read].copy_from_slice(&there[..read]);
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Pieces {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.object.size.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.give_up();
    }
}
