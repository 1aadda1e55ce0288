//! What became of every row.

use serde::{Deserialize, Serialize};

use crate::batch::StepCounts;

/// Counts of one step, with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTotal {
    /// `plugin@version`.
    pub name: String,
    /// What it did with its rows.
    pub counts: StepCounts,
}

/// Counts of a whole attempt, and of those that it resumed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskCounts {
    /// The source: rows read are `rows_in`, rows of other partitions `filtered`, unreadable ones `rejected`.
    pub source: StepCounts,
    /// Each transform, in order.
    pub steps: Vec<StepTotal>,
    /// Rows handed to the destination.
    pub loaded: u64,
}

impl TaskCounts {
    /// Rows left out on purpose, anywhere.
    pub fn filtered(&self) -> u64 {
        self.source.filtered + self.steps.iter().map(|step| step.counts.filtered).sum::<u64>()
    }

    /// Rows refused, anywhere.
    pub fn rejected(&self) -> u64 {
        self.source.rejected + self.steps.iter().map(|step| step.counts.rejected).sum::<u64>()
    }

    /// Whether every row is accounted for at every step, and each step was given what the one before let go.
    pub fn adds_up(&self) -> bool {
        let mut flowing = self.source.rows_out();
        let mut right = self.source.adds_up();
        for step in &self.steps {
            right &= step.counts.adds_up() && step.counts.rows_in == flowing;
            flowing = step.counts.rows_out();
        }
        right && flowing == self.loaded
    }
}
