//! What happens to the rows of a batch at a step: counts that always add up, and rejects.

use arrow_array::{RecordBatch, StringArray};
use serde::{Deserialize, Serialize};

/// Rows of a batch unless the schema says otherwise.
pub const DEFAULT_BATCH_ROWS: usize = 8_192;

/// What one step did with its rows, derived by the host from what the step returned, never told by a plugin.
///
/// `rows_in = kept + filtered + rejected + absorbed` and `rows_out = kept + made`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StepCounts {
    /// Rows that the step was given.
    pub rows_in: u64,
    /// Rows given that went on, each once.
    pub kept: u64,
    /// Rows given that the step left out on purpose.
    pub filtered: u64,
    /// Rows given that were refused with a code and reason.
    pub rejected: u64,
    /// Rows given that went into the step's own state, to come out later or never.
    pub absorbed: u64,
    /// Rows that went on and were not given: new ones, and repeats of a given one.
    pub made: u64,
}

impl StepCounts {
    /// Rows that left the step.
    pub fn rows_out(&self) -> u64 {
        self.kept + self.made
    }

    /// Whether every row given is accounted for exactly once.
    pub fn adds_up(&self) -> bool {
        self.rows_in == self.kept + self.filtered + self.rejected + self.absorbed
    }
}

impl std::ops::AddAssign for StepCounts {
    fn add_assign(&mut self, other: Self) {
        self.rows_in += other.rows_in;
        self.kept += other.kept;
        self.filtered += other.filtered;
        self.rejected += other.rejected;
        self.absorbed += other.absorbed;
        self.made += other.made;
    }
}

/// Rows that a step refused.
#[derive(Debug, Clone)]
pub struct Rejects {
    /// n rows x the step's input columns: the rows as they were given.
    pub rows: RecordBatch,
    /// n codes, not null, dotted.
    pub codes: StringArray,
    /// n reasons, not null.
    pub messages: StringArray,
}

/// What a step made of one batch.
#[derive(Debug, Clone, Default)]
pub struct Processed {
    /// Zero or more batches of the step's output schema, in order.
    pub outputs: Vec<RecordBatch>,
    /// The rows refused, or none.
    pub rejects: Option<Rejects>,
    /// What became of every row.
    pub counts: StepCounts,
}
