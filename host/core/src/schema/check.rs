//! One check of an asset, as YAML declares it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::HttpGrant;
use super::transform::{Limits, Reads};

/// A plugin that looks at the rows that are loaded, before they are shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Check")]
pub struct CheckDecl {
    /// The plugin, with the versions that will do: `row-count@^1`. Without `@`, any version.
    pub plugin: String,
    /// The columns that it is shown, and no others. `"*"` opens all but those tagged `pii`.
    pub reads: Reads,
    /// The plugin's config, checked by the plugin.
    #[serde(default)]
    pub config: serde_json::Value,
    /// The HTTP requests that it may make.
    #[serde(default)]
    pub http: Vec<HttpGrant>,
    /// What it may use.
    #[serde(default)]
    pub limits: Limits,
}
