//! The traits behind which the outside stands, and the records that cross them.
//!
//! Order of calls, for one attempt: `Connector::open_source` and `open_destination`, then `Source::next` until it
//! answers none, with `Transform::process` and `Destination::write` behind it. At a checkpoint, all that was read is
//! pushed through, then `Destination::stage`, `Transform::snapshot` and `StateStore::put_checkpoint` follow in that
//! order. Where a destination cannot stage, there is no checkpoint. At the end `Transform::finish`, `Check::verdict`, `Destination::commit` and `StateStore::finish_materialized`.

mod artifact;
mod asset_store;
mod change;
mod check;
mod connector;
mod engine;
mod health;
mod log;
mod partition_store;
mod state;
mod stream_transform;
mod transform;

pub use artifact::ArtifactStore;
pub use asset_store::{AssetStore, Forgotten, Kept, Report, Reported, SliceVersion, Wipe};
pub use change::{Change, ChangeBy};
pub use check::{Check, Severity, Verdict};
pub use connector::{
    ColumnDomain, Commit, Connector, Cursor, Destination, Discovered, Domain, FoundFile, LoadReceipt,
    MAX_FOUND, OpenChanges, OpenDestination, OpenSource, Part, Source, SourceBatch, Watermark,
};
pub use engine::{EncodedTask, Engine};
pub use health::{AskHealth, Health};
pub use log::{LogLevel, LogLine, LogSink, Unheard};
pub use partition_store::{PartitionPlace, PartitionStore};
pub use state::{
    AssetEvaluation, AttemptKey, AttemptRecord, AutomationCursor, AutomationStore, BACKFILL_TAG,
    BackfillRecord, BackfillState, BackfillStore, BlockingResult, CheckResult, CheckStore, Checkpoint, Claim,
    Claiming, DeliveryFilter, DeliveryRecord, DeliveryState, DeliveryTry, EVALUATIONS_KEPT, Event, EventKind,
    FreshnessChange, FreshnessRecord, FreshnessStore, Incident, Input, Inserted, Instigator, InstigatorKind,
    InstigatorRecord, Leader, LeaderStore, MaintenanceStore, Materialization, NewAssetEvaluation,
    NewDelivery, NewEvaluation, NewRun, NewTick, Notices, NotificationEvent, NotificationRecord,
    NotificationStore, Outcome, PartitionState, PoolLimit, Pruned, QuarantineEntry, QueueStore, ReadMemory,
    Role, RunEnd, RunFilter, RunMove, RunPartition, RunRecord, RunState, StateStore, StepEnd, StepTotal,
    StoredEvent, Subject, TICKS_KEPT, TableSize, TagLimit, TakeRuns, TaskCounts, TickFilter, TickOutcome,
    TickRecord, TickStore, Ticked, TokenRecord, TokenStore, WorkerRecord,
};
pub use stream_transform::StreamTransform;
pub use transform::Transform;
