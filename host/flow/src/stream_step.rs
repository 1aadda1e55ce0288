//! A part between that is given the whole stream: batches go in on one side, what it makes comes out on the other.

use futures::StreamExt as _;
use futures::stream::unfold;
use tidegate_core::batch::StepCounts;
use tidegate_core::port::{StepTotal, StreamTransform};
use tidegate_core::{Error, Result};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;

use crate::error::FlowError;
use crate::message::{Barrier, CHANNEL_BATCHES, Message};

/// Runs until the end of the stream, or until nobody listens any more.
///
/// A barrier ends here: what the transform holds cannot be written down. All that goes in is absorbed, and all that comes
/// out is made: which row became which, nobody knows.
pub(crate) async fn run_stream(
    transform: Box<dyn StreamTransform>,
    input: Receiver<Message>,
    out: Sender<Message>,
) -> Result<()> {
    let name = transform.name().to_owned();
    let (batches, taken) = mpsc::channel(CHANNEL_BATCHES);
    // Ends with this part, whatever ends it: then whoever reads stops too.
    let mut feeding = JoinSet::new();
    feeding.spawn(feed(input, batches, out.clone()));
    let stream = unfold(taken, |mut taken| async move {
        let batch = taken.recv().await?;
        Some((batch, taken))
    });
    let mut answer = transform.run(stream.boxed()).await?;
    let mut made = 0;
    while let Some(batch) = answer.next().await {
        let batch = batch?;
        made += batch.num_rows() as u64;
        if batch.num_rows() > 0 && out.send(Message::Batch(batch)).await.is_err() {
            return Ok(());
        }
    }
    // A transform that has enough (LIMIT) takes no more; what it left is absorbed all the same.
    drop(answer);
    let fed = feeding.join_next().await.and_then(Result::ok).ok_or_else(lost)?;
    let Some((rows_in, mut end)) = fed else {
        return Ok(());
    };
    end.snapshots.push(None);
    end.counts.steps.push(StepTotal {
        name,
        counts: StepCounts {
            rows_in,
            absorbed: rows_in,
            made,
            ..StepCounts::default()
        },
    });
    // Nobody listens where the attempt is over.
    let _ = out.send(Message::End(end)).await;
    Ok(())
}

fn lost() -> Error {
    FlowError::Lost("transform").into()
}

/// Hands batches over, and refused rows around; answers how many rows there were once the stream has ended, and none where
/// it broke off.
async fn feed(
    mut input: Receiver<Message>,
    batches: mpsc::Sender<arrow_array::RecordBatch>,
    out: Sender<Message>,
) -> Option<(u64, Barrier)> {
    let mut rows = 0;
    while let Some(message) = input.recv().await {
        match message {
            Message::Batch(batch) => {
                rows += batch.num_rows() as u64;
                // Where the transform takes no more, the rest is counted.
                let _ = batches.send(batch).await;
            }
            rejects @ Message::Rejects { .. } => {
                if out.send(rejects).await.is_err() {
                    return None;
                }
            }
            Message::Barrier(_) => {}
            Message::End(end) => return Some((rows, end)),
        }
    }
    None
}
