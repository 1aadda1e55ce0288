//! What travels from part to part.

use arrow_array::RecordBatch;
use tidegate_core::batch::Rejects;
use tidegate_core::port::{Cursor, TaskCounts};

/// Batches between two parts: enough that neither waits for the other's every batch, few enough to bound memory.
pub(crate) const CHANNEL_BATCHES: usize = 4;

/// What travels from part to part, in order.
pub(crate) enum Message {
    /// Rows to go on.
    Batch(RecordBatch),
    /// Rows refused, on their way to the quarantine.
    Rejects {
        /// The step's place, or none for the source and the contract.
        step: StepAt,
        /// The rows.
        rejects: Rejects,
    },
    /// Everything before it belongs to one checkpoint.
    Barrier(Barrier),
    /// There is nothing behind it.
    End(Barrier),
}

/// Who refused rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StepAt {
    /// The source.
    Source,
    /// A transform, by its place.
    Transform(usize),
    /// The contract of what is loaded.
    Contract,
}

/// What a checkpoint is made of; each part adds its own on the way.
pub(crate) struct Barrier {
    /// Where the source stands; none at the end of a source without rows.
    pub(crate) cursor: Option<Cursor>,
    /// Batches read so far.
    pub(crate) batches: u64,
    /// Counts so far.
    pub(crate) counts: TaskCounts,
    /// The transforms' states, in order.
    pub(crate) snapshots: Vec<Option<Vec<u8>>>,
}
