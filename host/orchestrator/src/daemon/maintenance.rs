//! Retention: what is old is removed from the state, and logs from the artifacts.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use tidegate_core::Result;
use tidegate_core::plan::RunId;
use tidegate_core::port::{ArtifactStore, EventKind, Leader, StateStore};
use tidegate_core::schema::{Keep, RetentionDecl};

use super::duty::Duty;
use crate::run::Orchestrator;

/// Runs that are removed at once.
const RUNS_PER_BATCH: u32 = 100;

/// Results of checks that are removed at once.
const RESULTS_PER_BATCH: u32 = 5_000;

/// Deliveries of notifications that are removed at once, and as many outcomes that nobody looked at.
const DELIVERIES_PER_BATCH: u32 = 5_000;

/// Where the logs of attempts lie.
const LOGS: &str = "logs/";

/// Where that lies which checks keep beside checkpoints.
const CHECKS: &str = "checks/";

/// Events that are looked at at once.
const EVENTS_PER_BATCH: u32 = 5_000;

/// What maintenance removes, or would.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Runs.
    pub runs: u64,
    /// Events, beside those of the runs.
    pub events: u64,
    /// Results of checks.
    pub checks: u64,
    /// Files of logs, and those that checks left of runs that failed.
    pub logs: u64,
    /// Deliveries of notifications.
    pub notifications: u64,
    /// Tables of events that went whole; their events are not counted.
    pub months: Vec<String>,
}

/// Before when something is old; none where it stays for good.
fn limit(keep: Keep, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let Keep::For(time) = keep else { return None };
    let time = TimeDelta::try_milliseconds(i64::try_from(time.0).ok()?)?;
    now.checked_sub_signed(time)
}

/// Removes what is older than the retention says, batch by batch. May be broken off anywhere and begun anew.
pub async fn prune(
    state: &dyn StateStore,
    artifacts: &dyn ArtifactStore,
    retention: &RetentionDecl,
    now: DateTime<Utc>,
) -> Result<Removed> {
    let mut removed = Removed::default();
    state.cut_months(now).await?;
    let limits: Option<Vec<_>> = EventKind::ALL
        .into_iter()
        .map(|kind| limit(retention.event(kind), now))
        .collect();
    // A month goes whole where no kind of event stays longer.
    if let Some(oldest) = limits.and_then(|limits| limits.into_iter().min()) {
        removed.months = state.drop_months(oldest).await?;
    }
    for kind in EventKind::ALL {
        let Some(before) = limit(retention.event(kind), now) else {
            continue;
        };
        let mut after = Some(0);
        while let Some(from) = after {
            let pruned = state.prune_events(kind, before, from, EVENTS_PER_BATCH).await?;
            removed.events += pruned.rows;
            after = pruned.next;
        }
    }
    // The logs go before the runs: a run that is still known tells that its log is young.
    for name in old_logs(state, artifacts, retention, now).await? {
        artifacts.delete(&name).await?;
        removed.logs += 1;
    }
    if let Some(before) = limit(retention.checks, now) {
        loop {
            let results = state.prune_check_results(before, RESULTS_PER_BATCH).await?;
            removed.checks += results;
            if results < u64::from(RESULTS_PER_BATCH) {
                break;
            }
        }
        state.prune_freshness_changes(before).await?;
    }
    if let Some(before) = limit(retention.notifications, now) {
        loop {
            let (deliveries, outcomes) = state.prune_deliveries(before, DELIVERIES_PER_BATCH).await?;
            removed.notifications += deliveries;
            if deliveries.max(outcomes) < u64::from(DELIVERIES_PER_BATCH) {
                break;
            }
        }
    }
    if let Some(before) = limit(retention.runs, now) {
        loop {
            let runs = state.prune_runs(before, RUNS_PER_BATCH).await?;
            removed.runs += runs;
            if runs < u64::from(RUNS_PER_BATCH) {
                break;
            }
        }
    }
    Ok(removed)
}

/// What [`prune`] would remove. Months are not told apart: their events are counted.
pub async fn prunable(
    state: &dyn StateStore,
    artifacts: &dyn ArtifactStore,
    retention: &RetentionDecl,
    now: DateTime<Utc>,
) -> Result<Removed> {
    let mut removed = Removed::default();
    for kind in EventKind::ALL {
        if let Some(before) = limit(retention.event(kind), now) {
            removed.events += state.prunable_events(kind, before).await?;
        }
    }
    if let Some(before) = limit(retention.runs, now) {
        removed.runs = state.prunable_runs(before).await?;
    }
    if let Some(before) = limit(retention.checks, now) {
        removed.checks = state.prunable_check_results(before).await?;
    }
    if let Some(before) = limit(retention.notifications, now) {
        removed.notifications = state.prunable_deliveries(before).await?;
    }
    removed.logs = old_logs(state, artifacts, retention, now).await?.len() as u64;
    Ok(removed)
}

/// The files of logs of runs that last moved before the limit. A run's id tells when it was made, so only those that are
/// old enough are asked about.
async fn old_logs(
    state: &dyn StateStore,
    artifacts: &dyn ArtifactStore,
    retention: &RetentionDecl,
    now: DateTime<Utc>,
) -> Result<Vec<String>> {
    let Some(before) = limit(retention.logs, now) else {
        return Ok(Vec::new());
    };
    let mut old = Vec::new();
    // The files of a run follow one another.
    let mut asked: Option<(&str, RunId, bool)> = None;
    let mut names = Vec::new();
    for prefix in [LOGS, CHECKS] {
        let found = artifacts.list(prefix).await?;
        names.extend(found.into_iter().map(|name| (prefix, name)));
    }
    for (prefix, name) in names {
        let id = name.split('/').nth(1).and_then(|id| id.parse().ok());
        let Some(run) = id.map(RunId) else { continue };
        let expired = match asked {
            Some((of, known, expired)) if (of, known) == (prefix, run) => expired,
            _ => {
                let made = run.0.get_timestamp().and_then(|at| {
                    let (seconds, nanos) = at.to_unix();
                    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
                });
                let young = made.is_none_or(|made| made >= before);
                let expired = !young
                    && state
                        .run(run)
                        .await?
                        // What checks keep is of checkpoints, which stay as long as the run does.
                        .is_none_or(|run| prefix == LOGS && run.state.ended() && run.updated_at < before);
                asked = Some((prefix, run, expired));
                expired
            }
        };
        if expired {
            old.push(name);
        }
    }
    Ok(old)
}

/// Does what [`prune`] does, every hour.
pub struct Maintenance {
    orchestrator: Arc<Orchestrator>,
}

impl Maintenance {
    /// Of the project of an orchestrator.
    pub fn new(orchestrator: Arc<Orchestrator>) -> Self {
        Self { orchestrator }
    }
}

#[async_trait]
impl Duty for Maintenance {
    fn name(&self) -> &'static str {
        "maintenance"
    }

    fn every_ms(&self) -> u64 {
        3_600_000
    }

    async fn perform(&mut self, _leader: &Leader, now: DateTime<Utc>) -> Result<()> {
        let Orchestrator {
            project,
            state,
            artifacts,
            ..
        } = &*self.orchestrator;
        let retention = &project.documents().project.value.retention;
        prune(&**state, &**artifacts, retention, now).await?;
        Ok(())
    }
}
