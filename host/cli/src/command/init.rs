//! `tidegate init`: a project with one asset that runs.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use tidegate_core::plan::AssetName;
use tidegate_core::{Error, Errors, Kind};

use crate::output::Output;
use crate::session::make_folder;

/// What a new project is made of: path and text; `NAME` is the project's.
pub(super) const FILES: &[(&str, &str)] = &[
    ("schemas/project.yaml", include_str!("init/project.yaml")),
    ("schemas/resources/raw.yaml", include_str!("init/raw.yaml")),
    ("schemas/resources/lake.yaml", include_str!("init/lake.yaml")),
    ("schemas/assets/readings.yaml", include_str!("init/readings.yaml")),
    ("schemas/data/readings.csv", include_str!("init/readings.csv")),
    (".gitignore", ".tidegate/\n"),
];

pub(crate) fn run(folder: &Path, name: Option<&str>, output: &Output) -> Result<ExitCode, Errors> {
    let name = project_name(folder, name)?;
    let taken = folder.join("schemas");
    if taken.exists() {
        return Err(Error::new(
            Kind::Usage,
            "init.exists",
            format!("`{}` is there already", taken.display()),
        )
        .hint("start in another folder with --project DIR")
        .into());
    }
    let mut written = Vec::new();
    for (path, text) in FILES {
        if write_new(folder, path, &text.replace("NAME", name.as_str()))? {
            written.push(*path);
        }
    }
    output.show(&json!({"project": name, "files": written}), || {
        say!("project `{name}`:");
        for path in &written {
            say!("  {path}");
        }
        say!("next: tidegate check && tidegate run --all");
    });
    Ok(ExitCode::SUCCESS)
}

/// Writes a file that is not there, and answers whether it was not.
pub(super) fn write_new(folder: &Path, path: &str, text: &str) -> Result<bool, Error> {
    let file = folder.join(path);
    if file.exists() {
        return Ok(false);
    }
    if let Some(parent) = file.parent() {
        make_folder(parent)?;
    }
    std::fs::write(&file, text).map_err(|error| {
        Error::new(
            Kind::Resource,
            "file.permission",
            format!("cannot write `{}`: {error}", file.display()),
        )
    })?;
    Ok(true)
}

/// The name as told, or the folder's own made into one.
pub(super) fn project_name(folder: &Path, name: Option<&str>) -> Result<AssetName, Error> {
    let text = name.map_or_else(|| folders_name(folder), str::to_owned);
    text.parse().map_err(|error: tidegate_core::plan::InvalidName| {
        Error::new(Kind::Usage, "init.name", error.to_string()).hint("give another one: `tidegate init NAME`")
    })
}

/// The folder's own name with what cannot stand in one taken out.
fn folders_name(folder: &Path) -> String {
    let absolute = std::path::absolute(folder).unwrap_or_default();
    let own = absolute.file_name().and_then(|name| name.to_str());
    cleaned(own.unwrap_or_default(), "project")
}

/// A text with what cannot stand in a name taken out; `other` where nothing is left.
pub(super) fn cleaned(text: &str, other: &str) -> String {
    let clean: String = text
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let clean = clean.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    if clean.is_empty() { other } else { clean }.to_owned()
}
