//! `tidegate runs`: what there is, what came of it, and what is to become of it.

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_core::port::{EventKind, RunFilter, RunPartition, RunState, Verdict};
use tidegate_core::{Error, Errors, Kind};
use tidegate_orchestrator::{Launch, Orchestrator, OrchestratorError, Project};

use crate::arguments::{ListRuns, ProjectAt, RunAlias, RunsCommand};
use crate::command::run::{STOPPING, orchestrator, said, show as show_report, stop_when_told};
use crate::command::steps;
use crate::output::{Output, Table, Watch, duration, grouped, printable};
use crate::session;

/// Events that `runs show` looks through; a run has a few a partition.
const MAX_EVENTS: u32 = 100_000;

pub(crate) async fn run(at: &ProjectAt, command: &RunsCommand, output: &Output) -> Result<ExitCode, Errors> {
    let project = Arc::new(session::open_project(at)?);
    match command {
        RunsCommand::List(wanted) => list(&project, &filter(&project, wanted)?, output).await,
        RunsCommand::Show { run } => show(&project, run, output).await,
        RunsCommand::Logs { run, asset, step } => {
            logs(&project, run, asset.as_deref(), step.as_deref(), output).await
        }
        RunsCommand::Wait { run } => wait(&project, run, output).await,
        RunsCommand::Cancel { run } => cancel(&project, run, output).await,
        RunsCommand::Delete(wanted) => delete(&project, &wanted.runs, output).await,
        RunsCommand::Retry { run, queue: false } => retry(&project, run, output).await,
        RunsCommand::Retry { run, queue: true } => requeue(&project, run, output).await,
    }
}

/// `tidegate run list` and `run delete`.
pub(crate) async fn run_alias(
    at: &ProjectAt,
    command: &RunAlias,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let project = Arc::new(session::open_project(at)?);
    match command {
        RunAlias::List(wanted) => list(&project, &filter(&project, wanted)?, output).await,
        RunAlias::Delete(wanted) => delete(&project, &wanted.runs, output).await,
    }
}

fn filter(project: &Project, wanted: &ListRuns) -> Result<RunFilter, Error> {
    let asset = wanted.asset.as_deref();
    Ok(RunFilter {
        asset: asset.map(|name| session::asset(project, name)).transpose()?,
        states: wanted.state.clone(),
        job: wanted.job.clone(),
        tags: wanted.tag.clone(),
        limit: wanted.limit,
        ..RunFilter::default()
    })
}

/// What looks at runs, once those whose worker died say so.
async fn viewer(project: &Arc<Project>) -> Result<Orchestrator, Error> {
    let orchestrator = orchestrator(project, Arc::new(Watch::new(true)), None).await?;
    orchestrator.sweep().await?;
    Ok(orchestrator)
}

async fn list(project: &Arc<Project>, filter: &RunFilter, output: &Output) -> Result<ExitCode, Errors> {
    let orchestrator = viewer(project).await?;
    let runs = orchestrator.state.runs(filter).await?;
    let mut table = Table::new(&["run", "state", "started", ">time", "asked for"]);
    for run in &runs {
        let took = run.started_at.map(|started| {
            let until = run.finished_at.unwrap_or(run.updated_at);
            duration((until - started).num_milliseconds().max(0) as u64)
        });
        table.row([
            run.id.to_string(),
            run.state.text().into(),
            run.created_at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
            took.unwrap_or_default(),
            request(&run.request),
        ]);
    }
    output.show(&runs, || {
        if table.is_empty() {
            let any = RunFilter {
                limit: filter.limit,
                ..RunFilter::default()
            };
            if *filter == any {
                say!("no runs yet; next: tidegate run --all");
            } else {
                say!("no run fits");
            }
        } else {
            table.print();
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// What a run was asked for, as it would be typed.
fn request(request: &Value) -> String {
    if let Some(job) = request["steps_of"].as_str() {
        let partition = request["partition"].as_str();
        return match partition {
            Some(key) => format!("job {job} --partition {key}"),
            None => format!("job {job}"),
        };
    }
    let mut words: Vec<String> = request["assets"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    if let Some(key) = request["partition"].as_str() {
        words.push(format!("--partition {key}"));
    }
    if let Some(range) = request["partition_range"].as_str() {
        words.push(format!("--partition-range {range}"));
    }
    if request["stale"] == true {
        words.push("--stale".into());
    }
    if !request["config"].is_null() {
        words.push(format!("--config-json '{}'", request["config"]));
    }
    if request["external"] == true {
        words.push("(reported)".into());
    }
    if request["full_refresh"] == true {
        words.push("--full-refresh".into());
    }
    if let Some(target) = request["target"].as_str() {
        words.push(format!("--target {target}"));
    }
    if let Some(rows) = request["limit_rows"].as_u64() {
        words.push(format!("--limit {rows}"));
    }
    words.join(" ")
}

async fn show(project: &Arc<Project>, run: &str, output: &Output) -> Result<ExitCode, Errors> {
    let orchestrator = viewer(project).await?;
    let run = orchestrator.find_run(run).await?;
    let partitions = orchestrator.state.run_partitions(run.id).await?;
    let done = orchestrator.state.run_materializations(run.id).await?;
    let events = orchestrator.state.events(run.id, 0, MAX_EVENTS).await?;
    let steps = steps::listed(&partitions, &events);
    let shown = json!({"run": run, "steps": steps, "partitions": partitions, "materializations": done, "events": events});
    output.show(&shown, || {
        say!("run {}: {}", run.id, run.state.text());
        say!(
            "asked for at {}: {}",
            run.created_at.format("%Y-%m-%d %H:%M:%SZ"),
            request(&run.request)
        );
        if let Some(error) = &run.error {
            say!("{}", error.render());
        }
        say!();
        let steps = steps::kept(&partitions, &events);
        if !steps.is_empty() {
            steps.print();
            say!();
        }
        let mut table = Table::new(&[
            "asset",
            "partition",
            "state",
            ">attempts",
            ">rows",
            ">rejected",
            ">time",
            "error",
        ]);
        for partition in partitions.iter().filter(|each| each.partition.step().is_none()) {
            let mine = done
                .iter()
                .find(|each| each.asset == partition.asset && each.partition == partition.partition);
            let last = partition.attempts.last();
            table.row([
                partition.asset.to_string(),
                partition.partition.to_string(),
                partition.state.text().into(),
                partition.attempts.len().to_string(),
                mine.map_or(String::new(), |each| grouped(each.load.rows)),
                mine.map_or(String::new(), |each| grouped(each.counts.rejected())),
                mine.map_or(String::new(), |each| duration(each.duration_ms)),
                last.and_then(|attempt| attempt.error.as_ref())
                    .map_or(String::new(), |error| error.code.clone()),
            ]);
        }
        if !table.is_empty() {
            table.print();
        }
        for stored in events
            .iter()
            .filter(|stored| matches!(stored.event.kind, EventKind::Checked | EventKind::CheckFailed))
        {
            // An event of a newer Tidegate may say more, or less.
            let Ok(verdict) = serde_json::from_value::<Verdict>(stored.event.data.clone()) else {
                continue;
            };
            let asset = stored.event.asset.as_ref().map(ToString::to_string);
            say!("{}: {}", asset.unwrap_or_default(), said(&verdict));
        }
        let resumed: usize = partitions
            .iter()
            .map(|partition| partition.attempts.len().saturating_sub(1))
            .sum();
        say!("\n{} events, {resumed} further attempts", events.len());
    });
    Ok(ExitCode::SUCCESS)
}

async fn logs(
    project: &Arc<Project>,
    run: &str,
    asset: Option<&str>,
    step: Option<&str>,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let asset = asset.map(|name| session::asset(project, name)).transpose()?;
    let orchestrator = viewer(project).await?;
    let run = orchestrator.find_run(run).await?;
    let partitions = orchestrator.state.run_partitions(run.id).await?;
    let is_step = |each: &&RunPartition| {
        step.is_none_or(|name| each.partition.step().is_some() && each.asset.as_str() == name)
    };
    if let Some(name) = step
        && !partitions.iter().any(|each| is_step(&each))
    {
        let message = format!("run {} has no step `{name}`", run.id);
        let error = Error::new(Kind::Usage, "run.unknown_step", message);
        return Err(error.hint("`tidegate runs show` lists its steps").into());
    }
    for partition in partitions
        .iter()
        .filter(|each| asset.as_ref().is_none_or(|name| each.asset == *name))
        .filter(is_step)
    {
        for attempt in &partition.attempts {
            print_log(&orchestrator, run.id, partition, attempt.attempt, output).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn print_log(
    orchestrator: &Orchestrator,
    run: tidegate_core::plan::RunId,
    partition: &RunPartition,
    attempt: u32,
    output: &Output,
) -> Result<(), Error> {
    let Some(bytes) = orchestrator
        .log(run, &partition.asset, &partition.partition, attempt)
        .await?
    else {
        return Ok(());
    };
    let of = format!("{} {} #{attempt}", partition.asset, partition.partition);
    for line in String::from_utf8_lossy(&bytes).lines() {
        if output.is_json() {
            say!("{line}");
            continue;
        }
        let value: Value = serde_json::from_str(line).unwrap_or_default();
        let text = |key: &str| printable(value[key].as_str().unwrap_or_default());
        say!(
            "{}  {of}  {:5} {}: {}",
            text("at"),
            text("level"),
            text("step"),
            text("message")
        );
    }
    Ok(())
}

async fn retry(project: &Arc<Project>, run: &str, output: &Output) -> Result<ExitCode, Errors> {
    let watch = Arc::new(Watch::new(output.is_json()));
    let orchestrator = orchestrator(project, watch.clone(), None).await?;
    stop_when_told(&orchestrator, STOPPING);
    let found = orchestrator.find_run(run).await?;
    let launch = Launch::of(&found)?;
    let plans = project.prepare_with(&launch.assets, &launch.config).await?;
    let report = orchestrator.retry(&found, &launch, plans.clone()).await;
    watch.done();
    Ok(show_report(&report?, &plans, project, &launch, output))
}

async fn requeue(project: &Arc<Project>, run: &str, output: &Output) -> Result<ExitCode, Errors> {
    let orchestrator = viewer(project).await?;
    let found = orchestrator.find_run(run).await?;
    orchestrator.requeue(&found).await?;
    output.show(&json!({"run": found.id, "state": RunState::Queued}), || {
        say!("run {} waits in the queue again", found.id);
        say!("next: tidegate runs wait {}", found.id);
    });
    Ok(ExitCode::SUCCESS)
}

async fn cancel(project: &Arc<Project>, run: &str, output: &Output) -> Result<ExitCode, Errors> {
    let orchestrator = viewer(project).await?;
    let found = orchestrator.find_run(run).await?;
    let state = orchestrator.cancel_run(&found).await?;
    output.show(&json!({"run": found.id, "state": state}), || {
        say!("run {} is {}", found.id, state.text());
    });
    Ok(ExitCode::SUCCESS)
}

/// Every run is looked at before one is removed.
async fn delete(project: &Arc<Project>, runs: &[String], output: &Output) -> Result<ExitCode, Errors> {
    let orchestrator = viewer(project).await?;
    let mut found = Vec::new();
    for text in runs {
        let run = orchestrator.find_run(text).await?;
        if !run.state.ended() {
            let (run, state) = (run.id, run.state);
            return Err(Error::from(OrchestratorError::NotEnded { run, state }).into());
        }
        found.push(run.id);
    }
    for id in &found {
        if !orchestrator.state.delete_run(*id).await? {
            let text = id.to_string();
            let run = orchestrator.find_run(&text).await?;
            let (run, state) = (run.id, run.state);
            return Err(Error::from(OrchestratorError::NotEnded { run, state }).into());
        }
    }
    output.show(&json!({"deleted": found}), || {
        for id in &found {
            say!("run {id} is deleted; what it loaded stays");
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// How often a run that is waited for is looked at, in milliseconds.
const WAIT_MS: u64 = 200;

async fn wait(project: &Arc<Project>, run: &str, output: &Output) -> Result<ExitCode, Errors> {
    let orchestrator = viewer(project).await?;
    let mut found = orchestrator.find_run(run).await?;
    while !found.state.ended() {
        tokio::time::sleep(std::time::Duration::from_millis(WAIT_MS)).await;
        orchestrator.sweep().await?;
        found = orchestrator.find_run(&found.id.to_string()).await?;
    }
    output.show(&found, || {
        if let Some(error) = &found.error {
            complain!("{}\n", error.render());
        }
        say!("run {} {}", found.id, found.state.text());
    });
    let kind = match found.state {
        RunState::Succeeded => return Ok(ExitCode::SUCCESS),
        RunState::Cancelled => tidegate_core::Kind::Cancelled,
        _ => found
            .error
            .map_or(tidegate_core::Kind::Internal, |error| error.kind),
    };
    Ok(ExitCode::from(kind.exit_code()))
}
