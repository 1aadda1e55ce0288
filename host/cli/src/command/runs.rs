//! `tidegate runs list`, `show`, `logs` and `retry`.

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_core::port::{EventKind, RunFilter, RunPartition, Verdict};
use tidegate_core::{Error, Errors};
use tidegate_orchestrator::{Orchestrator, Project};

use crate::arguments::{ProjectAt, RunsCommand, Selection};
use crate::command::run::{orchestrator, said, show as show_report, stop_when_told};
use crate::output::{Output, Table, Watch, duration, grouped, printable};
use crate::session;

/// Events that `runs show` looks through; a run has a few a partition.
const MAX_EVENTS: u32 = 100_000;

pub(crate) async fn run(at: &ProjectAt, command: &RunsCommand, output: &Output) -> Result<ExitCode, Errors> {
    let project = Arc::new(session::open_project(at)?);
    match command {
        RunsCommand::List { asset, limit } => list(&project, asset.as_deref(), *limit, output).await,
        RunsCommand::Show { run } => show(&project, run, output).await,
        RunsCommand::Logs { run, asset } => logs(&project, run, asset.as_deref(), output).await,
        RunsCommand::Retry { run } => retry(&project, run, output).await,
    }
}

/// What looks at runs, once those whose worker died say so.
async fn viewer(project: &Arc<Project>) -> Result<Orchestrator, Error> {
    let orchestrator = orchestrator(project, Arc::new(Watch::new(true)), None).await?;
    orchestrator.sweep().await?;
    Ok(orchestrator)
}

async fn list(
    project: &Arc<Project>,
    asset: Option<&str>,
    limit: u32,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let asset = asset.map(|name| session::asset(project, name)).transpose()?;
    let orchestrator = viewer(project).await?;
    let runs = orchestrator
        .state
        .runs(&RunFilter {
            asset,
            limit,
            ..RunFilter::default()
        })
        .await?;
    let mut table = Table::new(&["run", "state", "started", ">time", "asked for"]);
    for run in &runs {
        let took = (run.updated_at - run.created_at).num_milliseconds().max(0) as u64;
        table.row([
            run.id.to_string(),
            run.state.text().into(),
            run.created_at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
            duration(took),
            request(&run.request),
        ]);
    }
    output.show(&runs, || {
        if table.is_empty() {
            say!("no runs yet; next: tidegate run --all");
        } else {
            table.print();
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// What a run was asked for, as it would be typed.
fn request(request: &Value) -> String {
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
    let shown = json!({"run": run, "partitions": partitions, "materializations": done, "events": events});
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
        for partition in &partitions {
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
        table.print();
        for stored in events
            .iter()
            .filter(|stored| stored.event.kind == EventKind::Checked)
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
    output: &Output,
) -> Result<ExitCode, Errors> {
    let asset = asset.map(|name| session::asset(project, name)).transpose()?;
    let orchestrator = viewer(project).await?;
    let run = orchestrator.find_run(run).await?;
    let partitions = orchestrator.state.run_partitions(run.id).await?;
    for partition in partitions
        .iter()
        .filter(|each| asset.as_ref().is_none_or(|name| each.asset == *name))
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
    stop_when_told(&orchestrator);
    let found = orchestrator.find_run(run).await?;
    let launch = Orchestrator::request(&found)?;
    let selection = Selection {
        assets: launch.assets.iter().map(ToString::to_string).collect(),
        partition: launch.partition.clone(),
        partition_range: launch.partition_range.clone(),
        ..Selection::default()
    };
    let plans = session::plans(project, &selection).await?;
    let report = orchestrator.retry(&found, &launch, &plans).await;
    watch.done();
    Ok(show_report(&report?, &plans, project, &launch, output))
}
