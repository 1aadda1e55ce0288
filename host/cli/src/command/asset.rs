//! `tidegate asset list` and `show`; the others have files of their own.

use std::process::ExitCode;

use serde_json::json;
use tidegate_core::Errors;
use tidegate_core::port::Materialization;

use crate::arguments::{AssetCommand, ProjectAt, Selection};
use crate::command::plan::{lineage, location};
use crate::command::{asset_checks, asset_freshness, partitions};
use crate::output::{Output, Table, brief, bytes, duration, grouped};
use crate::session;

pub(crate) async fn run(at: &ProjectAt, command: &AssetCommand, output: &Output) -> Result<ExitCode, Errors> {
    match command {
        AssetCommand::List => list(at, output).await,
        AssetCommand::Show { asset } => show(at, asset, output).await,
        AssetCommand::Checks(checks) => asset_checks::results(at, checks, output).await,
        AssetCommand::Check(check) => asset_checks::check(at, check, output).await,
        AssetCommand::Freshness => asset_freshness::run(at, output).await,
        AssetCommand::Partitions { asset, command } => {
            partitions::run(at, asset, command.as_ref(), output).await
        }
    }
}

async fn list(at: &ProjectAt, output: &Output) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    let state = session::open_state(&project).await?;
    let mut table = Table::new(&[
        "asset",
        "group",
        ">partitions",
        ">rows",
        ">bytes",
        "materialized",
        "description",
    ]);
    let mut listed = Vec::new();
    for (name, asset) in &project.documents().assets {
        let done = state.materializations(name).await?;
        let rows: u64 = done.iter().map(|each| each.load.rows).sum();
        let size: u64 = done.iter().map(|each| each.load.bytes).sum();
        let last = done.iter().map(|each| each.at).max();
        let text = last.map_or("never".to_owned(), |at| {
            at.format("%Y-%m-%d %H:%M:%SZ").to_string()
        });
        table.row([
            name.to_string(),
            asset.value.group.clone().unwrap_or_default(),
            done.len().to_string(),
            grouped(rows),
            bytes(size),
            text,
            brief(asset.value.description.as_deref().unwrap_or_default()),
        ]);
        listed.push(json!({
            "name": name,
            "group": asset.value.group,
            "description": asset.value.description,
            "partitions": done.len(),
            "rows": rows,
            "bytes": size,
            "materialized_at": last,
        }));
    }
    output.show(&listed, || table.print());
    Ok(ExitCode::SUCCESS)
}

async fn show(at: &ProjectAt, name: &str, output: &Output) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    let name = session::asset(&project, name)?;
    let selection = Selection {
        assets: vec![name.to_string()],
        ..Selection::default()
    };
    let plans = session::plans(&project, &selection).await?;
    let state = session::open_state(&project).await?;
    let done = state.materializations(&name).await?;
    let (Some(plan), Some(asset)) = (plans.first(), project.documents().assets.get(&name)) else {
        return Ok(ExitCode::SUCCESS);
    };
    let downstream: Vec<_> = project.graph().downstream(&name).cloned().collect();
    let shown = json!({
        "asset": asset.value,
        "upstream": plan.upstream,
        "downstream": downstream,
        "steps": plan.steps,
        "location": location(plan, &project),
        "materializations": done,
    });
    output.show(&shown, || {
        let decl = &asset.value;
        say!(
            "{name}: {}",
            decl.description.as_deref().unwrap_or("(no description)")
        );
        if !decl.owners.is_empty() {
            say!("owners: {}", decl.owners.join(", "));
        }
        if !plan.upstream.is_empty() {
            let names: Vec<String> = plan.upstream.iter().map(ToString::to_string).collect();
            say!("made from: {}", names.join(", "));
        }
        if !downstream.is_empty() {
            let names: Vec<String> = downstream.iter().map(ToString::to_string).collect();
            say!("made into: {}", names.join(", "));
        }
        say!("lies in: {}\n", location(plan, &project));
        let mut table = Table::new(&["column", "type", "key", "from", "description"]);
        for column in &decl.columns {
            table.row([
                column.name.clone(),
                column.data_type.to_string(),
                if column.key { "key".into() } else { String::new() },
                lineage(plan, &column.name),
                column.description.clone().unwrap_or_default(),
            ]);
        }
        table.print();
        say!();
        materializations(&done);
    });
    Ok(ExitCode::SUCCESS)
}

fn materializations(done: &[Materialization]) {
    if done.is_empty() {
        say!("never materialized");
        return;
    }
    let mut table = Table::new(&[
        "partition",
        ">rows",
        ">filtered",
        ">rejected",
        ">bytes",
        ">time",
        "materialized",
        "run",
    ]);
    for each in done {
        table.row([
            each.partition.to_string(),
            grouped(each.load.rows),
            grouped(each.counts.filtered()),
            grouped(each.counts.rejected()),
            bytes(each.load.bytes),
            duration(each.duration_ms),
            each.at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
            each.run.to_string(),
        ]);
    }
    table.print();
}
