//! From a schema to work: names and ids, partitions, the asset graph, and the task that one attempt runs.

mod graph;
mod ids;
mod partition;
mod task;

pub use graph::{Graph, GraphError};
pub use ids::{AssetName, Digest, Epoch, InvalidName, PartitionKey, RunId, WorkerId};
pub use partition::{Cadence, Partition, PartitionError, Partitioning};
pub use task::{
    CheckSpec, CheckpointPolicy, DestinationSpec, GrantSpec, LoadToken, OnReject, PartitionTask, SliceRule,
    SourceSpec, SqlSpec, SqlTable, Step, StepSpec, TaskReceipt,
};
