//! Standard output and error of a guest, held for a call and then made lines of its log.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// What a call may write to a stream; of the rest, only the lines are counted.
const MAX_OUTPUT_BYTES: usize = 64 << 10;

/// One stream.
#[derive(Clone, Default)]
pub(crate) struct GuestOutput(Arc<Mutex<Said>>);

/// What a call wrote to a stream.
#[derive(Default)]
pub(crate) struct Said {
    bytes: Vec<u8>,
    dropped_ends: u64,
}

impl Said {
    /// How many whole lines lie beyond what is held. The end of a line that was cut is not one more.
    pub(crate) fn dropped_lines(&self) -> u64 {
        let cut = self.bytes.last().is_some_and(|last| *last != b'\n');
        self.dropped_ends.saturating_sub(u64::from(cut))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl GuestOutput {
    fn push(&self, bytes: &[u8]) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_OUTPUT_BYTES.saturating_sub(said.bytes.len());
        let (held, dropped) = bytes.split_at(bytes.len().min(room));
        said.bytes.extend_from_slice(held);
        said.dropped_ends += dropped.split(|byte| *byte == b'\n').count() as u64 - 1;
    }

    /// What was written since the last time.
    pub(crate) fn take(&self) -> Said {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The part of standard error that says why a guest trapped: a Rust panic's place and message, else the last line.
pub(crate) fn last_words(stderr: &str) -> Option<String> {
    let Some((_, panic)) = stderr.rsplit_once("panicked at ") else {
        let last = stderr.lines().rev().find(|line| !line.trim().is_empty());
        return last.map(str::to_owned);
    };
    let panic = panic.split("\nnote: ").next().unwrap_or_default();
    let lines: Vec<&str> = panic.lines().map(str::trim).collect();
    Some(format!("panicked at {}", lines.join(" ").trim()))
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this one, and it is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for GuestOutput {
    async fn ready(&mut self) {}
}

impl OutputStream for GuestOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_OUTPUT_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::last_words;

    #[test]
    fn a_panic_says_more_than_the_line_behind_it() {
        let panic =
            "warming up\n\nthread 'main' panicked at src/lib.rs:7:9:\nno such\nkey\nnote: run with `X`\n";
        assert_eq!(
            last_words(panic).as_deref(),
            Some("panicked at src/lib.rs:7:9: no such key")
        );
        let traceback = "Traceback:\n  File \"x.py\"\nKeyError: 'a'\n\n";
        assert_eq!(last_words(traceback).as_deref(), Some("KeyError: 'a'"));
        assert_eq!(last_words(" \n"), None);
    }
}
