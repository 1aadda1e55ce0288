//! What can be typed behind `tidegate token`.

use clap::{Subcommand, ValueEnum};
use tidegate_core::schema::Millis;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token. Its text is shown once, and kept nowhere.
    Create {
        /// What it is for.
        #[arg(long)]
        name: String,
        /// What its holder may do.
        #[arg(long, value_enum, default_value = "viewer")]
        role: TokenRole,
        /// For how long, such as `90d`; for ever, unless told.
        #[arg(long, value_name = "DURATION", value_parser = time)]
        expires_in: Option<Millis>,
    },
    /// Show the tokens; their texts are not among what is kept.
    List,
    /// Take tokens back: they open nothing from now on.
    Revoke {
        /// Their ids, as `token list` shows them.
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

fn time(text: &str) -> Result<Millis, String> {
    Millis::try_from(text.to_owned())
}

/// What the holder of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenRole {
    /// Looks.
    Viewer,
    /// Launches and stops runs too.
    Operator,
    /// Everything.
    Admin,
}
