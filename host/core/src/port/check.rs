//! A bound check: looks at what is loaded, and says whether it is as it should be.

use arrow_array::RecordBatch;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// Looks at the batches of a load.
///
/// Order of calls: maybe [`Check::restore`] once, then any number of [`Check::observe`] with [`Check::snapshot`] between
/// them, then [`Check::verdict`] once.
#[async_trait]
pub trait Check: Send {
    /// Looks at a batch of the columns that are loaded.
    async fn observe(&mut self, batch: &RecordBatch, sequence: u64) -> Result<()>;
    /// What was seen so far, or none for a check that remembers nothing.
    async fn snapshot(&mut self) -> Result<Option<Vec<u8>>>;
    /// Takes over what [`Check::snapshot`] of the same check gave.
    async fn restore(&mut self, state: &[u8]) -> Result<()>;
    /// What is to be said of all batches together.
    async fn verdict(&mut self) -> Result<Verdict>;
}

/// How grave a failed check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It is shown.
    Warn,
    /// It is a failure; where the check blocks, nothing is loaded.
    Error,
}

/// What a check says of a load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The check: its name, or `plugin@version`.
    pub check: String,
    /// Whether the data is as it should be.
    pub passed: bool,
    /// How grave it is where not.
    pub severity: Severity,
    /// Whether a failure of severity error keeps the load from being shown.
    #[serde(default = "yes")]
    pub blocking: bool,
    /// What was found, for a person.
    pub message: String,
    /// What was measured: names and finite numbers.
    pub measures: Vec<(String, f64)>,
}

impl Severity {
    /// As the store and the command line write it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// The severity that [`Severity::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Warn, Self::Error]
            .into_iter()
            .find(|severity| severity.text() == text)
    }
}

impl Verdict {
    /// Whether the load must not be shown.
    pub fn blocks(&self) -> bool {
        !self.passed && self.severity == Severity::Error && self.blocking
    }
}

fn yes() -> bool {
    true
}

impl std::fmt::Display for Verdict {
    /// `message (name: number, ...)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        for (index, (name, value)) in self.measures.iter().enumerate() {
            write!(f, "{}{name}: {value}", if index == 0 { " (" } else { ", " })?;
        }
        f.write_str(if self.measures.is_empty() { "" } else { ")" })
    }
}
