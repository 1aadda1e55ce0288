//! Ticks that somebody asks for, beside those that are due.

use chrono::{DateTime, Utc};
use serde_json::Value;
use tidegate_core::plan::RunId;
use tidegate_core::port::{Inserted, Instigator, InstigatorKind, NewRun, NewTick, StateStore, TickOutcome};
use tidegate_core::schema::Schedule;
use tidegate_core::{Errors, Result};

use super::maintenance::first;
use super::wanted::Wanted;
use crate::project::Project;

/// What a tick by hand came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Triggered {
    /// The runs that wait in the queue.
    pub runs: Vec<RunId>,
    /// What the work answered, of a schedule that launches none.
    pub result: Option<Value>,
}

/// What is to be done of a tick.
enum Done {
    Launches(Vec<NewRun>),
    Worked(Value),
}

/// Does now what a tick of a schedule does, whatever goes on, and keeps it as a tick by hand: runs and tick are one
/// transaction. One that fails is kept too, with its error.
pub async fn trigger(
    project: &Project,
    state: &dyn StateStore,
    schedule: &Schedule,
    at: DateTime<Utc>,
) -> Result<Triggered, Errors> {
    let done = work(project, state, schedule, at).await;
    let mut tick = NewTick {
        instigator: Instigator {
            kind: InstigatorKind::Schedule,
            name: schedule.name.clone(),
        },
        seen: 0,
        scheduled_at: at,
        at: Utc::now(),
        outcome: TickOutcome::Launched,
        reason: None,
        runs: Vec::new(),
        cancels: Vec::new(),
        cursor: None,
        result: None,
        error: None,
    };
    let failed = match done {
        Ok(Done::Worked(result)) => {
            tick.result = Some(result);
            None
        }
        Ok(Done::Launches(runs)) => {
            if runs.is_empty() {
                tick.outcome = TickOutcome::Skipped;
                tick.reason = Some("no slice has ended yet".to_owned());
            }
            tick.runs = runs;
            None
        }
        Err(errors) => {
            tick.outcome = TickOutcome::Failed;
            tick.error = Some(first(errors.clone()));
            Some(errors)
        }
    };
    let kept = state.keep_tick_by_hand(&tick).await?;
    if let Some(errors) = failed {
        return Err(errors);
    }
    let new = kept.into_iter().filter(|(_, became)| *became == Inserted::New);
    Ok(Triggered {
        runs: new.map(|(run, _)| run).collect(),
        result: tick.result,
    })
}

async fn work(
    project: &Project,
    state: &dyn StateStore,
    schedule: &Schedule,
    at: DateTime<Utc>,
) -> Result<Done, Errors> {
    if let Some(maintenance) = &schedule.maintenance {
        return Ok(Done::Worked(project.optimize(&maintenance.optimize).await?));
    }
    let runs = match Wanted::of_schedule(project, schedule)? {
        // Without keys: what somebody asks for twice is launched twice.
        Some(wanted) => wanted.runs(project, state, None, at).await?,
        None => Vec::new(),
    };
    Ok(Done::Launches(runs))
}
