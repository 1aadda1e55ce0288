//! `tidegate asset show`: all that is known of an asset.

use std::process::ExitCode;

use serde_json::json;
use tidegate_core::Errors;
use tidegate_core::plan::AssetName;
use tidegate_core::port::Materialization;
use tidegate_core::schema::Asset;
use tidegate_orchestrator::{AssetPlan, standing};

use super::{describe, stands};
use crate::arguments::ProjectAt;
use crate::command::plan::{lineage, location};
use crate::output::{Output, Table, bytes, duration, grouped, printable};
use crate::session;

pub(super) async fn run(at: &ProjectAt, name: &str, output: &Output) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    let name = session::asset(&project, name)?;
    let names = [name.clone()];
    let plans = project.prepare(&names).await?;
    let state = session::open_state(&project).await?;
    let done = state.materializations(&name).await?;
    let stands_so = standing(&project, state.as_ref(), &names)
        .await?
        .remove(&name)
        .unwrap_or_default();
    let (Some(plan), Some(asset)) = (plans.first(), project.documents().assets.get(&name)) else {
        return Ok(ExitCode::SUCCESS);
    };
    let downstream: Vec<_> = project.graph().downstream(&name).cloned().collect();
    let last = done.iter().max_by_key(|each| each.at);
    let shown = json!({
        "asset": asset.value,
        "upstream": plan.upstream,
        "deps": plan.deps,
        "downstream": downstream,
        "steps": plan.steps,
        "lineage": plan.column_lineage(),
        "location": location(plan, &project),
        "code_version": plan.code_version,
        "staleness": describe(&stands_so),
        "last_materialization": last,
        "materializations": done,
    });
    output.show(&shown, || {
        words(plan, &asset.value, &downstream);
        say!("lies in: {}", location(plan, &project));
        say!("version: {}", plan.code_version.short());
        say!("stands: {}\n", stands(&stands_so));
        columns(plan, &asset.value).print();
        say!();
        materializations(&done);
        for (key, value) in last.iter().flat_map(|last| &last.metadata) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            say!("last {}: {}", printable(key), printable(&text));
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// What people say about it, and what it is made from and into.
fn words(plan: &AssetPlan, decl: &Asset, downstream: &[AssetName]) {
    say!(
        "{}: {}",
        plan.name,
        decl.description.as_deref().unwrap_or("(no description)")
    );
    if !decl.owners.is_empty() {
        say!("owners: {}", decl.owners.join(", "));
    }
    if let Some(group) = &decl.group {
        say!("group: {group}");
    }
    if !decl.tags.is_empty() {
        let tags: Vec<String> = decl
            .tags
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        say!("tags: {}", tags.join(", "));
    }
    for (what, names) in [
        ("made from", plan.upstream.as_slice()),
        ("comes behind", plan.deps.as_slice()),
        ("made into", downstream),
    ] {
        if !names.is_empty() {
            let names: Vec<&str> = names.iter().map(AssetName::as_str).collect();
            say!("{what}: {}", names.join(", "));
        }
    }
}

fn columns(plan: &AssetPlan, decl: &Asset) -> Table {
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
    table
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
        "version",
        "run",
    ]);
    for each in done {
        let version = match (&each.code_version, each.external) {
            (_, true) => "(reported)".to_owned(),
            (Some(version), false) => version.short().to_owned(),
            (None, false) => String::new(),
        };
        table.row([
            each.partition.to_string(),
            grouped(each.load.rows),
            grouped(each.counts.filtered()),
            grouped(each.counts.rejected()),
            bytes(each.load.bytes),
            duration(each.duration_ms),
            each.at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
            version,
            each.run.to_string(),
        ]);
    }
    table.print();
}
