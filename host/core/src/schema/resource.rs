//! `kind: Resource`: a configured external service.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::AssetName;

/// A configured external service: a folder of files, a database, a bucket, an API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// What assets call it.
    pub name: AssetName,
    /// What it is.
    #[serde(default)]
    pub description: Option<String>,
    /// The connector, such as `file`.
    #[serde(rename = "type")]
    pub connector: String,
    /// The connector's config. `${env:X}` and `${secret:X}` are filled in when a run starts.
    #[serde(default)]
    pub config: serde_json::Value,
}
