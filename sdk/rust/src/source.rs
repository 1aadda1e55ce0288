//! What the author of a source writes.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::Fault;

/// Reads batches from somewhere.
///
/// The host calls `check` and `discover` at any time; `open`, then `next` until it answers none. The value itself is the
/// reader of one stream. Reading the same stream from the same cursor must give the same rows in the same order, as long
/// as the other side keeps them.
pub trait Source: Sized + 'static {
    /// What `config:` of the resource and the asset's `source:` hold. Put `#[serde(deny_unknown_fields)]` on it, so that
    /// a typo is an error.
    type Config: DeserializeOwned + JsonSchema;

    /// Where a reader stands; `()` for a source that can only be read whole. It crosses as JSON, of 64 KiB at most, and is kept from run to run: a later version of the
    /// plugin must still read it.
    type Cursor: Serialize + DeserializeOwned;

    /// Whether the config is right and the other side can be reached with it.
    fn check(config: &Self::Config) -> Result<(), Fault>;

    /// What can be read.
    fn discover(config: &Self::Config) -> Result<Vec<Stream>, Fault>;

    /// Opens a reader.
    fn open(config: Self::Config, request: Request<Self::Cursor>) -> Result<Self, Fault>;

    /// The next rows, `max_rows` at most; none at the end.
    fn next(&mut self, max_rows: usize) -> Result<Option<Chunk<Self::Cursor>>, Fault>;
}

/// Something that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Its name, for `open`.
    pub name: String,
    /// What a row of it is.
    pub description: Option<String>,
    /// Its columns.
    pub columns: SchemaRef,
    /// The columns that name a row.
    pub key: Vec<String>,
    /// Whether it can be read from a cursor on.
    pub incremental: bool,
}

impl Stream {
    /// A stream of these columns, read whole each time.
    pub fn new(name: impl Into<String>, columns: impl Into<SchemaRef>) -> Self {
        Self {
            name: name.into(),
            description: None,
            columns: columns.into(),
            key: Vec::new(),
            incremental: false,
        }
    }

    /// What a row of it is.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// The columns that name a row.
    #[must_use]
    pub fn key<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.key = names.into_iter().map(Into::into).collect();
        self
    }

    /// It can be read from a cursor on.
    #[must_use]
    pub fn incremental(mut self) -> Self {
        self.incremental = true;
        self
    }
}

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<C> {
    /// Which stream.
    pub stream: String,
    /// The columns wanted, by name. A chunk may have more, in any order; these are taken from it.
    pub columns: Vec<String>,
    /// Go on behind this cursor, made by this source; none from the start.
    pub cursor: Option<C>,
    /// Read only this slice.
    pub partition: Option<Partition>,
}

impl<C> Request<C> {
    /// Whether a column is wanted: one that is costly to read need not be read otherwise.
    pub fn wants(&self, column: &str) -> bool {
        self.columns.iter().any(|name| name == column)
    }

    /// A fault for a stream that this source has not.
    pub fn unknown_stream(&self, streams: &[&str]) -> Fault {
        Fault::config(
            "/stream",
            format!(
                "there is no stream `{}`; there are {}",
                self.stream,
                streams.join(", ")
            ),
        )
    }
}

/// A slice: `start_ms <= instant < end_ms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its key.
    pub key: String,
    /// The first instant in it, in milliseconds since 1970-01-01T00:00:00Z.
    pub start_ms: i64,
    /// The first instant behind it.
    pub end_ms: i64,
}

/// Rows, and where the reader stands behind them.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk<C> {
    /// The rows; at least the columns asked for.
    pub rows: RecordBatch,
    /// Where the reader stands behind them.
    pub cursor: C,
}

impl<C> Chunk<C> {
    /// Rows that have at least the columns asked for, and a cursor: reading on from it gives the row behind the last.
    pub fn new(rows: RecordBatch, cursor: C) -> Self {
        Self { rows, cursor }
    }
}
