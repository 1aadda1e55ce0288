//! What can be typed behind `tidegate state`.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Bring the tables up to date, as every command does first, and cut the months that come.
    Migrate,
    /// Remove what is older than `retention` of project.yaml says, as `tidegate serve` does every hour.
    Prune {
        /// Only say what would be removed.
        #[arg(long)]
        dry_run: bool,
    },
    /// Write the whole state as JSON lines.
    Export {
        /// Where to. It must not be there yet.
        file: PathBuf,
    },
    /// Read what `state export` wrote, into a state store that has nothing in it.
    Import {
        /// Where from.
        file: PathBuf,
    },
    /// Show how large the tables are.
    Size,
}
