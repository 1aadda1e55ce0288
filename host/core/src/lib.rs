//! What Tidegate is about: errors, types, the YAML schema, batches, plans, and the ports that the other crates
//! implement.
//!
//! This crate starts nothing, reads no clock and no environment, and names no runtime, database or sandbox. The
//! rules stand in `ARCHITECTURE.md`, and `xtask/tests/dependency_rules.rs` holds them.

pub mod batch;
pub mod error;
pub mod plan;
pub mod port;
pub mod schema;
pub mod types;

pub use error::{Error, Errors, Kind, Place, Result, Retry};
