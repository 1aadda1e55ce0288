//! Puts the templates of new plugins into the binary: every file below `sdk/LANGUAGE/templates/ROLE`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const LANGUAGES: &[&str] = &["rust", "python", "javascript"];

fn main() -> io::Result<()> {
    let of = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .ok_or(io::ErrorKind::NotFound)
    };
    let sdk = of("CARGO_MANIFEST_DIR")?.join("../../sdk").canonicalize()?;
    let mut text = String::from("&[\n");
    for language in LANGUAGES {
        let templates = sdk.join(language).join("templates");
        // A folder that is not there yet is looked for again once its parent changes.
        let watched = if templates.is_dir() {
            templates.clone()
        } else {
            sdk.clone()
        };
        println!("cargo::rerun-if-changed={}", watched.display());
        for file in files(&templates)? {
            let path = file
                .strip_prefix(&templates)
                .unwrap_or(&file)
                .display()
                .to_string();
            let Some((role, path)) = path.split_once('/') else {
                continue;
            };
            let _ = writeln!(
                text,
                "Template {{ language: {language:?}, role: {role:?}, path: {path:?}, text: include_str!({:?}) }},",
                file.display().to_string()
            );
        }
    }
    text.push_str("]\n");
    fs::write(of("OUT_DIR")?.join("templates.rs"), text)
}

/// Every file below a folder, sorted; none where it is not there.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        // What tools leave behind is no template.
        if matches!(
            name,
            "target" | "node_modules" | "__pycache__" | "dist" | "Cargo.lock"
        ) {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
