//! Schedules and sensors, and the ticks that they made.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::leader::Leader;
use super::run::{Inserted, NewRun};
use super::run_move::RunMove;
use crate::error::{Error, Result};
use crate::plan::{AssetName, RunId};

/// What makes ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstigatorKind {
    /// Times that are known before.
    Schedule,
    /// Something that is seen to have happened.
    Sensor,
    /// The condition of an asset, whose name it has. It makes no ticks: each evaluation is of all assets.
    Automation,
}

impl InstigatorKind {
    /// As the store and the API write it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Sensor => "sensor",
            Self::Automation => "automation",
        }
    }

    /// The kind that [`InstigatorKind::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Schedule, Self::Sensor, Self::Automation]
            .into_iter()
            .find(|kind| kind.text() == text)
    }
}

/// A schedule or sensor, by its kind and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instigator {
    /// Which kind.
    pub kind: InstigatorKind,
    /// Its name in the schema.
    pub name: AssetName,
}

/// What the store knows of a schedule or sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstigatorRecord {
    /// Which.
    #[serde(flatten)]
    pub instigator: Instigator,
    /// Whether somebody started (true) or stopped it; none where it is as the schema says.
    pub enabled: Option<bool>,
    /// Since when it is on: what was due before is not its business.
    pub since: DateTime<Utc>,
    /// Why it stopped by itself.
    pub paused: Option<String>,
    /// Where it stopped looking, as it wrote it.
    pub cursor: Option<String>,
    /// For when its last tick was due; ticks up to here are done.
    pub last_tick_at: Option<DateTime<Utc>>,
    /// Grows with each tick and each change by hand; who writes a tick names the one that he saw.
    pub sequence: i64,
    /// Ticks that failed since one did not.
    pub failures: u32,
}

/// What came of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TickOutcome {
    /// Runs were launched, or the work was done.
    Launched,
    /// There was nothing to do.
    Skipped,
    /// It could not be done.
    Failed,
    /// Nobody led when it was due, and it was too old when somebody did.
    Missed,
    /// It waits until a run has ended.
    Buffered,
}

impl TickOutcome {
    /// As the store and the API write it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Launched => "launched",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Missed => "missed",
            Self::Buffered => "buffered",
        }
    }

    /// The outcome that [`TickOutcome::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Launched,
            Self::Skipped,
            Self::Failed,
            Self::Missed,
            Self::Buffered,
        ]
        .into_iter()
        .find(|outcome| outcome.text() == text)
    }
}

/// A tick to be kept, with all that comes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTick {
    /// Whose.
    pub instigator: Instigator,
    /// The sequence number of the instigator that the tick was made from.
    pub seen: i64,
    /// For when it was due; of a sensor, when it looked.
    pub scheduled_at: DateTime<Utc>,
    /// When it was done.
    pub at: DateTime<Utc>,
    /// What came of it.
    pub outcome: TickOutcome,
    /// Why it was skipped, missed or buffered.
    pub reason: Option<String>,
    /// The runs that it launches; of those whose key is known none is made.
    pub runs: Vec<NewRun>,
    /// How runs that are in its way are asked to stop, in the order of their ids. Where one of them has moved by then,
    /// nothing is kept.
    pub cancels: Vec<RunMove>,
    /// Where to look on; none to leave the cursor as it is.
    pub cursor: Option<String>,
    /// What the work answered.
    pub result: Option<serde_json::Value>,
    /// Why it failed.
    pub error: Option<Error>,
}

/// A tick as it was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TickRecord {
    /// Its number among those of its instigator.
    pub sequence: i64,
    /// For when it was due; of one by hand, when that was asked for.
    pub scheduled_at: DateTime<Utc>,
    /// When it was done.
    pub at: DateTime<Utc>,
    /// Whether somebody asked for it, and it was not due.
    pub by_hand: bool,
    /// What came of it.
    pub outcome: TickOutcome,
    /// Why it was skipped, missed or buffered.
    pub reason: Option<String>,
    /// The runs that it launched; those that were known by their keys are not among them.
    pub runs: Vec<RunId>,
    /// What the work answered.
    pub result: Option<serde_json::Value>,
    /// Why it failed.
    pub error: Option<Error>,
}

/// Which ticks to list.
#[derive(Debug, Clone, Default)]
pub struct TickFilter {
    /// Only those with one of these outcomes; empty for any.
    pub outcomes: Vec<TickOutcome>,
    /// Only those older than this one.
    pub before: Option<i64>,
    /// So many at most.
    pub limit: u32,
}

/// What became of a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ticked {
    /// It is kept; with what became of each of its runs, in order.
    Kept(Vec<(RunId, Inserted)>),
    /// The instigator has moved on since it was seen, a run that it cancels has, or the tick was kept before. Nothing was
    /// changed.
    Stale,
    /// Another process leads. Nothing was changed.
    NotLeading,
}

/// How many ticks of each schedule and sensor are kept; older ones are deleted with the next tick.
pub const TICKS_KEPT: i64 = 1_000;

/// Keeps schedules, sensors and their ticks.
#[async_trait]
pub trait TickStore: Send + Sync {
    /// All that were ever on, by kind and name.
    async fn instigators(&self) -> Result<Vec<InstigatorRecord>>;
    /// One of them; none where nobody ever saw it.
    async fn instigator(&self, instigator: &Instigator) -> Result<Option<InstigatorRecord>>;
    /// Makes one known that is on from `at`; one that is known stays as it is. Answers `false` where another process leads.
    async fn meet_instigator(
        &self,
        leader: &Leader,
        instigator: &Instigator,
        at: DateTime<Utc>,
    ) -> Result<bool>;
    /// Starts or stops one by hand, whatever the schema says. One that is started is on from `at`, and not paused any more;
    /// what waited in its buffer does not when it is stopped.
    async fn enable_instigator(
        &self,
        instigator: &Instigator,
        enabled: bool,
        at: DateTime<Utc>,
    ) -> Result<InstigatorRecord>;
    /// Stops one by itself; without effect where it has moved on since it was seen.
    async fn pause_instigator(
        &self,
        leader: &Leader,
        instigator: &Instigator,
        seen: i64,
        why: &str,
    ) -> Result<bool>;
    /// Sets or deletes the cursor by hand. A look that is under way is then forgotten.
    async fn set_cursor(
        &self,
        instigator: &Instigator,
        cursor: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<()>;
    /// Forgets all that is known of one: its ticks, cursor, and whether it was started or stopped by hand. Keys of its
    /// runs stay used.
    async fn wipe_instigator(&self, instigator: &Instigator) -> Result<()>;
    /// Keeps a tick, its runs, what it cancels and the cursor behind it, all or nothing. Refused where another process leads,
    /// where the instigator or a run that is to stop has moved on since it was seen, and where a tick was kept for this
    /// instant or a later one.
    async fn keep_tick(&self, leader: &Leader, tick: &NewTick) -> Result<Ticked>;
    /// Keeps a tick that somebody asked for, with its runs, whoever leads: it is beside those that are due, so neither what
    /// was seen nor the cursor is looked at, and what is due stays so. One that nobody ever saw is known from then on. Answers
    /// what became of each run, in order. A tick of the leader that is under way is then made again.
    async fn keep_tick_by_hand(&self, tick: &NewTick) -> Result<Vec<(RunId, Inserted)>>;
    /// Launches what a buffered tick waited with.
    async fn release_tick(
        &self,
        leader: &Leader,
        instigator: &Instigator,
        sequence: i64,
        runs: &[NewRun],
    ) -> Result<Ticked>;
    /// The ticks of one, newest first.
    async fn ticks(&self, instigator: &Instigator, filter: &TickFilter) -> Result<Vec<TickRecord>>;
}
