//! Node with npm: the machine's, or, where that is missing or too old, one of the project's own. Debian 12 and Ubuntu 24.04
//! have Node 18.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::services::folder_of;
use crate::venv;

/// The oldest Node that the SDK and its tools run on: the first with `--import` for loaders.
const MIN_VERSION: (u32, u32) = (20, 6);

/// What is installed where the machine's does not do.
const REQUIREMENTS: &str = "xtask/src/guests/node-requirements.txt";

/// The `PATH` under which a program finds Node and npm. Installs them below the target folder where it must.
pub(crate) fn path(target: &Path) -> Result<OsString, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if folder_of("npm").is_some() && version().is_some_and(|version| version >= MIN_VERSION) {
        return Ok(path);
    }
    let programs = venv::with(&target.join("node"), REQUIREMENTS)?;
    let folders = std::iter::once(programs).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).map_err(|error| format!("PATH: {error}"))
}

/// The version of the machine's Node.
fn version() -> Option<(u32, u32)> {
    let output = Command::new("node").arg("--version").output().ok()?;
    parse(&String::from_utf8(output.stdout).ok()?)
}

/// What `node --version` prints: `v20.20.2`.
fn parse(printed: &str) -> Option<(u32, u32)> {
    let mut numbers = printed.trim().strip_prefix('v')?.split('.');
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let new_enough = |printed| parse(printed).is_some_and(|version| version >= MIN_VERSION);
        assert!(new_enough("v20.20.2\n") && new_enough("v20.6.0") && new_enough("v100.1.0"));
        assert!(!new_enough("v20.5.1") && !new_enough("v18.20.4") && !new_enough("") && !new_enough("v20"));
    }
}
