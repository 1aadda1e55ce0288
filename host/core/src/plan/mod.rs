//! From a schema to work: names and ids, partitions, the asset graph, and the task that one attempt runs.

mod automation;
mod check;
mod cron;
mod expression;
mod freshness;
mod graph;
mod ids;
mod mapping;
mod partition;
mod selection;
mod task;
mod template;
mod timetable;
mod wall_clock;

pub use automation::{
    Asks as AutomationAsks, AssetRules, Changes, Condition, Evaluated as AutomationEvaluated, Explained,
    KeptMemory, Places, Updated, Work, World as AutomationWorld,
};
pub use check::{CheckKind, CheckStep, LoadedCheck, LoadedTable, StreamCheck};
pub use cron::{Cron, CronError};
pub use expression::{Expression, ExpressionError, Path, ValueKind};
pub use freshness::{Freshness, FreshnessPolicy, FreshnessStatus};
pub use graph::{Graph, GraphError};
pub use ids::{AssetName, BackfillId, Digest, Epoch, InvalidName, PartitionKey, RunId, StepPlace, WorkerId};
pub use mapping::{Mapping, MappingError, TimeMapping, Upstream};
pub use partition::{
    Bound, Cadence, Keys, Partition, PartitionError, PartitionRange, PartitionStatus, Partitioning,
    RangeState, SliceValue, StatusRange, TimeSlices, TimeWindow, ValueSlices, Values, check_value,
    fits_column, status,
};
pub use selection::{AssetFacts, Facts, Selection, SelectionError};
pub use task::{
    CheckSpec, CheckpointPolicy, DestinationSpec, GrantSpec, LoadToken, OnReject, PartitionTask, SliceRule,
    SourceSlice, SourceSpec, SqlSpec, SqlTable, Step, StepSpec, TaskReceipt,
};
pub use template::{Template, plain};
pub use timetable::{Due, Timetable, TimetableError};
