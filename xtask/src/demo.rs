//! `cargo xtask demo`: builds everything and runs the example project. Runs again as often as one likes: what is loaded
//! replaces what was there, and nothing else is touched.

use std::process::Command;

use crate::process::{self, phase};
use crate::{guests, setup};

/// Builds Tidegate and runs the example project in schemas/.
pub(crate) fn run() -> Result<(), String> {
    phase("setup", setup::run)?;
    phase("plugins", || guests::build_rust().map(drop))?;
    let tidegate = phase("tidegate, release build", process::build_tidegate)?;
    phase("tidegate run --all", || {
        process::stream(
            Command::new(&tidegate)
                .args(["run", "--all"])
                .current_dir(process::root()),
        )
    })
}
