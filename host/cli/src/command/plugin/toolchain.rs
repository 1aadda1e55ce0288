//! Runs what builds a plugin of each language, and finds the component that comes of it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tidegate_core::{Error, Kind};

use super::language::{Language, text};

/// What guests are built for.
const TARGET: &str = "wasm32-wasip2";

/// Builds a folder; answers the component's file.
pub(super) fn component(folder: &Path, language: Language) -> Result<PathBuf, Error> {
    match language {
        Language::Rust => rust(folder),
        Language::Python => python(folder),
        Language::Javascript => javascript(folder),
    }
}

fn rust(folder: &Path) -> Result<PathBuf, Error> {
    let hint = format!("install Rust from https://rustup.rs, then: rustup target add {TARGET}");
    let mut libraries = Command::new("rustc");
    libraries
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(folder);
    let libraries = answer(libraries, "rustc", &hint)?;
    if !Path::new(libraries.trim()).is_dir() {
        return Err(missing(format!("Rust has no libraries for {TARGET} here"), &hint));
    }
    let mut cargo = Command::new("cargo");
    cargo
        .args([
            "build",
            "--release",
            "--target",
            TARGET,
            "--message-format",
            "json-render-diagnostics",
        ])
        .current_dir(folder);
    let messages = answer(cargo, "cargo", &hint)?;
    let own = folder.join("Cargo.toml").canonicalize().unwrap_or_default();
    let artifacts = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let built = artifacts
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| {
            Path::new(text(&message["manifest_path"]))
                .canonicalize()
                .is_ok_and(|path| path == own)
        })
        .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
        .map(|file| PathBuf::from(text(&file)))
        .find(|file| file.extension() == Some(OsStr::new("wasm")));
    built.ok_or_else(|| {
        Error::new(
            Kind::Plugin,
            "plugin.build",
            format!("`{}` builds no component", folder.display()),
        )
        .hint("its Cargo.toml needs `[lib] crate-type = [\"cdylib\"]`")
    })
}

fn python(folder: &Path) -> Result<PathBuf, Error> {
    let hint = "install Python 3.11 or newer, and in its environment: pip install ./sdk/python of Tidegate's repository";
    let file = fresh(folder)?;
    let mut build = Command::new("python3");
    build.args(["-c", "import tidegate_sdk"]).stderr(Stdio::null());
    match build.status() {
        Ok(status) if status.success() => {}
        Ok(_) => return Err(missing("Python has no module `tidegate_sdk` here".into(), hint)),
        Err(error) => return Err(missing(format!("cannot run `python3`: {error}"), hint)),
    }
    let mut build = Command::new("python3");
    build
        .args(["-m", "tidegate_sdk.build"])
        .arg(folder)
        .arg("--output")
        .arg(&file);
    answer(build, "python3", hint)?;
    Ok(file)
}

fn javascript(folder: &Path) -> Result<PathBuf, Error> {
    let hint = "install Node.js 20 or newer, and in the plugin's folder: npm install";
    let file = fresh(folder)?;
    if !folder.join("node_modules/.bin/tidegate-js").exists() {
        let message = format!("`{}` has no `tidegate-js` among its packages", folder.display());
        return Err(missing(message, hint));
    }
    let mut build = Command::new("npx");
    build
        .args(["--no-install", "tidegate-js", "build", "--output"])
        .arg(&file)
        .current_dir(folder);
    answer(build, "npx", hint)?;
    Ok(file)
}

/// Where a toolchain puts the component before its manifest is complete.
fn fresh(folder: &Path) -> Result<PathBuf, Error> {
    let dist = std::path::absolute(folder.join("dist")).unwrap_or_else(|_| folder.join("dist"));
    crate::session::make_folder(&dist)?;
    Ok(dist.join(".built.wasm"))
}

/// Runs a command to its end, its messages on our standard error; answers what it printed.
fn answer(mut command: Command, program: &str, hint: &str) -> Result<String, Error> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| missing(format!("cannot run `{program}`: {error}"), hint))?;
    if !output.status.success() {
        return Err(Error::new(
            Kind::Plugin,
            "plugin.build",
            format!("`{program}` did not build the plugin: {}", output.status),
        )
        .hint(format!("its messages stand above; it needs: {hint}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn missing(message: String, hint: &str) -> Error {
    Error::new(Kind::Resource, "plugin.toolchain", message).hint(hint)
}
