//! `tidegate state`: looking after the state store.

use std::path::Path;
use std::process::ExitCode;

use chrono::Utc;
use serde_json::json;
use tidegate_core::port::MaintenanceStore;
use tidegate_core::{Error, Errors, Kind};
use tidegate_orchestrator::{Project, prunable, prune};
use tokio::fs::{File, OpenOptions};
use tokio::io::{BufReader, BufWriter};

use crate::arguments::{ProjectAt, StateCommand};
use crate::output::{Output, Table, bytes, grouped};
use crate::session;

pub(crate) async fn run(at: &ProjectAt, command: &StateCommand, output: &Output) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    match command {
        StateCommand::Migrate => {
            let state = session::open_sql_state(&project).await?;
            state.cut_months(Utc::now()).await?;
            output.show(&json!({"migrated": true}), || say!("the tables are up to date"));
        }
        StateCommand::Prune { dry_run } => removal(&project, *dry_run, output).await?,
        StateCommand::Export { file } => export(&project, file, output).await?,
        StateCommand::Import { file } => import(&project, file, output).await?,
        StateCommand::Size => size(&project, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn removal(project: &Project, dry_run: bool, output: &Output) -> Result<(), Error> {
    let state = session::open_sql_state(project).await?;
    let artifacts = session::open_artifacts(project)?;
    let retention = &project.documents().project.value.retention;
    let removed = if dry_run {
        prunable(&state, &*artifacts, retention, Utc::now()).await?
    } else {
        prune(&state, &*artifacts, retention, Utc::now()).await?
    };
    output.show(&removed, || {
        let word = if dry_run { "would remove" } else { "removed" };
        say!(
            "{word} {} runs, {} events, {} results of checks, {} files of logs, {} messages of notifications",
            grouped(removed.runs),
            grouped(removed.events),
            grouped(removed.checks),
            grouped(removed.logs),
            grouped(removed.notifications)
        );
        for month in &removed.months {
            say!("{word} all of {month}");
        }
    });
    Ok(())
}

fn file_error(file: &Path, error: &std::io::Error) -> Error {
    Error::new(
        Kind::Resource,
        "state.file",
        format!("cannot open `{}`: {error}", file.display()),
    )
    .hint("an export is written to a new file, and read from one that is there")
}

async fn export(project: &Project, file: &Path, output: &Output) -> Result<(), Error> {
    let state = session::open_sql_state(project).await?;
    let opened = OpenOptions::new().write(true).create_new(true).open(file).await;
    let opened = opened.map_err(|error| file_error(file, &error))?;
    let rows = state.export(&mut BufWriter::new(opened)).await?;
    output.show(&json!({"rows": rows, "file": file}), || {
        say!("wrote {} rows to {}", grouped(rows), file.display());
        say!(
            "next: TIDEGATE_STATE=... tidegate state import {}",
            file.display()
        );
    });
    Ok(())
}

async fn import(project: &Project, file: &Path, output: &Output) -> Result<(), Error> {
    let opened = File::open(file).await.map_err(|error| file_error(file, &error))?;
    let state = session::open_sql_state(project).await?;
    let rows = state.import(&mut BufReader::new(opened)).await?;
    output.show(&json!({"rows": rows}), || say!("read {} rows", grouped(rows)));
    Ok(())
}

async fn size(project: &Project, output: &Output) -> Result<(), Error> {
    let sizes = session::open_sql_state(project).await?.sizes().await?;
    let mut table = Table::new(&["table", ">rows", ">bytes"]);
    for size in &sizes {
        table.row([
            size.table.clone(),
            grouped(size.rows),
            size.bytes.map_or_else(String::new, bytes),
        ]);
    }
    output.show(&sizes, || table.print());
    Ok(())
}
