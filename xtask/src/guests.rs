//! `cargo xtask guests`: builds the workspace in plugins/ and puts each component into plugins/dist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{process, setup};

/// Builds the plugins into plugins/dist.
pub(crate) fn run() -> Result<(), String> {
    setup::run()?;
    build()
}

/// The target folder of the plugins' workspace: its own, since Cargo holds a folder for one build at a time.
fn target() -> PathBuf {
    process::chosen_target().map_or_else(
        || process::root().join("plugins/target"),
        |target| target.join("guests"),
    )
}

/// Cargo in the plugins' workspace. Started there, it finds the compiler's flags in plugins/.cargo.
pub(crate) fn cargo(task: &str) -> Command {
    let mut command = process::cargo();
    command
        .current_dir(process::root().join("plugins"))
        .args([task, "--workspace", "--target-dir"])
        .arg(target());
    command
}

/// Builds the plugins; the target must be there.
pub(crate) fn build() -> Result<(), String> {
    process::stream(cargo("build").args(["--release", "--target", setup::GUEST_TARGET]))?;
    let built = target().join(setup::GUEST_TARGET).join("release");
    let dist = process::root().join("plugins/dist");
    let names = components(&process::metadata(&process::root().join("plugins/Cargo.toml"))?);
    deliver(&names, &built, &dist).map_err(|error| format!("{}: {error}", dist.display()))
}

/// The packages that build to a component.
fn components(metadata: &serde_json::Value) -> BTreeSet<String> {
    let is = |value: &serde_json::Value, word: &str| {
        value
            .as_array()
            .is_some_and(|words| words.iter().any(|one| one == word))
    };
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .filter(|package| {
            let mut targets = package["targets"].as_array().into_iter().flatten();
            targets.any(|target| is(&target["crate_types"], "cdylib"))
        })
        .filter_map(|package| package["name"].as_str().map(str::to_owned))
        .collect()
}

/// Copies what changed, so that a plugin that is the same keeps its age, and removes what is no longer built.
fn deliver(names: &BTreeSet<String>, built: &Path, dist: &Path) -> std::io::Result<()> {
    fs::create_dir_all(dist)?;
    for entry in fs::read_dir(dist)? {
        let path = entry?.path();
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "wasm") && !names.contains(stem) {
            fs::remove_file(&path)?;
        }
    }
    for name in names {
        let component = fs::read(built.join(format!("{}.wasm", name.replace('-', "_"))))?;
        let delivered = dist.join(format!("{name}.wasm"));
        if fs::read(&delivered).ok().as_ref() == Some(&component) {
            continue;
        }
        // A reader sees the old component or the new one, never half of one.
        let half = dist.join(format!(".{name}.new"));
        fs::write(&half, component)?;
        fs::rename(&half, &delivered)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_delivered_and_what_is_stale_removed() {
        let folder = std::env::temp_dir().join(format!("tidegate-xtask-guests-{}", std::process::id()));
        let (built, dist) = (folder.join("built"), folder.join("dist"));
        fs::create_dir_all(&built).unwrap();
        fs::create_dir_all(&dist).unwrap();
        fs::write(built.join("delay_class.wasm"), "new").unwrap();
        fs::write(dist.join("delay-class.wasm"), "old").unwrap();
        fs::write(dist.join("gone.wasm"), "stale").unwrap();
        fs::write(dist.join("notes.txt"), "kept").unwrap();
        let names = BTreeSet::from(["delay-class".to_owned()]);
        for _ in 0..2 {
            deliver(&names, &built, &dist).unwrap();
            assert_eq!(fs::read_to_string(dist.join("delay-class.wasm")).unwrap(), "new");
        }
        assert!(!dist.join("gone.wasm").exists());
        assert!(dist.join("notes.txt").exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn only_components_are_plugins() {
        let metadata = serde_json::json!({"packages": [
            {"name": "delay-class", "targets": [{"crate_types": ["cdylib"]}]},
            {"name": "shared", "targets": [{"crate_types": ["lib"]}]},
        ]});
        assert_eq!(components(&metadata), BTreeSet::from(["delay-class".to_owned()]));
    }
}
