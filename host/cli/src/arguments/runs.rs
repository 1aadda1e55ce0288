//! What can be typed about runs.

use std::net::SocketAddr;

use clap::{Args, Subcommand, ValueEnum};

use super::Selection;

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Only what is stale: never materialized, of changed code, or made from what has changed since.
    #[arg(long)]
    pub(crate) stale: bool,
    #[command(flatten)]
    pub(crate) config: Config,
    /// Read, transform and count, but load nothing and keep no state.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Read everything, also from sources that would give only what is new (`cursor`).
    #[arg(long)]
    pub(crate) full_refresh: bool,
    /// Stop each source after so many rows.
    #[arg(long, value_name = "ROWS")]
    pub(crate) limit: Option<u64>,
    /// Attempts at once; the number of processors, unless told.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
    #[command(flatten)]
    pub(crate) queue: Queue,
}

/// Config of plugins for one run.
#[derive(Debug, Default, Args)]
pub(crate) struct Config {
    /// Keys over the config of plugins, as JSON or a file of YAML or JSON: `{assets: {ASSET: {PLUGIN: {KEY: VALUE}}}}`.
    #[arg(long, value_name = "JSON|FILE")]
    pub(crate) config: Option<String>,
    /// The same, as JSON.
    #[arg(long, value_name = "JSON", conflicts_with = "config")]
    pub(crate) config_json: Option<String>,
}

/// Whether a run waits for a worker, and how.
#[derive(Debug, Args)]
pub(crate) struct Queue {
    /// Put the run into the queue for `tidegate serve`, and answer with its id.
    #[arg(long, conflicts_with_all = ["dry_run", "jobs"])]
    pub(crate) queue: bool,
    /// Of the queued runs the highest goes first.
    #[arg(long, default_value_t = 0, requires = "queue", allow_negative_numbers = true)]
    pub(crate) priority: i64,
    /// A word to find the run by, and to limit how many go on at once; more than once.
    #[arg(long, value_name = "KEY=VALUE", requires = "queue", value_parser = tag)]
    pub(crate) tag: Vec<(String, String)>,
    /// A repeat with the same key makes no second run, and answers with the first one's id.
    #[arg(long, value_name = "KEY", requires = "queue")]
    pub(crate) run_key: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// What this process does: `api` answers over HTTP, `daemon` stands by to lead, `worker` carries out runs.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "api,daemon,worker")]
    pub(crate) roles: Vec<ServeRole>,
    /// Where the API listens, several separated by commas [default: 127.0.0.1:3004 and [::1]:3004].
    #[arg(long, value_name = "ADDRESS:PORT", value_delimiter = ',')]
    pub(crate) listen: Vec<SocketAddr>,
    /// Who the API lets in: whoever shows a token, or everyone on this machine.
    #[arg(long, value_enum, default_value = "local")]
    pub(crate) auth: ServeAuth,
    /// Runs at once; four a processor, unless told.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) runs: Option<u16>,
    /// Attempts at once; the number of processors, unless told.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
}

/// What a process that serves does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServeRole {
    /// Answers over HTTP.
    Api,
    /// Leads, or stands by to.
    Daemon,
    /// Carries out runs of the queue.
    Worker,
}

/// Who the API lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServeAuth {
    /// Whoever shows a token of `tidegate token create`.
    Token,
    /// Everyone on this machine, as an admin: listens on loopback addresses alone.
    Local,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List runs, newest first.
    List(ListRuns),
    /// Show a run: partitions, attempts, rows.
    Show {
        /// The run's id, the beginning of it, or `latest`.
        run: String,
    },
    /// Show what a run and its plugins said.
    Logs {
        /// The run's id, the beginning of it, or `latest`.
        run: String,
        /// Only of this asset.
        #[arg(long)]
        asset: Option<String>,
        /// Only of this step of its job.
        #[arg(long, conflicts_with = "asset")]
        step: Option<String>,
    },
    /// Wait until a run has ended; the exit code tells how.
    Wait {
        /// The run's id, the beginning of it, or `latest`.
        #[arg(default_value = "latest")]
        run: String,
    },
    /// Ask a run to stop. What was loaded stays; nothing else is shown.
    Cancel {
        /// The run's id, the beginning of it, or `latest`.
        run: String,
    },
    /// Remove runs that have ended, with their events. What they loaded stays, and so do the materializations.
    Delete(DeleteRuns),
    /// Take a run up again that failed or whose worker is gone: what succeeded stays.
    Retry {
        /// The run's id, the beginning of it, or `latest`.
        #[arg(default_value = "latest")]
        run: String,
        /// Put it back into the queue for `tidegate serve`.
        #[arg(long)]
        queue: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RunOrList {
    #[command(flatten)]
    pub(crate) run: Run,
    #[command(subcommand)]
    pub(crate) alias: Option<RunAlias>,
}

/// `tidegate run list` and `run delete`, for who types them: the same as of `tidegate runs`.
#[derive(Debug, Subcommand)]
pub(crate) enum RunAlias {
    /// The same as `tidegate runs list`.
    List(ListRuns),
    /// The same as `tidegate runs delete`.
    Delete(DeleteRuns),
}

#[derive(Debug, Args)]
pub(crate) struct ListRuns {
    /// Only those of this asset.
    #[arg(long)]
    pub(crate) asset: Option<String>,
    /// Only those in this state; more than once for several.
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub(crate) state: Vec<tidegate_core::port::RunState>,
    /// Only those of this job.
    #[arg(long)]
    pub(crate) job: Option<String>,
    /// Only those with this tag; more than once for all of several.
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
    pub(crate) tag: Vec<(String, String)>,
    /// So many at most.
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteRuns {
    /// The runs' ids, or the beginnings of them.
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<String>,
}

pub(super) fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".into()),
    }
}

fn state(text: &str) -> Result<tidegate_core::port::RunState, String> {
    tidegate_core::port::RunState::parse(text).ok_or_else(|| {
        "the states are queued, starting, running, cancelling, succeeded, failed and cancelled".into()
    })
}
