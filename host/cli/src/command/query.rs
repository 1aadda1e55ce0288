//! `tidegate query`: a SELECT over assets, wherever they lie.

use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, SchemaRef};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tidegate_core::{Error, Errors, Kind};

use crate::arguments::{Format, ProjectAt, Query};
use crate::output::{Output, Table, grouped, printable};
use crate::session::open_project;

/// The most rows of a table: more than a person reads, and all of them are held to align them.
const TABLE_ROWS: usize = 1_000;

type Batches = BoxStream<'static, Result<RecordBatch, Error>>;

pub(crate) async fn run(at: &ProjectAt, query: &Query, output: &Output) -> Result<ExitCode, Errors> {
    let project = Arc::new(open_project(at)?);
    let (schema, batches) = project.query(&query.sql, query.memory.0).await?;
    let format = if output.is_json() {
        Format::Json
    } else {
        query.format
    };
    let out = BufWriter::new(std::io::stdout().lock());
    match format {
        Format::Table => table(&schema, batches).await?,
        Format::Csv => csv(out, &schema, batches).await?,
        Format::Json => json(out, batches).await?,
        Format::Arrow => arrow(out, &schema, batches).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn table(schema: &SchemaRef, mut batches: Batches) -> Result<(), Errors> {
    let heading: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| {
            let right = if field.data_type().is_numeric() { ">" } else { "" };
            format!("{right}{}", printable(field.name()))
        })
        .collect();
    let mut table = Table::new(&heading.iter().map(String::as_str).collect::<Vec<_>>());
    let (mut rows, mut more) = (0, false);
    // A value that is missing is shown as nothing.
    let options = FormatOptions::default();
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| unwritten(&error))?;
        for row in 0..batch.num_rows() {
            if rows == TABLE_ROWS {
                more = true;
                break;
            }
            rows += 1;
            table.row(
                columns
                    .iter()
                    .map(|column| printable(&column.value(row).to_string())),
            );
        }
        if more {
            break;
        }
    }
    table.print();
    if more {
        complain!(
            "only the first {} rows are shown; the other formats have all: --format csv",
            grouped(TABLE_ROWS as u64)
        );
    }
    Ok(())
}

async fn csv(out: impl Write, schema: &SchemaRef, mut batches: Batches) -> Result<(), Errors> {
    let mut writer = arrow_csv::WriterBuilder::new().with_header(true).build(out);
    // An answer without rows has a heading too.
    let empty = RecordBatch::new_empty(schema.clone());
    writer.write(&empty).map_err(|error| unwritten(&error))?;
    while let Some(batch) = batches.next().await {
        writer.write(&batch?).map_err(|error| unwritten(&error))?;
    }
    flush(writer.into_inner())
}

/// One object a line.
async fn json(out: impl Write, mut batches: Batches) -> Result<(), Errors> {
    let mut writer = arrow_json::LineDelimitedWriter::new(out);
    while let Some(batch) = batches.next().await {
        writer.write(&batch?).map_err(|error| unwritten(&error))?;
    }
    writer.finish().map_err(|error| unwritten(&error))?;
    flush(writer.into_inner())
}

/// An IPC stream.
async fn arrow(out: impl Write, schema: &SchemaRef, mut batches: Batches) -> Result<(), Errors> {
    let mut writer = StreamWriter::try_new(out, schema).map_err(|error| unwritten(&error))?;
    while let Some(batch) = batches.next().await {
        writer.write(&batch?).map_err(|error| unwritten(&error))?;
    }
    writer.finish().map_err(|error| unwritten(&error))?;
    flush(writer.into_inner().map_err(|error| unwritten(&error))?)
}

fn flush(mut out: impl Write) -> Result<(), Errors> {
    out.flush().map_err(|error| unwritten(&error.into()).into())
}

fn unwritten(error: &ArrowError) -> Error {
    Error::new(
        Kind::Resource,
        "query.output",
        format!("the answer cannot be written: {error}"),
    )
}
