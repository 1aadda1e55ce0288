//! The source: a table, a query, or what an asset of a ClickHouse destination holds, as a stream of Arrow batches.

use std::collections::VecDeque;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_buffer::Buffer;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_ipc::reader::StreamDecoder;
use arrow_schema::{ArrowError, SchemaRef};
use async_trait::async_trait;
use clickhouse::query::BytesCursor;
use serde::{Deserialize, Serialize};
use tidegate_core::plan::Partition;
use tidegate_core::port::{Cursor, OpenSource, Source, SourceBatch, Watermark};
use tidegate_core::schema::Column;
use tidegate_core::types::LogicalType;
use tokio::time::timeout;

use super::config::{ResourceConfig, SourceConfig};
use super::error::{ClickHouseError, Result};
use super::moves::slice_condition;
use super::server::Server;
use super::since::Since;
use super::sql::{literal, name};
use super::table::{LiveTable, SliceColumn};
use super::types::{column_type, wire_type};

/// A source as a task carries it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CheckedSource {
    /// What YAML says.
    Configured(SourceConfig),
    /// The table of an asset.
    Asset {
        table: String,
        /// What says which slice a row is in.
        slice: Vec<SliceColumn>,
    },
}

/// Reads the answer of one query. It has no place that a later attempt could go on from: ClickHouse promises no order.
pub(super) struct ClickHouseSource {
    server: Server,
    schema: SchemaRef,
    cursor: BytesCursor,
    decoder: StreamDecoder,
    ready: VecDeque<RecordBatch>,
    batch_rows: usize,
    /// Bytes of the stream that are not decoded yet.
    rest: Buffer,
    ended: bool,
    watermark: Option<Watermark>,
}

#[derive(Deserialize)]
struct Described {
    name: String,
    #[serde(rename = "type")]
    data_type: String,
}

impl ClickHouseSource {
    /// Looks at what is to be read and asks for it.
    pub(super) async fn open(
        resource: &ResourceConfig,
        config: CheckedSource,
        open: &OpenSource<'_>,
    ) -> Result<Self> {
        let server = Server::new(resource);
        server.greet().await?;
        let mut query = selection(&server, config, &open.spec.columns, open.partition).await?;
        let mut watermark = None;
        if let Some(cursor) = &open.spec.cursor {
            let since = Since::new(cursor, &open.spec.columns)?;
            watermark = since
                .watermark(&server, &format!("({query})"))
                .await?
                .or_else(|| open.since.cloned());
            let behind = open.since.and_then(|mark| since.condition(mark));
            let condition = behind.map_or_else(String::new, |condition| format!(" WHERE {condition}"));
            // Of two rows of one key the later one must come later.
            query = format!(
                "SELECT * FROM ({query}){condition} ORDER BY {}",
                name(&cursor.column)
            );
        }
        // Bytes, whatever they hold: whether text is UTF-8 is checked here.
        let cursor = server.arrow_stream(&query, &[("output_format_arrow_string_as_string", "0")])?;
        Ok(Self {
            server,
            schema: Column::schema(&open.spec.columns),
            cursor,
            decoder: StreamDecoder::new(),
            ready: VecDeque::new(),
            batch_rows: open.batch_rows.max(1),
            rest: Buffer::from(Vec::<u8>::new()),
            ended: false,
            watermark,
        })
    }

    /// Reads on until a batch is ready or the stream has ended.
    async fn fill(&mut self) -> Result<()> {
        while self.ready.is_empty() && !self.ended {
            if self.rest.is_empty() {
                let next = timeout(self.server.timeout(), self.cursor.next())
                    .await
                    .map_err(|_| self.server.timed_out())?;
                match next.map_err(|error| self.server.error(&error))? {
                    Some(chunk) => self.rest = Buffer::from(chunk),
                    None => {
                        self.decoder.finish().map_err(|error| broken(&error))?;
                        self.ended = true;
                    }
                }
                continue;
            }
            if let Some(batch) = self
                .decoder
                .decode(&mut self.rest)
                .map_err(|error| broken(&error))?
            {
                let batch = self.convert(&batch)?;
                for start in (0..batch.num_rows()).step_by(self.batch_rows) {
                    let rows = self.batch_rows.min(batch.num_rows() - start);
                    self.ready.push_back(batch.slice(start, rows));
                }
            }
        }
        Ok(())
    }

    /// A batch as the schema has it.
    fn convert(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = self
            .schema
            .fields()
            .iter()
            .zip(batch.columns())
            .map(|(field, column)| {
                let exact = CastOptions {
                    safe: false,
                    ..CastOptions::default()
                };
                let wire = LogicalType::from_arrow(field.data_type()).map(|data_type| wire_type(&data_type));
                let crossed: Result<ArrayRef, ArrowError> = match wire {
                    Some(wire) => cast_with_options(column, &wire, &exact)
                        .and_then(|column| cast_with_options(&column, field.data_type(), &exact)),
                    None => Err(ArrowError::SchemaError("the type has no word".into())),
                };
                crossed.map_err(|error| ClickHouseError::BadColumn {
                    column: field.name().clone(),
                    reason: error.to_string(),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|error| broken(&error))
    }
}

#[async_trait]
impl Source for ClickHouseSource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn watermark(&self) -> Option<Watermark> {
        self.watermark.clone()
    }

    async fn next(&mut self) -> tidegate_core::Result<Option<SourceBatch>> {
        self.fill().await?;
        Ok(self.ready.pop_front().map(|batch| SourceBatch {
            batch,
            cursor: Cursor(serde_json::Value::Null),
            rejects: None,
        }))
    }
}

/// What stands behind `FROM`.
async fn from(server: &Server, config: &SourceConfig) -> Result<String> {
    match (&config.table, &config.query) {
        (Some(table), _) => {
            let (database, table) = match table.split_once('.') {
                Some((database, table)) => (Some(database), table),
                None => (None, table.as_str()),
            };
            let merged = match config.merged {
                Some(merged) => merged,
                None => merges_rows(server, database, table).await?,
            };
            let database = database.map_or_else(String::new, |database| format!("{}.", name(database)));
            let merged = if merged { " FINAL" } else { "" };
            Ok(format!("{database}{}{merged}", name(table)))
        }
        (None, Some(query)) => Ok(format!("({})", query.trim().trim_end_matches(';'))),
        (None, None) => Err(ClickHouseError::Internal(
            "a source has neither table nor query".into(),
        )),
    }
}

/// Whether a table's engine merges rows, so that only `FINAL` shows them as they are meant.
async fn merges_rows(server: &Server, database: Option<&str>, table: &str) -> Result<bool> {
    let database = database.map_or_else(|| "currentDatabase()".to_owned(), literal);
    let engine = server
        .text(&format!(
            "SELECT engine FROM system.tables WHERE database = {database} AND name = {}",
            literal(table)
        ))
        .await?;
    Ok(LiveTable::engine_merges_rows(&engine))
}

/// The query that answers columns of a source, in their types; of a slice, if there is one.
pub(super) async fn selection(
    server: &Server,
    config: CheckedSource,
    columns: &[Column],
    window: Option<&Partition>,
) -> Result<String> {
    let slice = config.slice(columns);
    let inside = window.and_then(|window| slice_condition(&slice, window));
    let configured = matches!(config, CheckedSource::Configured(_));
    let from = match config {
        CheckedSource::Asset { table, .. } => {
            let live = LiveTable::read(server, &table)
                .await?
                .ok_or_else(|| ClickHouseError::NotLoaded { table: table.clone() })?;
            let merged = if live.merges_rows() { " FINAL" } else { "" };
            if window.is_some() && inside.is_none() {
                return Err(ClickHouseError::Internal(
                    "the table does not say which slice a row is in".into(),
                ));
            }
            format!("{}{merged}", name(&table))
        }
        CheckedSource::Configured(config) => from(server, &config).await?,
    };
    let condition = match (window, inside) {
        // A row without a value is in no slice, and whoever asked has to hear of it.
        (Some(window), Some(inside)) if configured => {
            let missing: Vec<String> = window
                .bounds()
                .map(|(column, _)| format!("{} IS NULL", name(column)))
                .collect();
            format!(" WHERE ({inside}) OR {}", missing.join(" OR "))
        }
        (_, Some(inside)) => format!(" WHERE {inside}"),
        (_, None) => String::new(),
    };
    let found: Vec<Described> = server.rows(&format!("DESCRIBE (SELECT * FROM {from})")).await?;
    let selected = columns
        .iter()
        .map(|column| {
            let found = found
                .iter()
                .find(|found| found.name == column.name)
                .ok_or_else(|| {
                    let known: Vec<&str> = found.iter().map(|found| found.name.as_str()).collect();
                    ClickHouseError::NoColumn {
                        column: column.name.clone(),
                        known: known.join(", "),
                    }
                })?;
            Ok(expression(column, &found.data_type))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(format!("SELECT {} FROM {from}{condition}", selected.join(", ")))
}

impl CheckedSource {
    /// The columns that can say which slice a row is in.
    fn slice(&self, columns: &[Column]) -> Vec<SliceColumn> {
        match self {
            Self::Asset { slice, .. } => slice.clone(),
            Self::Configured(_) => columns
                .iter()
                .map(|column| SliceColumn {
                    name: column.name.clone(),
                    data_type: column.data_type.clone(),
                })
                .collect(),
        }
    }

    /// Whether it is an asset's table that tells the rows of a slice apart.
    pub(super) fn tells(&self, slice: &Partition) -> bool {
        match self {
            Self::Asset { slice: columns, .. } => slice_condition(columns, slice).is_some(),
            Self::Configured(_) => false,
        }
    }
}

/// A column as it is selected: itself where it has the type that is wanted, else a conversion that fails rather than
/// change a value.
fn expression(column: &Column, found: &str) -> String {
    let mut wanted = column.clone();
    let wanted = column_type(&wanted).unwrap_or_else(|_| {
        // A list, struct or map is never missing here.
        wanted.nullable = false;
        column_type(&wanted).unwrap_or_default()
    });
    let own = name(&column.name);
    if found == wanted {
        own
    } else {
        format!("accurateCast({own}, {}) AS {own}", literal(&wanted))
    }
}

fn broken(error: &ArrowError) -> ClickHouseError {
    ClickHouseError::Stream(error.to_string())
}
