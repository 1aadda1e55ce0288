//! Who watches a run while it goes on.

use tidegate_core::Error;
use tidegate_core::plan::{AssetName, PartitionKey, RunId};

use super::report::PartitionOutcome;

/// Is told what happens. Must not block.
pub trait RunObserver: Send + Sync {
    /// A run begins with so many asset partitions to do.
    fn run_started(&self, _run: RunId, _partitions: usize) {}
    /// An attempt begins.
    fn started(&self, _asset: &AssetName, _partition: &PartitionKey, _resumed: bool) {}
    /// An attempt failed, and another follows after a delay.
    fn retrying(&self, _asset: &AssetName, _partition: &PartitionKey, _error: &Error, _delay_ms: u64) {}
    /// Rows loaded so far by an attempt.
    fn progress(&self, _asset: &AssetName, _partition: &PartitionKey, _rows: u64) {}
    /// An asset partition is done with.
    fn finished(&self, _outcome: &PartitionOutcome) {}
    /// This process leads from now on, or does no more.
    fn leads(&self, _leads: bool) {}
    /// Something went wrong that does not fail the run.
    fn warning(&self, _error: &Error) {}
}

/// Nobody watches.
pub struct Silent;

impl RunObserver for Silent {}
