//! What plugins say, on its way into a run's log.

use serde::{Deserialize, Serialize};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Of use to the plugin's author.
    Debug,
    /// Of use to whoever reads the run's log.
    Info,
    /// Something is not as it should be.
    Warn,
    /// Something failed.
    Error,
}

/// One line of a guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// `plugin@version`.
    pub step: String,
    /// How much it matters.
    pub level: LogLevel,
    /// What it says, cut to a screenful, without control characters.
    pub message: String,
    /// Named values.
    pub fields: Vec<(String, String)>,
}

/// Takes the lines of guests. Called on the batch path: must not block.
pub trait LogSink: Send + Sync {
    /// One line.
    fn line(&self, line: LogLine);
}

/// Keeps nothing: for what is said while nothing runs.
#[derive(Debug, Clone, Copy)]
pub struct Unheard;

impl LogSink for Unheard {
    fn line(&self, _: LogLine) {}
}
