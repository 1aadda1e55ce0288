//! A check as the asset declares it: its verdict under the asset's name and severity.

use arrow_array::RecordBatch;
use async_trait::async_trait;
use tidegate_core::Result;
use tidegate_core::plan::CheckStep;
use tidegate_core::port::{Check, Verdict};

/// A bound check with what the asset says of it.
pub struct Declared {
    step: CheckStep,
    check: Box<dyn Check>,
}

impl Declared {
    /// The check of a step.
    pub fn new(step: CheckStep, check: Box<dyn Check>) -> Self {
        Self { step, check }
    }
}

#[async_trait]
impl Check for Declared {
    async fn observe(&mut self, batch: &RecordBatch, sequence: u64) -> Result<()> {
        self.check.observe(batch, sequence).await
    }

    async fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        self.check.snapshot().await
    }

    async fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.check.restore(state).await
    }

    async fn verdict(&mut self) -> Result<Verdict> {
        Ok(self.step.declared(self.check.verdict().await?))
    }
}
