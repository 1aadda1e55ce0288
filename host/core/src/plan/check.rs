//! The checks of a task.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::task::{CheckSpec, SourceSpec};
use crate::port::{Severity, Verdict};

/// One check of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckStep {
    /// Where it stands among the asset's checks, from 0.
    pub index: usize,
    /// What its results are kept under; none for a plugin without a name, which brings its own.
    pub name: Option<String>,
    /// How grave a failure is; none where the check says so itself.
    pub severity: Option<Severity>,
    /// Whether a failure of severity error keeps the load from being shown.
    pub blocking: bool,
    /// What is checked.
    pub kind: CheckKind,
}

/// What is checked, and by whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// A plugin looks at the batches on their way to the destination.
    Plugin(CheckSpec),
    /// The host looks at the batches on their way to the destination.
    Stream(StreamCheck),
    /// A statement looks at what lies in the destination, once the load is shown.
    Loaded(LoadedCheck),
}

/// What is looked for in the batches on their way to the destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamCheck {
    /// No value is missing.
    NotNull {
        /// In these columns.
        columns: Vec<String>,
    },
    /// No two rows have the same values.
    Unique {
        /// In these columns.
        columns: Vec<String>,
        /// What may be held to know it, in bytes.
        memory_bytes: u64,
    },
    /// There are no other values.
    AcceptedValues {
        /// In this column.
        column: String,
        /// Than these.
        values: Vec<Value>,
    },
    /// Values lie between two.
    Range {
        /// In this column.
        column: String,
        /// The least.
        min: Option<Value>,
        /// The greatest.
        max: Option<Value>,
    },
    /// A pattern is found.
    Regex {
        /// In the texts of this column.
        column: String,
        /// This one.
        pattern: String,
    },
    /// There are so many rows.
    RowCount {
        /// At least.
        min: Option<u64>,
        /// At most.
        max: Option<u64>,
    },
    /// There are about as many rows as in earlier loads.
    RowCountAnomaly {
        /// How many of them are looked at.
        history: u32,
        /// How many times the usual distance from their median is too far.
        tolerance: f64,
    },
    /// The newest value is not old.
    Freshness {
        /// Of this column.
        column: String,
        /// How old it may be, in milliseconds.
        within_ms: u64,
    },
}

/// A statement over what lies in destinations; every row of its answer is a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadedCheck {
    /// The statement.
    pub sql: String,
    /// What it reads.
    pub tables: Vec<LoadedTable>,
    /// What it may hold, in bytes.
    pub memory_bytes: u64,
    /// What a row of the answer is, for people: `keys of ...`.
    pub failures: String,
}

/// A table of a [`LoadedCheck`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadedTable {
    /// Its name in the statement.
    pub name: String,
    /// Reads it.
    pub source: SourceSpec,
    /// Whether it is the asset that was loaded, of which the loaded slice alone is read.
    pub own: bool,
}

impl CheckStep {
    /// Whether it looks at the batches on their way to the destination.
    pub fn looks_at_rows(&self) -> bool {
        !matches!(self.kind, CheckKind::Loaded(_))
    }

    /// Whether it keeps files beside checkpoints.
    pub fn keeps_keys(&self) -> bool {
        matches!(self.kind, CheckKind::Stream(StreamCheck::Unique { .. }))
    }

    /// How many earlier loads it wants to know the row counts of.
    pub fn history(&self) -> u32 {
        match self.kind {
            CheckKind::Stream(StreamCheck::RowCountAnomaly { history, .. }) => history,
            _ => 0,
        }
    }

    /// A verdict as this check was declared: its name and severity, where they are told, and whether it blocks.
    pub fn declared(&self, mut verdict: Verdict) -> Verdict {
        if let Some(name) = &self.name {
            verdict.check.clone_from(name);
        }
        verdict.severity = self.severity.unwrap_or(verdict.severity);
        verdict.blocking = self.blocking;
        verdict
    }
}
