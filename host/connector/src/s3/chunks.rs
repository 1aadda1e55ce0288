//! An object that is read here and there, as Parquet is: the ranges that are planned are fetched side by side, and no
//! others.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use parquet::errors::ParquetError;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::bucket::{Bucket, Listed};
use super::error::{Result, S3Error};
use crate::format::{self, Chunks, FormatError};

/// What is fetched from the end of a file, which tells where all else is.
const TAIL_BYTES: u64 = 64 << 10;
/// What is held of the planned ranges. Where they are longer together, each is held from where it is read on.
const HELD_BYTES: u64 = 32 << 20;
/// The least that is held of a range.
const LEAST_BYTES: u64 = 256 << 10;
/// What one request fetches at most, and how many are made at once.
const REQUEST_BYTES: u64 = 8 << 20;
const REQUESTS_AT_ONCE: usize = 4;
/// Ranges with no more between them are fetched by one request.
const GAP_BYTES: u64 = 128 << 10;

/// An object that is read here and there.
pub(super) struct ObjectChunks(Arc<Shared>);

struct Shared {
    bucket: Arc<Bucket>,
    object: Listed,
    held: Mutex<Held>,
}

/// What is in memory.
#[derive(Default)]
struct Held {
    /// The ranges that were planned, in order.
    planned: Vec<Range<u64>>,
    /// How much of a range is fetched at once.
    window: u64,
    /// Bytes and where they start, in order.
    spans: Vec<(u64, Bytes)>,
    /// What the service said last, which the reader's own error does not keep.
    failure: Option<S3Error>,
}

impl ObjectChunks {
    pub(super) fn new(bucket: Arc<Bucket>, object: Listed) -> Self {
        let tail = object.size.saturating_sub(TAIL_BYTES)..object.size;
        let held = Held {
            planned: vec![tail],
            window: TAIL_BYTES,
            ..Held::default()
        };
        Self(Arc::new(Shared {
            bucket,
            object,
            held: Mutex::new(held),
        }))
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many bytes from some byte on; of what was planned, more is fetched than is asked for.
    fn bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let end = start
            .checked_add(length as u64)
            .filter(|end| *end <= self.object.size);
        let Some(end) = end else {
            let size = self.object.size;
            return Err(ParquetError::EOF(format!(
                "it has {size} bytes, and byte {start} + {length} is wanted"
            )));
        };
        let mut held = self.held();
        if let Some(bytes) = held.take(start..end) {
            return Ok(bytes);
        }
        let planned = held.planned.iter().find(|range| range.contains(&start)).cloned();
        let wanted = match &planned {
            Some(range) => start..end.max(range.end.min(start.saturating_add(held.window))),
            None => start..end,
        };
        if let Some(range) = planned {
            // It is read from its start to its end: what lies before is done with.
            held.spans
                .retain(|(at, bytes)| !range.contains(at) || at + bytes.len() as u64 > range.end.min(end));
        }
        match self.fetch(vec![wanted]) {
            Ok(spans) => held.add(spans),
            Err(error) => {
                let told = ParquetError::General(error.to_string());
                held.failure = Some(error);
                return Err(told);
            }
        }
        held.take(start..end)
            .ok_or_else(|| ParquetError::General("what was fetched is not what was wanted".into()))
    }

    /// Fetches ranges, in order, side by side. Called on a thread that may block.
    fn fetch(&self, ranges: Vec<Range<u64>>) -> Result<Vec<(u64, Bytes)>> {
        let mut waiting = ranges.into_iter().flat_map(requests);
        let mut fetching = JoinSet::new();
        let mut spans = Vec::new();
        let runtime = Handle::current();
        loop {
            while fetching.len() < REQUESTS_AT_ONCE
                && let Some(range) = waiting.next()
            {
                let (bucket, object) = (self.bucket.clone(), self.object.clone());
                let fetch = async move {
                    let bytes = bucket.fetch(&object, range.clone()).await?;
                    Ok::<_, S3Error>((range.start, bytes))
                };
                fetching.spawn_on(fetch, &runtime);
            }
            match runtime.block_on(fetching.join_next()) {
                Some(fetched) => spans.push(fetched.map_err(S3Error::internal)??),
                None => return Ok(spans),
            }
        }
    }
}

impl Held {
    fn add(&mut self, spans: Vec<(u64, Bytes)>) {
        self.spans.extend(spans);
        self.spans.sort_by_key(|(start, _)| *start);
    }

    /// The bytes of a range, if all of them are in memory.
    fn take(&self, range: Range<u64>) -> Option<Bytes> {
        let length = (range.end - range.start) as usize;
        let mut gathered = BytesMut::new();
        let mut at = range.start;
        // Spans may overlap where a window was fetched anew; the later one begins at what was wanted then.
        while at < range.end || length == 0 {
            let span = self
                .spans
                .iter()
                .rev()
                .find(|(start, bytes)| *start <= at && at < start + bytes.len() as u64);
            let (start, bytes) = span?;
            let from = (at - start) as usize;
            let rest = bytes.slice(from..bytes.len().min(from + (range.end - at) as usize));
            if rest.len() == length {
                return Some(rest);
            }
            at += rest.len() as u64;
            gathered.extend_from_slice(&rest);
        }
        Some(gathered.freeze())
    }
}

/// The requests that fetch a range.
fn requests(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut start = range.start;
    std::iter::from_fn(move || {
        (start < range.end).then(|| {
            let end = (start + REQUEST_BYTES).min(range.end);
            std::mem::replace(&mut start, end)..end
        })
    })
}

/// What is fetched before ranges of so many bytes together are read, and how much of a range at once after that.
fn plan(ranges: &[Range<u64>], size: u64) -> (Vec<Range<u64>>, u64, Vec<Range<u64>>) {
    let mut planned: Vec<Range<u64>> = ranges
        .iter()
        .map(|range| range.start.min(size)..range.end.min(size))
        .filter(|range| !range.is_empty())
        .collect();
    planned.sort_by_key(|range| range.start);
    let total: u64 = planned.iter().map(|range| range.end - range.start).sum();
    if total > HELD_BYTES {
        let window = (HELD_BYTES / planned.len() as u64).max(LEAST_BYTES);
        let first = planned
            .iter()
            .map(|range| range.start..range.end.min(range.start + window));
        let first = first.collect();
        return (planned, window, first);
    }
    let mut first: Vec<Range<u64>> = Vec::new();
    for range in &planned {
        match first.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(GAP_BYTES) => {
                last.end = last.end.max(range.end);
            }
            _ => first.push(range.clone()),
        }
    }
    (planned, total.max(LEAST_BYTES), first)
}

impl Chunks for ObjectChunks {
    fn size(&self) -> u64 {
        self.0.object.size
    }

    fn plan(&self, ranges: &[Range<u64>]) -> format::Result<()> {
        let mut held = self.0.held();
        let (planned, window, first) = plan(ranges, self.0.object.size);
        (held.planned, held.window) = (planned, window);
        held.spans.clear();
        held.add(self.0.fetch(first)?);
        Ok(())
    }

    fn read_from(&self, start: u64) -> parquet::errors::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Reader {
            shared: self.0.clone(),
            at: start,
        }))
    }

    fn bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.0.bytes(start, length)
    }

    fn explain(&self, error: ParquetError) -> FormatError {
        match self.0.held().failure.take() {
            Some(failure) => failure.into(),
            None => FormatError::BadParquet {
                path: self.0.bucket.url(&self.0.object.key),
                reason: error.to_string(),
            },
        }
    }
}

/// A reader from some byte on: of headers, which are short.
struct Reader {
    shared: Arc<Shared>,
    at: u64,
}

/// What a header's reader is given at once.
const HEADER_BYTES: u64 = 4 << 10;

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.shared.object.size.saturating_sub(self.at);
        let length = left.min(HEADER_BYTES).min(buffer.len() as u64) as usize;
        if length == 0 {
            return Ok(0);
        }
        let bytes = self.shared.bytes(self.at, length).map_err(io::Error::other)?;
        buffer[..length].copy_from_slice(&bytes);
        self.at += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn neighbours_are_fetched_by_one_request_and_what_lies_between_others_is_not() {
        let (planned, _, first) = plan(&[3 * MIB..4 * MIB, 0..1000, 1000..2000], 10 * MIB);
        assert_eq!(planned.len(), 3);
        assert_eq!(first, [0..2000, 3 * MIB..4 * MIB]);
    }

    #[test]
    fn of_large_row_groups_no_more_is_held_than_is_allowed() {
        let ranges: Vec<_> = (0..16)
            .map(|column| column * 100 * MIB..(column + 1) * 100 * MIB)
            .collect();
        let (_, window, first) = plan(&ranges, 1600 * MIB);
        assert_eq!(window, 2 * MIB);
        let held: u64 = first.iter().map(|range| range.end - range.start).sum();
        assert!(held <= HELD_BYTES);
    }

    #[test]
    fn a_range_that_a_damaged_footer_makes_up_ends_with_the_object() {
        let (planned, ..) = plan(&[5..u64::MAX, 100..200], 50);
        assert_eq!((planned.len(), &planned[0]), (1, &(5..50)));
    }

    #[test]
    fn requests_are_no_longer_than_they_may_be() {
        let found: Vec<_> = requests(10..10 + 2 * REQUEST_BYTES + 1).collect();
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].start, found[2].end), (10, 10 + 2 * REQUEST_BYTES + 1));
    }
}
