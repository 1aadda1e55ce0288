//! `tidegate backfill`: many slices, planned, made, paused and stopped together.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tidegate_core::plan::AssetName;
use tidegate_core::port::{BackfillState, RunState};
use tidegate_core::{Errors, Kind};
use tidegate_orchestrator::{BackfillRequest, BackfillStatus, Orchestrator, Slices};

use crate::arguments::{Backfill, BackfillCommand, BackfillOptions, BackfillSlices, ProjectAt};
use crate::command::run::orchestrator;
use crate::output::{Output, Table, Watch, grouped};
use crate::session;

/// How often a backfill that is waited for is looked at, in milliseconds.
const WAIT_MS: u64 = 500;

/// Runs of a plan that are shown at either end.
const SHOWN: usize = 5;

pub(crate) async fn run(
    at: &ProjectAt,
    command: &BackfillCommand,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let project = Arc::new(session::open_project(at)?);
    let orchestrator = orchestrator(&project, Arc::new(Watch::new(true)), None).await?;
    let find = async |text: &str| orchestrator.find_backfill(text).await;
    let status = match command {
        BackfillCommand::Plan(asked) => return plan(&orchestrator, asked, output).await,
        BackfillCommand::Launch(asked) => {
            let request = request(&orchestrator, asked)?;
            return launch(&orchestrator, &request, output).await;
        }
        BackfillCommand::List { limit } => return list(&orchestrator, *limit, output).await,
        BackfillCommand::Wait { backfill } => return wait(&orchestrator, backfill, output).await,
        BackfillCommand::Show { backfill } => find(backfill).await?,
        BackfillCommand::Pause { backfill } => {
            let id = find(backfill).await?.backfill.id;
            orchestrator.pause_backfill(id).await?
        }
        BackfillCommand::Resume { backfill } => {
            let id = find(backfill).await?.backfill.id;
            orchestrator.resume_backfill(id).await?
        }
        BackfillCommand::Cancel { backfill } => {
            let id = find(backfill).await?.backfill.id;
            orchestrator.cancel_backfill(id).await?
        }
    };
    show(&status, output);
    Ok(ExitCode::SUCCESS)
}

/// What was asked for, with the assets in the order in which they are made from each other.
fn request(orchestrator: &Orchestrator, asked: &Backfill) -> Result<BackfillRequest, Errors> {
    let assets = session::chosen(&orchestrator.project, &asked.chosen)?;
    Ok(of_assets(orchestrator, assets, &asked.options))
}

/// The same of a job's assets.
pub(super) fn of_assets(
    orchestrator: &Orchestrator,
    assets: Vec<AssetName>,
    asked: &BackfillOptions,
) -> BackfillRequest {
    let BackfillSlices {
        partition_range,
        partition,
        missing,
        failed,
        ..
    } = &asked.slices;
    let slices = match partition_range {
        Some(range) => Slices::Range(range.clone()),
        None if !partition.is_empty() => Slices::Keys(partition.clone()),
        None if *missing => Slices::Missing,
        None if *failed => Slices::Failed,
        None => Slices::All,
    };
    BackfillRequest {
        assets,
        slices,
        run_slices: asked.run_slices as usize,
        concurrency: asked.concurrency,
        priority: asked.priority,
        full_refresh: asked.full_refresh,
        target: orchestrator.project.target().map(str::to_owned),
    }
}

async fn plan(orchestrator: &Orchestrator, asked: &Backfill, output: &Output) -> Result<ExitCode, Errors> {
    let plan = orchestrator.plan_backfill(&request(orchestrator, asked)?).await?;
    output.show(&plan, || {
        say!(
            "{} partitions in {} runs",
            grouped(plan.keys.len() as u64),
            grouped(plan.runs.len() as u64)
        );
        let mut table = Table::new(&["run", "from", "to"]);
        for (index, (first, last)) in plan.runs.iter().enumerate() {
            if index == SHOWN && plan.runs.len() > 2 * SHOWN {
                table.row(["…".into(), String::new(), String::new()]);
            }
            if index < SHOWN || index + SHOWN >= plan.runs.len() {
                table.row([(index + 1).to_string(), first.to_string(), last.to_string()]);
            }
        }
        table.print();
    });
    Ok(ExitCode::SUCCESS)
}

/// Queues the runs of a backfill.
pub(super) async fn launch(
    orchestrator: &Orchestrator,
    request: &BackfillRequest,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let plan = orchestrator.plan_backfill(request).await?;
    let backfill = orchestrator.launch_backfill(request, &plan).await?;
    let led = orchestrator.state.leader().await?.is_some();
    output.show(&backfill, || {
        say!(
            "backfill {}: {} partitions in {} runs wait in the queue",
            backfill.id,
            grouped(plan.keys.len() as u64),
            grouped(backfill.runs)
        );
        if led {
            say!("next: tidegate backfill wait");
        } else {
            say!("next: tidegate serve, which carries them out");
        }
    });
    Ok(ExitCode::SUCCESS)
}

async fn list(orchestrator: &Orchestrator, limit: u32, output: &Output) -> Result<ExitCode, Errors> {
    let found = orchestrator.backfills(limit).await?;
    let mut table = Table::new(&["backfill", "state", "asked for", ">runs", ">ended", ">failed"]);
    for status in &found {
        table.row([
            status.backfill.id.to_string(),
            status.word().into(),
            status
                .backfill
                .created_at
                .format("%Y-%m-%d %H:%M:%SZ")
                .to_string(),
            grouped(status.backfill.runs),
            grouped(status.ended()),
            grouped(status.count(&[RunState::Failed])),
        ]);
    }
    output.show(&found, || {
        if table.is_empty() {
            say!("no backfills yet; next: tidegate backfill launch ASSET --missing");
        } else {
            table.print();
        }
    });
    Ok(ExitCode::SUCCESS)
}

fn show(status: &BackfillStatus, output: &Output) {
    output.show(status, || {
        let backfill = &status.backfill;
        say!("backfill {}: {}", backfill.id, status.word());
        say!(
            "{} of {} runs have ended",
            grouped(status.ended()),
            grouped(backfill.runs)
        );
        for (state, runs) in &status.by_state {
            say!("  {:10} {}", state.text(), grouped(*runs));
        }
        let failed = status.count(&[RunState::Failed]);
        if failed > 0 {
            say!(
                "next: tidegate runs list --state failed --tag {}={}",
                tidegate_core::port::BACKFILL_TAG,
                backfill.id
            );
        }
    });
}

async fn wait(orchestrator: &Orchestrator, text: &str, output: &Output) -> Result<ExitCode, Errors> {
    let mut status = orchestrator.find_backfill(text).await?;
    while !status.done() {
        tokio::time::sleep(Duration::from_millis(WAIT_MS)).await;
        orchestrator.sweep().await?;
        status = orchestrator.backfill(status.backfill.id).await?;
    }
    show(&status, output);
    Ok(match status.backfill.state {
        BackfillState::Cancelled => ExitCode::from(Kind::Cancelled.exit_code()),
        _ if status.count(&[RunState::Failed, RunState::Cancelled]) == 0 => ExitCode::SUCCESS,
        _ => ExitCode::from(Kind::Data.exit_code()),
    })
}
