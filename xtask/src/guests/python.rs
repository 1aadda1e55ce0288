//! Plugins in Python: folders with a `pyproject.toml`, built by the SDK in sdk/python.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{plugins, plugins_and_guests};
use crate::{process, venv};

/// What tells a folder with one from others.
const MARK: &str = "pyproject.toml";

/// What the venv holds: componentize-py, pinned by its hashes.
const REQUIREMENTS: &str = "sdk/python/requirements-build.txt";

/// Builds them, and answers the component of each by the plugin's name. Where there are none, Python need not be there.
pub(super) fn build(target: &Path) -> Result<BTreeMap<String, PathBuf>, String> {
    let plugins = plugins_and_guests(MARK)?;
    let folder = target.join("python");
    let mut components = BTreeMap::new();
    if plugins.is_empty() {
        return Ok(components);
    }
    let python = venv::with(&folder.join("venv"), REQUIREMENTS)?.join("python");
    for (name, plugin) in plugins {
        let component = folder.join(format!("{name}.wasm"));
        process::stream(
            with_sdk(&python)
                .args(["-m", "tidegate_sdk.build"])
                .arg(&plugin)
                .arg("--output")
                .arg(&component)
                .arg("--cache")
                .arg(folder.join("cache")),
        )?;
        components.insert(name, component);
    }
    Ok(components)
}

/// The tests of the SDK, then those of each plugin. They need nothing beside Python.
pub(crate) fn test() -> Result<(), String> {
    let folders = std::iter::once(process::root().join("sdk/python")).chain(plugins(MARK)?.into_values());
    for folder in folders {
        process::stream(
            with_sdk(Path::new("python3"))
                .args(["-m", "unittest"])
                .current_dir(folder),
        )?;
    }
    Ok(())
}

/// A Python that finds the SDK.
fn with_sdk(python: &Path) -> Command {
    let mut command = Command::new(python);
    command
        .current_dir(process::root())
        .env("PYTHONPATH", process::root().join("sdk/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn folders_with_a_pyproject_are_plugins_in_python() {
        let found = plugins_and_guests(MARK).unwrap();
        assert!(found.contains_key("clean-iban"));
        assert!(!found.contains_key("clean-tail-number"), "it is a crate");
        for (name, folder) in found {
            let said = fs::read_to_string(folder.join("pyproject.toml")).unwrap();
            assert!(
                said.contains(&format!("\nname = \"{name}\"\n")),
                "the folder of {name} is called otherwise than the plugin"
            );
        }
    }
}
