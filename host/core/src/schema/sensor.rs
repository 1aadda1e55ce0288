//! `kind: Sensor`: what is done when something is seen to have happened.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::{ByteSize, Millis};
use super::http::{Basic, HttpGrant, HttpLimits};
use super::one_or_many::OneOrMany;
use crate::plan::AssetName;

/// What is done when something is seen to have happened. It says what to look at, with one of `files`, `asset`,
/// `run_failed`, `http` or `plugin`, and what to launch, with `job` or `select`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sensor {
    /// The sensor's name.
    pub name: AssetName,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Look for files or objects that are new or changed.
    #[serde(default)]
    pub files: Option<FilesSensor>,
    /// Look for materializations of an asset.
    #[serde(default)]
    pub asset: Option<AssetSensor>,
    /// Look for runs that failed.
    #[serde(default)]
    pub run_failed: Option<RunFailedSensor>,
    /// Look at what an HTTP endpoint answers.
    #[serde(default)]
    pub http: Option<HttpSensor>,
    /// Ask a plugin.
    #[serde(default)]
    pub plugin: Option<PluginSensorDecl>,
    /// How long to wait between two looks; at least `1s`.
    #[serde(default = "half_a_minute")]
    pub interval: Millis,
    /// How long a look may take.
    #[serde(default = "a_minute")]
    pub timeout: Millis,
    /// The job to launch.
    #[serde(default)]
    pub job: Option<AssetName>,
    /// The assets to launch, by name or as the selection syntax has it.
    #[serde(default)]
    pub select: Option<OneOrMany>,
    /// Which slices, where what was seen names none: as a schedule's.
    #[serde(default)]
    pub partition: Option<OneOrMany>,
    /// Whether it begins by itself. A sensor that somebody started or stopped by hand stays so.
    #[serde(default)]
    pub enabled: bool,
    /// Words to find its runs by.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// Files or objects that are new or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesSensor {
    /// A resource of type `file` or `s3`.
    pub resource: AssetName,
    /// Which, as a source's `path`: `incoming/*.csv`. What stands for `{partition}` is the slice to launch.
    pub path: String,
    /// Whether each is a run, or all that one look finds.
    #[serde(default)]
    pub run_per: RunPer,
}

/// What is a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunPer {
    /// Each object.
    #[default]
    Object,
    /// All that one look finds.
    Batch,
}

/// Materializations of assets. Where the materialized asset and those to launch have the same slices, the slice is the one
/// that was materialized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetSensor {
    /// Which asset.
    pub name: AssetName,
}

/// Runs that failed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunFailedSensor {
    /// Only runs of this job; any, without it. Runs that the sensor itself launched are never meant.
    #[serde(default)]
    pub job: Option<AssetName>,
}

/// What an HTTP endpoint answers to GET.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpSensor {
    /// The endpoint.
    pub url: String,
    /// Headers of the request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// User and password of basic authentication.
    #[serde(default)]
    pub basic: Option<Basic>,
    /// Whether the host may resolve to a private or loopback address.
    #[serde(default)]
    pub private: bool,
    /// What the request may use.
    #[serde(default)]
    pub limits: HttpLimits,
    /// Where in a JSON answer to look, as a JSON pointer: `/version`. Without it the whole answer counts.
    #[serde(default)]
    pub pointer: Option<String>,
}

impl HttpSensor {
    /// The request as a grant: nothing but the endpoint may be asked.
    pub fn grant(&self) -> HttpGrant {
        HttpGrant {
            url: self.url.clone(),
            methods: vec!["GET".into()],
            headers: self.headers.clone(),
            query: BTreeMap::new(),
            basic: self.basic.clone(),
            private: self.private,
            limits: self.limits,
        }
    }
}

/// A plugin with the role `sensor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PluginSensor")]
pub struct PluginSensorDecl {
    /// The plugin, with the versions that will do: `watch-endpoint@^1`.
    pub name: String,
    /// The plugin's own config.
    #[serde(default)]
    pub config: serde_json::Map<String, serde_json::Value>,
    /// The HTTP requests that it may make.
    #[serde(default)]
    pub http: Vec<HttpGrant>,
    /// Its memory.
    #[serde(default = "enough_memory")]
    pub memory: ByteSize,
}

fn half_a_minute() -> Millis {
    Millis(30_000)
}

fn a_minute() -> Millis {
    Millis(60_000)
}

fn enough_memory() -> ByteSize {
    ByteSize(128 << 20)
}
