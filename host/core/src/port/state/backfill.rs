//! Backfills: many runs that are asked for together.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::run::{Inserted, NewRun, RunState};
use crate::error::Result;
use crate::plan::BackfillId;

/// The tag of a backfill's runs; its value is the backfill's id.
pub const BACKFILL_TAG: &str = "tidegate/backfill";

/// What a backfill's runs may do. Whether it is done follows from its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillState {
    /// Its runs are being put into the queue; none is taken yet.
    Queueing,
    /// Its runs are taken, as many at once as it says.
    Open,
    /// No further run is taken.
    Paused,
    /// Its runs were asked to stop.
    Cancelled,
}

impl BackfillState {
    /// As the store writes it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Queueing => "queueing",
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state that [`BackfillState::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Queueing, Self::Open, Self::Paused, Self::Cancelled]
            .into_iter()
            .find(|state| state.text() == text)
    }
}

/// A backfill as the store knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackfillRecord {
    /// Its id.
    pub id: BackfillId,
    /// What its runs may do.
    pub state: BackfillState,
    /// What was asked for, as JSON.
    pub request: serde_json::Value,
    /// How many runs it has.
    pub runs: u64,
    /// Runs of it that go on at once; none for as many as there is room for.
    pub concurrency: Option<u32>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When its state last changed.
    pub updated_at: DateTime<Utc>,
}

/// Keeps backfills.
#[async_trait]
pub trait BackfillStore: Send + Sync {
    /// Inserts a backfill.
    async fn insert_backfill(&self, backfill: &BackfillRecord) -> Result<()>;
    /// Inserts runs in one transaction, as [`super::StateStore::insert_run`] does each.
    async fn insert_runs(&self, runs: &[NewRun]) -> Result<Vec<Inserted>>;
    /// Changes the state of a backfill; `false`, with nothing changed, where it is in none of `from`.
    async fn move_backfill(
        &self,
        backfill: BackfillId,
        from: &[BackfillState],
        to: BackfillState,
        at: DateTime<Utc>,
    ) -> Result<bool>;
    /// One backfill.
    async fn backfill(&self, backfill: BackfillId) -> Result<Option<BackfillRecord>>;
    /// Backfills, newest first, so many at most.
    async fn backfills(&self, limit: u32) -> Result<Vec<BackfillRecord>>;
    /// How many runs of a backfill are in each state.
    async fn backfill_runs(&self, backfill: BackfillId) -> Result<Vec<(RunState, u64)>>;
}
