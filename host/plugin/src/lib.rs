//! Runs plugins: WebAssembly components behind `tidegate:plugin`, sandboxed and bounded.
//!
//! [`Runtime`] owns the engine, [`Catalog`] finds components by name and version, [`bind`] makes a
//! [`tidegate_core::port::Transform`] of one. One module a version of the contract: [`v0_1`].

mod apply;
mod bind;
mod budget;
mod cache;
mod catalog;
mod error;
mod limits;
mod log;
mod manifest;
mod output;
mod runtime;
mod sandbox;
mod secrets;
mod shape;
mod transform;
pub mod v0_1;
mod wait;

pub use bind::{Binding, bind};
pub use catalog::{Catalog, Plugin, Requirement};
pub use error::{Fault, PluginError};
pub use limits::MAX_LOG_LINES_PER_CALL;
pub use log::{LogLevel, LogLine, LogSink};
pub use manifest::Manifest;
pub use runtime::Runtime;
pub use shape::{Lineage, OutputColumn};
pub use transform::PluginTransform;
