//! What goes wrong around runs.

use tidegate_core::plan::{AssetName, BackfillId, PartitionKey, RunId, WorkerId};
use tidegate_core::port::{BackfillState, RunState};
use tidegate_core::{Error, Kind};

/// An error of the orchestrator itself.
#[derive(Debug, thiserror::Error)]
pub enum OrchestratorError {
    /// No asset has that name.
    #[error("there is no asset `{name}`")]
    UnknownAsset {
        /// What was asked for.
        name: String,
        /// A name close to it, or all there are.
        hint: String,
    },
    /// Nothing was asked for.
    #[error("no asset was named")]
    NothingSelected,
    /// The asset has no partitions.
    #[error("the asset `{0}` has no partitions")]
    NoPartitions(AssetName),
    /// The key is none of the asset's.
    #[error("asset `{asset}`: {why}")]
    Partition {
        /// Which asset.
        asset: AssetName,
        /// Why not.
        why: String,
    },
    /// The text cannot be a dynamic key.
    #[error("{0}")]
    PartitionKey(String),
    /// The asset's keys are not added one by one.
    #[error("the asset `{0}` has no dynamic partitions")]
    NotDynamic(AssetName),
    /// Another attempt works on the asset partition.
    #[error("`{asset}` {partition} is being materialized by run {run} on {worker}")]
    Held {
        /// Which asset.
        asset: AssetName,
        /// Which slice.
        partition: PartitionKey,
        /// The other run.
        run: RunId,
        /// Its worker.
        worker: WorkerId,
    },
    /// A newer attempt took over.
    #[error("a newer attempt at `{asset}` {partition} has taken over")]
    Fenced {
        /// Which asset.
        asset: AssetName,
        /// Which slice.
        partition: PartitionKey,
    },
    /// The run is not one that can be retried.
    #[error("run {run} {why}")]
    NotRetryable {
        /// Which run.
        run: RunId,
        /// Why not.
        why: String,
    },
    /// The run is not one that can be cancelled.
    #[error("run {run} {why}")]
    NotCancellable {
        /// Which run.
        run: RunId,
        /// Why not.
        why: String,
    },
    /// Only a run that has ended is deleted.
    #[error("run {run} is {}", .state.text())]
    NotEnded {
        /// Which run.
        run: RunId,
        /// Its state.
        state: RunState,
    },
    /// No slice is to be made.
    #[error("no partition is to be made")]
    NothingToBackfill,
    /// Two assets of one backfill are not sliced alike.
    #[error("the assets `{0}` and `{1}` are not sliced alike")]
    SlicedOtherwise(AssetName, AssetName),
    /// No backfill has that id.
    #[error("there is no backfill `{0}`")]
    UnknownBackfill(String),
    /// A backfill cannot go from one state to another.
    #[error("backfill {backfill} is {} and cannot be made {}", .state.text(), .to.text())]
    BackfillState {
        /// Which backfill.
        backfill: BackfillId,
        /// Its state.
        state: BackfillState,
        /// The state that it was to come to.
        to: BackfillState,
    },
    /// An attempt took longer than it may.
    #[error("the attempt at `{asset}` {partition} took longer than its `timeout` of {timeout_ms} ms")]
    Timeout {
        /// Which asset.
        asset: AssetName,
        /// Which slice.
        partition: PartitionKey,
        /// How long it may take.
        timeout_ms: u64,
    },
    /// The run loads into another target than the command names.
    #[error("run {run} was asked for with {}", .target.as_ref().map_or("no --target".to_owned(), |target| format!("--target {target}")))]
    OtherTarget {
        /// Which run.
        run: RunId,
        /// Its target.
        target: Option<String>,
    },
    /// No run has that id.
    #[error("there is no run `{0}`")]
    UnknownRun(String),
    /// The worker's lock file could not be made.
    #[error("cannot make the worker's lock file `{file}`: {why}")]
    Worker {
        /// Which file.
        file: String,
        /// The system's words.
        why: String,
    },
    /// A resource was not done answering in time.
    #[error("the resource `{resource}` was not done answering within {limit_ms} ms")]
    Unfinished {
        /// Which resource.
        resource: AssetName,
        /// How long it was given.
        limit_ms: u64,
    },
    /// The connector does not exist.
    #[error("no connector is called `{0}`")]
    UnknownConnector(String),
}

impl OrchestratorError {
    /// The code of [`OrchestratorError::NotCancellable`].
    pub(crate) const NOT_CANCELLABLE: &str = "run.not_cancellable";
}

impl From<OrchestratorError> for Error {
    fn from(error: OrchestratorError) -> Self {
        let message = error.to_string();
        match error {
            OrchestratorError::UnknownAsset { hint, .. } => {
                Self::new(Kind::Usage, "run.unknown_asset", message).hint(hint)
            }
            OrchestratorError::NothingSelected => Self::new(Kind::Usage, "run.nothing_selected", message)
                .hint("name assets, or write --all; `tidegate asset list` shows them"),
            OrchestratorError::NoPartitions(_) => {
                Self::new(Kind::Usage, "run.partition", message).hint("leave --partition out")
            }
            OrchestratorError::Partition { .. } => Self::new(Kind::Usage, "run.partition", message)
                .hint("`tidegate asset partitions ASSET` shows the asset's partitions"),
            OrchestratorError::PartitionKey(_) => Self::new(Kind::Usage, "partition.key", message),
            OrchestratorError::NotDynamic(_) => Self::new(Kind::Usage, "partition.not_dynamic", message)
                .hint("keys are added to `partitions: {dynamic: …}`; others follow from the schema"),
            OrchestratorError::Held { .. } => Self::new(Kind::State, "attempt.held", message)
                .later()
                .hint("wait for that run to end; if its worker is gone, its lease ends within half a minute"),
            OrchestratorError::Fenced { .. } => Self::new(Kind::State, "attempt.fenced", message)
                .hint("look at the newer run; this one showed nothing"),
            OrchestratorError::NotRetryable { .. } => Self::new(Kind::Usage, "run.not_retryable", message)
                .hint("start a new one with `tidegate run`; `tidegate runs show` tells how this one stands"),
            OrchestratorError::NotCancellable { .. } => {
                Self::new(Kind::Usage, OrchestratorError::NOT_CANCELLABLE, message)
                    .hint("only a run that waits or goes on can be cancelled")
            }
            OrchestratorError::NotEnded { .. } => Self::new(Kind::Usage, "run.not_ended", message)
                .hint("cancel it with `tidegate runs cancel`, or wait with `tidegate runs wait`; then delete it"),
            OrchestratorError::NothingToBackfill => Self::new(Kind::Usage, "backfill.nothing", message)
                .hint("`tidegate asset partitions ASSET` shows how they stand"),
            OrchestratorError::SlicedOtherwise(..) => {
                Self::new(Kind::Usage, "backfill.sliced_otherwise", message)
                    .hint("make a backfill for each, in the order in which they are made from each other")
            }
            OrchestratorError::UnknownBackfill(_) => Self::new(Kind::Usage, "backfill.unknown", message)
                .hint("`tidegate backfill list` shows the backfills"),
            OrchestratorError::BackfillState { .. } => Self::new(Kind::Usage, "backfill.state", message)
                .hint("a cancelled backfill is over; make another with `--missing`"),
            OrchestratorError::Timeout { .. } => Self::new(Kind::Resource, "attempt.timeout", message)
                .later()
                .hint("give the asset a longer `timeout`, or slice it into partitions"),
            OrchestratorError::OtherTarget { .. } => Self::new(Kind::Usage, "run.other_target", message)
                .hint("a run is taken up again with the target that it began with"),
            OrchestratorError::UnknownRun(_) => {
                Self::new(Kind::Usage, "run.unknown", message).hint("`tidegate runs list` shows the runs")
            }
            OrchestratorError::Worker { .. } => Self::new(Kind::Resource, "run.worker", message)
                .hint("the project's .tidegate folder must be writable"),
            OrchestratorError::Unfinished { .. } => Self::new(Kind::Resource, "resource.unfinished", message)
                .later()
                .hint("look for what holds it up: the name's lookup, the network, or what the service is busy with"),
            OrchestratorError::UnknownConnector(_) => Self::new(Kind::Internal, "run.connector", message),
        }
    }
}
