//! What sensors look at, a file each.

mod asset;
mod files;
mod http;
mod plugin;
mod run_failed;
mod seen;

use chrono::{DateTime, Utc};
use tidegate_core::port::InstigatorRecord;
use tidegate_core::schema::Sensor;
use tidegate_core::{Error, Kind, Result};

use super::wanted::Wanted;
use crate::run::Orchestrator;

/// What a look came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Looked {
    /// The runs that are wanted, in a stable order.
    pub requests: Vec<Request>,
    /// What to say where none is, or beside them.
    pub reason: Option<String>,
    /// Where to look on; none to leave the cursor as it is.
    pub cursor: Option<String>,
}

/// A run is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Request {
    /// Names it among those of the sensor.
    pub key: String,
    /// The slice; none for what the document says.
    pub partition: Option<String>,
    /// Tags beside those of the document.
    pub tags: Vec<(String, String)>,
}

impl Looked {
    fn skip(reason: impl Into<String>) -> Self {
        Self {
            requests: Vec::new(),
            reason: Some(reason.into()),
            cursor: None,
        }
    }
}

/// What a look starts from.
pub(super) struct Looking<'a> {
    pub(super) orchestrator: &'a Orchestrator,
    pub(super) sensor: &'a Sensor,
    /// What it launches.
    pub(super) wanted: &'a Wanted,
    /// Where the last look ended.
    pub(super) cursor: Option<&'a str>,
    /// Since when it is on.
    pub(super) since: DateTime<Utc>,
    /// Now.
    pub(super) at: DateTime<Utc>,
}

/// Looks once, without a limit of time.
pub(super) async fn look(looking: &Looking<'_>) -> Result<Looked> {
    let sensor = looking.sensor;
    if let Some(files) = &sensor.files {
        return files::look(looking, files).await;
    }
    if let Some(asset) = &sensor.asset {
        return asset::look(looking, &asset.name).await;
    }
    if let Some(runs) = &sensor.run_failed {
        return run_failed::look(looking, runs.job.as_ref()).await;
    }
    if let Some(http) = &sensor.http {
        return http::look(looking, http).await;
    }
    match &sensor.plugin {
        Some(plugin) => plugin::look(looking, plugin).await,
        // Validation has refused it, with its place.
        None => Err(Error::new(
            Kind::Schema,
            "schema.sensor",
            "the sensor has nothing to look at",
        )),
    }
}

/// Where a record's next look starts.
pub(super) fn since(record: Option<&InstigatorRecord>, at: DateTime<Utc>) -> DateTime<Utc> {
    record.map_or(at, |record| record.since)
}
