//! `tidegate run` and the table at its end.

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;
use tidegate_core::port::{Inserted, PartitionState, RunState, Severity, Verdict};
use tidegate_core::{Error, Errors, Kind};
use tidegate_orchestrator::{
    AssetPlan, Launch, Orchestrator, Project, QueueOptions, RunObserver, RunReport, Workers, standing,
};
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::{ProjectAt, Queue, Run};
use crate::command::plan::location;
use crate::output::{Output, Table, Watch, bytes, duration, grouped, printable};
use crate::session;

/// What an interrupt of a run is answered with.
pub(crate) const STOPPING: &str =
    "stopping; what is not finished is not shown, and `tidegate runs retry` goes on";

pub(crate) async fn run(at: &ProjectAt, arguments: &Run, output: &Output) -> Result<ExitCode, Errors> {
    let project = Arc::new(session::open_locked(at, arguments.selection.locked)?);
    let mut names = session::selected(&project, &arguments.selection)?;
    if arguments.stale {
        let state = session::open_state(&project).await?;
        let standing = standing(&project, state.as_ref(), &names).await?;
        names.retain(|name| standing.get(name).is_some_and(|asset| !asset.stale.is_empty()));
        if names.is_empty() {
            output.show(&json!({"stale": []}), || say!("nothing is stale"));
            return Ok(ExitCode::SUCCESS);
        }
    }
    let config = session::run_config(&arguments.config)?;
    let plans = project.prepare_with(&names, &config).await?;
    let launch = Launch {
        config,
        stale: arguments.stale,
        assets: plans.iter().map(|plan| plan.name.clone()).collect(),
        partition: arguments.selection.partition.clone(),
        partition_range: arguments.selection.partition_range.clone(),
        dry_run: arguments.dry_run,
        limit_rows: arguments.limit,
        full_refresh: arguments.full_refresh,
        target: project.target().map(str::to_owned),
        ..Launch::default()
    };
    let watch = Arc::new(Watch::new(output.is_json() || arguments.queue.queue));
    let orchestrator = orchestrator(&project, watch.clone(), arguments.jobs).await?;
    if arguments.queue.queue {
        return enqueue(&orchestrator, &launch, &arguments.queue, output).await;
    }
    stop_when_told(&orchestrator, STOPPING);
    let report = orchestrator.launch(&launch, plans.clone()).await;
    watch.done();
    Ok(show(&report?, &plans, &project, &launch, output))
}

/// Puts the run into the queue.
async fn enqueue(
    orchestrator: &Orchestrator,
    launch: &Launch,
    queue: &Queue,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let options = QueueOptions {
        priority: queue.priority,
        job: None,
        tags: queue.tag.iter().cloned().collect(),
        run_key: queue.run_key.clone(),
    };
    let (run, inserted) = orchestrator.enqueue(launch, options).await?;
    let known = matches!(inserted, Inserted::Known(_));
    let led = orchestrator.state.leader().await?.is_some();
    output.show(&json!({"run": run, "known": known}), || {
        if known {
            say!("run {run} was asked for before under this key; no other was made");
        } else {
            say!("run {run} waits in the queue");
        }
        if led {
            say!("next: tidegate runs wait {run}");
        } else {
            say!("next: tidegate serve, which carries it out");
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// An orchestrator of a project.
pub(crate) async fn orchestrator(
    project: &Arc<Project>,
    watch: Arc<dyn RunObserver>,
    jobs: Option<u16>,
) -> Result<Orchestrator, Error> {
    let state = session::open_state(project).await?;
    let capacity = match jobs {
        Some(jobs) => usize::from(jobs),
        None => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    };
    Ok(Orchestrator::new(
        project.clone(),
        state,
        session::open_artifacts(project)?,
        Workers::join(&project.root().join(".tidegate/workers"))?,
        watch,
        capacity,
    ))
}

/// Lets an interrupt stop what an orchestrator does, and a second one the process: whatever a run had checkpointed is
/// kept either way.
pub(crate) fn stop_when_told(orchestrator: &Orchestrator, says: &'static str) {
    let cancel = orchestrator.cancel.clone();
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        let mut told = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        told().await;
        complain!("{says} (again: stop at once)");
        cancel.cancel();
        told().await;
        std::process::exit(i32::from(Kind::Cancelled.exit_code()));
    });
}

/// Prints what came of a run; answers the exit code.
pub(crate) fn show(
    report: &RunReport,
    plans: &[AssetPlan],
    project: &Project,
    launch: &Launch,
    output: &Output,
) -> ExitCode {
    let errors: Vec<Error> = report
        .partitions
        .iter()
        .filter_map(|outcome| outcome.error.clone())
        .collect();
    output.show(report, || {
        // One cause that fails every partition is told once, and counted.
        let mut told: Vec<(&Error, usize)> = Vec::new();
        for error in &errors {
            match told
                .iter_mut()
                .find(|(first, _)| first.code == error.code && first.message == error.message)
            {
                Some((_, times)) => *times += 1,
                None => told.push((error, 1)),
            }
        }
        for (error, times) in told {
            let more = if times > 1 {
                format!("\n  and {} more like it", times - 1)
            } else {
                String::new()
            };
            complain!("{}{more}\n", error.render());
        }
        table(report, plans, project, launch.dry_run).print();
        for outcome in &report.partitions {
            for verdict in &outcome.verdicts {
                let slice = if outcome.partition.is_whole() {
                    String::new()
                } else {
                    format!(" {}", outcome.partition)
                };
                say!("{}{slice}: {}", outcome.asset, said(verdict));
            }
        }
        say!();
        for line in next(report, launch.dry_run, launch.limit_rows) {
            say!("{line}");
        }
    });
    match report.state {
        RunState::Succeeded => ExitCode::SUCCESS,
        RunState::Cancelled => ExitCode::from(Kind::Cancelled.exit_code()),
        _ => ExitCode::from(
            errors
                .first()
                .map_or(Kind::Internal, |error| error.kind)
                .exit_code(),
        ),
    }
}

/// What a check says, in a line.
pub(crate) fn said(verdict: &Verdict) -> String {
    let word = match (verdict.passed, verdict.severity) {
        (true, _) => "passed",
        (false, Severity::Warn) => "warns",
        (false, Severity::Error) => "failed",
    };
    printable(&format!("check {} {word}: {verdict}", verdict.check))
}

/// A line an asset, over all its partitions of the run.
fn table(report: &RunReport, plans: &[AssetPlan], project: &Project, dry_run: bool) -> Table {
    let mut table = Table::new(&[
        "asset",
        ">partitions",
        ">rows in",
        ">rows out",
        ">filtered",
        ">rejected",
        ">bytes",
        ">time",
        "where",
    ]);
    for plan in plans {
        let mine: Vec<_> = report
            .partitions
            .iter()
            .filter(|outcome| outcome.asset == plan.name)
            .collect();
        let good = mine
            .iter()
            .filter(|outcome| outcome.state == PartitionState::Succeeded)
            .count();
        let sum = |of: &dyn Fn(&tidegate_core::port::TaskCounts) -> u64| {
            grouped(
                mine.iter()
                    .filter_map(|outcome| outcome.counts.as_ref())
                    .map(of)
                    .sum(),
            )
        };
        let size = mine
            .iter()
            .filter_map(|outcome| outcome.load.as_ref())
            .map(|load| load.bytes)
            .sum();
        let partitions = if good == mine.len() {
            good.to_string()
        } else {
            format!("{good} of {}", mine.len())
        };
        table.row([
            plan.name.to_string(),
            partitions,
            sum(&|counts| counts.source.rows_in),
            sum(&|counts| counts.loaded),
            sum(&|counts| counts.filtered()),
            sum(&|counts| counts.rejected()),
            bytes(size),
            duration(mine.iter().map(|outcome| outcome.duration_ms).sum()),
            if dry_run {
                "(dry run)".into()
            } else {
                location(plan, project)
            },
        ]);
    }
    table
}

/// What to type next.
fn next(report: &RunReport, dry_run: bool, limit: Option<u64>) -> Vec<String> {
    let rejected = report.partitions.iter().find_map(|outcome| {
        outcome
            .counts
            .as_ref()
            .filter(|counts| counts.rejected() > 0)
            .map(|_| outcome.asset.to_string())
    });
    let mut lines = Vec::new();
    if dry_run {
        lines.push("nothing was loaded; leave --dry-run out to load".to_owned());
        return lines;
    }
    if let Some(limit) = limit {
        lines.push(format!(
            "each source was stopped after {} rows: what lies there now is that much and no more",
            grouped(limit)
        ));
    }
    if report.state == RunState::Succeeded {
        lines.push(format!(
            "run {} succeeded in {}",
            report.run,
            duration(report.duration_ms)
        ));
        lines.push("next: tidegate asset list".to_owned());
    } else {
        lines.push(format!("run {} {}", report.run, report.state.text()));
        lines.push("next: tidegate runs logs latest; mend the cause; tidegate runs retry latest".to_owned());
    }
    if let Some(asset) = rejected {
        lines.push(format!("      tidegate quarantine show {asset}"));
    }
    lines
}
