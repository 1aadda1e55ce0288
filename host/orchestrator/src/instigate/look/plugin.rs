//! What a plugin with the role `sensor` answers.

use std::sync::Arc;

use serde_json::Value;
use tidegate_core::port::Unheard;
use tidegate_core::schema::{PluginSensorDecl, ReferenceKind, fill};
use tidegate_core::{Error, Kind, Result};
use tidegate_plugin::{InstanceGrant, Opening, Outcome, Plugin, PluginSensor, Requirement};

use super::super::maintenance::first;
use super::{Looked, Looking, Request};
use crate::project::Project;

/// What one look may return: a cursor and a thousand runs.
const OUTPUT_BYTES: u64 = 4 << 20;

/// Each look is one of a fresh instance: what it remembers is its cursor.
pub(super) async fn look(looking: &Looking<'_>, declared: &PluginSensorDecl) -> Result<Looked> {
    let project = &looking.orchestrator.project;
    project.settle(&[]).await.map_err(first)?;
    let plugin = project.sensor_plugin(declared)?;
    let http = project.http_grants(&declared.http)?;
    let (http, mut secrets) = project.with_grant_secrets(&http)?;
    let config = Value::Object(declared.config.clone());
    let (config, _) = fill(&config, ReferenceKind::Env, &*project.lookup)?;
    let (config, more) = project.with_secrets(&config)?;
    secrets.extend(more);
    let grant = InstanceGrant {
        memory_bytes: declared.memory.0,
        time_per_call_ms: looking.sensor.timeout.0,
        output_bytes: OUTPUT_BYTES,
        http,
    };
    let mut sensor = PluginSensor::open(Opening {
        runtime: project.runtime(),
        plugin: &plugin,
        place: format!("sensor {}", looking.sensor.name),
        grant: &grant,
        log: Arc::new(Unheard),
        secrets: &secrets,
    })
    .await?;
    let seen = sensor.evaluate(&config, looking.cursor).await?;
    let (requests, reason) = match seen.outcome {
        Outcome::Skip(why) => (Vec::new(), Some(why)),
        Outcome::Runs(runs) => {
            if runs.iter().any(|run| run.config.is_some()) {
                let message = "the plugin asks for runs with a config of their own, which runs do not take";
                return Err(Error::new(Kind::Plugin, "sensor.config", message));
            }
            let requests = runs.into_iter().map(|run| Request {
                key: run.key,
                partition: run.partition,
                tags: run.tags,
            });
            (requests.collect(), None)
        }
    };
    Ok(Looked {
        requests,
        reason,
        cursor: seen.cursor,
    })
}

impl Project {
    /// The plugin of a sensor.
    pub(crate) fn sensor_plugin(&self, declared: &PluginSensorDecl) -> Result<Arc<Plugin>> {
        let wanted: Requirement = declared.name.parse().map_err(Error::from)?;
        Ok(self.catalog.find(&wanted)?)
    }
}
