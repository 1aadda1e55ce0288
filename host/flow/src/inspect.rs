//! The checks of an attempt: they look at what is loaded, and may keep it from being shown.

use arrow_array::RecordBatch;
use tidegate_core::Result;
use tidegate_core::port::{Check, Verdict};

use crate::error::FlowError;
use crate::progress::Progress;
use crate::sink::{decode_snapshot, encode_snapshot};

/// The checks, in the order of the schema.
pub(crate) struct Inspection {
    checks: Vec<Box<dyn Check>>,
    batches: u64,
}

impl Inspection {
    /// Checks as they were bound, or where a checkpoint left them.
    pub(crate) async fn new(
        mut checks: Vec<Box<dyn Check>>,
        snapshots: Option<&[Option<String>]>,
    ) -> Result<Self> {
        if let Some(snapshots) = snapshots {
            if snapshots.len() != checks.len() {
                let why = format!("it has {} checks, and the task {}", snapshots.len(), checks.len());
                return Err(FlowError::Checkpoint(why).into());
            }
            for (check, snapshot) in checks.iter_mut().zip(snapshots) {
                if let Some(text) = snapshot {
                    check.restore(&decode_snapshot(text)?).await?;
                }
            }
        }
        Ok(Self { checks, batches: 0 })
    }

    /// Shows a batch to every check.
    pub(crate) async fn observe(&mut self, batch: &RecordBatch) -> Result<()> {
        for check in &mut self.checks {
            check.observe(batch, self.batches).await?;
        }
        self.batches += 1;
        Ok(())
    }

    /// The checks' states, as a checkpoint keeps them.
    pub(crate) async fn snapshots(&mut self) -> Result<Vec<Option<String>>> {
        let mut states = Vec::new();
        for check in &mut self.checks {
            states.push(check.snapshot().await?.map(encode_snapshot));
        }
        Ok(states)
    }

    /// What the checks say, all of them told; an error where one forbids the load.
    pub(crate) async fn verdicts(&mut self, progress: &dyn Progress) -> Result<Vec<Verdict>> {
        let mut verdicts = Vec::new();
        for check in &mut self.checks {
            let verdict = check.verdict().await?;
            progress.verdict(&verdict);
            verdicts.push(verdict);
        }
        let failed: Vec<String> = verdicts
            .iter()
            .filter(|verdict| verdict.blocks())
            .map(|verdict| format!("{} says: {verdict}", verdict.check))
            .collect();
        if failed.is_empty() {
            Ok(verdicts)
        } else {
            progress.refused(&verdicts).await?;
            Err(FlowError::Check(failed.join("; ")).into())
        }
    }
}
