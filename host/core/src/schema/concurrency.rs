//! How much may go on at once.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::AssetName;

/// What may go on at once, over all processes of the project.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Concurrency")]
pub struct ConcurrencyDecl {
    /// Runs from the queue; without it, as many as the workers take.
    pub runs: Option<u32>,
    /// Runs with a tag.
    pub tags: Vec<TagLimitDecl>,
    /// Attempts that use a pool; assets name theirs under `pools`.
    pub pools: BTreeMap<AssetName, u32>,
    /// Attempts that read from or write to a resource.
    pub resources: BTreeMap<AssetName, u32>,
}

/// How many runs with a tag go on at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TagLimit")]
pub struct TagLimitDecl {
    /// The tag's key.
    pub key: String,
    /// Its value; without one, each value by itself.
    #[serde(default)]
    pub value: Option<String>,
    /// So many runs at once, at least 1.
    pub limit: u32,
}
