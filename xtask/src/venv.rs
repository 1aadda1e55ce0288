//! Python environments of the project's own, each with packages that a file pins by their hashes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process;
use crate::services::apt_install;

/// Installs Python with venv where it is missing.
pub(crate) fn install() -> Result<(), String> {
    let there = Command::new("python3")
        .args(["-c", "import venv, ensurepip"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if there {
        Ok(())
    } else {
        apt_install("python3-venv")
    }
}

/// An environment in a folder with the packages of a requirements file of the project, made anew when that changes.
/// Answers the folder of its programs.
pub(crate) fn with(folder: &Path, requirements: &str) -> Result<PathBuf, String> {
    let programs = folder.join("bin");
    let wanted_file = process::root().join(requirements);
    let wanted = fs::read(&wanted_file).map_err(|error| format!("{requirements}: {error}"))?;
    // Written last: an environment without it was not finished.
    let stamp = folder.join("requirements.txt");
    if fs::read(&stamp).ok().as_ref() == Some(&wanted) {
        return Ok(programs);
    }
    let advice = "Python 3.11 or newer with venv is needed. On Debian and Ubuntu: sudo apt-get install -y python3-venv";
    process::stream(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(folder),
    )
    .map_err(|error| format!("{error}; {advice}"))?;
    process::stream(
        Command::new(programs.join("python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--require-hashes",
                "-r",
            ])
            .arg(&wanted_file),
    )?;
    fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(programs)
}
