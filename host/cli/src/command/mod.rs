//! One file a command.

pub(crate) mod asset;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod init;
pub(crate) mod plan;
pub(crate) mod quarantine;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schema;
