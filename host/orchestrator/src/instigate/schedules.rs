//! The duty that makes the ticks of schedules.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use tidegate_core::plan::{AssetName, Timetable, TimetableError};
use tidegate_core::port::{
    Instigator, InstigatorKind, InstigatorRecord, Leader, NewRun, NewTick, RunFilter, RunRecord, RunState,
    StateStore, TickFilter, TickOutcome, TickRecord, Ticked,
};
use tidegate_core::schema::{Overlap, Schedule};
use tidegate_core::{Error, Kind, Result};
use tokio::task::JoinSet;

use super::maintenance::first;
use super::overlap::{Others, Verdict, judge};
use super::standing::{Standing, State};
use super::wanted::Wanted;
use crate::daemon::Duty;
use crate::run::Orchestrator;

/// Runs of one schedule that go on at once are counted up to here.
const MAX_GOING: u32 = 1_000;

/// Makes the ticks of schedules.
pub struct Schedules {
    orchestrator: Arc<Orchestrator>,
    /// When each is due, and what that was told from.
    next: HashMap<AssetName, (DateTime<Utc>, Option<DateTime<Utc>>)>,
    /// Work that takes long goes on beside the others.
    work: JoinSet<AssetName>,
    /// The schedules whose work goes on.
    busy: HashMap<tokio::task::Id, AssetName>,
}

/// One schedule, as a tick needs it.
struct Due<'a> {
    leader: &'a Leader,
    schedule: &'a Schedule,
    instigator: Instigator,
    now: DateTime<Utc>,
}

impl Due<'_> {
    fn tick(&self, seen: i64, scheduled_at: DateTime<Utc>, outcome: TickOutcome) -> NewTick {
        NewTick {
            instigator: self.instigator.clone(),
            seen,
            scheduled_at,
            at: self.now,
            outcome,
            reason: None,
            runs: Vec::new(),
            cancels: Vec::new(),
            cursor: None,
            result: None,
            error: None,
        }
    }
}

impl Schedules {
    /// Remembers nothing yet: all that matters is in the state.
    pub fn new(orchestrator: Arc<Orchestrator>) -> Self {
        Self {
            orchestrator,
            next: HashMap::new(),
            work: JoinSet::new(),
            busy: HashMap::new(),
        }
    }

    /// Does what is due of one schedule.
    async fn look_at(&mut self, due: &Due<'_>, record: &InstigatorRecord) -> Result<()> {
        let schedule = due.schedule;
        if self.busy.values().any(|name| *name == schedule.name) {
            return Ok(());
        }
        if matches!(schedule.overlap, Overlap::BufferOne | Overlap::BufferAll) {
            self.release(due).await?;
        }
        let after = record
            .last_tick_at
            .map_or(record.since, |last| last.max(record.since));
        let table = timetable(schedule)?;
        let next = match self.next.get(&schedule.name) {
            Some((told, next)) if *told == after => *next,
            _ => table.next_after(after),
        };
        self.next.insert(schedule.name.clone(), (after, next));
        if next.is_none_or(|next| next > due.now) {
            return Ok(());
        }
        if schedule.pause_on_failure && self.pause(due, record).await? {
            return Ok(());
        }
        let mut seen = record.sequence;
        let ticks = table.due(after, due.now, schedule.catch_up.0);
        if let Some((count, from, until)) = ticks.missed {
            let mut missed = due.tick(seen, until, TickOutcome::Missed);
            missed.reason = Some(format!(
                "nobody led for {count} ticks from {} to {}, which is longer ago than `catch_up`",
                shown(from),
                shown(until)
            ));
            match self.keep(due.leader, &missed).await? {
                Ticked::Kept(_) => seen += 1,
                Ticked::Stale | Ticked::NotLeading => return Ok(()),
            }
        }
        let last = ticks.now.last().copied();
        for at in ticks.now {
            let tick = match &schedule.maintenance {
                Some(_) if Some(at) == last => {
                    self.start_work(due, seen, at);
                    return Ok(());
                }
                Some(_) => {
                    let mut tick = due.tick(seen, at, TickOutcome::Skipped);
                    tick.reason = Some("a later tick is due as well".to_owned());
                    tick
                }
                None => self.tick(due, seen, at).await?,
            };
            match self.keep(due.leader, &tick).await? {
                Ticked::Kept(_) => seen += 1,
                Ticked::Stale | Ticked::NotLeading => return Ok(()),
            }
        }
        Ok(())
    }

    /// A tick that is due, with what comes of it. What cannot be launched is a tick that failed; an error is one of the
    /// state, and the tick is still due.
    async fn tick(&self, due: &Due<'_>, seen: i64, at: DateTime<Utc>) -> Result<NewTick> {
        let mut tick = due.tick(seen, at, TickOutcome::Launched);
        let runs = match runs_at(&self.orchestrator, due.schedule, at).await {
            Ok(runs) => runs,
            Err(error) => {
                tick.outcome = TickOutcome::Failed;
                tick.error = Some(error);
                return Ok(tick);
            }
        };
        if runs.is_empty() {
            tick.outcome = TickOutcome::Skipped;
            tick.reason = Some("no slice has ended yet".to_owned());
            return Ok(tick);
        }
        let going = self.going(due.schedule).await?;
        let others = Others {
            going: going.len(),
            waiting: self.waiting(due).await?.len(),
        };
        match judge(due.schedule.overlap, others) {
            Verdict::Launch => tick.runs = runs,
            Verdict::CancelAndLaunch => {
                tick.cancels = self.orchestrator.stops(&going);
                tick.runs = runs;
            }
            Verdict::Buffer => {
                tick.outcome = TickOutcome::Buffered;
                tick.reason = Some("a run of the schedule goes on".to_owned());
            }
            Verdict::Skip(why) => {
                tick.outcome = TickOutcome::Skipped;
                tick.reason = Some(why.to_owned());
            }
        }
        Ok(tick)
    }

    async fn keep(&self, leader: &Leader, tick: &NewTick) -> Result<Ticked> {
        let kept = self.orchestrator.state.keep_tick(leader, tick).await?;
        if matches!(kept, Ticked::Kept(_)) {
            self.orchestrator.told_to_stop(&tick.cancels);
        }
        self.orchestrator.ring();
        Ok(kept)
    }

    /// Launches the tick that waited longest, where nothing goes on any more.
    async fn release(&self, due: &Due<'_>) -> Result<()> {
        let Some(oldest) = self.waiting(due).await?.pop() else {
            return Ok(());
        };
        if !self.going(due.schedule).await?.is_empty() {
            return Ok(());
        }
        // What it waited with cannot be launched any more: the schema has changed. Nothing is launched, and that is told.
        let runs = match runs_at(&self.orchestrator, due.schedule, oldest.scheduled_at).await {
            Ok(runs) => runs,
            Err(error) => {
                self.orchestrator.observer.warning(&error);
                Vec::new()
            }
        };
        let state = &self.orchestrator.state;
        state
            .release_tick(due.leader, &due.instigator, oldest.sequence, &runs)
            .await?;
        self.orchestrator.ring();
        Ok(())
    }

    /// Ticks that wait, newest first; none where none may.
    async fn waiting(&self, due: &Due<'_>) -> Result<Vec<TickRecord>> {
        if !matches!(due.schedule.overlap, Overlap::BufferOne | Overlap::BufferAll) {
            return Ok(Vec::new());
        }
        let filter = TickFilter {
            outcomes: vec![TickOutcome::Buffered],
            before: None,
            limit: MAX_GOING,
        };
        self.orchestrator.state.ticks(&due.instigator, &filter).await
    }

    async fn going(&self, schedule: &Schedule) -> Result<Vec<RunRecord>> {
        let states = vec![
            RunState::Queued,
            RunState::Starting,
            RunState::Running,
            RunState::Cancelling,
        ];
        self.runs(schedule, states, MAX_GOING).await
    }

    async fn runs(&self, schedule: &Schedule, states: Vec<RunState>, limit: u32) -> Result<Vec<RunRecord>> {
        let filter = RunFilter {
            states,
            tags: vec![("tidegate/schedule".to_owned(), schedule.name.to_string())],
            limit,
            ..RunFilter::default()
        };
        self.orchestrator.state.runs(&filter).await
    }

    /// Pauses the schedule where its last run failed since it was started; answers whether.
    async fn pause(&self, due: &Due<'_>, record: &InstigatorRecord) -> Result<bool> {
        let ended = vec![RunState::Succeeded, RunState::Failed, RunState::Cancelled];
        let last = self.runs(due.schedule, ended, 1).await?.pop();
        let Some(failed) = last.filter(|run| run.state == RunState::Failed && run.created_at >= record.since)
        else {
            return Ok(false);
        };
        let why = format!("run {} failed", failed.id);
        let state = &self.orchestrator.state;
        state
            .pause_instigator(due.leader, &due.instigator, record.sequence, &why)
            .await?;
        Ok(true)
    }

    /// Begins the work of a tick; the tick is kept when it is done. Of a leader that dies on the way the next one begins
    /// it again, which does no harm.
    fn start_work(&mut self, due: &Due<'_>, seen: i64, at: DateTime<Utc>) {
        let (orchestrator, leader) = (self.orchestrator.clone(), due.leader.clone());
        let (name, declared) = (due.schedule.name.clone(), due.schedule.enabled);
        let assets = due
            .schedule
            .maintenance
            .as_ref()
            .map_or_else(Vec::new, |maintenance| maintenance.optimize.clone());
        let mut tick = due.tick(seen, at, TickOutcome::Launched);
        let of = name.clone();
        let task = self.work.spawn(async move {
            match orchestrator.project.optimize(&assets).await {
                Ok(result) => tick.result = Some(result),
                Err(error) => {
                    tick.outcome = TickOutcome::Failed;
                    tick.error = Some(error);
                }
            }
            tick.at = Utc::now();
            if let Err(error) = keep_work(&*orchestrator.state, &leader, declared, tick).await {
                orchestrator.observer.warning(&error);
            }
            of
        });
        self.busy.insert(task.id(), name);
    }

    fn end_work(&mut self) {
        while let Some(done) = self.work.try_join_next_with_id() {
            let id = match &done {
                Ok((id, _)) => *id,
                Err(error) => error.id(),
            };
            self.busy.remove(&id);
            if let Err(error) = done {
                let message = format!("the work of a schedule broke off: {error}");
                let error = Error::new(Kind::Internal, "schedule.work", message);
                self.orchestrator.observer.warning(&error);
            }
        }
    }
}

#[async_trait]
impl Duty for Schedules {
    fn name(&self) -> &'static str {
        "schedules"
    }

    // A tick is launched within a second of when it is due.
    fn every_ms(&self) -> u64 {
        250
    }

    async fn perform(&mut self, leader: &Leader, now: DateTime<Utc>) -> Result<()> {
        self.end_work();
        let project = self.orchestrator.project.clone();
        let schedules = &project.documents().schedules;
        if schedules.is_empty() {
            return Ok(());
        }
        let records = self.orchestrator.state.instigators().await?;
        let records: HashMap<&AssetName, &InstigatorRecord> = records
            .iter()
            .filter(|record| record.instigator.kind == InstigatorKind::Schedule)
            .map(|record| (&record.instigator.name, record))
            .collect();
        let mut failed = None;
        for (name, placed) in schedules {
            let record = records.get(name).copied();
            if Standing::of(placed.value.enabled, record).state != State::Running {
                continue;
            }
            let due = Due {
                leader,
                schedule: &placed.value,
                instigator: Instigator {
                    kind: InstigatorKind::Schedule,
                    name: name.clone(),
                },
                now,
            };
            let done = match record {
                Some(record) => self.look_at(&due, record).await,
                None => {
                    let state = &self.orchestrator.state;
                    state
                        .meet_instigator(leader, &due.instigator, now)
                        .await
                        .map(|_| ())
                }
            };
            // One that fails does not hold up the others.
            if let Err(error) = done {
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

/// Keeps the tick of work that is done. One by hand that was kept meanwhile moves the schedule's number and nothing else, and is no
/// reason to do the work again. `declared` is whether the schema has the schedule on.
async fn keep_work(
    state: &dyn StateStore,
    leader: &Leader,
    declared: bool,
    mut tick: NewTick,
) -> Result<Ticked> {
    loop {
        let kept = state.keep_tick(leader, &tick).await?;
        if kept != Ticked::Stale {
            return Ok(kept);
        }
        let record = state.instigator(&tick.instigator).await?;
        let moved = record.filter(|record| {
            let after = record
                .last_tick_at
                .map_or(record.since, |last| last.max(record.since));
            record.sequence != tick.seen
                && after < tick.scheduled_at
                && Standing::of(declared, Some(record)).state == State::Running
        });
        let Some(moved) = moved else {
            return Ok(kept);
        };
        tick.seen = moved.sequence;
    }
}

/// When a schedule is due.
pub(super) fn timetable(schedule: &Schedule) -> Result<Timetable> {
    let table = match (&schedule.cron, schedule.every) {
        (Some(crons), _) => Timetable::crons(&crons.0, &schedule.timezone),
        (None, Some(every)) => i64::try_from(every.0)
            .map(Timetable::Every)
            .map_err(|_| TimetableError::Empty),
        (None, None) => Err(TimetableError::Empty),
    };
    // Validation has refused those that are wrong, with their place.
    table.map_err(|error| Error::new(Kind::Schema, "schema.schedule", error.to_string()))
}

/// The runs that a schedule launches at a tick.
async fn runs_at(orchestrator: &Orchestrator, schedule: &Schedule, at: DateTime<Utc>) -> Result<Vec<NewRun>> {
    let (project, state) = (&orchestrator.project, orchestrator.state.as_ref());
    let key = format!("schedule:{}:{}", schedule.name, shown(at));
    match Wanted::of_schedule(project, schedule).map_err(first)? {
        Some(wanted) => wanted.runs(project, state, Some(&key), at).await,
        None => Ok(Vec::new()),
    }
}

fn shown(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The first instants behind one at which a schedule is due.
pub fn next_ticks(schedule: &Schedule, after: DateTime<Utc>, count: usize) -> Result<Vec<DateTime<Utc>>> {
    let table = timetable(schedule)?;
    Ok(
        std::iter::successors(table.next_after(after), |at| table.next_after(*at))
            .take(count)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use tidegate_core::plan::WorkerId;
    use tidegate_state::SqlStateStore;

    use super::*;

    #[tokio::test]
    async fn a_tick_by_hand_does_not_make_work_be_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite:{}", folder.path().join("state.db").display());
        let store = SqlStateStore::open(&address).await.unwrap();
        let state: &dyn StateStore = &store;
        let leader = state.lead(&WorkerId("w".into()), None).await.unwrap().unwrap();
        let at = |hour| DateTime::UNIX_EPOCH + TimeDelta::hours(hour);
        let instigator = Instigator {
            kind: InstigatorKind::Schedule,
            name: "nightly".parse().unwrap(),
        };
        state.meet_instigator(&leader, &instigator, at(0)).await.unwrap();
        let tick = |seen, hour| NewTick {
            instigator: instigator.clone(),
            seen,
            scheduled_at: at(hour),
            at: at(hour),
            outcome: TickOutcome::Launched,
            reason: None,
            runs: Vec::new(),
            cancels: Vec::new(),
            cursor: None,
            result: None,
            error: None,
        };
        let record = || async { state.instigator(&instigator).await.unwrap().unwrap() };
        let work = tick(record().await.sequence, 1);
        state.keep_tick_by_hand(&tick(0, 2)).await.unwrap();
        let keep = |tick| keep_work(state, &leader, true, tick);
        assert_eq!(keep(work.clone()).await.unwrap(), Ticked::Kept(Vec::new()));
        assert_eq!(record().await.last_tick_at, Some(at(1)));
        // The same again is not kept, nor is that of one that was stopped, or stopped and started.
        assert_eq!(keep(work).await.unwrap(), Ticked::Stale);
        let work = tick(record().await.sequence, 3);
        state.enable_instigator(&instigator, false, at(4)).await.unwrap();
        assert_eq!(keep(work.clone()).await.unwrap(), Ticked::Stale);
        state.enable_instigator(&instigator, true, at(4)).await.unwrap();
        assert_eq!(keep(work).await.unwrap(), Ticked::Stale);
        store.close().await;
    }
}
