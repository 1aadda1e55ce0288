//! The last part: conforms, writes, checkpoints, commits.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tidegate_core::batch::StepCounts;
use tidegate_core::plan::{PartitionTask, TaskReceipt};
use tidegate_core::port::{Checkpoint, Commit, Destination, LoadReceipt, StepTotal, TaskCounts, Watermark};
use tidegate_core::schema::Column;
use tidegate_core::{Error, Result};
use tokio::sync::mpsc::Receiver;

use crate::contract::Conform;
use crate::error::FlowError;
use crate::inspect::Inspection;
use crate::message::{Barrier, Message, StepAt};
use crate::progress::Progress;
use crate::quarantine::Quarantine;

/// What the contract is called in counts, logs and the quarantine.
const CONTRACT: &str = "contract";

/// Where the stream ends.
pub(crate) struct Sink {
    pub(crate) task: Arc<PartitionTask>,
    pub(crate) conform: Conform,
    pub(crate) inspection: Inspection,
    /// None in a dry run: rows are counted and forgotten.
    pub(crate) destination: Option<Box<dyn Destination>>,
    pub(crate) quarantine: Option<Quarantine>,
    pub(crate) progress: Arc<dyn Progress>,
    /// Up to where the source reads.
    pub(crate) watermark: Option<Watermark>,
    /// Counts of the contract, and those of the attempts that this one resumes.
    pub(crate) contract: StepCounts,
    pub(crate) loaded: u64,
}

impl Sink {
    /// Runs to the end of the stream; none where it broke off before, and then nothing was shown.
    pub(crate) async fn run(
        mut self,
        mut input: Receiver<Message>,
        at: chrono::DateTime<chrono::Utc>,
    ) -> Result<Option<TaskReceipt>> {
        let done = self.consume(&mut input).await;
        // Whoever sends is not kept waiting while the destination finishes or forgets.
        input.close();
        match done {
            Ok(Some(end)) => self.finish(end, at).await.map(Some),
            Ok(None) => {
                self.abort().await?;
                Ok(None)
            }
            Err(error) => {
                // The first error is the one to tell; what the destination could not forget it sweeps later.
                let _ = self.abort().await;
                Err(error)
            }
        }
    }

    async fn abort(&mut self) -> Result<()> {
        match self.destination.take() {
            Some(destination) => destination.abort().await,
            None => Ok(()),
        }
    }

    async fn consume(&mut self, input: &mut Receiver<Message>) -> Result<Option<Barrier>> {
        let mut counts = TaskCounts::default();
        while let Some(message) = input.recv().await {
            match message {
                Message::Batch(batch) => {
                    let (batch, rejects, more) = self.conform.apply(&batch).map_err(Error::from)?;
                    self.contract += more;
                    if let (Some(rejects), Some(quarantine)) = (rejects, &mut self.quarantine) {
                        quarantine.take(StepAt::Contract, rejects).await?;
                    }
                    self.loaded += batch.num_rows() as u64;
                    self.inspection.observe(&batch).await?;
                    if let Some(destination) = &mut self.destination {
                        destination.write(batch).await?;
                    }
                    counts.loaded = self.loaded;
                    self.progress.counts(&counts);
                }
                Message::Rejects { step, rejects } => {
                    if let Some(quarantine) = &mut self.quarantine {
                        quarantine.take(step, rejects).await?;
                    }
                }
                Message::Barrier(barrier) => {
                    let barrier = self.counted(barrier)?;
                    counts = barrier.counts.clone();
                    self.checkpoint(barrier).await?;
                }
                Message::End(barrier) => return self.counted(barrier).map(Some),
            }
        }
        Ok(None)
    }

    /// The barrier with the counts of this part, once they add up.
    fn counted(&self, mut barrier: Barrier) -> Result<Barrier> {
        if self.conform.checks_rows() {
            barrier.counts.steps.push(StepTotal {
                name: CONTRACT.into(),
                counts: self.contract,
            });
        }
        barrier.counts.loaded = self.loaded;
        if barrier.counts.adds_up() {
            Ok(barrier)
        } else {
            Err(FlowError::Counts(format!("{:?}", barrier.counts)).into())
        }
    }

    async fn checkpoint(&mut self, barrier: Barrier) -> Result<()> {
        let (Some(destination), Some(cursor)) = (&mut self.destination, barrier.cursor) else {
            return Ok(());
        };
        // Data first, then where it ends: a position is never ahead of what is safe.
        let Some(parts) = destination.stage().await? else {
            return Ok(());
        };
        let quarantined = match &mut self.quarantine {
            Some(quarantine) => quarantine.flush().await?,
            None => Vec::new(),
        };
        let snapshots = barrier
            .snapshots
            .into_iter()
            .map(|state| state.map(encode_snapshot))
            .collect();
        let checkpoint = Checkpoint {
            fingerprint: self.task.fingerprint(),
            cursor,
            snapshots,
            parts,
            counts: barrier.counts,
            batches: barrier.batches,
            quarantined,
            checks: self.inspection.snapshots().await?,
            watermark: self.watermark.clone(),
        };
        self.progress.checkpoint(checkpoint).await
    }

    async fn finish(mut self, end: Barrier, at: chrono::DateTime<chrono::Utc>) -> Result<TaskReceipt> {
        let verdicts = match self.inspection.verdicts(self.progress.as_ref()).await {
            Ok(verdicts) => verdicts,
            Err(error) => {
                // The verdict is the one to tell; what the destination could not forget it sweeps later.
                let _ = self.abort().await;
                return Err(error);
            }
        };
        let quarantined = match &mut self.quarantine {
            Some(quarantine) => quarantine.flush().await?,
            None => Vec::new(),
        };
        let load = match self.destination.take() {
            None => None,
            Some(mut destination) => {
                destination.stage().await?;
                // The last look at the fence before anything is shown; the destination looks at its own again.
                if let Err(error) = self.progress.confirm().await {
                    destination.abort().await?;
                    return Err(error);
                }
                Some(destination.commit(Commit { at }).await?)
            }
        };
        self.progress.counts(&end.counts);
        let columns = Column::of_schema(&self.conform.schema()).unwrap_or_else(|| self.task.columns.clone());
        let watermark = self.reached(load.as_ref());
        Ok(TaskReceipt {
            load,
            counts: end.counts,
            columns,
            quarantined,
            verdicts,
            watermark,
        })
    }

    /// Where the next run reads on. Where an earlier attempt had committed the load, what this one read is not in it, or not
    /// known to be, unless both read up to the same; nor is what a limit cut off: then the next run reads from where this one
    /// began.
    fn reached(&self, load: Option<&LoadReceipt>) -> Option<Watermark> {
        let began = self
            .task
            .resume
            .as_ref()
            .and_then(|resume| resume.watermark.as_ref());
        let known =
            |load: &LoadReceipt| !load.repeated || (began.is_some() && began == self.watermark.as_ref());
        if self.task.limit_rows.is_some() || !load.is_some_and(known) {
            return self.task.since.clone();
        }
        self.watermark.clone()
    }
}

/// A state as a checkpoint holds it.
pub(crate) fn encode_snapshot(state: Vec<u8>) -> String {
    BASE64.encode(state)
}

/// The states that a checkpoint holds, as they were.
pub(crate) fn decode_snapshot(text: &str) -> Result<Vec<u8>, FlowError> {
    BASE64
        .decode(text)
        .map_err(|error| FlowError::Checkpoint(error.to_string()))
}
