//! Assets that are materialized by themselves: their conditions are evaluated over what changed, and what is asked for is put
//! into the queue.
//!
//! [`Known`] is what one process knows of all assets; it can be told from the state at any time. The duty [`Automation`] keeps
//! each evaluation in one transaction, so that none is lost or doubled whenever a process dies.

mod duty;
mod faults;
mod freshness;
mod kept_back;
mod known;
mod runs;
mod seen;
mod slices;
#[cfg(test)]
mod tests;
mod told;

pub use duty::Automation;
pub use known::{Evaluation, Known};
