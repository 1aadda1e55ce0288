//! The contract of [`tidegate_core::port::StateStore`], every case on SQLite and on a real Postgres.
//!
//! The server's URL comes in `TIDEGATE_TEST_POSTGRES_URL`; `cargo xtask test` starts one and sets it.

// Helpers are tests too, which clippy.toml cannot know.
#![allow(clippy::unwrap_used)]

#[macro_use]
mod support;

mod assets;
mod automation;
mod checkpoints;
mod checks;
mod claims;
mod events;
mod fence;
mod leader;
mod maintenance;
mod materializations;
mod notifications;
mod opening;
mod partitions;
mod quarantine;
mod queue;
mod runs;
mod slices;
mod slots;
mod steps;
mod ticks;
mod tokens;
mod transfer;
