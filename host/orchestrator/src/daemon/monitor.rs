//! Workers that are gone: their runs are queued again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tidegate_core::Result;
use tidegate_core::plan::WorkerId;
use tidegate_core::port::{Leader, RunFilter, RunState};

use super::duty::Duty;
use crate::run::{Lost, Orchestrator};

/// How long a worker may be silent before its runs are given to others, in milliseconds: ten of its beats.
pub const WORKER_LEASE_MS: u64 = 10_000;

/// Runs that go on at once; no project comes near it.
const MAX_GOING: u32 = 10_000;

/// Watches the workers.
pub struct Monitor {
    orchestrator: Arc<Orchestrator>,
    /// How often each was heard of, and when that last changed, by this process's own clock.
    heard: HashMap<WorkerId, (i64, Instant)>,
}

impl Monitor {
    /// Knows of no worker yet: each has its whole lease before it is taken for dead.
    pub fn new(orchestrator: Arc<Orchestrator>) -> Self {
        Self {
            orchestrator,
            heard: HashMap::new(),
        }
    }

    async fn silent(&mut self) -> Result<Vec<WorkerId>> {
        let now = Instant::now();
        let workers = self.orchestrator.state.workers().await?;
        let mut silent = Vec::new();
        let mut heard = HashMap::new();
        for worker in &workers {
            let since = match self.heard.get(&worker.id) {
                Some((beats, since)) if *beats == worker.beats => *since,
                _ => now,
            };
            if now.duration_since(since) >= Duration::from_millis(WORKER_LEASE_MS) {
                silent.push(worker.id.clone());
            }
            heard.insert(worker.id.clone(), (worker.beats, since));
        }
        // One that nobody knows of any more, and whose run says that it goes on.
        let going = RunFilter {
            states: vec![RunState::Starting, RunState::Running, RunState::Cancelling],
            limit: MAX_GOING,
            ..RunFilter::default()
        };
        for run in self.orchestrator.state.runs(&going).await? {
            if let Some(worker) = run.worker
                && !heard.contains_key(&worker)
                && !silent.contains(&worker)
            {
                silent.push(worker);
            }
        }
        self.heard = heard;
        Ok(silent)
    }
}

#[async_trait]
impl Duty for Monitor {
    fn name(&self) -> &'static str {
        "monitor"
    }

    fn every_ms(&self) -> u64 {
        1_000
    }

    async fn perform(&mut self, _leader: &Leader, _now: DateTime<Utc>) -> Result<()> {
        let mut gone = self.orchestrator.workers.dead();
        for worker in self.silent().await? {
            if !gone.contains(&worker) && worker != *self.orchestrator.workers.id() {
                gone.push(worker);
            }
        }
        self.orchestrator.bury(&gone, Lost::Queued).await
    }
}
