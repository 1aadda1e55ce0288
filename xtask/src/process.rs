//! Starting other programs: from the project's folder, with what they print going straight to the user.

use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command};
use std::time::Instant;

/// The project's folder. Asked when run: where clones share a target folder, this may have been built in another one.
pub(crate) fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .and_then(|folder| Path::new(&folder).parent().map(Path::to_owned))
        .unwrap_or_else(|| PathBuf::from("."))
}

/// The same cargo that runs this, in the project's folder.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // A relative folder is meant from where the user is.
    if let Some(target) = chosen_target() {
        command.env("CARGO_TARGET_DIR", target);
    }
    command
}

/// Runs a command to its end, showing what it prints.
pub(crate) fn stream(command: &mut Command) -> Result<(), String> {
    stream_through(command, |_| Ok(()))
}

/// Runs a command to its end, with its standard output, which is to be piped, handed to a reader.
pub(crate) fn stream_through(
    command: &mut Command,
    reader: impl FnOnce(Option<ChildStdout>) -> std::io::Result<()>,
) -> Result<(), String> {
    let mut child = command
        .spawn()
        .map_err(|error| format!("{} could not be started: {error}", shown(command)))?;
    let read = reader(child.stdout.take());
    let status = child
        .wait()
        .and_then(|status| read.map(|()| status))
        .map_err(|error| format!("{}: {error}", shown(command)))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{} failed with {status}", shown(command)))
}

/// Runs a command to its end and answers what it printed; its complaints go to the user.
pub(crate) fn capture(command: &mut Command) -> Result<String, String> {
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("{} could not be started: {error}", shown(command)))?;
    if !output.status.success() {
        return Err(format!("{} failed with {}", shown(command), output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{} printed {error}", shown(command)))
}

/// Does a part of a task, saying what it is and how long it took.
pub(crate) fn phase<T>(name: &str, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    eprintln!("==> {name}");
    let start = Instant::now();
    let done = work();
    let verdict = if done.is_ok() { "done" } else { "FAILED" };
    eprintln!("==> {name}: {verdict} in {:.1} s", start.elapsed().as_secs_f64());
    done
}

/// What cargo knows of the workspace of a manifest, without its dependencies.
pub(crate) fn metadata(manifest: &Path) -> Result<serde_json::Value, String> {
    let printed = capture(
        cargo()
            .args([
                "metadata",
                "--no-deps",
                "--format-version",
                "1",
                "--manifest-path",
            ])
            .arg(manifest),
    )?;
    serde_json::from_str(&printed).map_err(|error| format!("cargo metadata printed no JSON: {error}"))
}

/// Builds the `tidegate` binary in release and answers where it is.
pub(crate) fn build_tidegate() -> Result<PathBuf, String> {
    stream(cargo().args(["build", "--release", "-p", "tidegate-cli"]))?;
    let metadata = metadata(&root().join("Cargo.toml"))?;
    let target = metadata["target_directory"]
        .as_str()
        .ok_or("cargo metadata names no target directory")?;
    Ok(Path::new(target).join("release/tidegate"))
}

/// The target folder that the user chose, if any.
pub(crate) fn chosen_target() -> Option<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")?;
    std::path::absolute(target).ok()
}

/// A command as a user would type it.
fn shown(command: &Command) -> String {
    let mut words = vec![
        Path::new(command.get_program())
            .file_name()
            .unwrap_or_default()
            .to_string_lossy(),
    ];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy()));
    format!("`{}`", words.join(" "))
}
