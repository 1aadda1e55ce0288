//! The `file` connector from the outside, on real files.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

mod bad_input;
mod csv;
mod destination;
mod health;
mod jsonl;
mod no_room;
mod parquet;
mod resume;
mod support;
