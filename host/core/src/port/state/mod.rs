//! The state of runs, and the store that keeps it.
//!
//! The store keeps facts and refuses stale writers; which transitions are legal is the orchestrator's to say.

mod attempt;
mod automation;
mod backfill;
mod check;
mod counts;
mod event;
mod leader;
mod maintenance;
mod materialization;
mod notification;
mod queue;
mod run;
mod run_move;
mod tick;
mod token;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::error::{Error, Result};
use crate::plan::{AssetName, PartitionKey, RunId};
use crate::port::{AssetStore, PartitionStore, Verdict};

pub use attempt::{
    AttemptKey, AttemptRecord, Claim, Claiming, PartitionState, PoolLimit, RunPartition, StepEnd,
};
pub use automation::{
    AssetEvaluation, AutomationCursor, AutomationStore, BlockingResult, EVALUATIONS_KEPT, NewAssetEvaluation,
    NewEvaluation, ReadMemory,
};
pub use backfill::{BACKFILL_TAG, BackfillRecord, BackfillState, BackfillStore};
pub use check::{CheckResult, CheckStore, FreshnessChange, FreshnessRecord, FreshnessStore};
pub use counts::{StepTotal, TaskCounts};
pub use event::{Event, EventKind, StoredEvent};
pub use leader::{Leader, LeaderStore};
pub use maintenance::{MaintenanceStore, Pruned, TableSize};
pub use materialization::{Checkpoint, Input, Materialization, QuarantineEntry};
pub use notification::{
    DeliveryFilter, DeliveryRecord, DeliveryState, DeliveryTry, Incident, NewDelivery, Notices,
    NotificationEvent, NotificationRecord, NotificationStore, Outcome, RunEnd, Subject,
};
pub use queue::{QueueStore, TagLimit, TakeRuns, WorkerRecord};
pub use run::{Inserted, NewRun, RunFilter, RunRecord, RunState};
pub use run_move::RunMove;
pub use tick::{
    Instigator, InstigatorKind, InstigatorRecord, NewTick, TICKS_KEPT, TickFilter, TickOutcome, TickRecord,
    TickStore, Ticked,
};
pub use token::{Role, TokenRecord, TokenStore};

/// Keeps runs, attempts, events, materializations, checkpoints and the quarantine's index.
///
/// Every call is one transaction: it happens whole or not at all. Calls that name an [`AttemptKey`] answer `false` and
/// change nothing where a newer epoch exists for the asset partition, or the attempt has ended.
#[async_trait]
pub trait StateStore:
    AssetStore
    + AutomationStore
    + BackfillStore
    + CheckStore
    + FreshnessStore
    + QueueStore
    + LeaderStore
    + MaintenanceStore
    + NotificationStore
    + PartitionStore
    + TickStore
    + TokenStore
    + Send
    + Sync
{
    /// Inserts a run in state queued, its partitions pending, unless there is one with its key.
    async fn insert_run(&self, run: &NewRun) -> Result<Inserted>;
    /// Moves a run from one state to another, and keeps the event of it; `false`, with nothing changed, where the run is
    /// not where the move begins.
    async fn move_run(&self, change: &RunMove) -> Result<bool>;
    /// One run.
    async fn run(&self, run: RunId) -> Result<Option<RunRecord>>;
    /// Runs, newest first.
    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>>;
    /// A run's asset partitions in the order of work, with their attempts.
    async fn run_partitions(&self, run: RunId) -> Result<Vec<RunPartition>>;
    /// The attempts that a run made at one asset partition, oldest first; none where it is not in the run.
    async fn attempts(
        &self,
        run: RunId,
        asset: &AssetName,
        partition: &PartitionKey,
    ) -> Result<Vec<AttemptRecord>>;
    /// Moves a partition that has no attempt under way: to skipped, or back to pending.
    async fn set_partition_state(
        &self,
        run: RunId,
        asset: &AssetName,
        partition: &PartitionKey,
        state: PartitionState,
    ) -> Result<()>;
    /// Begins an attempt with the next epoch of the asset partition, over all runs, and keeps the event of it. Held where
    /// an attempt of any run has a lease beyond `at`, unless that attempt's worker is among `dead`; full where a limit is
    /// reached. An attempt taken over is marked failed.
    async fn claim(&self, claiming: &Claiming<'_>) -> Result<Claim>;
    /// Prolongs an attempt's lease.
    async fn renew(&self, attempt: &AttemptKey, lease_until: DateTime<Utc>) -> Result<bool>;
    /// Whether the attempt is still the newest of its asset partition, and under way.
    async fn holds(&self, attempt: &AttemptKey) -> Result<bool>;
    /// Ends an attempt without a materialization, and keeps the event of it; the partition is then failed.
    async fn fail_attempt(&self, attempt: &AttemptKey, error: &Error, at: DateTime<Utc>) -> Result<bool>;
    /// Ends an attempt with its materialization, quarantine index and what its checks said, keeps the events of them, and
    /// forgets the checkpoint.
    async fn finish_materialized(
        &self,
        attempt: &AttemptKey,
        materialization: &Materialization,
        quarantined: &[QuarantineEntry],
        verdicts: &[Verdict],
    ) -> Result<bool>;
    /// Ends an attempt at a step of a job with its result, and keeps the event of it. What the run is to do beside is
    /// inserted behind its other work, pending; what is there already stays as it is.
    async fn finish_step(&self, attempt: &AttemptKey, end: &StepEnd) -> Result<bool>;
    /// Keeps a checkpoint in place of the run's last for the asset partition, and the event of it.
    async fn put_checkpoint(
        &self,
        attempt: &AttemptKey,
        checkpoint: &Checkpoint,
        at: DateTime<Utc>,
    ) -> Result<bool>;
    /// The run's last checkpoint for an asset partition.
    async fn checkpoint(
        &self,
        run: RunId,
        asset: &AssetName,
        partition: &PartitionKey,
    ) -> Result<Option<Checkpoint>>;
    /// The newest materialization of every slice of an asset, by key.
    async fn materializations(&self, asset: &AssetName) -> Result<Vec<Materialization>>;
    /// The newest materialization of one slice.
    async fn last_materialization(
        &self,
        asset: &AssetName,
        partition: &PartitionKey,
    ) -> Result<Option<Materialization>>;
    /// The materializations of a run, in order.
    async fn run_materializations(&self, run: RunId) -> Result<Vec<Materialization>>;
    /// Quarantine files, newest first: all, or of one asset, or of one run.
    async fn quarantine(&self, asset: Option<&AssetName>, run: Option<RunId>)
    -> Result<Vec<QuarantineEntry>>;
    /// Adds events in order, all or none: `false`, with nothing changed, where one is of an attempt that has ended, so that a
    /// worker that was taken for dead tells no more.
    async fn append_events(&self, events: &[Event]) -> Result<bool>;
    /// A run's events behind a sequence number, oldest first.
    async fn events(&self, run: RunId, after: i64, limit: u32) -> Result<Vec<StoredEvent>>;
}
