//! What can be typed about assets that are materialized by themselves.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum AutomationCommand {
    /// List the assets with an automation: whether it is on, and what it last asked for.
    List,
    /// Show an asset's automation: its condition, and the last evaluations that came to something new.
    Show {
        /// Which asset.
        asset: String,
    },
    /// Explain the last evaluation of an asset: for which slices each part of its condition held.
    Explain {
        /// Which asset.
        asset: String,
        /// The evaluation of this number, as `show` lists it; the last one, unless told.
        #[arg(long, value_name = "NUMBER")]
        evaluation: Option<i64>,
    },
    /// Start the automation of assets.
    Start {
        /// Which.
        #[arg(required = true)]
        assets: Vec<String>,
    },
    /// Stop the automation of assets. Runs that go on are left alone.
    Stop {
        /// Which.
        #[arg(required = true)]
        assets: Vec<String>,
    },
    /// Show what an evaluation would launch now. Nothing is launched.
    Preview,
}
