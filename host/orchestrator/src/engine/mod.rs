//! Where attempts run.

mod local;
mod log;
mod slices;

pub use local::LocalEngine;
pub(crate) use local::key_files;
pub(crate) use log::log_name;
