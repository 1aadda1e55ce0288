//! The state store over SQLite and Postgres.
//!
//! [`SqlStateStore`] is opened by address and is the only thing that this crate shows. Each query is one SQL text for
//! both databases; what differs stands in `sqlite.rs` and `postgres.rs`, and the tables in `migrations/`.
//!
//! Instants are kept to the microsecond, which is what Postgres keeps.

#[macro_use]
mod pool;

mod address;
mod asset_store;
mod automation;
mod backfills;
mod blocking;
mod catalogue;
mod checkpoints;
mod checks;
mod claims;
mod deliveries;
mod dynamic_keys;
mod error;
mod events;
mod fence;
mod freshness;
mod instigators;
mod leader;
mod maintenance;
mod materializations;
mod months;
mod notifications;
mod outcomes;
mod partition_store;
mod partitions;
mod postgres;
mod prune;
mod quarantine;
mod queue;
mod ranges;
mod report;
mod run_list;
mod runs;
mod slots;
mod sqlite;
mod steps;
mod store;
#[cfg(test)]
mod tests;
mod ticks;
mod tokens;
mod transfer;
mod values;
mod versions;
mod wipe;
mod workers;

pub use store::SqlStateStore;
