//! The state of runs, and the store that keeps it.
//!
//! The store keeps facts and refuses stale writers; which transitions are legal is the orchestrator's to say.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::batch::StepCounts;
use crate::error::{Error, Result};
use crate::plan::{AssetName, Digest, Epoch, PartitionKey, RunId, WorkerId};
use crate::port::{Cursor, LoadReceipt, Part, PartitionPlace, PartitionStore, RunMove, Watermark};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Asked for.
    Queued,
    /// Taken up by a worker.
    Starting,
    /// Attempts are under way.
    Running,
    /// Asked to stop, and stopping.
    Cancelling,
    /// Every partition was materialized.
    Succeeded,
    /// A partition could not be.
    Failed,
    /// Stopped as asked.
    Cancelled,
}

impl RunState {
    /// As the store and the API write it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state that [`RunState::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Queued,
            Self::Starting,
            Self::Running,
            Self::Cancelling,
            Self::Succeeded,
            Self::Failed,
            Self::Cancelled,
        ]
        .into_iter()
        .find(|state| state.text() == text)
    }
}

/// Where an asset partition of a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionState {
    /// No attempt yet, or none under way.
    Pending,
    /// An attempt is under way.
    Running,
    /// Materialized.
    Succeeded,
    /// The last attempt failed.
    Failed,
    /// Not tried, since something upstream failed or the run was cancelled.
    Skipped,
}

impl PartitionState {
    /// As the store and the API write it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// The state that [`PartitionState::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Pending,
            Self::Running,
            Self::Succeeded,
            Self::Failed,
            Self::Skipped,
        ]
        .into_iter()
        .find(|state| state.text() == text)
    }
}

/// A run to be inserted, with the asset partitions that it will materialize.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// What was asked for, as JSON: the names, the partition, the flags.
    pub request: serde_json::Value,
    /// Asset partitions in the order of work.
    pub partitions: Vec<(AssetName, PartitionKey)>,
    /// When.
    pub at: DateTime<Utc>,
}

/// A run as the store knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// Where it stands.
    pub state: RunState,
    /// What was asked for.
    pub request: serde_json::Value,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it last moved.
    pub updated_at: DateTime<Utc>,
    /// Why it failed.
    pub error: Option<Error>,
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only those that touch this asset.
    pub asset: Option<AssetName>,
    /// Only those in this state.
    pub state: Option<RunState>,
    /// Only those older than this one.
    pub before: Option<RunId>,
    /// So many at most.
    pub limit: u32,
}

/// An asset partition of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunPartition {
    /// Which asset.
    pub asset: AssetName,
    /// Which slice.
    pub partition: PartitionKey,
    /// Where it stands.
    pub state: PartitionState,
    /// The attempts so far, oldest first.
    pub attempts: Vec<AttemptRecord>,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// From 1 within the run.
    pub attempt: u32,
    /// Its fence.
    pub epoch: Epoch,
    /// Who worked on it.
    pub worker: WorkerId,
    /// Where it stands: running, succeeded or failed.
    pub state: PartitionState,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Until when its worker promised to be heard of.
    pub lease_until: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it failed.
    pub error: Option<Error>,
}

/// Names an attempt to the store; a write under a stale epoch is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptKey {
    /// The run.
    pub run: RunId,
    /// The asset.
    pub asset: AssetName,
    /// The slice.
    pub partition: PartitionKey,
    /// The try, from 1.
    pub attempt: u32,
    /// The fence.
    pub epoch: Epoch,
}

/// The answer to a claim on an asset partition.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// It is the caller's, with a new epoch.
    Granted(AttemptKey),
    /// Another attempt holds it, whose lease still runs.
    Held {
        /// The run of that attempt.
        run: RunId,
        /// Its worker.
        worker: WorkerId,
        /// Until when.
        lease_until: DateTime<Utc>,
    },
}

/// Counts of one step, with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTotal {
    /// `plugin@version`.
    pub name: String,
    /// What it did with its rows.
    pub counts: StepCounts,
}

/// Counts of a whole attempt, and of those that it resumed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskCounts {
    /// The source: rows read are `rows_in`, rows of other partitions `filtered`, unreadable ones `rejected`.
    pub source: StepCounts,
    /// Each transform, in order.
    pub steps: Vec<StepTotal>,
    /// Rows handed to the destination.
    pub loaded: u64,
}

impl TaskCounts {
    /// Rows left out on purpose, anywhere.
    pub fn filtered(&self) -> u64 {
        self.source.filtered + self.steps.iter().map(|step| step.counts.filtered).sum::<u64>()
    }

    /// Rows refused, anywhere.
    pub fn rejected(&self) -> u64 {
        self.source.rejected + self.steps.iter().map(|step| step.counts.rejected).sum::<u64>()
    }

    /// Whether every row is accounted for at every step, and each step was given what the one before let go.
    pub fn adds_up(&self) -> bool {
        let mut flowing = self.source.rows_out();
        let mut right = self.source.adds_up();
        for step in &self.steps {
            right &= step.counts.adds_up() && step.counts.rows_in == flowing;
            flowing = step.counts.rows_out();
        }
        right && flowing == self.loaded
    }
}

/// A cursor with all that was made durable before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The digest of what was being done: see [`crate::plan::PartitionTask::fingerprint`]. A task that does something else
    /// cannot go on from here.
    pub fingerprint: Digest,
    /// The source goes on from here.
    pub cursor: Cursor,
    /// Each transform's state, base64, in order; none for those without.
    pub snapshots: Vec<Option<String>>,
    /// What the destination holds staged.
    pub parts: Vec<Part>,
    /// Counts so far.
    pub counts: TaskCounts,
    /// Batches read so far.
    pub batches: u64,
    /// Quarantine files written so far.
    pub quarantined: Vec<QuarantineEntry>,
    /// Each check's state, base64, in order; none for those without.
    #[serde(default)]
    pub checks: Vec<Option<String>>,
    /// Up to where the source reads; none for a source without a cursor.
    #[serde(default)]
    pub watermark: Option<Watermark>,
}

/// The recorded fact that an attempt loaded an asset partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Materialization {
    /// By which run.
    pub run: RunId,
    /// Of which asset.
    pub asset: AssetName,
    /// Of which slice.
    pub partition: PartitionKey,
    /// Under which fence.
    pub epoch: Epoch,
    /// When.
    pub at: DateTime<Utc>,
    /// What the destination said.
    pub load: LoadReceipt,
    /// What became of every row.
    pub counts: TaskCounts,
    /// The plugins that took part: `name@version` and digest.
    pub plugins: Vec<(String, Digest)>,
    /// How long the attempt took.
    pub duration_ms: u64,
    /// Where the next run reads on; none for a source that is read whole each time.
    pub watermark: Option<Watermark>,
}

/// A file of rejects: one step, one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineEntry {
    /// Its name in the artifact store; unique.
    pub artifact: String,
    /// The run.
    pub run: RunId,
    /// The asset.
    pub asset: AssetName,
    /// The slice.
    pub partition: PartitionKey,
    /// The step that refused: `plugin@version`, or `source`.
    pub step: String,
    /// The component's digest; none for a built-in.
    pub digest: Option<Digest>,
    /// Rows in it.
    pub rows: u64,
    /// Rows by code, most first.
    pub codes: Vec<(String, u64)>,
}

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The run moved to another state.
    RunState,
    /// An attempt began.
    AttemptStarted,
    /// An attempt made a checkpoint.
    Checkpoint,
    /// An attempt ended well.
    Materialized,
    /// An attempt failed.
    AttemptFailed,
    /// Rows were refused.
    Quarantined,
    /// A check gave its verdict.
    Checked,
}

impl EventKind {
    /// As the store writes it.
    pub fn text(self) -> &'static str {
        match self {
            Self::RunState => "run_state",
            Self::AttemptStarted => "attempt_started",
            Self::Checkpoint => "checkpoint",
            Self::Materialized => "materialized",
            Self::AttemptFailed => "attempt_failed",
            Self::Quarantined => "quarantined",
            Self::Checked => "checked",
        }
    }

    /// The kind that [`EventKind::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::RunState,
            Self::AttemptStarted,
            Self::Checkpoint,
            Self::Materialized,
            Self::AttemptFailed,
            Self::Quarantined,
            Self::Checked,
        ]
        .into_iter()
        .find(|kind| kind.text() == text)
    }
}

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// In which run.
    pub run: RunId,
    /// To which asset, if to one.
    pub asset: Option<AssetName>,
    /// To which slice, if to one.
    pub partition: Option<PartitionKey>,
    /// In which attempt, if in one.
    pub attempt: Option<u32>,
    /// What.
    pub kind: EventKind,
    /// The particulars.
    pub data: serde_json::Value,
    /// When.
    pub at: DateTime<Utc>,
}

/// An event with its place in the store's order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// Grows with every event of the store.
    pub sequence: i64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Keeps runs, attempts, events, materializations, checkpoints and the quarantine's index.
///
/// Every call is one transaction: it happens whole or not at all. Calls that name an [`AttemptKey`] answer `false` and
/// change nothing where a newer epoch exists for the asset partition, or the attempt has ended.
#[async_trait]
pub trait StateStore: PartitionStore + Send + Sync {
    /// Inserts a run in state queued, its partitions pending.
    async fn insert_run(&self, run: &NewRun) -> Result<()>;
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
    /// Begins an attempt with the next epoch of the asset partition, over all runs. Held where an attempt of any run has
    /// a lease beyond `at`, unless that attempt's worker is among `dead`. An attempt taken over is marked failed. `place` is
    /// the slice's among those of its asset; none for an asset without slices.
    #[allow(
        clippy::too_many_arguments,
        reason = "each is one fact of the claim, and one column of its row"
    )]
    async fn claim(
        &self,
        run: RunId,
        asset: &AssetName,
        partition: &PartitionKey,
        place: Option<&PartitionPlace>,
        worker: &WorkerId,
        dead: &[WorkerId],
        at: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Claim>;
    /// Prolongs an attempt's lease.
    async fn renew(&self, attempt: &AttemptKey, lease_until: DateTime<Utc>) -> Result<bool>;
    /// Whether the attempt is still the newest of its asset partition, and under way.
    async fn holds(&self, attempt: &AttemptKey) -> Result<bool>;
    /// Ends an attempt without a materialization; the partition is then failed.
    async fn fail_attempt(&self, attempt: &AttemptKey, error: &Error, at: DateTime<Utc>) -> Result<bool>;
    /// Ends an attempt with its materialization and quarantine index, and forgets the checkpoint.
    async fn finish_materialized(
        &self,
        attempt: &AttemptKey,
        materialization: &Materialization,
        quarantined: &[QuarantineEntry],
    ) -> Result<bool>;
    /// Keeps a checkpoint in place of the run's last for the asset partition.
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
    /// The materializations of a run, in order.
    async fn run_materializations(&self, run: RunId) -> Result<Vec<Materialization>>;
    /// Quarantine files, newest first: all, or of one asset, or of one run.
    async fn quarantine(&self, asset: Option<&AssetName>, run: Option<RunId>)
    -> Result<Vec<QuarantineEntry>>;
    /// Adds events in order.
    async fn append_events(&self, events: &[Event]) -> Result<()>;
    /// A run's events behind a sequence number, oldest first.
    async fn events(&self, run: RunId, after: i64, limit: u32) -> Result<Vec<StoredEvent>>;
}
