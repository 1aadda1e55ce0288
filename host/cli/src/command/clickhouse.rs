//! `tidegate clickhouse`: what operators ask of an asset's table.

use std::process::ExitCode;

use tidegate_connector::clickhouse::{Operations, ServerHealth};
use tidegate_core::{Error, Errors, Kind};
use tidegate_orchestrator::Project;

use crate::arguments::{ClickhouseCommand, ProjectAt};
use crate::output::{Output, Table, bytes, grouped};
use crate::session;

pub(crate) async fn run(
    at: &ProjectAt,
    command: &ClickhouseCommand,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    match command {
        ClickhouseCommand::Partitions { asset } => partitions(&table(&project, asset)?, output).await?,
        ClickhouseCommand::Merges { asset } => merges(&table(&project, asset)?, output).await?,
        ClickhouseCommand::Size { asset } => size(&table(&project, asset)?, output).await?,
        ClickhouseCommand::Optimize { asset, only } => {
            let table = table(&project, asset)?;
            table.optimize(only.as_deref()).await?;
            let left = table.partitions().await?;
            output.show(&left, || {
                say!(
                    "{} partitions, {} parts",
                    left.len(),
                    left.iter().map(|each| each.parts).sum::<u64>()
                );
            });
        }
        ClickhouseCommand::Health { asset } => return health(&table(&project, asset)?, output).await,
    }
    Ok(ExitCode::SUCCESS)
}

fn table(project: &Project, asset: &str) -> Result<Operations, Errors> {
    let name = session::asset(project, asset)?;
    let destination = project.open_destination_spec(&name)?;
    if destination.connector != "clickhouse" {
        let message = format!(
            "the asset `{name}` is not loaded into ClickHouse, but by the connector `{}`",
            destination.connector
        );
        let error = Error::new(Kind::Usage, "cli.not_clickhouse", message);
        return Err(error
            .hint("name another asset, or a target of the project with --target")
            .into());
    }
    Ok(Operations::new(&destination)?)
}

async fn partitions(table: &Operations, output: &Output) -> Result<(), Error> {
    let found = table.partitions().await?;
    output.show(&found, || {
        let mut shown = Table::new(&["partition", ">parts", ">rows", ">bytes", "changed (UTC)"]);
        for each in &found {
            shown.row([
                each.partition.clone(),
                grouped(each.parts),
                grouped(each.rows),
                bytes(each.bytes),
                each.modified.clone(),
            ]);
        }
        if shown.is_empty() {
            say!("the table is empty");
        } else {
            shown.print();
        }
    });
    Ok(())
}

async fn merges(table: &Operations, output: &Output) -> Result<(), Error> {
    let found = table.merges().await?;
    output.show(&found, || {
        let mut shown = Table::new(&[
            "partition",
            "makes",
            ">parts",
            ">rows read",
            ">seconds",
            ">done",
            "kind",
        ]);
        for each in &found {
            shown.row([
                each.partition.clone(),
                each.result.clone(),
                grouped(each.parts),
                grouped(each.rows_read),
                format!("{:.1}", each.elapsed_s),
                format!("{:.0} %", each.progress * 100.0),
                if each.mutation == 0 { "merge" } else { "mutation" }.into(),
            ]);
        }
        if shown.is_empty() {
            say!("nothing is being merged");
        } else {
            shown.print();
        }
    });
    Ok(())
}

async fn size(table: &Operations, output: &Output) -> Result<(), Error> {
    let found = table.size().await?;
    output.show(&found, || {
        say!(
            "{} rows, {} in {} parts",
            grouped(found.rows),
            bytes(found.bytes),
            grouped(found.parts)
        );
        say!();
        let mut shown = Table::new(&["column", "type", ">bytes", ">uncompressed", ">ratio"]);
        for each in &found.columns {
            let ratio = each.uncompressed_bytes as f64 / each.bytes.max(1) as f64;
            shown.row([
                each.name.clone(),
                each.data_type.clone(),
                bytes(each.bytes),
                bytes(each.uncompressed_bytes),
                format!("{ratio:.1}"),
            ]);
        }
        shown.print();
        if found.rows > 0 && found.columns.iter().all(|each| each.bytes == 0) {
            say!(
                "\nClickHouse knows the sizes of columns only in parts over 10 MiB (min_bytes_for_wide_part)"
            );
        }
    });
    Ok(())
}

/// Ends with 6, as a run would, where a load could not work.
async fn health(table: &Operations, output: &Output) -> Result<ExitCode, Errors> {
    let found = table.health().await?;
    let troubles = troubles(&found);
    output.show(&found, || {
        say!(
            "ClickHouse {}, up for {} s{}",
            found.version,
            grouped(found.uptime_s),
            found
                .free_bytes
                .map_or_else(String::new, |free| format!(", {} free", bytes(free)))
        );
        for trouble in &troubles {
            say!("  {trouble}");
        }
        if troubles.is_empty() {
            say!("  nothing stands in the way of a load");
        }
    });
    let code = if found.read_only || found.missing_grants.iter().flatten().next().is_some() {
        Kind::Resource.exit_code()
    } else {
        0
    };
    Ok(ExitCode::from(code))
}

fn troubles(health: &ServerHealth) -> Vec<String> {
    let mut troubles = Vec::new();
    if health.read_only {
        troubles.push("the user may only read".to_owned());
    }
    let missing = health.missing_grants.iter().flatten();
    troubles.extend(missing.map(|grant| format!("the user lacks {grant} on the database")));
    troubles.extend(health.warnings());
    troubles
}
