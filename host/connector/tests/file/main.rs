//! The `file` connector from the outside, on real files.

mod bad_input;
mod common;
mod csv;
mod destination;
mod jsonl;
mod no_room;
mod parquet;
mod resume;
