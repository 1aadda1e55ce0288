//! `tidegate sensor`: what is done when something is seen to have happened.

use std::process::ExitCode;
use std::sync::Arc;

use chrono::Utc;
use serde_json::json;
use tidegate_core::plan::AssetName;
use tidegate_core::port::{Instigator, InstigatorKind, InstigatorRecord, StateStore};
use tidegate_core::schema::Sensor;
use tidegate_core::{Errors, Result};
use tidegate_orchestrator::{Project, Standing, evaluate};

use super::ticks;
use crate::arguments::{ProjectAt, SensorCommand};
use crate::command::run::orchestrator;
use crate::output::{Output, Table, Watch, printable};
use crate::session;

pub(crate) async fn run(
    at: &ProjectAt,
    command: &SensorCommand,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let project = Arc::new(session::open_project(at)?);
    if let SensorCommand::Preview { sensor, cursor } = command {
        preview(&project, sensor, cursor.as_deref(), output).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let state = session::open_state(&project).await?;
    let (state, of) = (state.as_ref(), |name: &str| of(&project, name));
    match command {
        SensorCommand::List => list(&project, state, output).await?,
        SensorCommand::Show { sensor } => {
            let (sensor, instigator) = of(sensor)?;
            show(sensor, &instigator, state, output).await?;
        }
        SensorCommand::Start { sensor } => ticks::switch(state, &of(sensor)?.1, true, output).await?,
        SensorCommand::Stop { sensor } => ticks::switch(state, &of(sensor)?.1, false, output).await?,
        SensorCommand::Ticks(which) => ticks::list(state, &of(&which.name)?.1, which, output).await?,
        SensorCommand::Cursor { sensor, set, delete } => {
            let instigator = of(sensor)?.1;
            if set.is_some() || *delete {
                state.set_cursor(&instigator, set.as_deref(), Utc::now()).await?;
            }
            cursor(&instigator, state, output).await?;
        }
        // What is not in the schema any more can be forgotten too.
        SensorCommand::Wipe { sensor } => {
            let instigator = match sensor.parse() {
                Ok(name) => instigator(name),
                Err(_) => of(sensor)?.1,
            };
            ticks::wipe(state, &instigator, output).await?;
        }
        SensorCommand::Preview { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn of<'a>(project: &'a Project, name: &str) -> Result<(&'a Sensor, Instigator)> {
    let sensor = &project.sensor(name)?.value;
    Ok((sensor, instigator(sensor.name.clone())))
}

fn instigator(name: AssetName) -> Instigator {
    Instigator {
        kind: InstigatorKind::Sensor,
        name,
    }
}

/// What it looks at, in a few words.
fn looks_at(sensor: &Sensor) -> String {
    if let Some(files) = &sensor.files {
        return format!("files {} of {}", files.path, files.resource);
    }
    if let Some(asset) = &sensor.asset {
        return format!("asset {}", asset.name);
    }
    if let Some(runs) = &sensor.run_failed {
        return match &runs.job {
            Some(job) => format!("failed runs of {job}"),
            None => "failed runs".into(),
        };
    }
    if let Some(http) = &sensor.http {
        return http.url.clone();
    }
    match &sensor.plugin {
        Some(plugin) => format!("plugin {}", plugin.name),
        None => String::new(),
    }
}

async fn list(project: &Project, state: &dyn StateStore, output: &Output) -> Result<()> {
    let known = state.instigators().await?;
    let mut table = Table::new(&["sensor", "state", "looks at", "interval", "launches", "last look"]);
    let mut listed = Vec::new();
    for (name, placed) in &project.documents().sensors {
        let sensor = &placed.value;
        let record = ticks::record_of(&known, &instigator(name.clone())).cloned();
        let standing = Standing::of(sensor.enabled, record.as_ref());
        let last = record.as_ref().and_then(|record| record.last_tick_at);
        let select = sensor.select.as_ref().map(|select| select.0.as_slice());
        table.row([
            name.to_string(),
            ticks::standing(&standing),
            looks_at(sensor),
            sensor.interval.to_string(),
            ticks::what(sensor.job.as_ref(), select, project),
            last.map(ticks::instant).unwrap_or_default(),
        ]);
        listed.push(json!({"sensor": sensor, "standing": standing, "record": record}));
    }
    output.show(&listed, || {
        if table.is_empty() {
            say!("there are no sensors; docs/sensors.md shows how one is written");
        } else {
            table.print();
        }
    });
    Ok(())
}

async fn show(
    sensor: &Sensor,
    instigator: &Instigator,
    state: &dyn StateStore,
    output: &Output,
) -> Result<()> {
    let record = state.instigator(instigator).await?;
    let standing = Standing::of(sensor.enabled, record.as_ref());
    let shown = json!({"sensor": sensor, "standing": standing, "record": record});
    output.show(&shown, || {
        say!("sensor {}: {}", sensor.name, ticks::standing(&standing));
        if let Some(description) = &sensor.description {
            say!("{}", description.trim_end());
        }
        say!("  looks at {}", looks_at(sensor));
        say!("  each     {}, for {} at most", sensor.interval, sensor.timeout);
        if let Some(cursor) = record.as_ref().and_then(|record| record.cursor.as_deref()) {
            say!("  cursor   {}", printable(cursor));
        }
    });
    ticks::last(state, instigator, output).await
}

async fn cursor(instigator: &Instigator, state: &dyn StateStore, output: &Output) -> Result<()> {
    let record = state.instigator(instigator).await?;
    let cursor = record.and_then(|record| record.cursor);
    output.show(
        &json!({"sensor": instigator.name, "cursor": cursor}),
        || match &cursor {
            Some(cursor) => say!("{}", printable(cursor)),
            None => say!("no cursor: the next look is the first"),
        },
    );
    Ok(())
}

async fn preview(project: &Arc<Project>, name: &str, cursor: Option<&str>, output: &Output) -> Result<()> {
    let (sensor, instigator) = of(project, name)?;
    let orchestrator = orchestrator(project, Arc::new(Watch::new(true)), None).await?;
    let now = Utc::now();
    let record = orchestrator.state.instigator(&instigator).await?;
    let mut record = record.unwrap_or(InstigatorRecord {
        instigator,
        enabled: None,
        since: now,
        paused: None,
        cursor: None,
        last_tick_at: None,
        sequence: 0,
        failures: 0,
    });
    if let Some(cursor) = cursor {
        record.cursor = Some(cursor.to_owned());
    }
    let seen = evaluate(&orchestrator, sensor, Some(&record), now).await?;
    let shown = json!({
        "runs": ticks::launched(&seen.runs),
        "reason": seen.reason,
        "cursor": seen.cursor,
        "error": seen.error,
    });
    output.show(&shown, || {
        if seen.runs.is_empty() {
            say!("a look now would launch nothing");
        } else {
            say!("a look now would launch, unless a key is known:");
            ticks::say_launched(&seen.runs);
        }
        if let Some(reason) = &seen.reason {
            say!("{}", printable(reason));
        }
        if let Some(error) = &seen.error {
            complain!("{}", error.render());
        }
    });
    Ok(())
}
