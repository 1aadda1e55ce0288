//! The `postgres` connector against a real server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod discover;
mod errors;
mod faults;
mod health;
mod loads;
#[allow(dead_code, reason = "the tests of the command line use the rest")]
mod proxy;
mod server;
mod sources;
mod support;
mod tables;
mod types;
mod zombies;
