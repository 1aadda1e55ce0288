//! Runs that failed.

use chrono::Utc;
use tidegate_core::Result;
use tidegate_core::plan::AssetName;
use tidegate_core::port::{RunFilter, RunState};

use super::seen::{Item, Seen};
use super::{Looked, Looking, Request};

/// The newest runs that failed, of which new ones are looked for.
const MAX_FAILED: u32 = 1_000;

/// Runs that one look launches; the others are taken by the next.
const MAX_RUNS: usize = 100;

/// The tag that names the run that failed.
const RUN_TAG: &str = "tidegate/failed_run";

pub(super) async fn look(looking: &Looking<'_>, job: Option<&AssetName>) -> Result<Looked> {
    let filter = RunFilter {
        states: vec![RunState::Failed],
        job: job.map(ToString::to_string),
        limit: MAX_FAILED,
        ..RunFilter::default()
    };
    let failed = looking.orchestrator.state.runs(&filter).await?;
    let mut seen = Seen::read(looking.cursor, Some(looking.since))?;
    // A sensor whose own runs fail does not launch itself for ever.
    let own = looking.sensor.name.to_string();
    let others = failed
        .into_iter()
        .filter(|run| run.tags.get("tidegate/sensor") != Some(&own));
    let items = others.map(|run| {
        let at = run.finished_at.unwrap_or(run.updated_at).with_timezone(&Utc);
        Item {
            at_ms: at.timestamp_millis(),
            name: run.id.to_string(),
            version: at.timestamp_micros().to_string(),
        }
    });
    let (new, left) = seen.take_new(items.collect(), MAX_RUNS);
    if new.is_empty() {
        return Ok(Looked::skip("no run has failed"));
    }
    let requests = new.into_iter().map(|item| Request {
        key: format!("{}@{}", item.name, item.version),
        partition: None,
        tags: vec![(RUN_TAG.to_owned(), item.name)],
    });
    Ok(Looked {
        requests: requests.collect(),
        reason: (left > 0).then(|| format!("{left} more runs are taken by the next look")),
        cursor: Some(seen.write()),
    })
}
