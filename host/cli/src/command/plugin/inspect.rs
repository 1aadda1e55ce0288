//! `tidegate plugin inspect`: what a component says of itself, what it asks for, and what it takes as config.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use tidegate_core::{Error, Errors};
use tidegate_plugin::{Catalog, Interfaces, Plugin, Requirement, manifest_json};

use super::language::text;
use crate::arguments::ProjectAt;
use crate::output::{Output, bytes, printable};
use crate::session;

pub(crate) fn run(at: &ProjectAt, named: &str, output: &Output) -> Result<ExitCode, Errors> {
    let file = Path::new(named);
    if file.is_file() || file.extension().is_some_and(|ending| ending == "wasm") {
        show(&Plugin::read(file).map_err(Error::from)?, output)?;
    } else {
        show(&*in_project(at, named)?, output)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A plugin of the project, by name and maybe versions.
fn in_project(at: &ProjectAt, named: &str) -> Result<std::sync::Arc<Plugin>, Errors> {
    let wanted: Requirement = named.parse().map_err(Error::from)?;
    let project = session::open_project(at)?;
    let folders = &project.documents().project.value.plugins;
    let catalog = Catalog::new(folders.iter().map(|folder| project.root().join(folder)).collect());
    Ok(catalog.find(&wanted).map_err(Error::from)?)
}

fn show(plugin: &Plugin, output: &Output) -> Result<(), Error> {
    let file = plugin.file.display().to_string();
    let manifest = manifest_json(&file, &plugin.wasm)?;
    let interfaces = Interfaces::of(plugin)?;
    let answer = json!({
        "file": file,
        "bytes": plugin.wasm.len(),
        "digest": plugin.digest,
        "manifest": manifest,
        "imports": interfaces.imports,
        "exports": interfaces.exports,
    });
    output.show(&answer, || people(plugin, &manifest, &interfaces));
    Ok(())
}

fn people(plugin: &Plugin, manifest: &Value, interfaces: &Interfaces) {
    let said = &plugin.manifest;
    let line = |name: &str, value: &str| {
        if !value.is_empty() {
            say!("{name:<12}{}", printable(value));
        }
    };
    line("name", &format!("{}@{}", said.name, said.version));
    line("does", &said.description);
    line("roles", &said.roles.join(", "));
    line("contract", &said.contract.to_string());
    line("licence", &said.license);
    line("authors", &texts(&manifest["authors"]));
    line("source", text(&manifest["repository"]));
    line("revision", text(&manifest["revision"]));
    line("digest", &plugin.digest.to_string());
    line("size", &bytes(plugin.wasm.len() as u64));
    for wish in ["http", "secrets", "memory"] {
        line(&format!("wish {wish}"), &texts(&manifest["wishes"][wish]));
    }
    for (heading, names) in [("imports", &interfaces.imports), ("exports", &interfaces.exports)] {
        say!();
        say!("{heading}");
        for name in names {
            say!("  {}", printable(name));
        }
    }
    say!();
    say!("config");
    match &manifest["config_schema"] {
        Value::Null => say!("  not told; `tidegate plugin build` adds it"),
        schema => keys(schema),
    }
}

/// The keys of a config: name, type, whether it must be there, and what it means.
fn keys(schema: &Value) {
    let required = |key: &str| {
        let names = schema["required"].as_array().into_iter().flatten();
        names.into_iter().any(|name| name == key)
    };
    let properties = schema["properties"].as_object();
    let Some(properties) = properties.filter(|properties| !properties.is_empty()) else {
        return say!("  no keys");
    };
    for (key, property) in properties {
        let kind = match &property["type"] {
            Value::Null => "any".to_owned(),
            kind => texts(kind),
        };
        let must = if required(key) { ", required" } else { "" };
        let default = match &property["default"] {
            Value::Null => String::new(),
            default => format!(", default {default}"),
        };
        let meaning = text(&property["description"]);
        let said = format!("{key}: {kind}{must}{default}  {meaning}");
        say!("  {}", printable(said.trim_end()));
    }
}

/// One text, or several with commas between.
fn texts(value: &Value) -> String {
    match value {
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        value => text(value).to_owned(),
    }
}
