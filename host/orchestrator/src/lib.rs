//! Runs, attempts and the local engine.
//!
//! [`Project`] is a schema folder with its connectors and plugins, resolved and bound: what `check` and `plan` look at.
//! [`Orchestrator`] makes runs of it: states, queue, claims, leases, retries. [`LocalEngine`] runs attempts in this process.
//! [`Daemon`] does what goes on by itself, in one process of many.

mod automation;
mod backfill;
mod daemon;
mod engine;
mod error;
mod freshness;
mod instigate;
mod notify;
mod operation;
mod project;
mod run;
mod stale;

pub use automation::{Automation, Evaluation, Known as AutomationKnown};
pub use backfill::{BackfillPlan, BackfillRequest, BackfillStatus, Slices};
pub use daemon::{
    Daemon, Duty, FreshnessWatch, LEADER_LEASE_MS, Maintenance, Monitor, Removed, WORKER_LEASE_MS, prunable,
    prune,
};
pub use engine::LocalEngine;
pub use error::OrchestratorError;
pub use freshness::{AssetFreshness, freshness};
pub use instigate::{
    Evaluated, Schedules, Sensors, Standing, State as StandingState, Triggered, Wanted, evaluate, next_ticks,
    trigger,
};
pub use notify::{Notifications, Sent, test_notification};
pub use project::{
    Above, AssetPlan, ColumnLineage, Found, HealthLimits, Lookup, Origin, PlannedStep, Project,
    ProjectConfig, ResourceHealth, RunConfig, WorkPolicy, secret_names,
};
pub use run::{
    Launch, Orchestrator, PartitionOutcome, QueueOptions, RunObserver, RunReport, Silent, StateError,
    WorkerConfig, Workers, add_dynamic_keys, dynamic_keys, remove_dynamic_keys, report, slice_of,
    unless_held,
};
pub use stale::{AssetStanding, Stale, standing};
pub use tidegate_plugin::package::Locking;
