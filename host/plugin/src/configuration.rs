//! Asks a component for the JSON Schema of its config.

use std::sync::Arc;

use serde_json::Value;
use tidegate_core::Error;
use tidegate_core::port::LogSink;

use crate::catalog::Plugin;
use crate::error::Fault;
use crate::instance::{InstanceGrant, Opening, open};
use crate::runtime::Runtime;
use crate::surroundings::Surroundings;
use crate::v0_1::{CheckPlugin, DestinationPlugin, SensorPlugin, SourcePlugin, TransformPlugin};

/// The largest schema, in bytes (configuration.wit, `schema`).
const MAX_SCHEMA_BYTES: usize = 1 << 20;

/// Opens an instance of a role and asks it.
macro_rules! ask {
    ($plugin:ty, $opening:expr) => {
        open::<$plugin>($opening)
            .await?
            .call(async |store, exports| {
                exports
                    .tidegate_plugin_configuration()
                    .call_schema(store)
                    .await
                    .map(Ok)
            })
            .await
    };
}

/// The JSON Schema of a plugin's config: an object. Runs the component, with no HTTP and in virtual surroundings.
pub async fn config_schema(
    runtime: &Runtime,
    plugin: &Plugin,
    grant: &InstanceGrant,
    log: Arc<dyn LogSink>,
) -> Result<Value, Error> {
    let opening = Opening {
        // What is asked twice must answer the same.
        runtime: &runtime.within(Surroundings::Virtual { seed: 0 }),
        plugin,
        place: "configuration".into(),
        grant,
        log,
        secrets: &[],
    };
    let name = opening.name();
    let broken = |why: String| Fault::Contract(why).at(&name, "schema", None);
    // Every world exports it; which one does not matter.
    let text = match plugin.manifest.roles.first().map(String::as_str) {
        Some("source") => ask!(SourcePlugin, opening),
        Some("destination") => ask!(DestinationPlugin, opening),
        Some("check") => ask!(CheckPlugin, opening),
        Some("sensor") => ask!(SensorPlugin, opening),
        _ => ask!(TransformPlugin, opening),
    };
    let text = text.map_err(|fault| fault.at(&name, "schema", None))?;
    if text.len() > MAX_SCHEMA_BYTES {
        return Err(broken(format!(
            "its config's schema has {} bytes; {MAX_SCHEMA_BYTES} are allowed",
            text.len()
        )));
    }
    match serde_json::from_str(&text) {
        Ok(schema @ Value::Object(_)) => Ok(schema),
        Ok(_) => Err(broken("its config's schema is no JSON object".into())),
        Err(error) => Err(broken(format!("its config's schema is no JSON: {error}"))),
    }
}
