//! The `clickhouse` connector against a real engine.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod engine;
mod errors;
mod faults;
mod health;
mod loads;
mod login;
mod proxy;
mod sources;
mod support;
mod tables;
mod types;
mod zombies;
