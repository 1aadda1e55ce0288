//! What can be typed about assets.

use clap::{Args, Subcommand};

use super::runs::tag;
use super::{CheckAsset, Checks, Chosen, Run};

#[derive(Debug, Subcommand)]
pub(crate) enum AssetCommand {
    /// List assets with their last materialization, and whether they are stale.
    #[command(after_help = "Examples:
  tidegate asset list
  tidegate asset list 'group:sales and not kind:postgres'
  tidegate asset list --stale --json")]
    List {
        #[command(flatten)]
        chosen: Chosen,
        /// Only those that are stale.
        #[arg(long)]
        stale: bool,
    },
    /// Show an asset: columns, what it is made from and into, materializations, and whether it is stale.
    Show {
        /// Which.
        asset: String,
    },
    /// Show which columns an asset's columns are made from, up to the sources, and which are made from them.
    #[command(after_help = "Examples:
  tidegate asset lineage flights
  tidegate asset lineage flights.delay_minutes")]
    Lineage {
        /// The asset, or one column of it.
        #[arg(value_name = "ASSET[.COLUMN]")]
        what: String,
    },
    /// Materialize assets: the same as `tidegate run`.
    #[command(after_help = "Examples:
  tidegate asset materialize --select '+orders'
  tidegate asset materialize -a orders --partition 2024-01-01")]
    Materialize(Run),
    /// Forget that an asset was materialized. What was loaded stays where it lies.
    #[command(after_help = "Examples:
  tidegate asset wipe orders
  tidegate asset wipe orders --partition 2024-01-01 --yes")]
    Wipe {
        /// Which.
        asset: String,
        /// Only this partition.
        #[arg(long, value_name = "KEY")]
        partition: Option<String>,
        /// Forget it; without this, only what would be forgotten is told.
        #[arg(long)]
        yes: bool,
    },
    /// Tell of a materialization that was made elsewhere, or of what was seen there.
    #[command(after_help = "Examples:
  tidegate asset report orders --partition 2024-01-01 --rows 1200 --metadata by=legacy-job
  tidegate asset report orders --observation --metadata rows_in_shop=1210")]
    Report(Report),
    /// Show what the checks of assets said: the last result of each, and with --history those before it.
    #[command(after_help = "Examples:
  tidegate asset checks
  tidegate asset checks orders --history 20
  tidegate asset checks group:sales --json")]
    Checks(Checks),
    /// Carry out an asset's checks on what lies in its destination. Nothing is loaded; exit code 4 where one fails.
    #[command(after_help = "Examples:
  tidegate asset check orders
  tidegate asset check flights --partition 2013-02")]
    Check(CheckAsset),
    /// Show which assets are fresh, of those that say how fresh they must be; exit code 4 where one is late.
    Freshness,
    /// Show how an asset's partitions stand, or add and remove the keys of dynamic ones.
    #[command(after_help = "Examples:
  tidegate asset partitions flights
  tidegate asset partitions invoices add acme zeta
  tidegate run invoices --partition acme")]
    Partitions {
        /// Which.
        asset: String,
        #[command(subcommand)]
        command: Option<PartitionsCommand>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PartitionsCommand {
    /// Add keys to an asset's dynamic partitions; those that are there stay.
    Add {
        /// Which.
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
    /// Remove keys of an asset's dynamic partitions. What was loaded stays where it lies.
    Remove {
        /// Which.
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Which.
    pub(crate) asset: String,
    /// The partition; an asset with partitions is told of one at a time.
    #[arg(long, value_name = "KEY")]
    pub(crate) partition: Option<String>,
    /// Rows that were loaded.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) rows: u64,
    /// Bytes that were loaded.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) bytes: u64,
    /// Nothing was loaded: somebody only looked.
    #[arg(long, conflicts_with_all = ["rows", "bytes"])]
    pub(crate) observation: bool,
    /// What else is told: a number, `true`, `false`, JSON, or else a text; more than once.
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
    pub(crate) metadata: Vec<(String, String)>,
    /// A repeat with the same key is not kept a second time.
    #[arg(long, value_name = "KEY")]
    pub(crate) run_key: Option<String>,
}
