//! `kind: Project`: what holds for all assets.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::concurrency::ConcurrencyDecl;
use super::retention::RetentionDecl;
use super::retry::RetryDecl;
use crate::plan::AssetName;

/// The project: one document, `project.yaml`, in the schema folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Project")]
pub struct ProjectDecl {
    /// The project's name.
    pub name: AssetName,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Where state is kept: `sqlite:PATH` or `postgres://HOST/DATABASE`. Relative paths start at the project's folder,
    /// which is the one above the schema folder.
    #[serde(default = "default_state")]
    pub state: String,
    /// Where run logs and quarantine are kept: a folder, or `s3://BUCKET/PREFIX`.
    #[serde(default = "default_artifacts")]
    pub artifacts: String,
    /// The folders that hold plugins, as `NAME.wasm` or `NAME-VERSION.wasm`.
    #[serde(default = "default_plugins")]
    pub plugins: Vec<String>,
    /// Registries of plugins, to which `tidegate plugin publish` writes: folders, `s3://BUCKET/PREFIX` or
    /// `oci://HOST/PATH`. What comes from one is pinned in `tidegate.lock`.
    #[serde(default)]
    pub registries: Vec<String>,
    /// minisign public keys. With any, a plugin of a registry must be signed with one of them.
    #[serde(default)]
    pub trusted_keys: Vec<String>,
    /// Rows a batch at most, 1 to 1,048,576.
    #[serde(default = "default_batch_rows")]
    pub batch_rows: usize,
    /// How often an attempt makes its work durable, unless the asset says otherwise.
    #[serde(default)]
    pub checkpoint: CheckpointDecl,
    /// Other places to load the same assets into, chosen with `--target NAME`.
    #[serde(default)]
    pub targets: BTreeMap<AssetName, TargetDecl>,
    /// How an attempt that failed is made again, unless the asset says otherwise.
    #[serde(default)]
    pub retry: RetryDecl,
    /// What may go on at once.
    #[serde(default)]
    pub concurrency: ConcurrencyDecl,
    /// How long what is kept of runs stays.
    #[serde(default)]
    pub retention: RetentionDecl,
}

/// Another place to load the assets into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Target")]
pub struct TargetDecl {
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// The resource that takes the place of each destination's.
    pub destinations: BTreeMap<AssetName, AssetName>,
}

/// How often an attempt makes its work durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointDecl {
    /// After so many rows read. Each checkpoint closes a file, so a small number makes small files.
    pub every_rows: u64,
}

impl Default for CheckpointDecl {
    fn default() -> Self {
        // Ten million rows are seconds of work and a file that readers like.
        Self {
            every_rows: 10_000_000,
        }
    }
}

fn default_state() -> String {
    "sqlite:.tidegate/state.db".into()
}

fn default_artifacts() -> String {
    ".tidegate/artifacts".into()
}

fn default_plugins() -> Vec<String> {
    vec!["plugins".into()]
}

fn default_batch_rows() -> usize {
    crate::batch::DEFAULT_BATCH_ROWS
}
