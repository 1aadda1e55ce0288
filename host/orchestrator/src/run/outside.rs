//! What is told of assets from outside, and forgotten of them.

use chrono::Utc;
use serde_json::{Map, Value};
use tidegate_core::Result;
use tidegate_core::plan::{AssetName, PartitionKey, RunId};
use tidegate_core::port::{Kept, PartitionPlace, Report, Reported, StateStore};

use super::request::{Launch, QueueOptions};
use super::slices::dynamic_keys;
use crate::error::OrchestratorError;
use crate::project::Project;

/// A slice of an asset, by the key as it was typed, with where it stands; of an asset without slices that is the whole.
pub fn slice_of(
    project: &Project,
    asset: &AssetName,
    key: Option<&str>,
) -> Result<(PartitionKey, Option<PartitionPlace>)> {
    match (project.partitioning(asset)?, key) {
        (None, None) => Ok((PartitionKey::whole(), None)),
        (None, Some(_)) => Err(OrchestratorError::NoPartitions(asset.clone()).into()),
        (Some(_), None) => {
            let why = "name one partition with --partition KEY".to_owned();
            let asset = asset.clone();
            Err(OrchestratorError::Partition { asset, why }.into())
        }
        (Some(slices), Some(key)) => {
            let found = slices.find(key).map_err(|error| OrchestratorError::Partition {
                asset: asset.clone(),
                why: error.to_string(),
            })?;
            let place = PartitionPlace {
                cut: slices.cut(),
                previous: slices.previous(&found.key.0),
                next: slices.next(&found.key.0),
            };
            Ok((found.key, Some(place)))
        }
    }
}

/// What was done, or the error that an attempt is under way there.
pub fn unless_held<T>(asset: &AssetName, kept: Kept<T>) -> Result<T> {
    match kept {
        Kept::Done(done) => Ok(done),
        Kept::Held {
            partition,
            run,
            worker,
        } => Err(OrchestratorError::Held {
            asset: asset.clone(),
            partition,
            run,
            worker,
        }
        .into()),
    }
}

/// Keeps a materialization that was made elsewhere, or what was seen there, as a run that has ended. A repeat under one key
/// is the first one.
pub async fn report(
    project: &Project,
    state: &dyn StateStore,
    asset: &AssetName,
    partition: Option<&str>,
    what: Reported,
    metadata: Map<String, Value>,
    run_key: Option<String>,
) -> Result<RunId> {
    let (partition, place) = match (partition, what) {
        // Somebody may look at the whole of an asset with slices.
        (None, Reported::Observation) => (PartitionKey::whole(), None),
        (key, _) => slice_of(project, asset, key)?,
    };
    if let (Reported::Materialization { .. }, Some(slices)) = (what, project.partitioning(asset)?) {
        // One that is not there yet, or that nobody added, cannot have been made.
        let dynamic = dynamic_keys(state, &slices).await?;
        slices
            .keys(Utc::now(), &dynamic)
            .find(&partition.0)
            .map_err(|error| OrchestratorError::Partition {
                asset: asset.clone(),
                why: error.to_string(),
            })?;
    }
    let launch = Launch {
        assets: vec![asset.clone()],
        partition: (!partition.is_whole()).then(|| partition.0.clone()),
        target: project.target().map(str::to_owned),
        ..Launch::default()
    };
    let items = match what {
        Reported::Materialization { .. } => vec![(asset.clone(), partition.clone())],
        Reported::Observation => Vec::new(),
    };
    let options = QueueOptions {
        run_key,
        ..QueueOptions::default()
    };
    let mut run = launch.new_run(items, options);
    run.request["external"] = true.into();
    let report = Report {
        run,
        asset: asset.clone(),
        partition,
        place,
        what,
        metadata,
    };
    unless_held(asset, state.report(&report).await?)
}
