//! How a run changes its state.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::event::{Event, EventKind};
use super::run::RunState;
use crate::error::Error;
use crate::plan::{RunId, WorkerId};

/// A run goes from one state to another. Whether it may is the orchestrator's matter.
#[derive(Debug, Clone, PartialEq)]
pub struct RunMove {
    /// Which run.
    pub run: RunId,
    /// The state that it must be in.
    pub from: RunState,
    /// The state that it goes to.
    pub to: RunState,
    /// Where told, its `updated_at` must be this still: a run that went through other states and came back has moved.
    pub seen: Option<DateTime<Utc>>,
    /// Where told, it must be this worker's still: a worker that was given up for dead moves nothing any more.
    pub holder: Option<WorkerId>,
    /// Of a move to the queue: who alone may take it up; none for whoever comes first.
    pub reserved: Option<WorkerId>,
    /// What it failed of; none takes an earlier error away.
    pub error: Option<Error>,
    /// Who moves it.
    pub by: WorkerId,
    /// When.
    pub at: DateTime<Utc>,
}

impl RunMove {
    /// The event that is kept with the move.
    pub fn event(&self) -> Event {
        Event {
            run: self.run,
            asset: None,
            partition: None,
            attempt: None,
            kind: EventKind::RunState,
            data: json!({
                "from": self.from.text(),
                "to": self.to.text(),
                "worker": self.by,
                "error": self.error.as_ref().map(|error| &error.code),
            }),
            at: self.at,
        }
    }
}
