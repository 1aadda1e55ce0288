//! The services that tests need: installed from the system's packages, started privately, stopped again.
//!
//! What is up is written down in `target/services/`, so that another call can find and stop it.

pub(crate) mod clickhouse;
pub(crate) mod clock;
mod daemon;
pub(crate) mod oci;
pub(crate) mod old_clickhouse;
pub(crate) mod postgres;
pub(crate) mod s3;

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where is written down what is up.
fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| crate::process::root().join("target"), PathBuf::from);
    target.join("services")
}

/// Runs a command to its end and answers what it printed; where it failed, the error holds all that it said.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?} could not be started: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{command:?} failed with {}:\n{printed}{said}",
        output.status
    ))
}

/// Whether this process runs as root.
fn is_root() -> Result<bool, String> {
    Ok(run(Command::new("id").arg("-u"))?.trim() == "0")
}

/// The folder in `PATH` that holds a program.
pub(crate) fn folder_of(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|folder| folder.join(program).is_file())
}

/// Installs a package of Debian or Ubuntu, as root or through sudo.
pub(crate) fn apt_install(package: &str) -> Result<(), String> {
    let by_hand = format!("install the package `{package}` (or your system's like) by hand, and try again");
    if folder_of("apt-get").is_none() {
        return Err(format!("there is no apt-get here: {by_hand}"));
    }
    let root = is_root()?;
    if !root && folder_of("sudo").is_none() {
        return Err(format!(
            "packages are installed by root or through sudo, and this is neither: {by_hand}"
        ));
    }
    eprintln!("installing the package {package}");
    for arguments in [&["update"][..], &["install", "-y", package]] {
        let mut command = Command::new(if root { "env" } else { "sudo" });
        command
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
            .args(arguments);
        run(&mut command).map_err(|error| format!("{error}\n{by_hand}"))?;
    }
    Ok(())
}

/// A port on loopback that nobody listens on. Somebody may take it before it is used, so whoever starts a service on it
/// tries again with another.
fn free_port() -> Result<u16, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port on loopback: {error}"))
}

/// A new folder for a service's data that only its owner can enter. It lies in the system's folder for temporary files,
/// since the user that runs a server in root's place may be unable to reach the project's.
fn new_data_folder(service: &str) -> Result<PathBuf, String> {
    use std::os::unix::fs::DirBuilderExt;

    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let data = std::env::temp_dir().join(format!("tidegate-{service}-{}-{now}", std::process::id()));
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&data)
        .map_err(|error| format!("{}: {error}", data.display()))?;
    Ok(data)
}
