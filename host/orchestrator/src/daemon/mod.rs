//! What goes on by itself: one process of many leads, and does what must be done once.
//!
//! Each duty is a file, and a task of its own: one that takes long or fails does not hold the others up.

mod duty;
mod election;
mod freshness;
mod lead;
mod maintenance;
mod monitor;

pub use duty::Duty;
pub use freshness::FreshnessWatch;
pub use lead::{Daemon, LEADER_LEASE_MS};
pub use maintenance::{Maintenance, Removed, prunable, prune};
pub use monitor::{Monitor, WORKER_LEASE_MS};
