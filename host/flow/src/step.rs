//! A part between: one transform, on one instance or on several that are alike.

use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use tidegate_core::Result;
use tidegate_core::batch::{Processed, StepCounts};
use tidegate_core::plan::OnReject;
use tidegate_core::port::{StepTotal, Transform};
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::task::{JoinError, JoinHandle};

use crate::error::FlowError;
use crate::message::{Barrier, Message, StepAt};

/// A transform in its place.
pub(crate) struct Step {
    /// Its place.
    pub(crate) index: usize,
    /// What it is called.
    pub(crate) name: String,
    /// The instances that are not at work; several only of a transform without state.
    pub(crate) idle: Vec<Box<dyn Transform>>,
    /// What happens to rows that it refuses.
    pub(crate) on_reject: OnReject,
    /// Counts of the attempts that this one resumes.
    pub(crate) counts: StepCounts,
}

/// A batch that an instance has, and what becomes of both.
struct Done {
    transform: Box<dyn Transform>,
    sequence: u64,
    processed: Result<Processed>,
}

/// The batches that are at work, in the order they came, which is the order they leave in.
type AtWork = FuturesOrdered<JoinHandle<Done>>;

impl Step {
    /// Runs until the end of the stream, or until nobody listens any more.
    pub(crate) async fn run(mut self, mut input: Receiver<Message>, out: Sender<Message>) -> Result<()> {
        let mut at_work = AtWork::new();
        let mut sequence = 0;
        loop {
            let going_on = tokio::select! {
                biased;
                Some(done) = at_work.next() => self.take_back(done, &out).await?,
                message = input.recv(), if !self.idle.is_empty() => match message {
                    None => false,
                    Some(Message::Batch(batch)) => {
                        if let Some(mut transform) = self.idle.pop() {
                            at_work.push_back(tokio::spawn(async move {
                                let processed = transform.process(batch, sequence).await;
                                Done { transform, sequence, processed }
                            }));
                        }
                        sequence += 1;
                        true
                    }
                    // Refused rows need only come before the next barrier: nothing waits for them.
                    Some(rejects @ Message::Rejects { .. }) => out.send(rejects).await.is_ok(),
                    Some(message) => {
                        self.empty(&mut at_work, &out).await? && self.pass(message, sequence, &out).await?
                    }
                },
                else => false,
            };
            if !going_on {
                return Ok(());
            }
        }
    }

    /// Waits for all that is at work, so that what comes next stays behind it.
    async fn empty(&mut self, at_work: &mut AtWork, out: &Sender<Message>) -> Result<bool> {
        while let Some(done) = at_work.next().await {
            if !self.take_back(done, out).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn take_back(
        &mut self,
        done: std::result::Result<Done, JoinError>,
        out: &Sender<Message>,
    ) -> Result<bool> {
        let done = done.map_err(|_| FlowError::Lost("transform"))?;
        self.idle.push(done.transform);
        self.forward(done.processed?, done.sequence, out).await
    }

    /// What is not a batch, with all batches before it gone on.
    async fn pass(&mut self, message: Message, sequence: u64, out: &Sender<Message>) -> Result<bool> {
        Ok(match message {
            Message::Barrier(mut barrier) => {
                let snapshot = self.snapshot().await?;
                self.enter(&mut barrier, snapshot);
                out.send(Message::Barrier(barrier)).await.is_ok()
            }
            Message::End(mut barrier) => {
                for instance in 0..self.idle.len() {
                    let done = self.idle[instance].finish().await?;
                    if !self.forward(done, sequence, out).await? {
                        return Ok(false);
                    }
                }
                self.enter(&mut barrier, None);
                out.send(Message::End(barrier)).await.is_ok()
            }
            message => out.send(message).await.is_ok(),
        })
    }

    /// The state of the one instance; several must have none, since it could not be told who has what.
    async fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        let several = self.idle.len() > 1;
        let mut state = None;
        for transform in &mut self.idle {
            state = transform.snapshot().await?;
            if several && state.is_some() {
                return Err(FlowError::Stateful(self.name.clone()).into());
            }
        }
        Ok(state)
    }

    fn enter(&self, barrier: &mut Barrier, snapshot: Option<Vec<u8>>) {
        barrier.snapshots.push(snapshot);
        barrier.counts.steps.push(StepTotal {
            name: self.name.clone(),
            counts: self.counts,
        });
    }

    /// `false` where the next part has stopped; it then has the error.
    async fn forward(&mut self, done: Processed, sequence: u64, out: &Sender<Message>) -> Result<bool> {
        self.counts += done.counts;
        if let Some(rejects) = done.rejects {
            match self.on_reject {
                OnReject::Drop => {}
                OnReject::Fail => {
                    return Err(FlowError::Rejected {
                        step: self.name.clone(),
                        rows: rejects.rows.num_rows(),
                        batch: sequence,
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
