//! The log of one attempt: lines of guests and of the attempt itself, as JSON lines in the artifact store.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::json;
use tidegate_core::Result;
use tidegate_core::plan::{AssetName, PartitionKey, RunId, StepPlace};
use tidegate_core::port::ArtifactStore;
use tidegate_plugin::{LogLevel, LogLine, LogSink};

/// Bytes of lines held between two writes; what comes beyond is counted and dropped, so that no guest can fill memory.
const MAX_HELD_BYTES: usize = 4 << 20;

/// The log of one attempt.
pub(crate) struct AttemptLog {
    artifacts: Arc<dyn ArtifactStore>,
    name: String,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    dropped: u64,
}

/// The artifact that holds an attempt's log.
pub(crate) fn log_name(run: RunId, asset: &AssetName, partition: &PartitionKey, attempt: u32) -> String {
    let slice = match partition.step() {
        Some(StepPlace::Item(index)) => &format!("{index}"),
        Some(StepPlace::Whole) => "all",
        None if partition.is_whole() => "all",
        None => &partition.0,
    };
    format!("logs/{run}/{asset}/{slice}/{attempt:04}.jsonl")
}

impl AttemptLog {
    /// The log of the attempt that a name of [`log_name`] is of.
    pub(crate) fn new(artifacts: Arc<dyn ArtifactStore>, name: String) -> Self {
        Self {
            artifacts,
            name,
            held: Mutex::default(),
        }
    }

    /// A line of the attempt itself.
    pub(crate) fn say(&self, level: LogLevel, message: impl Into<String>) {
        self.line(LogLine {
            step: "tidegate".into(),
            level,
            message: message.into(),
            fields: Vec::new(),
        });
    }

    /// Writes what is held.
    pub(crate) async fn flush(&self) -> Result<()> {
        let mut held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        if held.dropped > 0 {
            let message = format!(
                "{} lines were dropped: more than {MAX_HELD_BYTES} bytes between two writes",
                held.dropped
            );
            push(
                &mut held.bytes,
                &LogLine {
                    step: "tidegate".into(),
                    level: LogLevel::Warn,
                    message,
                    fields: Vec::new(),
                },
            );
        }
        if held.bytes.is_empty() {
            return Ok(());
        }
        self.artifacts.append(&self.name, Bytes::from(held.bytes)).await
    }
}

impl LogSink for AttemptLog {
    fn line(&self, line: LogLine) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.bytes.len() > MAX_HELD_BYTES {
            held.dropped += 1;
        } else {
            push(&mut held.bytes, &line);
        }
    }
}

fn push(bytes: &mut Vec<u8>, line: &LogLine) {
    let fields: serde_json::Map<_, _> = line
        .fields
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let text =
        json!({"at": at, "step": line.step, "level": line.level, "message": line.message, "fields": fields});
    bytes.extend_from_slice(text.to_string().as_bytes());
    bytes.push(b'\n');
}
