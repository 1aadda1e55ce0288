//! Where attempts run.

mod local;
mod log;
mod slices;

pub use local::LocalEngine;
pub(crate) use local::{heartbeat, key_files};
pub(crate) use log::{AttemptLog, log_name};
