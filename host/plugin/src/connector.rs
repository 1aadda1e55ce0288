//! Plugins as resources: sources and destinations of `type: plugin`.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use schemars::{JsonSchema, schema_for};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidegate_core::plan::{AssetName, DestinationSpec, Digest, PartitionKey, SourceSpec};
use tidegate_core::port::{Connector, Destination, LogSink, OpenDestination, OpenSource, Source};
use tidegate_core::schema::{
    Asset, ByteSize, Column, HttpGrant, Load, Millis, Node, decode, grant_faults, has_reference,
};
use tidegate_core::{Error, Kind, Place, Result};

use crate::catalog::{Catalog, Plugin, Requirement};
use crate::destination::{LoadRequest, PluginDestination};
use crate::error::PluginError;
use crate::instance::{InstanceGrant, Opening, require_role};
use crate::runtime::Runtime;
use crate::source::{PluginSource, SourceRequest};
use crate::v0_1::{DestinationPlugin, Role as _, SourcePlugin};

/// What YAML calls it.
const KIND: &str = "plugin";

/// `config` of a resource of `type: plugin`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceConfig {
    /// The plugin, with the versions that will do: `issue-tracker@^1`. Without `@`, any version.
    pub plugin: String,
    /// The plugin's own config; an asset's keys stand over these.
    #[serde(default)]
    pub config: serde_json::Map<String, Value>,
    /// The HTTP requests that it may make.
    #[serde(default)]
    pub http: Vec<HttpGrant>,
    /// What it may use.
    #[serde(default)]
    pub limits: CallLimits,
}

/// What one instance of a plugin may use that is called on its own account, not a batch at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CallLimits {
    /// Linear memory.
    pub memory: ByteSize,
    /// Wall time of one call, less what its requests take: those have limits of their own.
    pub time_per_call: Millis,
    /// What one call may return.
    pub output: ByteSize,
}

impl Default for CallLimits {
    fn default() -> Self {
        // A page of an API, held whole while it is parsed. The time is that of one request and its retries (`HttpLimits`).
        Self {
            memory: ByteSize(128 << 20),
            time_per_call: Millis(120_000),
            output: ByteSize(64 << 20),
        }
    }
}

/// `source` of an asset.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Which of the plugin's streams.
    pub stream: String,
    /// The plugin's own config for this asset, over the resource's.
    #[serde(default)]
    pub config: serde_json::Map<String, Value>,
}

/// `destination` of an asset.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DestinationConfig {
    /// The plugin's own config for this asset, over the resource's.
    #[serde(default)]
    pub config: serde_json::Map<String, Value>,
}

/// A resource with its plugin found: what a task carries.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PinnedResource {
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// Of its component.
    pub digest: Digest,
    /// Its config, secrets not filled in.
    pub config: serde_json::Map<String, Value>,
    /// What it may use, secrets not filled in.
    pub grant: InstanceGrant,
}

impl PinnedResource {
    /// `name@version`.
    pub fn shown(&self) -> String {
        format!("{}@{}", self.plugin, self.version)
    }
}

/// A destination as a task carries it.
#[derive(Debug, Serialize, Deserialize)]
struct CheckedDestination {
    config: serde_json::Map<String, Value>,
    key: Vec<String>,
}

/// Sources and destinations that are plugins.
pub struct PluginConnector {
    runtime: Runtime,
    catalog: Arc<Catalog>,
}

impl PluginConnector {
    /// A connector over the plugins of a project.
    pub fn new(runtime: Runtime, catalog: Arc<Catalog>) -> Self {
        Self { runtime, catalog }
    }

    /// What YAML calls it, and the JSON Schemas of resource, source and destination config.
    pub fn grammar() -> (&'static str, [schemars::Schema; 3]) {
        let schemas = [
            schema_for!(ResourceConfig),
            schema_for!(SourceConfig),
            schema_for!(DestinationConfig),
        ];
        (KIND, schemas)
    }

    /// The plugin that a checked resource of this connector is; none of another connector's.
    pub fn pinned(connector: &str, resource: &Value) -> Option<PinnedResource> {
        (connector == KIND).then(|| carried(resource).ok()).flatten()
    }

    fn plugin(&self, pinned: &PinnedResource) -> Result<Arc<Plugin>> {
        Ok(self.catalog.by_digest(&pinned.plugin, &pinned.digest)?)
    }

    fn opening<'a>(
        &'a self,
        plugin: &'a Plugin,
        grant: &'a InstanceGrant,
        place: &str,
        log: &Arc<dyn LogSink>,
        secrets: &'a [String],
    ) -> Opening<'a> {
        Opening {
            runtime: &self.runtime,
            plugin,
            place: place.to_owned(),
            grant,
            log: log.clone(),
            secrets,
        }
    }
}

#[async_trait]
impl Connector for PluginConnector {
    fn kind(&self) -> &'static str {
        KIND
    }

    /// A plugin's config and what its grants put into requests; they are taken out of all that it says.
    fn takes_secrets(&self) -> bool {
        true
    }

    fn check_resource(&self, config: &Node, _root: &Path) -> Result<Value, Vec<Error>> {
        let declared: ResourceConfig = decode(config)?;
        let at = |pointer: &str, error: Error| vec![error.at(Place::Pointer(pointer.to_owned()))];
        let limits = [
            ("memory", declared.limits.memory.0),
            ("time_per_call", declared.limits.time_per_call.0),
            ("output", declared.limits.output.0),
        ];
        if let Some((key, _)) = limits.iter().find(|(_, value)| *value == 0) {
            let error = Error::new(
                Kind::Schema,
                "schema.invalid_value",
                "a limit of nothing lets nothing run",
            );
            return Err(at(&format!("/limits/{key}"), error));
        }
        let faults = declared.http.iter().enumerate().flat_map(|(place, grant)| {
            let faults = grant_faults(grant).into_iter();
            faults.map(move |fault| {
                let pointer = format!("/http/{place}{}", fault.pointer);
                let mut error = Error::new(Kind::Schema, "schema.invalid_value", fault.message);
                error.hint = fault.hint;
                error.at(Place::Pointer(pointer))
            })
        });
        let mut faults: Vec<Error> = faults.collect();
        for (place, grant) in declared.http.iter().enumerate() {
            if has_reference(&grant.url) {
                let message = "a reference may not stand in the URL of a grant";
                let error = Error::new(Kind::Schema, "schema.reference", message)
                    .hint("write out what may be asked for; secrets stand in `headers`, `query` and `basic`")
                    .at(Place::Pointer(format!("/http/{place}/url")));
                faults.push(error);
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let plugin = declared
            .plugin
            .parse()
            .and_then(|wanted: Requirement| self.catalog.find(&wanted))
            .map_err(|error: PluginError| at("/plugin", error.into()))?;
        let pinned = PinnedResource {
            plugin: plugin.manifest.name.clone(),
            version: plugin.manifest.version.to_string(),
            digest: plugin.digest.clone(),
            config: declared.config,
            grant: InstanceGrant {
                memory_bytes: declared.limits.memory.0,
                time_per_call_ms: declared.limits.time_per_call.0,
                output_bytes: declared.limits.output.0,
                http: declared.http,
            },
        };
        to_carry(&pinned)
    }

    fn check_source(&self, config: &Node, _columns: &[Column]) -> Result<Value, Vec<Error>> {
        to_carry(&decode::<SourceConfig>(config)?)
    }

    fn check_destination(&self, config: &Node, asset: &Asset) -> Result<Value, Vec<Error>> {
        let declared: DestinationConfig = decode(config)?;
        let load = asset.destination.load;
        let key: Vec<String> = asset
            .columns
            .iter()
            .filter(|column| column.key)
            .map(|column| column.name.clone())
            .collect();
        if load == Load::Upsert && key.is_empty() {
            let error = Error::new(
                Kind::Schema,
                "plugin.no_key",
                "an upsert needs to know what names a row",
            )
            .hint("give a column `key: true`")
            .at(Place::Pointer("/load".into()));
            return Err(vec![error]);
        }
        to_carry(&CheckedDestination {
            config: declared.config,
            key,
        })
    }

    fn check_use(&self, resource: &Value, role: &'static str) -> Result<()> {
        let plugin = self.plugin(&carried(resource)?)?;
        let role = [SourcePlugin::NAME, DestinationPlugin::NAME]
            .into_iter()
            .find(|known| *known == role)
            .unwrap_or(role);
        Ok(require_role(&plugin, role)?)
    }

    fn json_schemas(&self) -> [schemars::Schema; 3] {
        Self::grammar().1
    }

    fn asset_source(&self, asset: &AssetName, _: &DestinationSpec, _: &[Column]) -> Result<SourceSpec> {
        Err(Error::new(
            Kind::Schema,
            "plugin.not_readable",
            format!("`{asset}` goes to a plugin, and nothing can be read back from there"),
        )
        .hint("read a resource, or an asset whose destination is built in"))
    }

    fn locate(&self, _: &AssetName, destination: &DestinationSpec, _: &PartitionKey) -> String {
        Self::pinned(KIND, &destination.resource)
            .map_or_else(|| KIND.to_owned(), |pinned| format!("plugin {}", pinned.shown()))
    }

    async fn open_source(&self, open: OpenSource<'_>) -> Result<Box<dyn Source>> {
        let pinned: PinnedResource = carried(&open.spec.resource)?;
        let source: SourceConfig = carried(&open.spec.config)?;
        let plugin = self.plugin(&pinned)?;
        let config = merged(pinned.config, source.config);
        let opening = self.opening(
            &plugin,
            &pinned.grant,
            SourcePlugin::NAME,
            &open.log,
            open.secrets,
        );
        let request = SourceRequest {
            config: &config,
            stream: &source.stream,
            columns: &open.spec.columns,
            cursor: open.cursor,
            partition: open.partition,
            batch_rows: open.batch_rows,
        };
        Ok(Box::new(PluginSource::open(opening, request).await?))
    }

    async fn open_destination(&self, open: OpenDestination<'_>) -> Result<Box<dyn Destination>> {
        let pinned: PinnedResource = carried(&open.spec.resource)?;
        let destination: CheckedDestination = carried(&open.spec.config)?;
        let plugin = self.plugin(&pinned)?;
        let config = merged(pinned.config, destination.config);
        let opening = self.opening(
            &plugin,
            &pinned.grant,
            DestinationPlugin::NAME,
            &open.log,
            open.secrets,
        );
        let request = LoadRequest {
            config: &config,
            asset: open.asset,
            partition: open.partition,
            load: open.spec.load,
            schema: open.schema,
            key: destination.key,
            token: open.token,
            staged: open.staged,
            epoch: open.epoch,
            batch_rows: open.batch_rows,
        };
        Ok(Box::new(PluginDestination::open(opening, request).await?))
    }
}

/// The plugin's config: the asset's keys over the resource's.
fn merged(mut resource: serde_json::Map<String, Value>, asset: serde_json::Map<String, Value>) -> Value {
    resource.extend(asset);
    Value::Object(resource)
}

fn to_carry(value: &impl Serialize) -> Result<Value, Vec<Error>> {
    serde_json::to_value(value).map_err(|error| vec![codec(&error)])
}

fn carried<T: DeserializeOwned>(value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|error| codec(&error))
}

fn codec(error: &serde_json::Error) -> Error {
    Error::new(
        Kind::Internal,
        "task.codec",
        format!("a plugin's config could not be carried: {error}"),
    )
}
