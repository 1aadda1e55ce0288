//! `tidegate schedule`: what is done at times that are known before.

use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;
use tidegate_core::port::{Instigator, InstigatorKind, StateStore};
use tidegate_core::schema::Schedule;
use tidegate_core::{Errors, Result};
use tidegate_orchestrator::{Project, Standing, StandingState, Wanted, next_ticks, trigger};

use super::ticks;
use crate::arguments::{ProjectAt, ScheduleCommand};
use crate::output::{Output, Table};
use crate::session;

/// Ticks ahead that are shown.
const NEXT_TICKS: usize = 3;

pub(crate) async fn run(
    at: &ProjectAt,
    command: &ScheduleCommand,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let project = Arc::new(session::open_project(at)?);
    let state = session::open_state(&project).await?;
    let (state, of) = (state.as_ref(), |name: &str| of(&project, name));
    match command {
        ScheduleCommand::List => list(&project, state, output).await?,
        ScheduleCommand::Show { schedule } => {
            let (schedule, instigator) = of(schedule)?;
            show(schedule, &instigator, state, output).await?;
        }
        ScheduleCommand::Start { schedule } => ticks::switch(state, &of(schedule)?.1, true, output).await?,
        ScheduleCommand::Stop { schedule } => ticks::switch(state, &of(schedule)?.1, false, output).await?,
        ScheduleCommand::Preview { schedule, at } => {
            preview(&project, of(schedule)?.0, *at, state, output).await?;
        }
        ScheduleCommand::Trigger { schedule } => {
            launch_now(&project, of(schedule)?.0, state, output).await?;
        }
        ScheduleCommand::Ticks(which) => ticks::list(state, &of(&which.name)?.1, which, output).await?,
        // What is not in the schema any more can be forgotten too.
        ScheduleCommand::Wipe { schedule } => {
            let instigator = match schedule.parse() {
                Ok(name) => instigator(name),
                Err(_) => of(schedule)?.1,
            };
            ticks::wipe(state, &instigator, output).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn of<'a>(project: &'a Project, name: &str) -> Result<(&'a Schedule, Instigator)> {
    let schedule = &project.schedule(name)?.value;
    Ok((schedule, instigator(schedule.name.clone())))
}

fn instigator(name: tidegate_core::plan::AssetName) -> Instigator {
    Instigator {
        kind: InstigatorKind::Schedule,
        name,
    }
}

/// When, as it is written.
fn when(schedule: &Schedule) -> String {
    match (&schedule.cron, schedule.every) {
        (Some(crons), _) if schedule.timezone == "UTC" => crons.0.join(", "),
        (Some(crons), _) => format!("{} {}", crons.0.join(", "), schedule.timezone),
        (None, Some(every)) => format!("every {every}"),
        (None, None) => String::new(),
    }
}

async fn list(project: &Project, state: &dyn StateStore, output: &Output) -> Result<()> {
    let known = state.instigators().await?;
    let now = Utc::now();
    let mut table = Table::new(&["schedule", "state", "when", "launches", "last tick", "next tick"]);
    let mut listed = Vec::new();
    for (name, placed) in &project.documents().schedules {
        let schedule = &placed.value;
        let record = ticks::record_of(&known, &instigator(name.clone())).cloned();
        let standing = Standing::of(schedule.enabled, record.as_ref());
        let next = next_ticks(schedule, now, NEXT_TICKS)?;
        let on = standing.state == StandingState::Running;
        let last = record.as_ref().and_then(|record| record.last_tick_at);
        let select = schedule.select.as_ref().map(|select| select.0.as_slice());
        table.row([
            name.to_string(),
            ticks::standing(&standing),
            when(schedule),
            ticks::what(schedule.job.as_ref(), select, project),
            last.map(ticks::instant).unwrap_or_default(),
            next.first()
                .filter(|_| on)
                .map(|at| ticks::instant(*at))
                .unwrap_or_default(),
        ]);
        listed.push(json!({
            "schedule": schedule,
            "standing": standing,
            "record": record,
            "next": if on { next } else { Vec::new() },
        }));
    }
    output.show(&listed, || {
        if table.is_empty() {
            say!("there are no schedules; docs/schedules.md shows how one is written");
        } else {
            table.print();
        }
    });
    Ok(())
}

async fn show(
    schedule: &Schedule,
    instigator: &Instigator,
    state: &dyn StateStore,
    output: &Output,
) -> Result<()> {
    let record = state.instigator(instigator).await?;
    let standing = Standing::of(schedule.enabled, record.as_ref());
    let next = next_ticks(schedule, Utc::now(), NEXT_TICKS)?;
    let shown = json!({"schedule": schedule, "standing": standing, "record": record, "next": next});
    output.show(&shown, || {
        say!("schedule {}: {}", schedule.name, ticks::standing(&standing));
        if let Some(description) = &schedule.description {
            say!("{}", description.trim_end());
        }
        say!("  when     {}", when(schedule));
        let next: Vec<String> = next.into_iter().map(ticks::instant).collect();
        say!("  next     {}", next.join(", "));
        say!("  overlap  {}", word(schedule.overlap));
        say!("  catch up {}", schedule.catch_up);
    });
    ticks::last(state, instigator, output).await
}

fn word(overlap: tidegate_core::schema::Overlap) -> String {
    let text = serde_json::to_value(overlap).unwrap_or_default();
    text.as_str().unwrap_or_default().to_owned()
}

async fn preview(
    project: &Project,
    schedule: &Schedule,
    at: Option<DateTime<Utc>>,
    state: &dyn StateStore,
    output: &Output,
) -> Result<(), Errors> {
    let next = next_ticks(schedule, Utc::now(), 1)?;
    let at = at.or(next.first().copied()).unwrap_or_else(Utc::now);
    if let Some(maintenance) = &schedule.maintenance {
        output.show(&json!({"at": at, "optimize": maintenance.optimize}), || {
            let names: Vec<&str> = maintenance
                .optimize
                .iter()
                .map(tidegate_core::plan::AssetName::as_str)
                .collect();
            say!(
                "a tick at {} would optimize {}",
                ticks::instant(at),
                names.join(", ")
            );
        });
        return Ok(());
    }
    let key = format!(
        "schedule:{}:{}",
        schedule.name,
        at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    );
    let wanted = Wanted::of_schedule(project, schedule)?;
    let runs = match wanted {
        Some(wanted) => wanted.runs(project, state, Some(&key), at).await?,
        None => Vec::new(),
    };
    output.show(&json!({"at": at, "runs": ticks::launched(&runs)}), || {
        say!("a tick at {} would launch:", ticks::instant(at));
        ticks::say_launched(&runs);
        if runs.is_empty() {
            say!("nothing: no slice has ended by then");
        }
    });
    Ok(())
}

async fn launch_now(
    project: &Project,
    schedule: &Schedule,
    state: &dyn StateStore,
    output: &Output,
) -> Result<(), Errors> {
    let triggered = trigger(project, state, schedule, Utc::now()).await?;
    if let Some(done) = &triggered.result {
        output.show(done, || say!("done: {done}"));
        return Ok(());
    }
    let ids = &triggered.runs;
    output.show(&json!({"runs": ids}), || {
        for id in ids {
            say!("run {id} waits in the queue");
        }
        if ids.is_empty() {
            say!("nothing to run: no slice has ended yet");
        }
    });
    Ok(())
}
