//! Where attempts run.

mod local;
mod log;
mod slices;

pub use local::LocalEngine;
pub(crate) use local::heartbeat;
pub(crate) use log::{AttemptLog, log_name};
