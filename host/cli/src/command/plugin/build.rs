//! `tidegate plugin build`: a folder's source to a component with its whole manifest inside.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use tidegate_core::{Error, Errors, Kind};
use tidegate_plugin::{Plugin, Runtime, config_schema, manifest_json, with_manifest};

use super::language::Language;
use super::{grant, limits, runtime, shown, toolchain};
use crate::arguments::BuildPlugin;
use crate::output::{Output, bytes};

pub(crate) async fn run(build: &BuildPlugin, output: &Output) -> Result<ExitCode, Errors> {
    let plugin = built(&runtime()?, &build.folder, build.output.as_deref()).await?;
    let file = plugin.file.display().to_string();
    let answer = json!({
        "name": plugin.manifest.name,
        "version": plugin.manifest.version,
        "file": file,
        "bytes": plugin.wasm.len(),
        "digest": plugin.digest,
    });
    output.show(&answer, || {
        say!("{file}  {}  {}", bytes(plugin.wasm.len() as u64), plugin.digest);
    });
    Ok(ExitCode::SUCCESS)
}

/// Builds a folder into `dist/NAME.wasm` there, or the file told.
pub(super) async fn built(runtime: &Runtime, folder: &Path, output: Option<&Path>) -> Result<Plugin, Error> {
    let component = toolchain::component(folder, Language::of(folder)?)?;
    let plugin = Plugin::read(&component)?;
    let file = output.map_or_else(
        || folder.join("dist").join(format!("{}.wasm", plugin.manifest.name)),
        PathBuf::from,
    );
    let wasm = with_schema(runtime, &plugin).await?;
    replace(&file, &wasm)?;
    // What a toolchain left beside it for us is of no more use.
    if component.file_name().is_some_and(|name| name == ".built.wasm") {
        let _ = std::fs::remove_file(&component);
    }
    Ok(Plugin::read(&file)?)
}

/// The component with the schema of its config, as it tells it itself, in its manifest.
async fn with_schema(runtime: &Runtime, plugin: &Plugin) -> Result<Vec<u8>, Error> {
    let file = plugin.file.display().to_string();
    let mut manifest = manifest_json(&file, &plugin.wasm)?;
    let schema = config_schema(runtime, plugin, &grant(limits(plugin)), shown()).await?;
    if let Some(keys) = manifest.as_object_mut() {
        keys.insert("config_schema".into(), schema);
    }
    Ok(with_manifest(&file, &plugin.wasm, &manifest)?)
}

/// Writes a file whole: a reader sees the old component or the new one, never half of one.
fn replace(file: &Path, wasm: &[u8]) -> Result<(), Error> {
    let failed = |error: std::io::Error| {
        Error::new(
            Kind::Resource,
            "file.permission",
            format!("cannot write `{}`: {error}", file.display()),
        )
    };
    if let Some(folder) = file.parent() {
        crate::session::make_folder(folder)?;
    }
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let half = file.with_file_name(format!(".{name}.new"));
    std::fs::write(&half, wasm).map_err(failed)?;
    std::fs::rename(&half, file).map_err(failed)
}
