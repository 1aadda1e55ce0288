//! Backfills from their beginning to their end.

use chrono::Utc;
use serde::Serialize;
use tidegate_core::plan::{BackfillId, PartitionKey};
use tidegate_core::port::{BACKFILL_TAG, BackfillRecord, BackfillState, NewRun, RunFilter, RunState};
use tidegate_core::{Error, Kind, Result};

use super::choose::{BackfillPlan, BackfillRequest};
use crate::error::OrchestratorError;
use crate::run::{Orchestrator, QueueOptions};

/// Runs that are put into the queue in one transaction.
const RUNS_PER_INSERT: usize = 500;

/// Runs that are cancelled between two looks at what is left.
const RUNS_PER_LOOK: u32 = 500;

/// Backfills among which the beginning of an id is looked for.
const NEWEST: u32 = 1_000;

/// How far a backfill is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BackfillStatus {
    /// The backfill.
    #[serde(flatten)]
    pub backfill: BackfillRecord,
    /// Its runs, by state.
    pub by_state: Vec<(RunState, u64)>,
}

impl BackfillStatus {
    /// How many runs are in one of some states.
    pub fn count(&self, states: &[RunState]) -> u64 {
        let of = self.by_state.iter().filter(|(state, _)| states.contains(state));
        of.map(|(_, runs)| runs).sum()
    }

    /// How many runs have not ended. One that is not there any more has: only what is over is ever pruned.
    pub fn open(&self) -> u64 {
        let of = self.by_state.iter().filter(|(state, _)| !state.ended());
        of.map(|(_, runs)| runs).sum()
    }

    /// How many runs have ended.
    pub fn ended(&self) -> u64 {
        match self.backfill.state {
            // Not all of its runs are there yet.
            BackfillState::Queueing => 0,
            _ => self.backfill.runs.saturating_sub(self.open()),
        }
    }

    /// Whether every run has ended.
    pub fn done(&self) -> bool {
        self.backfill.state != BackfillState::Queueing && self.open() == 0
    }

    /// In a word: what its runs may do, or what came of them as far as that is known still.
    pub fn word(&self) -> &'static str {
        match (self.done(), self.backfill.state) {
            (_, BackfillState::Cancelled) => "cancelled",
            (true, _) if self.count(&[RunState::Failed, RunState::Cancelled]) == 0 => "succeeded",
            (true, _) => "failed",
            (false, state) => state.text(),
        }
    }
}

impl Orchestrator {
    /// Begins a backfill: its runs are put into the queue, all of them, before the first is taken. Where that breaks off,
    /// [`Orchestrator::resume_backfill`] goes on.
    pub async fn launch_backfill(
        &self,
        request: &BackfillRequest,
        plan: &BackfillPlan,
    ) -> Result<BackfillRecord> {
        let at = Utc::now();
        let backfill = BackfillRecord {
            id: BackfillId(uuid::Uuid::now_v7()),
            state: BackfillState::Queueing,
            request: serde_json::json!({"asked": request, "runs": plan.runs}),
            runs: plan.runs.len() as u64,
            concurrency: request.concurrency,
            created_at: at,
            updated_at: at,
        };
        self.state.insert_backfill(&backfill).await?;
        self.queue_backfill(&backfill).await?;
        self.backfill(backfill.id).await.map(|status| status.backfill)
    }

    /// Puts the runs that are not there yet into the queue, and lets them be taken.
    async fn queue_backfill(&self, backfill: &BackfillRecord) -> Result<()> {
        let unreadable = |error: serde_json::Error| {
            let message = format!("the request of backfill {} is not readable: {error}", backfill.id);
            Error::new(Kind::State, "backfill.request", message)
        };
        let request: BackfillRequest =
            serde_json::from_value(backfill.request["asked"].clone()).map_err(unreadable)?;
        let runs: Vec<(PartitionKey, PartitionKey)> =
            serde_json::from_value(backfill.request["runs"].clone()).map_err(unreadable)?;
        let slices = self.common_slices(&request.assets)?;
        let mut batch: Vec<NewRun> = Vec::new();
        for (index, (first, last)) in runs.iter().enumerate() {
            let options = QueueOptions {
                priority: request.priority,
                job: None,
                tags: [(BACKFILL_TAG.to_owned(), backfill.id.to_string())].into(),
                run_key: Some(format!("backfill:{}:{index}", backfill.id)),
            };
            // What there was when it was planned: slices are not looked up again for each run.
            let neighbours = std::iter::successors(Some(first.clone()), |key| {
                (key != last).then(|| slices.next(&key.0)).flatten()
            });
            let keys: Vec<PartitionKey> = neighbours.collect();
            let items = request.assets.iter().flat_map(|asset| {
                let of = |key: &PartitionKey| (asset.clone(), key.clone());
                keys.iter().map(of).collect::<Vec<_>>()
            });
            batch.push(request.launch(first, last).new_run(items.collect(), options));
            if batch.len() == RUNS_PER_INSERT {
                self.state.insert_runs(&std::mem::take(&mut batch)).await?;
            }
        }
        self.state.insert_runs(&batch).await?;
        self.state
            .move_backfill(
                backfill.id,
                &[BackfillState::Queueing],
                BackfillState::Open,
                Utc::now(),
            )
            .await?;
        self.ring();
        Ok(())
    }

    /// How far a backfill is.
    pub async fn backfill(&self, id: BackfillId) -> Result<BackfillStatus> {
        let found = self.state.backfill(id).await?;
        let backfill = found.ok_or_else(|| OrchestratorError::UnknownBackfill(id.to_string()))?;
        self.status(backfill).await
    }

    /// The backfill of an id, of the beginning of one, or of the word `latest`.
    pub async fn find_backfill(&self, text: &str) -> Result<BackfillStatus> {
        let unknown = || Error::from(OrchestratorError::UnknownBackfill(text.to_owned()));
        let newest = self.state.backfills(NEWEST).await?;
        let mut fitting = newest
            .into_iter()
            .filter(|backfill| text == "latest" || backfill.id.to_string().starts_with(text));
        let first = fitting.next().ok_or_else(unknown)?;
        if text != "latest" && fitting.next().is_some() {
            let message = format!("more than one backfill begins with `{text}`");
            return Err(Error::new(Kind::Usage, "backfill.ambiguous", message).hint("write more of the id"));
        }
        self.status(first).await
    }

    /// The newest backfills.
    pub async fn backfills(&self, limit: u32) -> Result<Vec<BackfillStatus>> {
        let mut found = Vec::new();
        for backfill in self.state.backfills(limit).await? {
            found.push(self.status(backfill).await?);
        }
        Ok(found)
    }

    async fn status(&self, backfill: BackfillRecord) -> Result<BackfillStatus> {
        let by_state = self.state.backfill_runs(backfill.id).await?;
        Ok(BackfillStatus { backfill, by_state })
    }

    /// Takes no further run of a backfill; those that go on go on. A repeat changes nothing.
    pub async fn pause_backfill(&self, id: BackfillId) -> Result<BackfillStatus> {
        let from = [BackfillState::Open, BackfillState::Paused];
        self.turn(id, &from, BackfillState::Paused).await
    }

    /// Takes runs of a paused backfill again, or puts the rest of its runs into the queue where that broke off.
    pub async fn resume_backfill(&self, id: BackfillId) -> Result<BackfillStatus> {
        let status = self.backfill(id).await?;
        if status.backfill.state == BackfillState::Queueing {
            self.queue_backfill(&status.backfill).await?;
            return self.backfill(id).await;
        }
        let from = [BackfillState::Paused, BackfillState::Open];
        let status = self.turn(id, &from, BackfillState::Open).await?;
        self.ring();
        Ok(status)
    }

    /// Takes no further run of a backfill, and asks all that have not ended to stop. A repeat goes on where one broke off.
    pub async fn cancel_backfill(&self, id: BackfillId) -> Result<BackfillStatus> {
        let from = [
            BackfillState::Queueing,
            BackfillState::Open,
            BackfillState::Paused,
            BackfillState::Cancelled,
        ];
        self.turn(id, &from, BackfillState::Cancelled).await?;
        let open = RunFilter {
            states: vec![RunState::Queued, RunState::Starting, RunState::Running],
            tags: vec![(BACKFILL_TAG.to_owned(), id.to_string())],
            limit: RUNS_PER_LOOK,
            ..RunFilter::default()
        };
        loop {
            let runs = self.state.runs(&open).await?;
            if runs.is_empty() {
                return self.backfill(id).await;
            }
            for run in &runs {
                self.stop_run(run).await?;
            }
        }
    }

    async fn turn(
        &self,
        id: BackfillId,
        from: &[BackfillState],
        to: BackfillState,
    ) -> Result<BackfillStatus> {
        if !self.state.move_backfill(id, from, to, Utc::now()).await? {
            let state = self.backfill(id).await?.backfill.state;
            return Err(OrchestratorError::BackfillState {
                backfill: id,
                state,
                to,
            }
            .into());
        }
        self.backfill(id).await
    }
}
