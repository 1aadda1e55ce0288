//! Runs: states, workers, the order of work, and one attempt after the other.

mod attempt;
mod launch;
mod observe;
mod order;
mod report;
mod retry;
mod slices;
mod transition;
mod workers;

pub use launch::{Launch, Orchestrator};
pub use observe::{RunObserver, Silent};
pub use report::{PartitionOutcome, RunReport};
pub use slices::{add_dynamic_keys, dynamic_keys, remove_dynamic_keys};
pub use transition::StateError;
pub use workers::Workers;

/// How long a worker may be silent before its attempt may be taken over, in milliseconds. A worker of the same project
/// folder is known to be dead at once, by its lock file.
pub(crate) const LEASE_MS: u64 = 30_000;
