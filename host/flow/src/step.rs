//! A part between: one transform.

use tidegate_core::Result;
use tidegate_core::batch::{Processed, StepCounts};
use tidegate_core::plan::OnReject;
use tidegate_core::port::{StepTotal, Transform};
use tokio::sync::mpsc::{Receiver, Sender};

use crate::error::FlowError;
use crate::message::{Message, StepAt};

/// A transform in its place.
pub(crate) struct Step {
    /// Its place.
    pub(crate) index: usize,
    /// What it does.
    pub(crate) transform: Box<dyn Transform>,
    /// What happens to rows that it refuses.
    pub(crate) on_reject: OnReject,
    /// Counts of the attempts that this one resumes.
    pub(crate) counts: StepCounts,
}

impl Step {
    /// Runs until the end of the stream, or until nobody listens any more.
    pub(crate) async fn run(mut self, mut input: Receiver<Message>, out: Sender<Message>) -> Result<()> {
        let mut sequence = 0;
        while let Some(message) = input.recv().await {
            let forwarded = match message {
                Message::Batch(batch) => {
                    let done = self.transform.process(batch, sequence).await?;
                    sequence += 1;
                    self.forward(done, sequence, &out).await?
                }
                Message::Barrier(mut barrier) => {
                    barrier.snapshots.push(self.transform.snapshot().await?);
                    barrier.counts.steps.push(self.total());
                    out.send(Message::Barrier(barrier)).await.is_ok()
                }
                Message::End(mut barrier) => {
                    let done = self.transform.finish().await?;
                    let listening = self.forward(done, sequence, &out).await?;
                    barrier.snapshots.push(None);
                    barrier.counts.steps.push(self.total());
                    listening && out.send(Message::End(barrier)).await.is_ok()
                }
                rejects @ Message::Rejects { .. } => out.send(rejects).await.is_ok(),
            };
            if !forwarded {
                break;
            }
        }
        Ok(())
    }

    fn total(&self) -> StepTotal {
        StepTotal {
            name: self.transform.name().to_owned(),
            counts: self.counts,
        }
    }

    /// `false` where the next part has stopped; it then has the error.
    async fn forward(&mut self, done: Processed, sequence: u64, out: &Sender<Message>) -> Result<bool> {
        self.counts += done.counts;
        if let Some(rejects) = done.rejects {
            match self.on_reject {
                OnReject::Drop => {}
                OnReject::Fail => {
                    return Err(FlowError::Rejected {
                        step: self.transform.name().to_owned(),
                        rows: rejects.rows.num_rows(),
                        batch: sequence.saturating_sub(1),
                        code: rejects.codes.value(0).to_owned(),
                        message: rejects.messages.value(0).to_owned(),
                    }
                    .into());
                }
                OnReject::Quarantine => {
                    let message = Message::Rejects {
                        step: StepAt::Transform(self.index),
                        rejects,
                    };
                    if out.send(message).await.is_err() {
                        return Ok(false);
                    }
                }
            }
        }
        for batch in done.outputs {
            if out.send(Message::Batch(batch)).await.is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
