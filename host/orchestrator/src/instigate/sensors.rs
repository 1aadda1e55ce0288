//! The duty that makes the looks of sensors, each a task of its own: one that is slow holds up no other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tidegate_core::plan::AssetName;
use tidegate_core::port::{
    Instigator, InstigatorKind, InstigatorRecord, Leader, NewRun, NewTick, TickOutcome,
};
use tidegate_core::schema::Sensor;
use tidegate_core::{Error, Kind, Result};
use tokio::task::{Id, JoinSet};

use super::look::{Looked, Looking, Request, look, since};
use super::maintenance::first;
use super::standing::{Standing, State};
use super::wanted::Wanted;
use crate::daemon::Duty;
use crate::run::Orchestrator;

/// A sensor that fails is asked less and less often: its interval doubles so many times at most.
const MAX_DOUBLINGS: u32 = 6;

/// The longest time between two looks of a sensor that fails, in milliseconds, unless its interval is longer.
const LONGEST_MS: u64 = 3_600_000;

/// Makes the looks of sensors.
pub struct Sensors {
    orchestrator: Arc<Orchestrator>,
    looks: JoinSet<()>,
    /// The sensors that look just now.
    looking: HashMap<Id, AssetName>,
    /// When each last looked, by this process's own clock.
    looked: HashMap<AssetName, Instant>,
}

impl Sensors {
    /// Remembers nothing yet: all that matters is in the state.
    pub fn new(orchestrator: Arc<Orchestrator>) -> Self {
        Self {
            orchestrator,
            looks: JoinSet::new(),
            looking: HashMap::new(),
            looked: HashMap::new(),
        }
    }

    fn end_looks(&mut self) {
        while let Some(done) = self.looks.try_join_next_with_id() {
            let id = match &done {
                Ok((id, ())) => *id,
                Err(error) => error.id(),
            };
            if let Some(name) = self.looking.remove(&id) {
                self.looked.insert(name, Instant::now());
            }
            if let Err(error) = done {
                let message = format!("the look of a sensor broke off: {error}");
                let error = Error::new(Kind::Internal, "sensor.look", message);
                self.orchestrator.observer.warning(&error);
            }
        }
    }

    /// Whether a sensor is to look now.
    fn is_due(&mut self, sensor: &Sensor, record: &InstigatorRecord, now: DateTime<Utc>) -> bool {
        let pause = Duration::from_millis(pause_ms(sensor, record.failures));
        if let Some(looked) = self.looked.get(&sensor.name) {
            return looked.elapsed() >= pause;
        }
        // Another process looked last. What its clock says is taken where it can be true.
        let ago = record.last_tick_at.and_then(|last| (now - last).to_std().ok());
        let Some(ago) = ago.filter(|ago| *ago < pause) else {
            return true;
        };
        if let Some(then) = Instant::now().checked_sub(ago) {
            self.looked.insert(sensor.name.clone(), then);
            return false;
        }
        true
    }
}

/// How long a sensor is left alone between two looks, in milliseconds.
fn pause_ms(sensor: &Sensor, failures: u32) -> u64 {
    let interval = sensor.interval.0;
    let longer = interval.saturating_mul(1 << failures.min(MAX_DOUBLINGS));
    longer.min(LONGEST_MS.max(interval))
}

#[async_trait]
impl Duty for Sensors {
    fn name(&self) -> &'static str {
        "sensors"
    }

    fn every_ms(&self) -> u64 {
        250
    }

    async fn perform(&mut self, leader: &Leader, now: DateTime<Utc>) -> Result<()> {
        self.end_looks();
        let project = self.orchestrator.project.clone();
        let sensors = &project.documents().sensors;
        if sensors.is_empty() {
            return Ok(());
        }
        let records = self.orchestrator.state.instigators().await?;
        let records: HashMap<&AssetName, &InstigatorRecord> = records
            .iter()
            .filter(|record| record.instigator.kind == InstigatorKind::Sensor)
            .map(|record| (&record.instigator.name, record))
            .collect();
        let busy: HashSet<AssetName> = self.looking.values().cloned().collect();
        for (name, placed) in sensors {
            let record = records.get(name).copied();
            if Standing::of(placed.value.enabled, record).state != State::Running || busy.contains(name) {
                continue;
            }
            let Some(record) = record else {
                let state = &self.orchestrator.state;
                state.meet_instigator(leader, &instigator(name), now).await?;
                continue;
            };
            if !self.is_due(&placed.value, record, now) {
                continue;
            }
            let work = tick(
                self.orchestrator.clone(),
                leader.clone(),
                placed.value.clone(),
                record.clone(),
            );
            let task = self.looks.spawn(work);
            self.looking.insert(task.id(), name.clone());
        }
        Ok(())
    }
}

fn instigator(name: &AssetName) -> Instigator {
    Instigator {
        kind: InstigatorKind::Sensor,
        name: name.clone(),
    }
}

/// Looks once, and keeps what comes of it.
async fn tick(orchestrator: Arc<Orchestrator>, leader: Leader, sensor: Sensor, record: InstigatorRecord) {
    let scheduled_at = Utc::now();
    let evaluated = evaluate(&orchestrator, &sensor, Some(&record), scheduled_at).await;
    let mut tick = NewTick {
        instigator: record.instigator.clone(),
        seen: record.sequence,
        scheduled_at,
        at: Utc::now(),
        outcome: TickOutcome::Skipped,
        reason: None,
        runs: Vec::new(),
        cancels: Vec::new(),
        cursor: None,
        result: None,
        error: None,
    };
    match evaluated {
        Ok(evaluated) => {
            tick.outcome = match (&evaluated.error, evaluated.runs.is_empty()) {
                (_, false) => TickOutcome::Launched,
                (Some(_), true) => TickOutcome::Failed,
                (None, true) => TickOutcome::Skipped,
            };
            tick.reason = evaluated.reason;
            tick.runs = evaluated.runs;
            tick.cursor = evaluated.cursor;
            tick.error = evaluated.error;
        }
        Err(error) => {
            tick.outcome = TickOutcome::Failed;
            tick.error = Some(error);
        }
    }
    match orchestrator.state.keep_tick(&leader, &tick).await {
        Ok(_) => orchestrator.ring(),
        // The tick is lost, the cursor is where it was: the next look sees the same.
        Err(error) => orchestrator.observer.warning(&error),
    }
}

/// What a look comes to: the runs that it launches.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// The runs, with their keys.
    pub runs: Vec<NewRun>,
    /// What there is to say.
    pub reason: Option<String>,
    /// Where to look on.
    pub cursor: Option<String>,
    /// Why a run that was wanted cannot be; the others can.
    pub error: Option<Error>,
}

/// Looks once, within the sensor's time, and writes nothing.
pub async fn evaluate(
    orchestrator: &Orchestrator,
    sensor: &Sensor,
    record: Option<&InstigatorRecord>,
    at: DateTime<Utc>,
) -> Result<Evaluated> {
    let wanted = Wanted::of_sensor(&orchestrator.project, sensor).map_err(first)?;
    let looking = Looking {
        orchestrator,
        sensor,
        wanted: &wanted,
        cursor: record.and_then(|record| record.cursor.as_deref()),
        since: since(record, at),
        at,
    };
    let Ok(looked) = tokio::time::timeout(Duration::from_millis(sensor.timeout.0), look(&looking)).await
    else {
        let message = format!("the look took longer than its `timeout` of {}", sensor.timeout);
        return Err(Error::new(Kind::Resource, "sensor.timeout", message)
            .later()
            .hint("give the sensor a longer `timeout`, or less to look at"));
    };
    Ok(launch(orchestrator, sensor, &wanted, looked?, at).await)
}

async fn launch(
    orchestrator: &Orchestrator,
    sensor: &Sensor,
    wanted: &Wanted,
    looked: Looked,
    at: DateTime<Utc>,
) -> Evaluated {
    let mut runs = Vec::new();
    let mut error = None;
    for request in &looked.requests {
        match runs_of(orchestrator, sensor, wanted, request, at).await {
            Ok(more) => runs.extend(more),
            // A file with a wrong name is none the next time either: it is told, and passed by.
            Err(refused) => error = error.or(Some(refused)),
        }
    }
    Evaluated {
        runs,
        reason: looked.reason,
        cursor: looked.cursor,
        error,
    }
}

async fn runs_of(
    orchestrator: &Orchestrator,
    sensor: &Sensor,
    wanted: &Wanted,
    request: &Request,
    at: DateTime<Utc>,
) -> Result<Vec<NewRun>> {
    let mut wanted = wanted.clone();
    if let Some(key) = &request.partition {
        wanted.partition = Some(vec![key.clone()]);
    }
    wanted.tags.extend(request.tags.iter().cloned());
    let key = format!("sensor:{}:{}", sensor.name, request.key);
    let (project, state) = (&orchestrator.project, orchestrator.state.as_ref());
    wanted.runs(project, state, Some(&key), at).await
}
