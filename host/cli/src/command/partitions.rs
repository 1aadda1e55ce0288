//! `tidegate asset partitions`: how the slices of an asset stand, and the keys of dynamic ones.

use std::process::ExitCode;

use serde_json::json;
use tidegate_core::plan::{AssetName, Partitioning, status};
use tidegate_core::{Error, Errors};
use tidegate_orchestrator::{
    OrchestratorError, Project, add_dynamic_keys, dynamic_keys, remove_dynamic_keys,
};

use crate::arguments::{PartitionsCommand, ProjectAt};
use crate::output::{Output, Table, grouped, printable};
use crate::session;

pub(crate) async fn run(
    at: &ProjectAt,
    asset: &str,
    command: Option<&PartitionsCommand>,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    let name = session::asset(&project, asset)?;
    let Some(slices) = project.partitioning(&name)? else {
        return Err(Error::from(OrchestratorError::NoPartitions(name)).into());
    };
    match command {
        None => show(&project, &name, &slices, output).await?,
        Some(PartitionsCommand::Add { keys }) => {
            let state = session::open_state(&project).await?;
            let added = add_dynamic_keys(state.as_ref(), &name, &slices, keys).await?;
            output.show(&json!({"added": added}), || {
                say!("{added} added, {} there already", keys.len() as u64 - added);
                say!("next: tidegate run {name} --partition KEY");
            });
        }
        Some(PartitionsCommand::Remove { keys }) => {
            let state = session::open_state(&project).await?;
            let removed = remove_dynamic_keys(state.as_ref(), &name, &slices, keys).await?;
            output.show(&json!({"removed": removed}), || {
                say!("{removed} removed; what was loaded of them stays where it lies");
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(
    project: &Project,
    name: &AssetName,
    slices: &Partitioning,
    output: &Output,
) -> Result<(), Error> {
    let state = session::open_state(project).await?;
    let dynamic = dynamic_keys(state.as_ref(), slices).await?;
    let ranges = state.partition_ranges(name, &slices.cut()).await?;
    let status = status(&slices.keys(chrono::Utc::now(), &dynamic), &ranges);
    output.show(&json!({"asset": name, "status": status}), || {
        say!(
            "{name}: {} partitions: {} materialized, {} failed, {} missing",
            grouped(status.total as u64),
            grouped(status.materialized as u64),
            grouped(status.failed as u64),
            grouped(status.missing as u64)
        );
        if status.total == 0 {
            if slices.dynamic().is_some() {
                say!("next: tidegate asset partitions {name} add KEY");
            }
            return;
        }
        say!();
        let mut table = Table::new(&["state", ">partitions", "first", "last"]);
        for range in &status.ranges {
            table.row([
                range.state.to_owned(),
                grouped(range.keys as u64),
                printable(&range.first.0),
                printable(&range.last.0),
            ]);
        }
        table.print();
    });
    Ok(())
}
