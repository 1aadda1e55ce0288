//! What can be typed about backfills.

use clap::{Args, Subcommand};

use super::Chosen;

#[derive(Debug, Subcommand)]
pub(crate) enum BackfillCommand {
    /// Show what a backfill would do. Nothing is kept.
    Plan(Backfill),
    /// Queue a run for each slice, or for a few neighbours.
    #[command(after_help = "Examples:
  tidegate backfill launch orders --partition-range 2024-01-01...2024-03-31 --concurrency 4
  tidegate backfill launch orders order_lines --missing --run-slices 30")]
    Launch(Backfill),
    /// List backfills, newest first.
    List {
        /// So many at most.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Show how far a backfill is.
    Show {
        /// The backfill's id, the beginning of it, or `latest`.
        #[arg(default_value = "latest")]
        backfill: String,
    },
    /// Wait until every run of a backfill has ended; the exit code tells how.
    Wait {
        /// The backfill's id, the beginning of it, or `latest`.
        #[arg(default_value = "latest")]
        backfill: String,
    },
    /// Take no further run; those that go on go on.
    Pause {
        /// The backfill's id, the beginning of it, or `latest`.
        backfill: String,
    },
    /// Take runs of a paused backfill again.
    Resume {
        /// The backfill's id, the beginning of it, or `latest`.
        backfill: String,
    },
    /// Take no further run, and ask those that go on to stop.
    Cancel {
        /// The backfill's id, the beginning of it, or `latest`.
        backfill: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Backfill {
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    #[command(flatten)]
    pub(crate) options: BackfillOptions,
}

/// Which slices, and in which runs.
#[derive(Debug, Args)]
pub(crate) struct BackfillOptions {
    #[command(flatten)]
    pub(crate) slices: BackfillSlices,
    /// Slices a run, neighbours all.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) run_slices: u32,
    /// Runs at once; as many as there is room for, unless told.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) concurrency: Option<u32>,
    /// Of the queued runs the highest goes first.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) priority: i64,
    /// Read everything, also from sources that would give only what is new (`cursor`).
    #[arg(long)]
    pub(crate) full_refresh: bool,
}

/// Which slices; one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct BackfillSlices {
    /// Every slice there is.
    #[arg(long)]
    pub(crate) all: bool,
    /// The slices from one to another, both included.
    #[arg(long, value_name = "FIRST...LAST")]
    pub(crate) partition_range: Option<String>,
    /// This slice; more than once for several.
    #[arg(long, value_name = "KEY")]
    pub(crate) partition: Vec<String>,
    /// The slices that no run has loaded.
    #[arg(long)]
    pub(crate) missing: bool,
    /// The slices of which the last attempt failed.
    #[arg(long)]
    pub(crate) failed: bool,
}
