//! From a schema to work: names and ids, partitions, the asset graph, and the task that one attempt runs.

mod cron;
mod graph;
mod ids;
mod partition;
mod selection;
mod task;
mod timetable;
#[allow(dead_code, reason = "partitions by hours use the rest")]
mod wall_clock;

pub use cron::{Cron, CronError};
pub use graph::{Graph, GraphError};
pub use ids::{AssetName, Digest, Epoch, InvalidName, PartitionKey, RunId, WorkerId};
pub use partition::{Cadence, Partition, PartitionError, Partitioning};
pub use selection::{AssetFacts, Facts, Selection, SelectionError};
pub use task::{
    CheckSpec, CheckpointPolicy, DestinationSpec, GrantSpec, LoadToken, OnReject, PartitionTask, SliceRule,
    SourceSpec, SqlSpec, SqlTable, Step, StepSpec, TaskReceipt,
};
pub use timetable::{Due, Timetable, TimetableError};
