//! What guests say, on its way into the run's log.

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

/// Terminal control sequences in a guest's text would act on the reader's terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\t' { ' ' } else { c })
        .collect()
}
