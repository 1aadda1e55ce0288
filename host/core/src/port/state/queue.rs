//! The queue of runs, and the workers that take from it.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::run::RunRecord;
use crate::error::Result;
use crate::plan::{RunId, WorkerId};

/// How many runs with a tag may go on at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagLimit {
    /// The tag's key.
    pub key: String,
    /// Its value; none for every value by itself.
    pub value: Option<String>,
    /// So many at once.
    pub limit: u32,
}

/// A wish to take runs from the queue.
#[derive(Debug, Clone)]
pub struct TakeRuns<'a> {
    /// By this worker.
    pub worker: &'a WorkerId,
    /// So many at most.
    pub most: u32,
    /// Runs that go on at once, over all workers; none for no limit.
    pub limit: Option<u32>,
    /// Runs with a tag that go on at once, over all workers.
    pub tag_limits: &'a [TagLimit],
    /// Now.
    pub at: DateTime<Utc>,
}

/// A worker that has joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRecord {
    /// Which.
    pub id: WorkerId,
    /// How often it was heard of. Whoever watches this stand still, by a clock of his own, knows the worker to be gone:
    /// no two machines' clocks are compared, and a clock that is set changes nothing.
    pub beats: i64,
    /// When it was last heard of, by its own clock.
    pub beat_at: DateTime<Utc>,
}

/// Keeps the queue of runs and the workers that take from it.
#[async_trait]
pub trait QueueStore: Send + Sync {
    /// Moves queued runs that are nobody's, or the worker's own, to starting, and makes them the worker's: of the highest
    /// priority first, then of the lowest id. No two workers are given one run; no limit is passed. A run that a limit
    /// holds back does not hold back those behind it.
    async fn take_runs(&self, take: &TakeRuns<'_>) -> Result<Vec<RunRecord>>;
    /// Makes a worker known.
    async fn join_worker(&self, worker: &WorkerId, at: DateTime<Utc>) -> Result<()>;
    /// The worker is alive. Answers the runs of its that are to stop (cancelling); none where it was given up for dead,
    /// and its runs are no more its own.
    async fn beat(&self, worker: &WorkerId, at: DateTime<Utc>) -> Result<Option<Vec<RunId>>>;
    /// Forgets a worker: one that ends, or one that is gone.
    async fn forget_worker(&self, worker: &WorkerId) -> Result<()>;
    /// The workers that are known, by id.
    async fn workers(&self) -> Result<Vec<WorkerRecord>>;
}
