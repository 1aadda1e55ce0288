//! Runs plugins: WebAssembly components behind `tidegate:plugin`, sandboxed and bounded.
//!
//! [`Runtime`] owns the engine, [`Catalog`] finds components by name and version, [`bind`] makes a
//! [`tidegate_core::port::Transform`] of one. One module a version of the contract: [`v0_1`].

mod apply;
mod bind;
mod budget;
mod cache;
mod catalog;
mod check;
mod configuration;
pub mod conformance;
mod connector;
mod destination;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod instance;
mod interfaces;
mod limits;
mod log;
mod manifest;
mod output;
pub mod package;
mod retries;
mod runtime;
mod sandbox;
mod secrets;
mod section;
mod sensor;
mod shape;
mod source;
mod surroundings;
mod transform;
pub mod v0_1;
mod wait;

pub use bind::{Binding, bind};
pub use catalog::{Catalog, Plugin, Requirement};
pub use check::{CheckBinding, PluginCheck, bind_check};
pub use configuration::config_schema;
pub use connector::{
    CallLimits, DestinationConfig, PinnedResource, PluginConnector, ResourceConfig, SourceConfig,
};
pub use destination::{LoadRequest, PluginDestination, check_destination};
pub use error::{Fault, PluginError, PluginName};
pub use http::{Ask, Fetched, ask, fetch, secret_forms};
pub use instance::{InstanceGrant, Opening};
pub use interfaces::Interfaces;
pub use limits::MAX_LOG_LINES_PER_CALL;
pub use manifest::{Manifest, Wishes};
pub use runtime::Runtime;
pub use secrets::Secrets;
pub use section::{manifest_json, with_manifest};
pub use sensor::{Evaluation, Outcome, PluginSensor, RunRequest};
pub use shape::{Lineage, OutputColumn};
pub use source::{PluginSource, SourceRequest, Stream, check_source, discover};
pub use surroundings::Surroundings;
pub use tidegate_core::port::{LogLevel, LogLine, LogSink};
pub use transform::PluginTransform;
