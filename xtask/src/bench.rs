//! `cargo xtask bench`: builds in release and hands over to bench/run.py, which measures whole processes.

use std::process::Command;

use crate::process::{self, phase};
use crate::{guests, setup};

/// Times Tidegate and a peer on the same work.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    phase("setup", setup::run)?;
    phase("plugins", || guests::build_rust().map(drop))?;
    let tidegate = phase("tidegate, release build", process::build_tidegate)?;
    process::stream(
        Command::new("python3")
            .arg("bench/run.py")
            .arg("--tidegate")
            .arg(&tidegate)
            .args(arguments)
            .current_dir(process::root()),
    )
}
