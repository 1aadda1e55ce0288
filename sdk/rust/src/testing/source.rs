//! A source in its own unit tests.

use arrow_array::RecordBatch;

use super::concat;
use crate::export::source::project;
use crate::export::{config as parsed, earlier, kept};
use crate::fault::Fault;
use crate::source::{Request, Source, Stream};

/// A request for columns of a stream, from its start.
pub fn request<C>(stream: &str, columns: &[&str]) -> Request<C> {
    Request {
        stream: stream.to_owned(),
        columns: columns.iter().map(|&name| name.to_owned()).collect(),
        cursor: None,
        partition: None,
    }
}

/// A stream to its end, `max_rows` a chunk: all columns that `discover` names, which each chunk must have, of the types
/// that it says.
pub fn read<S: Source>(
    config: serde_json::Value,
    stream: &str,
    max_rows: usize,
) -> Result<RecordBatch, Fault> {
    let (all, _) = chunks::<S>(&config, stream, max_rows, None)?;
    concat(&all)
}

/// As [`read`]; then again from the cursor of each chunk, as after a kill. Where that gives other rows than the first
/// time, this fails.
pub fn read_from_each_cursor<S: Source>(
    config: serde_json::Value,
    stream: &str,
    max_rows: usize,
) -> Result<RecordBatch, Fault> {
    let (all, cursors) = chunks::<S>(&config, stream, max_rows, None)?;
    for (index, cursor) in cursors.iter().enumerate() {
        let (rest, _) = chunks::<S>(&config, stream, max_rows, Some(cursor))?;
        // The first part is the empty one that gives the columns.
        let behind = [&all[..1], &all[index + 2..]].concat();
        if concat(&rest)? != concat(&behind)? {
            return Err(Fault::fatal(format!(
                "reading on from {} gives other rows than reading through",
                String::from_utf8_lossy(cursor)
            )));
        }
    }
    concat(&all)
}

/// An empty batch of the stream's columns and then the chunks, with the cursor of each.
fn chunks<S: Source>(
    config: &serde_json::Value,
    stream: &str,
    max_rows: usize,
    cursor: Option<&[u8]>,
) -> Result<(Vec<RecordBatch>, Vec<Vec<u8>>), Fault> {
    let config = || parsed::<S::Config>(&config.to_string());
    let known = discovered::<S>(&config()?, stream)?;
    let names: Vec<String> = known
        .columns
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let mut asked = request(stream, &[]);
    asked.columns.clone_from(&names);
    asked.cursor = cursor.map(|bytes| earlier(bytes, "the cursor")).transpose()?;
    let mut source = S::open(config()?, asked)?;
    let mut batches = vec![RecordBatch::new_empty(known.columns.clone())];
    let mut cursors = Vec::new();
    while let Some(chunk) = source.next(max_rows)? {
        let rows = chunk.rows.num_rows();
        if rows > max_rows {
            return Err(Fault::fatal(format!(
                "{max_rows} rows were asked for, and {rows} came"
            )));
        }
        let columns = project(chunk.rows, &names)?;
        batches.push(RecordBatch::try_new(known.columns.clone(), columns)?);
        cursors.push(kept(&chunk.cursor, "the cursor")?);
    }
    Ok((batches, cursors))
}

fn discovered<S: Source>(config: &S::Config, stream: &str) -> Result<Stream, Fault> {
    S::check(config)?;
    let streams = S::discover(config)?;
    streams
        .into_iter()
        .find(|known| known.name == stream)
        .ok_or_else(|| Fault::config("/stream", format!("`discover` knows no stream `{stream}`")))
}
