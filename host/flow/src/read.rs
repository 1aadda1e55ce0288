//! The first part: reads the source, keeps the slice, and sets barriers.

use std::sync::Arc;

use tidegate_core::plan::PartitionTask;
use tidegate_core::port::{Source, TaskCounts};
use tidegate_core::{Error, Result};
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

use crate::error::FlowError;
use crate::message::{Barrier, Message, StepAt};
use crate::slice::Slice;

/// Reads to the end, or until nobody listens any more.
pub(crate) async fn read(
    task: Arc<PartitionTask>,
    mut source: Box<dyn Source>,
    out: Sender<Message>,
    cancel: CancellationToken,
) -> Result<()> {
    let slice = Slice::new(task.partition.as_ref(), task.slice, &source.schema())?;
    let resumed = task.resume.as_ref();
    let mut cursor = resumed.map(|checkpoint| checkpoint.cursor.clone());
    let mut batches = resumed.map_or(0, |checkpoint| checkpoint.batches);
    let mut counts = resumed
        .map(|checkpoint| checkpoint.counts.source)
        .unwrap_or_default();
    let mut since_barrier = 0;
    let barrier = |cursor, batches, source| Barrier {
        cursor,
        batches,
        counts: TaskCounts {
            source,
            ..TaskCounts::default()
        },
        snapshots: Vec::new(),
    };
    loop {
        let left = task.limit_rows.map(|limit| limit.saturating_sub(counts.kept));
        if left == Some(0) {
            break;
        }
        let next = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(FlowError::Cancelled.into()),
            next = source.next() => next?,
        };
        let Some(read) = next else { break };
        batches += 1;
        since_barrier += read.batch.num_rows() as u64;
        cursor = Some(read.cursor).filter(|cursor| !cursor.0.is_null());
        if let Some(rejects) = read.rejects {
            let rows = rejects.rows.num_rows() as u64;
            counts.rows_in += rows;
            counts.rejected += rows;
            if !send(
                &out,
                Message::Rejects {
                    step: StepAt::Source,
                    rejects,
                },
            )
            .await
            {
                return Ok(());
            }
        }
        let (mut batch, rejects) = match &slice {
            None => {
                counts.rows_in += read.batch.num_rows() as u64;
                counts.kept += read.batch.num_rows() as u64;
                (read.batch, None)
            }
            Some(slice) => {
                let (batch, rejects, more) = slice.apply(read.batch).map_err(Error::from)?;
                counts += more;
                (batch, rejects)
            }
        };
        if let Some(left) = left
            && batch.num_rows() as u64 > left
        {
            let over = batch.num_rows() as u64 - left;
            counts.rows_in -= over;
            counts.kept -= over;
            batch = batch.slice(0, left as usize);
        }
        if let Some(rejects) = rejects
            && !send(
                &out,
                Message::Rejects {
                    step: StepAt::Source,
                    rejects,
                },
            )
            .await
        {
            return Ok(());
        }
        if batch.num_rows() > 0 && !send(&out, Message::Batch(batch)).await {
            return Ok(());
        }
        if since_barrier >= task.checkpoint.every_rows {
            since_barrier = 0;
            if !send(&out, Message::Barrier(barrier(cursor.clone(), batches, counts))).await {
                return Ok(());
            }
        }
    }
    // A last checkpoint of a source that reads only what is new: an attempt that finds the load committed knows by it how
    // far the load goes.
    if leaves_mark(&task, source.as_ref())
        && cursor.is_some()
        && since_barrier > 0
        && !send(&out, Message::Barrier(barrier(cursor.clone(), batches, counts))).await
    {
        return Ok(());
    }
    send(&out, Message::End(barrier(cursor, batches, counts))).await;
    Ok(())
}

/// Whether the next run reads on from where this one ends.
fn leaves_mark(task: &PartitionTask, source: &dyn Source) -> bool {
    source.watermark().is_some() && task.limit_rows.is_none()
}

/// `false` where the next part has stopped; it then has the error.
async fn send(out: &Sender<Message>, message: Message) -> bool {
    out.send(message).await.is_ok()
}
