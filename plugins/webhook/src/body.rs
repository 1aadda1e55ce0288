//! Bodies of requests, made of rows.

use serde_json::Value;
use tidegate_sdk::prelude::*;

use crate::json::{self, Wide};
use crate::{Config, Envelope, Format};

/// Makes the bodies of a load's requests: the same rows give the same bytes.
pub(crate) struct Bodies {
    /// What stands in front of the first row, between two, and behind the last.
    open: Vec<u8>,
    between: &'static [u8],
    close: &'static [u8],
    max_rows: usize,
    max_bytes: usize,
    wide: Wide,
    /// The columns' names as JSON, each with its colon.
    names: Vec<Vec<u8>>,
}

/// Whether the config's envelope is one.
pub(crate) fn check(config: &Config) -> Result<(), Fault> {
    let Some(envelope) = &config.envelope else {
        return Ok(());
    };
    if config.format != Format::Json {
        return Err(Fault::config("/envelope", "only `format: json` has an envelope"));
    }
    let own = [
        Some(&envelope.rows),
        envelope.asset.as_ref(),
        envelope.partition.as_ref(),
    ];
    let mut keys: Vec<&String> = own.into_iter().flatten().chain(envelope.fixed.keys()).collect();
    keys.sort();
    match keys.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Fault::config(
            "/envelope",
            format!("there are two keys `{}`", pair[0]),
        )),
        None => Ok(()),
    }
}

impl Bodies {
    pub(crate) fn new(config: &Config, load: &Load<()>) -> Self {
        let (open, between, close): (_, &'static [u8], &'static [u8]) = match config.format {
            Format::Json => (
                opened(&config.envelope.clone().unwrap_or_default(), load),
                b",",
                b"]}",
            ),
            Format::Array => (b"[".to_vec(), b",", b"]"),
            Format::Ndjson => (Vec::new(), b"\n", b"\n"),
            Format::Object => (Vec::new(), b"", b""),
        };
        Self {
            open,
            between,
            close,
            max_rows: match config.format {
                Format::Object => 1,
                Format::Json | Format::Array | Format::Ndjson => config.rows_per_request,
            },
            max_bytes: config.bytes_per_request,
            wide: config.wide_numbers,
            names: json::keys(load.columns.fields()),
        }
    }

    /// The body that begins with a row, and how many rows it has: as many as there are and may be, at least one.
    pub(crate) fn from(&self, rows: &RecordBatch, first: usize) -> Result<(Vec<u8>, usize), Fault> {
        let mut body = self.open.clone();
        let mut count = 0;
        for row in first..rows.num_rows().min(first.saturating_add(self.max_rows)) {
            let before = body.len();
            if count > 0 {
                body.extend_from_slice(self.between);
            }
            json::object(&self.names, rows.columns(), row, self.wide, &mut body)
                .map_err(|why| Fault::data(format!("row {row} of the batch, {why}")))?;
            if body.len() + self.close.len() > self.max_bytes {
                if count == 0 {
                    let message = format!(
                        "row {row} of the batch comes to more than the {} bytes of `bytes_per_request`",
                        self.max_bytes
                    );
                    return Err(Fault::data(message));
                }
                body.truncate(before);
                break;
            }
            count += 1;
        }
        body.extend_from_slice(self.close);
        Ok((body, count))
    }
}

/// An envelope up to the first row.
fn opened(envelope: &Envelope, load: &Load<()>) -> Vec<u8> {
    let own = [
        (&envelope.asset, Value::from(load.asset.as_str())),
        (&envelope.partition, Value::from(load.partition.as_deref())),
    ];
    let own = own
        .into_iter()
        .filter_map(|(key, value)| Some((key.as_ref()?, value)));
    let fixed = envelope.fixed.iter().map(|(key, value)| (key, value.clone()));
    let members: Vec<String> = fixed
        .chain(own)
        .map(|(key, value)| format!("{}:{value},", Value::from(key.as_str())))
        .collect();
    format!("{{{}{}:[", members.concat(), Value::from(envelope.rows.as_str())).into_bytes()
}
