//! The `s3` connector and the artifacts in a bucket, against a real S3 server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod artifacts;
mod destination;
mod faults;
mod formats;
mod health;
mod kills;
mod listing;
mod proxy;
mod restarts;
mod resume;
mod server;
mod support;
mod zombies;
