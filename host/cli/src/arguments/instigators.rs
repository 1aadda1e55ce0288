//! What can be typed about jobs, schedules and sensors.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use tidegate_core::port::TickOutcome;

use super::BackfillOptions;
use super::runs::{Config, tag};

#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// List the jobs.
    List,
    /// Show a job: its assets, and what its runs are like.
    Show {
        /// Which.
        job: String,
    },
    /// Run a job.
    #[command(after_help = "Examples:
  tidegate job launch nightly
  tidegate job launch nightly --partition 2013-02 --queue --tag why=late-data")]
    Launch(LaunchJob),
    /// Make many slices of a job's assets, a run each or a few: see `tidegate backfill`.
    #[command(after_help = "Examples:
  tidegate job backfill nightly --partition-range 2013-01...2013-06
  tidegate job backfill nightly --missing --concurrency 4")]
    Backfill {
        /// Which.
        job: String,
        #[command(flatten)]
        options: BackfillOptions,
    },
}

#[derive(Debug, Args)]
pub(crate) struct LaunchJob {
    /// Which.
    pub(crate) job: String,
    /// `latest`, `none` for every slice, or a slice; more than once for a run each. As the job says, unless told.
    #[arg(long, value_name = "KEY")]
    pub(crate) partition: Vec<String>,
    #[command(flatten)]
    pub(crate) config: Config,
    /// Put the run into the queue for `tidegate serve`, and answer with its id.
    #[arg(long)]
    pub(crate) queue: bool,
    /// Of the queued runs the highest goes first; as the job says, unless told.
    #[arg(long, requires = "queue", allow_negative_numbers = true)]
    pub(crate) priority: Option<i64>,
    /// A word to find the run by, beside the job's; more than once.
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
    pub(crate) tag: Vec<(String, String)>,
    /// A repeat with the same key makes no second run, and answers with the first one's id.
    #[arg(long, value_name = "KEY", requires = "queue")]
    pub(crate) run_key: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// List the schedules: whether they are on, and when they are due next.
    List,
    /// Show a schedule: what it says, and its last ticks.
    Show {
        /// Which.
        schedule: String,
    },
    /// Start a schedule, whatever the schema says. Also one that stopped by itself.
    Start {
        /// Which.
        schedule: String,
    },
    /// Stop a schedule, whatever the schema says. Runs that go on are left alone.
    Stop {
        /// Which.
        schedule: String,
    },
    /// Show what a tick would launch. Nothing is launched.
    Preview {
        /// Which.
        schedule: String,
        /// The instant of the tick, such as 2024-01-31T06:00:00Z; the next one, unless told.
        #[arg(long, value_name = "INSTANT")]
        at: Option<DateTime<Utc>>,
    },
    /// Do now what a tick does, and keep it as a tick by hand.
    Trigger {
        /// Which.
        schedule: String,
    },
    /// List a schedule's ticks, newest first.
    Ticks(Ticks),
    /// Forget a schedule's ticks, and whether it was started or stopped.
    Wipe {
        /// Which.
        schedule: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SensorCommand {
    /// List the sensors: whether they are on, and how they look.
    List,
    /// Show a sensor: what it says, its cursor and last looks.
    Show {
        /// Which.
        sensor: String,
    },
    /// Start a sensor, whatever the schema says.
    Start {
        /// Which.
        sensor: String,
    },
    /// Stop a sensor, whatever the schema says. Its cursor stays.
    Stop {
        /// Which.
        sensor: String,
    },
    /// Look once, and show what would be launched. Nothing is launched, and the cursor stays.
    Preview {
        /// Which.
        sensor: String,
        /// Look from this cursor; from the sensor's own, unless told.
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
    },
    /// List a sensor's looks, newest first.
    Ticks(Ticks),
    /// Show a sensor's cursor, or set or delete it.
    Cursor {
        /// Which.
        sensor: String,
        /// Look on from here. A sensor of files, assets or runs also takes an instant.
        #[arg(long, value_name = "CURSOR")]
        set: Option<String>,
        /// Look from the beginning.
        #[arg(long, conflicts_with = "set")]
        delete: bool,
    },
    /// Forget a sensor's looks and cursor, and whether it was started or stopped. Keys of its runs stay used.
    Wipe {
        /// Which.
        sensor: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Ticks {
    /// Whose.
    pub(crate) name: String,
    /// Only those that were launched, skipped, failed, missed or buffered; more than once for several.
    #[arg(long, value_name = "OUTCOME", value_parser = outcome)]
    pub(crate) outcome: Vec<TickOutcome>,
    /// Only those older than this one, by its number: the next page.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) before: Option<i64>,
    /// So many at most.
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: u32,
}

fn outcome(text: &str) -> Result<TickOutcome, String> {
    TickOutcome::parse(text)
        .ok_or_else(|| "the outcomes are launched, skipped, failed, missed and buffered".into())
}
