//! One file a command, and what several of them show.

pub(crate) mod asset;
pub(crate) mod automation;
pub(crate) mod backfill;
pub(crate) mod check;
pub(crate) mod clickhouse;
pub(crate) mod completions;
pub(crate) mod grant;
pub(crate) mod init;
pub(crate) mod init_from;
pub(crate) mod job;
pub(crate) mod notification;
pub(crate) mod partitions;
pub(crate) mod plan;
pub(crate) mod plugin;
pub(crate) mod quarantine;
pub(crate) mod query;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schedule;
pub(crate) mod schema;
pub(crate) mod sensor;
pub(crate) mod serve;
pub(crate) mod state;
pub(crate) mod steps;
mod ticks;
pub(crate) mod token;
