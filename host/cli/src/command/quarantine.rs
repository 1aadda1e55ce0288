//! `tidegate quarantine list` and `show`.

use std::process::ExitCode;

use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value};
use tidegate_core::port::QuarantineEntry;
use tidegate_core::{Error, Errors, Kind};
use tidegate_orchestrator::Project;

use crate::arguments::{ProjectAt, QuarantineCommand};
use crate::output::{Output, Table, grouped, printable};
use crate::session;

pub(crate) async fn run(
    at: &ProjectAt,
    command: &QuarantineCommand,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    match command {
        QuarantineCommand::List { asset } => list(&project, asset.as_deref(), output).await,
        QuarantineCommand::Show { what, limit } => show(&project, what, *limit, output).await,
    }
}

async fn list(project: &Project, asset: Option<&str>, output: &Output) -> Result<ExitCode, Errors> {
    let state = session::open_state(project).await?;
    let asset = asset.map(|name| session::asset(project, name)).transpose()?;
    let entries = state.quarantine(asset.as_ref(), None).await?;
    let mut table = Table::new(&["asset", "partition", "step", ">rows", "codes", "file"]);
    for entry in &entries {
        let codes: Vec<String> = entry
            .codes
            .iter()
            .map(|(code, rows)| format!("{code} {}", grouped(*rows)))
            .collect();
        table.row([
            entry.asset.to_string(),
            entry.partition.to_string(),
            entry.step.clone(),
            grouped(entry.rows),
            codes.join(", "),
            entry.artifact.clone(),
        ]);
    }
    output.show(&entries, || {
        if table.is_empty() {
            say!("no rows were refused");
        } else {
            table.print();
        }
    });
    Ok(ExitCode::SUCCESS)
}

async fn show(project: &Project, what: &str, limit: usize, output: &Output) -> Result<ExitCode, Errors> {
    let state = session::open_state(project).await?;
    let artifacts = session::open_artifacts(project)?;
    let entries: Vec<QuarantineEntry> = if what.contains('/') {
        let all = state.quarantine(None, None).await?;
        let found = all.into_iter().find(|entry| entry.artifact == what);
        vec![found.ok_or_else(|| unknown(what))?]
    } else {
        let asset = session::asset(project, what)?;
        let all = state.quarantine(Some(&asset), None).await?;
        let latest = all.first().map(|entry| entry.run);
        all.into_iter()
            .filter(|entry| Some(entry.run) == latest)
            .collect()
    };
    let mut rows: Vec<Map<String, Value>> = Vec::new();
    for entry in &entries {
        if rows.len() >= limit {
            break;
        }
        let Some(bytes) = artifacts.get(&entry.artifact).await? else {
            return Err(Error::new(
                Kind::State,
                "quarantine.gone",
                format!(
                    "the file `{}` is in the index and not in the store",
                    entry.artifact
                ),
            )
            .hint("it was removed by hand, or the project's artifacts lie elsewhere now")
            .into());
        };
        read(bytes, limit - rows.len(), &mut rows).map_err(|why| {
            Error::new(
                Kind::Resource,
                "quarantine.unreadable",
                format!("`{}`: {why}", entry.artifact),
            )
            .hint("the file is damaged: materialize the partition again to have its rows quarantined anew")
        })?;
    }
    let total: u64 = entries.iter().map(|entry| entry.rows).sum();
    output.show(&rows, || {
        for row in &rows {
            let text = |key: &str| printable(row.get(key).and_then(Value::as_str).unwrap_or_default());
            say!("{}: {}", text("_code"), text("_message"));
            let slice = match text("_partition") {
                key if key.is_empty() => String::new(),
                key => format!(", partition {key}"),
            };
            say!("  by {} of run {}{slice}", text("_plugin"), text("_run"));
            let values: Vec<String> = row
                .iter()
                .filter(|(name, _)| !name.starts_with('_'))
                .map(|(name, value)| format!("{name}={}", printable(value.as_str().unwrap_or("null"))))
                .collect();
            say!("  {}\n", values.join(" "));
        }
        say!("{} of {} rows", grouped(rows.len() as u64), grouped(total));
    });
    Ok(ExitCode::SUCCESS)
}

/// The first rows of a file, each value as text.
fn read(bytes: bytes::Bytes, limit: usize, rows: &mut Vec<Map<String, Value>>) -> Result<(), String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)
        .and_then(|builder| builder.with_limit(limit).build())
        .map_err(|error| error.to_string())?;
    for batch in reader {
        let batch: RecordBatch = batch.map_err(|error| error.to_string())?;
        let options = FormatOptions::default();
        let formatters = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| error.to_string())?;
        for row in 0..batch.num_rows() {
            let mut map = Map::new();
            for (column, field) in batch.schema().fields().iter().enumerate() {
                let value = if batch.column(column).is_null(row) {
                    Value::Null
                } else {
                    Value::String(formatters[column].value(row).to_string())
                };
                map.insert(field.name().clone(), value);
            }
            rows.push(map);
        }
    }
    Ok(())
}

/// No file of that name is in the index.
fn unknown(what: &str) -> Error {
    Error::new(
        Kind::Usage,
        "quarantine.unknown",
        format!("no quarantine file is called `{}`", printable(what)),
    )
    .hint("`tidegate quarantine list` shows them")
}
