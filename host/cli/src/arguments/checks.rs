//! What can be typed of checks and freshness.

use clap::Args;

/// What the checks of assets said.
#[derive(Debug, Args)]
pub(crate) struct Checks {
    /// The assets, by name or as the selection syntax has it; all that have checks, unless told.
    #[arg(value_name = "SELECTION")]
    pub(crate) selection: Vec<String>,
    /// Show so many results of each check, newest first, with the trend of what was measured.
    #[arg(long, value_name = "N")]
    pub(crate) history: Option<u32>,
}

/// Checks to be carried out on what lies there.
#[derive(Debug, Args)]
pub(crate) struct CheckAsset {
    /// Which asset.
    pub(crate) asset: String,
    /// Only this partition; without it, all that lies there.
    #[arg(long, value_name = "KEY")]
    pub(crate) partition: Option<String>,
}
