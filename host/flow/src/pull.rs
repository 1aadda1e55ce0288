//! A load whose rows never pass through the host: source and destination lie in one database, and nothing stands between.

use tidegate_core::Result;
use tidegate_core::batch::StepCounts;
use tidegate_core::plan::{CheckStep, PartitionTask, SourceSpec, TaskReceipt};
use tidegate_core::port::{Commit, Destination, TaskCounts};
use tidegate_core::schema::Column;
use tokio_util::sync::CancellationToken;

use crate::contract::Conform;
use crate::error::FlowError;
use crate::progress::Progress;

/// Whether a task's rows can go straight from its source to its destination: no transform, check, limit or cursor looks at them, and
/// the destination can fetch them.
pub fn can_pull(task: &PartitionTask, destination: &dyn Destination) -> bool {
    task.steps.is_empty()
        && !task.checks.iter().any(CheckStep::looks_at_rows)
        && task.limit_rows.is_none()
        && task.source.cursor.is_none()
        && task.reads_at_once()
        && destination.pulls(&task.source, task.read_slice())
}

/// Lets the destination fetch the rows, and shows them.
pub(crate) async fn pull(
    task: &PartitionTask,
    source: &SourceSpec,
    mut destination: Box<dyn Destination>,
    conform: &Conform,
    progress: &dyn Progress,
    cancel: &CancellationToken,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<TaskReceipt> {
    let pulled = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(FlowError::Cancelled.into()),
        pulled = destination.pull(source, task.read_slice()) => pulled,
    };
    let confirmed = match pulled {
        Ok(rows) => progress.confirm().await.map(|()| rows),
        Err(error) => Err(error),
    };
    let rows = match confirmed {
        Ok(rows) => rows,
        Err(error) => {
            // The first error is the one to tell; what the destination could not forget it sweeps later.
            let _ = destination.abort().await;
            return Err(error);
        }
    };
    let counts = TaskCounts {
        source: StepCounts {
            rows_in: rows,
            kept: rows,
            ..StepCounts::default()
        },
        loaded: rows,
        ..TaskCounts::default()
    };
    let load = destination.commit(Commit { at }).await?;
    progress.counts(&counts);
    Ok(TaskReceipt {
        load: Some(load),
        counts,
        columns: Column::of_schema(&conform.schema()).unwrap_or_else(|| task.columns.clone()),
        quarantined: Vec::new(),
        verdicts: Vec::new(),
        watermark: None,
    })
}
