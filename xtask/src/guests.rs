//! `cargo xtask guests`: builds the plugins in plugins/ and the guests of the host's tests, those in Rust, Python and
//! JavaScript, and puts each component into plugins/dist.

pub(crate) mod javascript;
pub(crate) mod node;
pub(crate) mod python;

use std::collections::{BTreeMap, BTreeSet};
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
pub(crate) fn target() -> PathBuf {
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

/// Builds the plugins in every language; the target must be there.
pub(crate) fn build() -> Result<(), String> {
    let mut components = build_rust()?;
    components.extend(python::build(&target())?);
    components.extend(javascript::build(&target())?);
    let dist = dist();
    deliver(&components, &dist)
        .and_then(|()| sweep(&components, &dist))
        .map_err(|error| format!("{}: {error}", dist.display()))
}

/// Builds those written in Rust, which is all that the example project needs, and answers them by name.
pub(crate) fn build_rust() -> Result<BTreeMap<String, PathBuf>, String> {
    process::stream(cargo("build").args(["--release", "--target", setup::GUEST_TARGET]))?;
    let built = target().join(setup::GUEST_TARGET).join("release");
    let names = components(&process::metadata(&process::root().join("plugins/Cargo.toml"))?);
    let components = names
        .into_iter()
        .map(|name| {
            let file = built.join(format!("{}.wasm", name.replace('-', "_")));
            (name, file)
        })
        .collect();
    let dist = dist();
    deliver(&components, &dist).map_err(|error| format!("{}: {error}", dist.display()))?;
    Ok(components)
}

/// The plugins whose folder has a file of that name, by their names, which are their folders'.
fn plugins(with: &str) -> Result<BTreeMap<String, PathBuf>, String> {
    folders("plugins", with)
}

/// Those, and the guests of the host's tests and benchmarks, which are called `guest-` and their folder's name.
fn plugins_and_guests(with: &str) -> Result<BTreeMap<String, PathBuf>, String> {
    let guests = folders("host/plugin/tests/guests", with)?.into_iter();
    let guests = guests.map(|(name, folder)| (format!("guest-{name}"), folder));
    Ok(plugins(with)?.into_iter().chain(guests).collect())
}

fn folders(parent: &str, with: &str) -> Result<BTreeMap<String, PathBuf>, String> {
    let parent = process::root().join(parent);
    let entries = fs::read_dir(&parent).map_err(|error| format!("{}: {error}", parent.display()))?;
    let folders = entries.flatten().map(|entry| entry.path());
    Ok(folders
        .filter(|folder| folder.join(with).is_file())
        .filter_map(|folder| Some((folder.file_name()?.to_str()?.to_owned(), folder)))
        .collect())
}

/// Where built components are looked for.
fn dist() -> PathBuf {
    process::root().join("plugins/dist")
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

/// Removes what is no longer built.
fn sweep(components: &BTreeMap<String, PathBuf>, dist: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(dist)? {
        let path = entry?.path();
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "wasm") && !components.contains_key(stem) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Copies what changed, so that a plugin that is the same keeps its age.
fn deliver(components: &BTreeMap<String, PathBuf>, dist: &Path) -> std::io::Result<()> {
    fs::create_dir_all(dist)?;
    for (name, built) in components {
        let component = fs::read(built)?;
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
        let component = built.join("delay_class.wasm");
        fs::write(&component, "new").unwrap();
        fs::write(dist.join("delay-class.wasm"), "old").unwrap();
        fs::write(dist.join("gone.wasm"), "stale").unwrap();
        fs::write(dist.join("notes.txt"), "kept").unwrap();
        let components = BTreeMap::from([("delay-class".to_owned(), component)]);
        for _ in 0..2 {
            deliver(&components, &dist).unwrap();
            sweep(&components, &dist).unwrap();
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
