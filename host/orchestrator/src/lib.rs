//! Runs, attempts and the local engine.
//!
//! [`Project`] is a schema folder with its connectors and plugins, resolved and bound: what `check` and `plan` look at.
//! [`Orchestrator`] makes runs of it: states, claims, leases, retries from failure. [`LocalEngine`] runs attempts in this
//! process.

mod engine;
mod error;
mod project;
mod run;

pub use engine::LocalEngine;
pub use error::OrchestratorError;
pub use project::{
    AssetPlan, Found, HealthLimits, Lookup, PlannedStep, Project, ProjectConfig, ResourceHealth, secret_names,
};
pub use run::{Launch, Orchestrator, PartitionOutcome, RunObserver, RunReport, Silent, StateError, Workers};
pub use tidegate_plugin::package::Locking;
