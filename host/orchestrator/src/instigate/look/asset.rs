//! Materializations of an asset.

use tidegate_core::Result;
use tidegate_core::plan::AssetName;

use super::seen::{Item, Seen};
use super::{Looked, Looking, Request};

/// Runs that one look launches; the other slices are taken by the next.
const MAX_RUNS: usize = 100;

/// Of each slice the newest materialization counts: one that was followed by another before it was seen is not told.
pub(super) async fn look(looking: &Looking<'_>, asset: &AssetName) -> Result<Looked> {
    let done = looking.orchestrator.state.materializations(asset).await?;
    let mut seen = Seen::read(looking.cursor, Some(looking.since))?;
    let items = done.into_iter().map(|done| Item {
        at_ms: done.at.timestamp_millis(),
        name: done.partition.0,
        version: format!("{}-{}", done.run, done.epoch),
    });
    let (new, left) = seen.take_new(items.collect(), MAX_RUNS);
    if new.is_empty() {
        return Ok(Looked::skip(format!("`{asset}` was not materialized")));
    }
    let requests = new.iter().map(|item| {
        Ok(Request {
            key: format!("{asset}@{}@{}", item.name, item.version),
            partition: slice(looking, &item.name)?,
            tags: Vec::new(),
        })
    });
    Ok(Looked {
        requests: requests.collect::<Result<_>>()?,
        reason: (left > 0).then(|| format!("{left} more slices are taken by the next look")),
        cursor: Some(seen.write()),
    })
}

/// The slice that was materialized, where what is launched has it too and the document names no other.
fn slice(looking: &Looking<'_>, key: &str) -> Result<Option<String>> {
    if key.is_empty() || looking.wanted.partition.is_some() {
        return Ok(None);
    }
    let mut has = false;
    for asset in &looking.wanted.assets {
        if let Some(slices) = looking.orchestrator.project.partitioning(asset)? {
            if slices.find(key).is_err() {
                return Ok(None);
            }
            has = true;
        }
    }
    Ok(has.then(|| key.to_owned()))
}
