//! Plugins in JavaScript and TypeScript: folders with a `package.json`, built by the SDK in sdk/javascript.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{node, plugins, plugins_and_guests};
use crate::process;

/// What tells a folder with one from others.
const MARK: &str = "package.json";

/// The SDK. Its lock file says which componentize-js and esbuild plugins are built with.
const SDK: &str = "sdk/javascript";

/// What npm installs from.
const LOCKED: [&str; 2] = ["package.json", "package-lock.json"];

/// Builds them, and answers the component of each by the plugin's name. Where there are none, Node need not be there.
pub(super) fn build(target: &Path) -> Result<BTreeMap<String, PathBuf>, String> {
    let plugins = plugins_and_guests(MARK)?;
    let folder = target.join("javascript");
    let mut components = BTreeMap::new();
    if plugins.is_empty() {
        return Ok(components);
    }
    let path = node::path(target)?;
    let tools = tools(&folder.join("tools"), &path)?;
    for (name, plugin) in plugins {
        let component = folder.join(format!("{name}.wasm"));
        process::stream(
            Command::new("node")
                .env("PATH", &path)
                .arg(sdk().join("bin/tidegate-js.js"))
                .arg("build")
                .arg(&plugin)
                .arg("--tools")
                .arg(&tools)
                .arg("--output")
                .arg(&component)
                .arg("--cache")
                .arg(folder.join("cache"))
                .current_dir(process::root()),
        )?;
        components.insert(name, component);
    }
    Ok(components)
}

/// The tests of the SDK, then those of each plugin. They need nothing beside Node.
pub(crate) fn test(target: &Path) -> Result<(), String> {
    let path = node::path(target)?;
    for folder in std::iter::once(sdk()).chain(plugins(MARK)?.into_values()) {
        process::stream(
            Command::new("node")
                .env("PATH", &path)
                .arg("--import")
                .arg(sdk().join("build/resolve.js"))
                .arg("--test")
                .args(tests(&folder)?)
                .current_dir(&folder),
        )?;
    }
    Ok(())
}

fn sdk() -> PathBuf {
    process::root().join(SDK)
}

/// The test files of a folder. Named one by one: Node 20 and 22 differ in what they make of a folder.
fn tests(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let folder = folder.join("test");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.to_string_lossy().ends_with(".test.js"));
    files.sort();
    Ok(files)
}

/// A folder whose `node_modules` has what the SDK builds with, installed anew when the lock file changes.
fn tools(folder: &Path, path: &OsStr) -> Result<PathBuf, String> {
    let shown = |error: std::io::Error| format!("{}: {error}", folder.display());
    let lock = fs::read(sdk().join("package-lock.json"))
        .map_err(|error| format!("{SDK}/package-lock.json: {error}"))?;
    // Written last: a folder without it was not finished.
    let stamp = folder.join("installed.json");
    if fs::read(&stamp).ok().as_ref() == Some(&lock) {
        return Ok(folder.to_owned());
    }
    fs::create_dir_all(folder).map_err(shown)?;
    for file in LOCKED {
        fs::copy(sdk().join(file), folder.join(file)).map_err(shown)?;
    }
    // What the lock file says, and no more. `npm ci` would want every other system's binaries in it too, which npm
    // leaves out where a registry does not have them. No package has to run anything of its own to be installed.
    let install = [
        "install",
        "--no-save",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ];
    process::stream(
        Command::new("npm")
            .env("PATH", path)
            .args(install)
            .current_dir(folder),
    )?;
    fs::write(&stamp, lock).map_err(shown)?;
    Ok(folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_folders_with_a_package_and_have_tests() {
        let plugins = plugins(MARK).unwrap();
        let plugin = plugins.get("parse-user-agent").expect("a plugin in JavaScript");
        let tests = tests(plugin).unwrap();
        assert!(
            tests.iter().any(|file| file.ends_with("test/parse.test.js")),
            "{tests:?}"
        );
    }
}
