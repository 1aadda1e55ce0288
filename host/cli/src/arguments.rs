//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Streams Arrow batches from sources through sandboxed WebAssembly plugins to destinations, as YAML schemas say.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The project's folder: the one that holds `schemas/`.
    #[arg(long, short = 'C', global = true, default_value = ".", value_name = "DIR")]
    pub(crate) project: PathBuf,
    /// Answer in JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  tidegate init                            start a project in this folder
  tidegate check                           find everything wrong before any data moves
  tidegate run orders --partition 2024-01  materialize one partition of one asset
  tidegate run --all                       materialize everything, in order
  tidegate runs retry latest               go on where the last run broke off

Exit codes: 0 done, 2 usage, 3 schema, 4 data, 5 plugin, 6 disk, network or service, 7 state, 130 stopped.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a project: a schema folder with one asset that runs.
    Init {
        /// The project's name; the folder's, unless told.
        name: Option<String>,
    },
    /// Check documents, plugins and types. No data moves.
    Check,
    /// Show what a run would do: sources, grants, columns, partitions.
    Plan(Selection),
    /// Materialize assets.
    #[command(after_help = "Examples:
  tidegate run flights --partition 2013-02 --dry-run
  tidegate run flights departures --limit 1000
  tidegate run --all")]
    Run(Run),
    /// Look at assets.
    Asset {
        #[command(subcommand)]
        command: AssetCommand,
    },
    /// Look at runs, and take them up again.
    Runs {
        #[command(subcommand)]
        command: RunsCommand,
    },
    /// Look at rows that were refused.
    Quarantine {
        #[command(subcommand)]
        command: QuarantineCommand,
    },
    /// Write the JSON Schemas of the YAML, for editors.
    Schema {
        /// Where to.
        #[arg(default_value = "schemas/json")]
        folder: PathBuf,
    },
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Assets and the slices of them.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// The assets.
    #[arg(value_name = "ASSET")]
    pub(crate) assets: Vec<String>,
    /// All assets.
    #[arg(long, conflicts_with = "assets")]
    pub(crate) all: bool,
    /// Only this partition; without it, every one that there is.
    #[arg(long, value_name = "KEY")]
    pub(crate) partition: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Read, transform and count, but load nothing and keep no state.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Stop each source after so many rows.
    #[arg(long, value_name = "ROWS")]
    pub(crate) limit: Option<u64>,
    /// Attempts at once; the number of processors, unless told.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AssetCommand {
    /// List the assets with their last materialization.
    List,
    /// Show an asset: columns, lineage, grants, partitions.
    Show {
        /// Which.
        asset: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List runs, newest first.
    List {
        /// Only those of this asset.
        #[arg(long)]
        asset: Option<String>,
        /// So many at most.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
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
    },
    /// Take a run up again that failed or whose worker is gone: what succeeded stays.
    Retry {
        /// The run's id, the beginning of it, or `latest`.
        #[arg(default_value = "latest")]
        run: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List the files of refused rows.
    List {
        /// Only of this asset.
        #[arg(long)]
        asset: Option<String>,
    },
    /// Show refused rows with code and reason.
    Show {
        /// An asset, or a file as `quarantine list` names it.
        what: String,
        /// So many rows at most.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
}
