//! What the gate has to say: lines in the run's log, and what to grant.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::{MAX_LOG_LINE_BYTES, MAX_LOG_LINES_PER_CALL, cut};
use crate::log::printable;
use crate::secrets::Secrets;
use tidegate_core::port::{LogLevel, LogLine, LogSink};

/// A request that the gate refused, and how the schema can open it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What was asked for, and why it is refused.
    pub(crate) what: String,
    /// What to write into the schema.
    pub(crate) hint: String,
}

/// The gate's lines in one call of a guest, and its last refusal. Requests that are under way share it with their gate.
pub(super) struct Journal {
    pub(super) sink: Arc<dyn LogSink>,
    pub(super) step: String,
    pub(super) secrets: Secrets,
    lines: AtomicU64,
    refusal: Mutex<Option<Refusal>>,
    /// Whether a request was granted since.
    admitted_since: AtomicBool,
}

impl Journal {
    pub(super) fn new(sink: Arc<dyn LogSink>, step: String, secrets: Secrets) -> Self {
        Self {
            sink,
            step,
            secrets,
            lines: AtomicU64::new(0),
            refusal: Mutex::new(None),
            admitted_since: AtomicBool::new(false),
        }
    }

    /// Before a call.
    pub(super) fn begin(&self) {
        self.lines.store(0, Ordering::Relaxed);
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A line; those beyond the limit of a call are dropped.
    pub(super) fn line(&self, level: LogLevel, message: String) {
        if self.lines.fetch_add(1, Ordering::Relaxed) < MAX_LOG_LINES_PER_CALL {
            self.sink.line(LogLine {
                step: self.step.clone(),
                level,
                message: printable(&cut(self.secrets.redact(message), MAX_LOG_LINE_BYTES)),
                fields: Vec::new(),
            });
        }
    }

    /// A request was refused.
    pub(super) fn refuse(&self, refusal: Refusal) {
        self.line(LogLevel::Error, format!("{}; {}", refusal.what, refusal.hint));
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
        self.admitted_since.store(false, Ordering::Relaxed);
    }

    /// A request was granted.
    pub(super) fn admit(&self) {
        self.admitted_since.store(true, Ordering::Relaxed);
    }

    /// What was refused last in this call.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.refusal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The same, unless a request was granted since.
    pub(super) fn refused_last(&self) -> Option<Refusal> {
        let refusal = self.refusal();
        refusal.filter(|_| !self.admitted_since.load(Ordering::Relaxed))
    }
}
