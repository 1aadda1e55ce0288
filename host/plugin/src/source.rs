//! A plugin as a source.

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use tidegate_core::plan::Partition;
use tidegate_core::port::{Cursor, Source, SourceBatch};
use tidegate_core::schema::Column;
use tidegate_core::types::LogicalType;
use tidegate_core::{Error, Kind};
use wasmtime::component::ResourceAny;

use crate::error::Fault;
use crate::instance::{Instance, Opening, config_text, open};
use crate::limits::{MAX_CURSOR_BYTES, cut};
use crate::log::printable;
use crate::retries::Retries;
use crate::v0_1::{self, SourcePlugin, source as wit};

/// Pages in a row without rows that do not move the cursor. A source may wait for the other side so; one that goes on
/// would never end.
const MAX_STILL_PAGES: u32 = 16;

/// Streams that `discover` may answer: more tables than a large database has.
const MAX_STREAMS: usize = 10_000;

/// The longest name of a stream or of a column of its key, and the longest description, in bytes.
const MAX_NAME_BYTES: usize = 255;
const MAX_DESCRIPTION_BYTES: usize = 4_096;

/// What a source plugin is to read.
pub struct SourceRequest<'a> {
    /// The plugin's config, secrets filled in.
    pub config: &'a Value,
    /// Which stream.
    pub stream: &'a str,
    /// The columns wanted, with the types that they must have.
    pub columns: &'a [Column],
    /// Go on behind this cursor, made by the same plugin with the same config.
    pub cursor: Option<&'a Cursor>,
    /// The slice, or none for all.
    pub partition: Option<&'a Partition>,
    /// Rows a batch at most.
    pub batch_rows: usize,
}

/// Something that a source plugin can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Its name.
    pub name: String,
    /// What a row of it is.
    pub description: Option<String>,
    /// Its columns.
    pub schema: Schema,
    /// The columns that name a row.
    pub key: Vec<String>,
    /// Whether it can be read from a cursor on.
    pub incremental: bool,
}

/// Asks a source plugin whether a config is right, and the other side can be reached with it.
pub async fn check_source(opening: Opening<'_>, config: &Value) -> Result<(), Error> {
    let mut instance = open::<SourcePlugin>(opening).await?;
    let config = config_text(config);
    let answer = instance
        .call(async |store, plugin| plugin.tidegate_plugin_source().call_check(store, &config).await)
        .await;
    answer.map_err(|fault| fault.at(&instance.name, "check", None))
}

/// Asks a source plugin what it can read.
pub async fn discover(opening: Opening<'_>, config: &Value) -> Result<Vec<Stream>, Error> {
    let mut instance = open::<SourcePlugin>(opening).await?;
    let config = config_text(config);
    let answer = instance
        .call(async |store, plugin| {
            plugin
                .tidegate_plugin_source()
                .call_discover(store, &config)
                .await
        })
        .await;
    answer
        .and_then(lift_streams)
        .map_err(|fault| fault.at(&instance.name, "discover", None))
}

fn lift_streams(streams: Vec<wit::Stream>) -> Result<Vec<Stream>, Fault> {
    if streams.len() > MAX_STREAMS {
        return Err(Fault::Contract(format!(
            "it has {} streams; {MAX_STREAMS} are allowed",
            streams.len()
        )));
    }
    streams
        .into_iter()
        .map(|stream| {
            let names = [&stream.name].into_iter().chain(&stream.key);
            for name in names {
                if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
                    let shown = cut(name.escape_debug().to_string(), MAX_NAME_BYTES);
                    return Err(Fault::Contract(format!("`{shown}` names no stream or column")));
                }
            }
            let schema = v0_1::lift_schema(&stream.schema).map_err(Fault::Contract)?;
            if let Some(key) = stream.key.iter().find(|key| schema.index_of(key).is_err()) {
                let why = format!(
                    "the key column `{key}` of `{}` is not among its columns",
                    stream.name
                );
                return Err(Fault::Contract(why));
            }
            Ok(Stream {
                description: stream
                    .description
                    .map(|text| printable(&cut(text, MAX_DESCRIPTION_BYTES))),
                schema,
                name: stream.name,
                key: stream.key,
                incremental: stream.incremental,
            })
        })
        .collect()
}

/// Whether the stream has the columns that are asked for with the types that they must have. A page would not show it where
/// both types have values of one width, as seconds and milliseconds have, and their values would change their meaning. A
/// stream or column that the plugin does not tell of is looked at when it comes.
fn agree(streams: &[Stream], request: &SourceRequest<'_>) -> Result<(), Fault> {
    let Some(stream) = streams.iter().find(|stream| stream.name == request.stream) else {
        return Ok(());
    };
    for column in request.columns {
        let Ok(field) = stream.schema.field_with_name(&column.name) else {
            continue;
        };
        let told = LogicalType::from_arrow(field.data_type());
        if told.as_ref().map(instants_in_utc) != Some(instants_in_utc(&column.data_type)) {
            let told = told.map_or_else(|| field.data_type().to_string(), |told| told.to_string());
            return Err(Fault::Schema(format!(
                "`{}` of the stream `{}` is {told}, and the asset reads it as {}; write the same type in both places",
                column.name, stream.name, column.data_type
            )));
        }
    }
    Ok(())
}

/// The zone that an instant is shown in does not change it.
fn instants_in_utc(data_type: &LogicalType) -> LogicalType {
    match data_type {
        LogicalType::Timestamp(unit, Some(_)) => LogicalType::Timestamp(*unit, Some("UTC".to_owned())),
        other => other.clone(),
    }
}

/// A source plugin that reads a stream. Calls that fail for now are made again, a few times.
pub struct PluginSource {
    instance: Instance<SourcePlugin>,
    reader: ResourceAny,
    schema: SchemaRef,
    batch_rows: u32,
    /// Where the last page ended.
    cursor: Option<Vec<u8>>,
    still_pages: u32,
    pages: u64,
}

impl PluginSource {
    /// Opens a reader.
    pub async fn open(opening: Opening<'_>, request: SourceRequest<'_>) -> Result<Self, Error> {
        let cursor = request.cursor.map(decode_cursor).transpose()?;
        let wanted = wit::Request {
            config: config_text(request.config),
            stream: request.stream.to_owned(),
            columns: request.columns.iter().map(|column| column.name.clone()).collect(),
            cursor: cursor.clone(),
            partition: request.partition.map(|partition| {
                let time = partition.time.as_ref();
                wit::Partition {
                    key: partition.key.0.clone(),
                    // A slice of a value alone has every instant in it.
                    start_ms: time.map_or(i64::MIN, |time| time.start.timestamp_millis()),
                    end_ms: time.map_or(i64::MAX, |time| time.end.timestamp_millis()),
                }
            }),
        };
        let mut instance = open::<SourcePlugin>(opening).await?;
        let mut retries = Retries::default();
        let reader = loop {
            let answer = instance
                .call(async |store, plugin| {
                    plugin
                        .tidegate_plugin_source()
                        .reader()
                        .call_open(store, &wanted)
                        .await
                })
                .await;
            match answer {
                Ok(reader) => break reader,
                Err(fault) => retries
                    .wait(fault)
                    .await
                    .map_err(|fault| fault.at(&instance.name, "open", None))?,
            }
        };
        let mut retries = Retries::default();
        loop {
            let answer = instance
                .call(async |store, plugin| {
                    plugin
                        .tidegate_plugin_source()
                        .call_discover(store, &wanted.config)
                        .await
                })
                .await;
            let agreed = answer
                .and_then(lift_streams)
                .and_then(|streams| agree(&streams, &request));
            match agreed {
                Ok(()) => break,
                Err(fault) => retries
                    .wait(fault)
                    .await
                    .map_err(|fault| fault.at(&instance.name, "discover", None))?,
            }
        }
        Ok(Self {
            instance,
            reader,
            schema: Column::schema(request.columns),
            batch_rows: u32::try_from(request.batch_rows.max(1)).unwrap_or(u32::MAX),
            cursor,
            still_pages: 0,
            pages: 0,
        })
    }

    async fn page(&mut self) -> Result<Option<SourceBatch>, Fault> {
        let (reader, max_rows) = (self.reader, self.batch_rows);
        let mut retries = Retries::default();
        loop {
            let answer = self
                .instance
                .call(async |store, plugin| {
                    plugin
                        .tidegate_plugin_source()
                        .reader()
                        .call_next(store, reader, max_rows)
                        .await
                })
                .await;
            match answer {
                Ok(None) => return Ok(None),
                Ok(Some(chunk)) => return self.lift(chunk).map(Some),
                Err(fault) => retries.wait(fault).await?,
            }
        }
    }

    /// What a guest gave, every length and value of it looked at.
    fn lift(&mut self, chunk: wit::Chunk) -> Result<SourceBatch, Fault> {
        let contract = |why: String| Err(Fault::Contract(why));
        if chunk.row_count > self.batch_rows {
            return contract(format!(
                "it gave {} rows, and was asked for {} at most",
                chunk.row_count, self.batch_rows
            ));
        }
        if chunk.columns.len() != self.schema.fields().len() {
            return contract(format!(
                "it gave {} columns, and was asked for {}",
                chunk.columns.len(),
                self.schema.fields().len()
            ));
        }
        if chunk.cursor.len() > MAX_CURSOR_BYTES {
            return contract(format!(
                "its cursor has {} bytes; {MAX_CURSOR_BYTES} are allowed",
                chunk.cursor.len()
            ));
        }
        // An empty cursor says that nobody can go on from here, so it need not move.
        let still = !chunk.cursor.is_empty() && self.cursor.as_ref() == Some(&chunk.cursor);
        if still && chunk.row_count > 0 {
            return contract("it gave rows, and its cursor stayed where it was".into());
        }
        let no_progress = chunk.row_count == 0 && (still || chunk.cursor.is_empty());
        self.still_pages = if no_progress { self.still_pages + 1 } else { 0 };
        if self.still_pages > MAX_STILL_PAGES {
            return contract(format!(
                "{} pages in a row had no rows and did not move its cursor",
                self.still_pages
            ));
        }
        let rows = chunk.row_count as usize;
        let columns = self
            .schema
            .fields()
            .iter()
            .zip(chunk.columns)
            .map(|(field, column)| v0_1::lift(field, column, rows))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Fault::Contract(error.to_string()))?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|error| Fault::Contract(error.to_string()))?;
        let cursor = encode_cursor(&chunk.cursor);
        self.cursor = Some(chunk.cursor);
        self.pages += 1;
        Ok(SourceBatch {
            batch,
            cursor,
            rejects: None,
        })
    }
}

/// A plugin's cursor as a checkpoint keeps it: base64 text; null where nobody can go on from there.
fn encode_cursor(cursor: &[u8]) -> Cursor {
    if cursor.is_empty() {
        Cursor(Value::Null)
    } else {
        Cursor(Value::String(BASE64.encode(cursor)))
    }
}

fn decode_cursor(cursor: &Cursor) -> Result<Vec<u8>, Error> {
    let text = cursor.0.as_str().unwrap_or_default();
    BASE64.decode(text).map_err(|error| {
        Error::new(
            Kind::State,
            "plugin.cursor",
            format!("the checkpoint's cursor is not one of a plugin: {error}"),
        )
        .hint("start a new run")
    })
}

#[async_trait]
impl Source for PluginSource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    async fn next(&mut self) -> Result<Option<SourceBatch>, Error> {
        let sequence = self.pages;
        self.page()
            .await
            .map_err(|fault| fault.at(&self.instance.name, "next", Some(sequence)))
    }
}
