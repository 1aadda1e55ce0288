//! Checks of rows by themselves: how many are not as they should be.

use arrow_array::RecordBatch;
use async_trait::async_trait;
use tidegate_core::Result;
use tidegate_core::port::{Check, Verdict};

use super::predicate::Predicate;
use super::{remembered, restored, verdict};

/// Counts the rows that a predicate finds fault with.
pub(super) struct Rows {
    predicate: Predicate,
    rows: u64,
    failed: u64,
}

impl Rows {
    pub(super) fn new(predicate: Predicate) -> Self {
        Self {
            predicate,
            rows: 0,
            failed: 0,
        }
    }
}

#[async_trait]
impl Check for Rows {
    async fn observe(&mut self, batch: &RecordBatch, _sequence: u64) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.failed += (self.predicate.failing)(batch)?;
        Ok(())
    }

    async fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(Some(remembered(&(self.rows, self.failed))?))
    }

    async fn restore(&mut self, state: &[u8]) -> Result<()> {
        (self.rows, self.failed) = restored(state)?;
        Ok(())
    }

    async fn verdict(&mut self) -> Result<Verdict> {
        let (rows, failed) = (self.rows, self.failed);
        let message = if failed == 0 {
            format!("none of {rows} rows {}", self.predicate.fault)
        } else {
            format!("{failed} of {rows} rows {}", self.predicate.fault)
        };
        let measures = vec![("failed", failed as f64), ("rows", rows as f64)];
        Ok(verdict(failed == 0, message, measures))
    }
}
