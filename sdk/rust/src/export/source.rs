//! A source, as the component's.

use std::cell::RefCell;
use std::marker::PhantomData;

use arrow_array::{ArrayRef, RecordBatch};
use serde::Serialize;

use super::types::wit_schema;
use super::{config, earlier, kept};
use crate::bindings::source::exports::tidegate::plugin::source as wit;
use crate::bindings::types;
use crate::column;
use crate::fault::Fault;
use crate::source::{Chunk, Partition, Request, Source, Stream};

/// The component's source.
pub struct Component<S>(PhantomData<S>);

/// The schema of its config.
pub fn schema<S: Source>() -> schemars::Schema {
    schemars::schema_for!(S::Config)
}

/// A reader of one stream, as the component's resource.
pub struct Reader<S> {
    source: RefCell<S>,
    columns: Vec<String>,
}

impl<S: Source> wit::Guest for Component<S> {
    type Reader = Reader<S>;

    fn check(text: String) -> Result<(), types::Fault> {
        Ok(S::check(&config(&text)?)?)
    }

    fn discover(text: String) -> Result<Vec<wit::Stream>, types::Fault> {
        let streams = S::discover(&config(&text)?)?;
        Ok(streams.into_iter().map(stream).collect())
    }
}

impl<S: Source> wit::GuestReader for Reader<S> {
    fn open(request: wit::Request) -> Result<wit::Reader, types::Fault> {
        let cursor = match &request.cursor {
            Some(bytes) => Some(earlier(bytes, "the cursor")?),
            None => None,
        };
        let columns = request.columns.clone();
        let source = S::open(
            config(&request.config)?,
            Request {
                stream: request.stream,
                columns: request.columns,
                cursor,
                partition: request.partition.map(|partition| Partition {
                    key: partition.key,
                    start_ms: partition.start_ms,
                    end_ms: partition.end_ms,
                }),
            },
        )?;
        Ok(wit::Reader::new(Self {
            source: RefCell::new(source),
            columns,
        }))
    }

    fn next(&self, max_rows: u32) -> Result<Option<wit::Chunk>, types::Fault> {
        let Some(Chunk { rows, cursor }) = self.source.borrow_mut().next(max_rows as usize)? else {
            return Ok(None);
        };
        let row_count = rows.num_rows() as u32;
        let columns = project(rows, &self.columns)?;
        Ok(Some(wit::Chunk {
            row_count,
            columns: columns.into_iter().map(column::of_array).collect(),
            cursor: position(&cursor)?,
        }))
    }
}

/// A cursor as the host keeps it: empty where it says nothing, since nobody can go on from there.
fn position<C: Serialize>(cursor: &C) -> Result<Vec<u8>, Fault> {
    let bytes = kept(cursor, "the cursor")?;
    Ok(if bytes == b"null" { Vec::new() } else { bytes })
}

/// The columns asked for, in their order. Takes the rows apart, so that their buffers can move.
pub(crate) fn project(rows: RecordBatch, names: &[String]) -> Result<Vec<ArrayRef>, Fault> {
    let (schema, columns, _) = rows.into_parts();
    names
        .iter()
        .map(|name| match schema.index_of(name) {
            Ok(index) => Ok(columns[index].clone()),
            Err(_) => {
                let given: Vec<&str> = schema
                    .fields()
                    .iter()
                    .map(|field| field.name().as_str())
                    .collect();
                Err(Fault::fatal(format!(
                    "the column `{name}` was asked for, and the source gave {}",
                    given.join(", ")
                )))
            }
        })
        .collect()
}

fn stream(stream: Stream) -> wit::Stream {
    wit::Stream {
        name: stream.name,
        description: stream.description,
        schema: wit_schema(&stream.columns),
        key: stream.key,
        incremental: stream.incremental,
    }
}
