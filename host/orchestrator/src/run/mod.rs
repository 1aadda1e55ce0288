//! Runs: states, the queue, workers, the order of work, and one attempt after the other.

mod attempt;
mod cancel;
mod find;
mod going;
mod heart;
mod launch;
mod lost;
#[cfg(test)]
mod model;
mod observe;
mod orchestrator;
mod order;
mod outside;
mod report;
mod request;
mod retry;
mod slices;
mod transition;
mod worker;
mod workers;

pub(crate) use attempt::fenced;
pub(crate) use lost::Lost;
pub use observe::{RunObserver, Silent};
pub use orchestrator::Orchestrator;
pub use outside::{report, slice_of, unless_held};
pub use report::{PartitionOutcome, RunReport};
pub use request::{Launch, QueueOptions};
pub use slices::{add_dynamic_keys, dynamic_keys, remove_dynamic_keys};
pub use transition::StateError;
pub use worker::WorkerConfig;
pub use workers::Workers;

/// How long a worker may be silent before its attempt may be taken over, in milliseconds. A worker of the same project
/// folder is known to be dead at once, by its lock file.
pub(crate) const LEASE_MS: u64 = 30_000;
