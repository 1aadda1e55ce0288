//! One attempt from beginning to end.

use std::sync::Arc;

use tidegate_core::plan::{PartitionTask, SourceSpec, TaskReceipt};
use tidegate_core::port::{ArtifactStore, Check, Destination, Source, StreamTransform, Transform};
use tidegate_core::{Error, Result};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::contract::Conform;
use crate::error::FlowError;
use crate::inspect::Inspection;
use crate::message::CHANNEL_BATCHES;
use crate::progress::Progress;
use crate::pull::pull;
use crate::quarantine::Quarantine;
use crate::read::read;
use crate::sink::{Sink, decode_snapshot};
use crate::step::Step;
use crate::stream_step::run_stream;

/// The parts of an attempt, opened.
pub struct Parts {
    /// The task.
    pub task: PartitionTask,
    /// Where rows come from.
    pub input: Input,
    /// One for each step of the task, bound; not yet restored.
    pub transforms: Vec<BoundStep>,
    /// One for each check of the task, bound; not yet restored.
    pub checks: Vec<Box<dyn Check>>,
    /// Writes; none in a dry run.
    pub destination: Option<Box<dyn Destination>>,
    /// The task's contract over what comes out of the last transform.
    pub conform: Conform,
    /// Where refused rows go.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// Who keeps the checkpoints.
    pub progress: Arc<dyn Progress>,
    /// Stops the attempt, which then shows nothing.
    pub cancel: CancellationToken,
    /// When the load is committed, for the record.
    pub at: chrono::DateTime<chrono::Utc>,
}

/// A step, ready to be given rows.
pub enum BoundStep {
    /// Batch by batch, by one instance or several that are alike; never none.
    Batches(Vec<Box<dyn Transform>>),
    /// The whole stream at once.
    Stream(Box<dyn StreamTransform>),
}

/// Where the rows of an attempt come from.
pub enum Input {
    /// From a source, through the host, from the task's checkpoint on.
    Read(Box<dyn Source>),
    /// Straight into the destination, which fetches them; see [`crate::can_pull`]. The source's secrets are filled in.
    Pull(Box<SourceSpec>),
}

/// Runs an attempt. On success everything is loaded and shown, and the quarantine's files are written; on an error
/// nothing is shown, and what was checkpointed is kept for the next attempt.
pub async fn run(parts: Parts) -> Result<TaskReceipt> {
    let Parts {
        task,
        input,
        mut transforms,
        checks,
        destination,
        mut conform,
        artifacts,
        progress,
        cancel,
        at,
    } = parts;
    if let Some(destination) = &destination {
        conform.restrict(&destination.domains());
    }
    let (source, destination) = match (input, destination) {
        (Input::Read(source), destination) => (source, destination),
        (Input::Pull(source), Some(destination)) => {
            return pull(
                &task,
                &source,
                destination,
                &conform,
                progress.as_ref(),
                &cancel,
                at,
            )
            .await;
        }
        (Input::Pull(_), None) => return Err(FlowError::Lost("destination").into()),
    };
    let watermark = source.watermark();
    let task = Arc::new(task);
    restore(&task, &mut transforms).await?;
    let resumed = task.resume.as_ref();
    let inspection = Inspection::new(checks, resumed.map(|checkpoint| checkpoint.checks.as_slice())).await?;
    let (sender, mut receiver) = mpsc::channel(CHANNEL_BATCHES);
    let mut parts: Vec<JoinHandle<Result<()>>> =
        vec![tokio::spawn(read(task.clone(), source, sender, cancel.clone()))];
    for (index, bound) in transforms.into_iter().enumerate() {
        let (sender, next) = mpsc::channel(CHANNEL_BATCHES);
        let instances = match bound {
            BoundStep::Batches(instances) => instances,
            BoundStep::Stream(transform) => {
                parts.push(tokio::spawn(run_stream(transform, receiver, sender)));
                receiver = next;
                continue;
            }
        };
        let step = Step {
            index,
            name: instances
                .first()
                .map_or_else(String::new, |first| first.name().to_owned()),
            idle: instances,
            on_reject: task.steps[index].on_reject(),
            counts: resumed
                .and_then(|checkpoint| checkpoint.counts.steps.get(index))
                .map(|total| total.counts)
                .unwrap_or_default(),
        };
        parts.push(tokio::spawn(step.run(receiver, sender)));
        receiver = next;
    }
    let entries = resumed
        .map(|checkpoint| checkpoint.quarantined.clone())
        .unwrap_or_default();
    let sink = Sink {
        contract: resumed
            .and_then(|checkpoint| checkpoint.counts.steps.get(task.steps.len()))
            .map(|total| total.counts)
            .unwrap_or_default(),
        loaded: resumed.map_or(0, |checkpoint| checkpoint.counts.loaded),
        quarantine: (!task.dry_run).then(|| Quarantine::new(artifacts, task.clone(), entries)),
        task,
        conform,
        inspection,
        destination,
        progress,
        watermark,
    };
    let last = tokio::spawn(sink.run(receiver, at));
    join(parts, last, &cancel).await
}

/// Waits for all parts. The first error from the source on is the one to tell: what is behind it only broke off.
async fn join(
    parts: Vec<JoinHandle<Result<()>>>,
    last: JoinHandle<Result<Option<TaskReceipt>>>,
    cancel: &CancellationToken,
) -> Result<TaskReceipt> {
    let last = last.await;
    let mut first: Option<Error> = None;
    for part in parts {
        let failed = match part.await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some(FlowError::Lost("source or a transform").into()),
        };
        first = first.or(failed);
    }
    let finished = match (last, first) {
        // The load was shown: whatever else happened, it happened.
        (Ok(Ok(Some(finished))), _) => finished,
        (_, Some(error)) | (Ok(Err(error)), None) => return Err(error),
        (Ok(Ok(None)), None) if cancel.is_cancelled() => return Err(FlowError::Cancelled.into()),
        _ => return Err(FlowError::Lost("destination").into()),
    };
    Ok(finished)
}

async fn restore(task: &PartitionTask, transforms: &mut [BoundStep]) -> Result<()> {
    let Some(checkpoint) = &task.resume else {
        return Ok(());
    };
    if checkpoint.fingerprint != task.fingerprint() || checkpoint.snapshots.len() != transforms.len() {
        return Err(FlowError::Checkpoint(format!(
            "it belongs to {}, and this is {}",
            checkpoint.fingerprint.short(),
            task.fingerprint().short()
        ))
        .into());
    }
    for (bound, snapshot) in transforms.iter_mut().zip(&checkpoint.snapshots) {
        let BoundStep::Batches(instances) = bound else {
            // With such a step nothing is checkpointed.
            continue;
        };
        // Where there is a state there is one instance: the fingerprint holds how many.
        if let (Some(text), Some(first)) = (snapshot, instances.first_mut()) {
            first.restore(&decode_snapshot(text)?).await?;
        }
    }
    Ok(())
}
