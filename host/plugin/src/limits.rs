//! What one instance may use, and how it is held to it.

use wasmtime::ResourceLimiter;

/// Log lines of one call that are kept; the rest are counted. A guest that says more than this in a batch says nothing.
pub const MAX_LOG_LINES_PER_CALL: u64 = 100;

/// The longest log line that is kept, in bytes: what a terminal shows in a screen.
pub(crate) const MAX_LOG_LINE_BYTES: usize = 2_048;

/// The longest message of a fault or reject that is kept, in bytes (transform.wit, `reject`).
pub(crate) const MAX_MESSAGE_BYTES: usize = 1_024;

/// The longest message of an error that is kept, in bytes: a fault's and the host's own words around it.
pub(crate) const MAX_FAULT_BYTES: usize = 2 * MAX_LOG_LINE_BYTES;

/// The longest reject code, in bytes (transform.wit, `reject`).
pub(crate) const MAX_CODE_BYTES: usize = 64;

/// The largest snapshot, in bytes (transform.wit, `snapshot`).
pub(crate) const MAX_SNAPSHOT_BYTES: usize = 16 << 20;

/// The largest cursor of a source or sensor, and the largest answer of `stage`, in bytes (source.wit, destination.wit,
/// sensor.wit).
pub(crate) const MAX_CURSOR_BYTES: usize = 64 << 10;

/// How often a running guest gives way to other work, in milliseconds (DESIGN section 4).
pub(crate) const YIELD_EVERY_MS: u64 = 10;

/// Entries of one table: SDKs need a few thousand function references, nobody a million.
const MAX_TABLE_ELEMENTS: usize = 100_000;

/// What a guest may hold of the host's: timers, streams, requests, batches. Ten for each request that one call may make.
pub(crate) const MAX_HANDLES: usize = 100_000;

/// Random bytes of one call to the host, which makes them while everything else of its thread waits.
pub(crate) const MAX_RANDOM_BYTES: u64 = 1 << 20;

/// Bounds the linear memories of one store together, and remembers the first breach.
#[allow(clippy::struct_field_names, reason = "all are bytes, and say so")]
#[derive(Debug)]
pub(crate) struct Limiter {
    allowed_bytes: u64,
    used_bytes: u64,
    /// What a refused growth would have come to.
    pub(crate) breach_bytes: Option<u64>,
}

impl Limiter {
    pub(crate) fn new(allowed_bytes: u64) -> Self {
        Self {
            allowed_bytes,
            used_bytes: 0,
            breach_bytes: None,
        }
    }

    pub(crate) fn allowed_bytes(&self) -> u64 {
        self.allowed_bytes
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = self.used_bytes + (desired.saturating_sub(current)) as u64;
        if wanted > self.allowed_bytes {
            self.breach_bytes.get_or_insert(wanted);
            return Ok(false);
        }
        self.used_bytes = wanted;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }
}

/// Text from a guest, cut to a length without splitting a character.
pub(crate) fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        let mut end = bytes;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}
