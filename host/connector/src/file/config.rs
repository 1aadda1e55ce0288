//! What YAML says of a file resource, source and destination, and the form in which a task carries it.

use std::path::{Component, Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidegate_core::schema::{Column, Load, Node, decode};
use tidegate_core::{Error, Kind, Place};

use crate::format::{self, CheckedFiles, ColumnCompression, invalid};

/// A folder on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceConfig {
    /// The folder that sources read from and destinations write to. A relative path starts at the project's folder.
    #[serde(default = "default_root")]
    pub root: PathBuf,
}

/// How rows are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DestinationConfig {
    /// What the files hold.
    #[serde(default)]
    pub format: DestinationFormat,
    /// How columns are compressed.
    #[serde(default)]
    pub compression: ColumnCompression,
    /// Rows of a row group: what a reader can skip at once, and what is held in memory while it is written.
    #[serde(default = "default_row_group_rows")]
    #[schemars(range(min = 1024, max = 10_000_000))]
    pub row_group_rows: usize,
}

/// What a destination's files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DestinationFormat {
    /// Apache Parquet.
    #[default]
    Parquet,
}

/// A source as a task carries it: files, or what an asset of a file destination holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CheckedSource {
    Files(CheckedFiles),
    Asset(String),
}

fn default_root() -> PathBuf {
    ".tidegate/data".into()
}

fn default_row_group_rows() -> usize {
    122_880
}

/// A resource's config with an absolute root.
pub(super) fn check_resource(config: &Node, project: &Path) -> Result<ResourceConfig, Vec<Error>> {
    let config: ResourceConfig = decode(config)?;
    Ok(ResourceConfig {
        root: normalized(&project.join(config.root)),
    })
}

/// A source's config, resolved.
pub(super) fn check_source(config: &Node, columns: &[Column]) -> Result<CheckedSource, Vec<Error>> {
    format::check_source(config, columns, "root").map(CheckedSource::Files)
}

/// A destination's config, with what its load asks for.
pub(super) fn check_destination(config: &Node, load: Load) -> Result<DestinationConfig, Vec<Error>> {
    let decoded: DestinationConfig = decode(config)?;
    let mut errors = Vec::new();
    if load == Load::Upsert {
        errors.push(
            Error::new(
                Kind::Schema,
                "schema.load_unsupported",
                "files cannot be loaded with `load: upsert`",
            )
            .at(Place::Pointer(String::new()))
            .hint("use `append`, `replace` or `replace_partition`, or a database as destination"),
        );
    }
    if !(1_024..=10_000_000).contains(&decoded.row_group_rows) {
        errors.push(invalid(
            "/row_group_rows",
            "a row group must have 1,024 to 10,000,000 rows",
        ));
    }
    if errors.is_empty() {
        Ok(decoded)
    } else {
        Err(errors)
    }
}

/// A path less its `.` and `..`, by name alone: no disk is asked.
fn normalized(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}
