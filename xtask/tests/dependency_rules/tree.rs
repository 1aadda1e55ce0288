//! What the rules look at: the project's files, and what Cargo says of its workspaces.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A source file: its path from the project's folder, with `/`, and its text.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// What stands behind the last dot of its name.
    pub(crate) fn ending(&self) -> Option<&str> {
        Path::new(&self.path).extension()?.to_str()
    }
}

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    // Asked when run: where clones share a target folder, this may have been built in another one.
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..")
}

/// Every source file of the project, in order.
pub(crate) fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["host", "sdk", "plugins", "xtask", "bench", "wit"] {
        collect(&root(), folder, &mut found);
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 50, "the scan found {} files only", found.len());
    found
}

fn collect(root: &Path, folder: &str, found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else {
        return;
    };
    for entry in entries {
        let entry = entry.expect("a readable folder");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if entry.file_type().expect("a file type").is_dir() {
            // What is built, and what tools keep for themselves, is not ours.
            if !matches!(name.as_str(), "target" | "dist" | "node_modules" | "__pycache__")
                && !name.starts_with('.')
            {
                collect(root, &path, found);
            }
        } else if ["rs", "py", "sql", "wit"]
            .iter()
            .any(|ending| name.ends_with(&format!(".{ending}")))
        {
            let text = fs::read_to_string(root.join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            found.push(Source { path, text });
        }
    }
}

/// The manifests of both workspaces.
pub(crate) const MANIFESTS: [&str; 2] = ["Cargo.toml", "plugins/Cargo.toml"];

/// The packages of a workspace, and with `dependencies` all those it needs on this machine.
pub(crate) fn packages(manifest: &str, dependencies: bool) -> Vec<serde_json::Value> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root()).args([
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--manifest-path",
        manifest,
    ]);
    if dependencies {
        command.args(["--filter-platform", &machine()]);
    } else {
        command.arg("--no-deps");
    }
    let metadata: serde_json::Value = serde_json::from_str(&printed(&mut command))
        .unwrap_or_else(|error| panic!("cargo metadata: {error}"));
    match &metadata["packages"] {
        serde_json::Value::Array(packages) => packages.clone(),
        _ => panic!("cargo metadata lists no packages"),
    }
}

/// The target that this machine's programs are built for.
fn machine() -> String {
    let said = printed(Command::new("rustc").arg("-vV"));
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

fn printed(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
