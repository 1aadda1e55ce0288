//! Where attempts run.

use async_trait::async_trait;

use crate::error::Result;
use crate::plan::{PartitionTask, TaskReceipt};

/// A task in the form that crosses to an engine: JSON, so that nothing rides along that another process would not get.
#[derive(Debug, Clone)]
pub struct EncodedTask(Vec<u8>);

impl EncodedTask {
    /// Encodes a task.
    pub fn encode(task: &PartitionTask) -> Result<Self> {
        serde_json::to_vec(task)
            .map(Self)
            .map_err(|error| codec_error(&error))
    }

    /// The task again.
    pub fn decode(&self) -> Result<PartitionTask> {
        serde_json::from_slice(&self.0).map_err(|error| codec_error(&error))
    }
}

fn codec_error(error: &serde_json::Error) -> crate::Error {
    crate::Error::new(
        crate::Kind::Internal,
        "task.codec",
        format!("a task could not be carried: {error}"),
    )
}

/// Runs tasks: in this process, or somewhere else.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Runs one attempt to its end.
    async fn run(&self, task: EncodedTask) -> Result<TaskReceipt>;
    /// How many attempts may run at once.
    fn capacity(&self) -> usize;
}
