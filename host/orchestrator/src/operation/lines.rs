//! What a child process says, line for line, on its way into the attempt's log.

use std::sync::Arc;

use tidegate_plugin::{LogLevel, LogLine, LogSink, Secrets};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::step::MAX_RESULT_BYTES;
use crate::engine::AttemptLog;

/// The longest line that is logged whole, in bytes: a screenful.
const MAX_LINE_BYTES: usize = 4 << 10;

/// What is read at once, in bytes.
const READ_BYTES: usize = 16 << 10;

/// Where lines go.
pub(super) struct Lines {
    pub(super) log: Arc<AttemptLog>,
    /// What the log calls the stream.
    pub(super) stream: &'static str,
    /// What is taken out of every line.
    pub(super) secrets: Secrets,
    /// Bytes of lines that go into the log; what comes beyond is read and dropped.
    pub(super) limit_bytes: u64,
}

impl Lines {
    /// Reads to the end. Answers the last line that is not empty.
    pub(super) async fn read(self, mut stream: impl AsyncRead + Unpin) -> Option<Line> {
        let mut buffer = vec![0; READ_BYTES];
        let mut line = Line::default();
        let mut last = None;
        let (mut logged, mut dropped) = (0, 0_u64);
        loop {
            // What cannot be read any more has ended.
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            let ended = read == 0;
            let mut rest = &buffer[..read];
            while !rest.is_empty() || (ended && line.length > 0) {
                let end = rest.iter().position(|byte| *byte == b'\n');
                line.push(&rest[..end.unwrap_or(rest.len())]);
                rest = end.map_or(&[], |end| &rest[end + 1..]);
                if end.is_none() && !ended {
                    break;
                }
                let whole = std::mem::take(&mut line);
                if whole.bytes.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                let bytes = whole.bytes.len().min(MAX_LINE_BYTES) as u64;
                if logged + bytes > self.limit_bytes {
                    dropped += 1;
                } else {
                    logged += bytes;
                    self.say(LogLevel::Info, &whole);
                }
                last = Some(whole);
            }
            if ended {
                break;
            }
        }
        if dropped > 0 {
            let message = format!(
                "{dropped} lines are not in this log: `output` of the step is {} bytes",
                self.limit_bytes
            );
            self.log.say(LogLevel::Warn, message);
        }
        last
    }

    fn say(&self, level: LogLevel, line: &Line) {
        // Secrets are taken out before the line is cut: half a secret would stay.
        let text = self
            .secrets
            .redact(String::from_utf8_lossy(&line.bytes).into_owned());
        let mut text: String = text.trim_end().replace('\0', "\u{fffd}");
        if text.len() > MAX_LINE_BYTES {
            let end = (0..=MAX_LINE_BYTES).rev().find(|at| text.is_char_boundary(*at));
            text.truncate(end.unwrap_or(0));
            text.push_str(" … (cut)");
        }
        self.log.line(LogLine {
            step: self.stream.to_owned(),
            level,
            message: text,
            fields: Vec::new(),
        });
    }
}

/// A line as far as it is kept.
#[derive(Default)]
pub(super) struct Line {
    pub(super) bytes: Vec<u8>,
    /// Its whole length.
    length: usize,
}

impl Line {
    fn push(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        let room = MAX_RESULT_BYTES.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Whether all of it is kept.
    pub(super) fn fits(&self) -> bool {
        self.length == self.bytes.len()
    }
}
