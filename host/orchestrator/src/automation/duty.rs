//! The duty that evaluates the conditions of assets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tidegate_core::Result;
use tidegate_core::port::{Leader, Ticked};

use super::known::Known;
use crate::daemon::Duty;
use crate::run::Orchestrator;

/// How often what is loaded is told from the state anew, for what was taken away by hand.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// Evaluates the conditions of assets, and puts what they ask for into the queue.
pub struct Automation {
    orchestrator: Arc<Orchestrator>,
    /// What is known, and when it was last told from the state; none where that is to be done.
    known: Option<(Known, Instant)>,
}

impl Automation {
    /// Remembers nothing yet: all that matters is in the state.
    pub fn new(orchestrator: Arc<Orchestrator>) -> Self {
        Self {
            orchestrator,
            known: None,
        }
    }
}

#[async_trait]
impl Duty for Automation {
    fn name(&self) -> &'static str {
        "automation"
    }

    fn every_ms(&self) -> u64 {
        1_000
    }

    async fn perform(&mut self, leader: &Leader, now: DateTime<Utc>) -> Result<()> {
        let (project, state) = (self.orchestrator.project.clone(), self.orchestrator.state.clone());
        if project
            .documents()
            .assets
            .values()
            .all(|asset| asset.value.automation.is_none())
        {
            return Ok(());
        }
        // Taken, and put back when the evaluation is kept: one that broke off is made again from what the state has.
        let (mut known, mut told) = match self.known.take() {
            Some(known) => known,
            None => (Known::load(&project, state.as_ref(), now).await?, Instant::now()),
        };
        if told.elapsed() >= LOOK_AGAIN {
            known.look_anew(&project, state.as_ref(), false).await?;
            told = Instant::now();
        }
        let evaluation = known.evaluate(&project, state.as_ref(), now).await?;
        if evaluation.anything {
            match state.keep_evaluation(leader, &evaluation.new).await? {
                Ticked::Kept(_) => known.kept(),
                Ticked::Stale | Ticked::NotLeading => return Ok(()),
            }
            for error in evaluation.new.assets.iter().filter_map(|one| one.error.as_ref()) {
                self.orchestrator.observer.warning(error);
            }
            if !evaluation.new.runs.is_empty() {
                self.orchestrator.ring();
            }
        }
        self.known = Some((known, told));
        Ok(())
    }
}
