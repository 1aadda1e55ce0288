//! Where attempts run.

mod local;
mod log;

pub use local::LocalEngine;
pub(crate) use log::log_name;
