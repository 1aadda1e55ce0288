//! The README's commands do what it says.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn root() -> PathBuf {
    // Asked when run: where clones share a target folder, this may have been built in another one.
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines in the README's fenced shell blocks, without prompts and remarks.
fn commands(readme: &str) -> Vec<String> {
    let mut fence = None;
    let mut found = Vec::new();
    for line in readme.lines() {
        match (line.trim().strip_prefix("```"), fence) {
            (Some(language), None) => fence = Some(language == "sh"),
            (Some(_), Some(_)) => fence = None,
            (None, Some(true)) => {
                let command = line.split(" #").next().unwrap_or_default().trim();
                if !command.is_empty() && !command.starts_with('#') {
                    found.push(command.to_owned());
                }
            }
            _ => {}
        }
    }
    found
}

/// The names of the example's assets: each has a file of its name.
/// The assets of the example that are there without a target.
fn assets() -> Vec<String> {
    let entries = fs::read_dir(root().join("schemas/assets")).expect("the example's assets");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| {
            !fs::read_to_string(path)
                .expect("a readable asset")
                .contains("\ntargets:")
        })
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

#[test]
fn the_two_commands_come_first() {
    let commands = commands(&read("README.md"));
    assert_eq!(commands[..2], ["cargo xtask demo", "cargo xtask test"]);
}

#[test]
fn ci_runs_the_second_command() {
    // Not run here: this test is one of those that it runs.
    assert!(
        read(".ci/run")
            .lines()
            .any(|line| line == "phase cargo xtask test")
    );
}

#[test]
fn the_demo_shows_every_asset() {
    let demo = commands(&read("README.md")).swap_remove(0);
    let output = Command::new("sh")
        .args(["-c", &demo])
        .current_dir(root())
        .output()
        .expect("a shell");
    let printed = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{demo}` failed:\n{printed}\n{said}");
    for asset in assets() {
        let row = printed
            .lines()
            .find(|line| line.split_whitespace().next() == Some(&asset));
        let row = row.unwrap_or_else(|| panic!("no row of `{asset}` in what `{demo}` printed:\n{printed}"));
        if asset == "flights" {
            let digits = row.replace([',', '_'], "");
            assert!(digits.contains("336776"), "all flights are read: {row}");
        }
    }
}
