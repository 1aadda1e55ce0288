//! Posts rows to an HTTP endpoint, as JSON.
//!
//! The rows of a batch go out in requests of some hundred. Each carries an `Idempotency-Key`, made of the batch's token,
//! of the request's number within the batch and of its body: the same key means the same bytes, in every attempt. What a
//! request needs for its credentials is put in by the host, from the grant.

mod answer;
mod body;
mod json;

use body::Bodies;
use json::Wide;
use tidegate_sdk::http;
use tidegate_sdk::prelude::*;
use twox_hash::XxHash3_128;

/// Where rows are posted to, and how.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where rows are posted to, such as `https://api.example.com/v1/events`.
    url: String,
    /// How a body is made of rows.
    #[serde(default)]
    format: Format,
    /// What stands around the rows, of `format: json`.
    envelope: Option<Envelope>,
    /// Rows of one request at most.
    #[serde(default = "rows_per_request")]
    rows_per_request: usize,
    /// Bytes of one request's body at most.
    #[serde(default = "bytes_per_request")]
    bytes_per_request: usize,
    /// How `int64`, `uint64`, `duration` and decimals are written.
    #[serde(default)]
    wide_numbers: Wide,
    /// Where the load's counts are posted to once all rows are.
    commit_url: Option<String>,
}

/// How a body is made of rows.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// An object that holds the array of rows.
    #[default]
    Json,
    /// The array of rows.
    Array,
    /// A row a line, each with a line feed behind it.
    Ndjson,
    /// The one row of the request.
    Object,
}

/// What stands around the rows.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The key of the array of rows.
    #[serde(default = "rows_key")]
    rows: String,
    /// The key of the asset's name; without it, the name is left out.
    asset: Option<String>,
    /// The key of the slice, `null` for an asset without; without it, the slice is left out.
    partition: Option<String>,
    /// More keys, with their values.
    #[serde(default)]
    fixed: std::collections::BTreeMap<String, serde_json::Value>,
}

impl Default for Envelope {
    fn default() -> Self {
        Self {
            rows: rows_key(),
            asset: None,
            partition: None,
            fixed: std::collections::BTreeMap::new(),
        }
    }
}

fn rows_key() -> String {
    "rows".into()
}

/// As many as the interfaces of most services take at once, or fewer.
fn rows_per_request() -> usize {
    500
}

/// What nginx takes unless told (`client_max_body_size`).
fn bytes_per_request() -> usize {
    1 << 20
}

/// How far a batch was posted.
#[derive(Default)]
struct Progress {
    /// The batch's token. Batches come in order, so a repeated one is this.
    token: String,
    /// The first row that was not.
    next_row: usize,
    /// The number of the request that begins with it, from 0.
    request: usize,
}

/// A writer of one load.
pub struct Webhook {
    config: Config,
    bodies: Bodies,
    asset: String,
    partition: Option<String>,
    token: String,
    batch: Progress,
    rows: u64,
    requests: u64,
    bytes: u64,
    is_committed: bool,
}

impl Destination for Webhook {
    type Config = Config;
    type Staged = ();

    /// Sends nothing: an endpoint that takes rows has no request that would only try it.
    fn check(config: &Config) -> Result<(), Fault> {
        let urls = [
            ("/url", Some(&config.url)),
            ("/commit_url", config.commit_url.as_ref()),
        ];
        for (pointer, url) in urls {
            if let Some(url) = url
                && !is_http(url)
            {
                // Not shown: such a URL may be a secret.
                return Err(Fault::config(pointer, "must be a URL of HTTP"));
            }
        }
        let limits = [
            ("/rows_per_request", config.rows_per_request),
            ("/bytes_per_request", config.bytes_per_request),
        ];
        if let Some((pointer, _)) = limits.iter().find(|(_, limit)| *limit == 0) {
            return Err(Fault::config(*pointer, "must be at least 1"));
        }
        body::check(config)
    }

    fn open(config: Config, load: Load<()>) -> Result<Self, Fault> {
        Self::check(&config)?;
        if matches!(load.mode, LoadMode::Replace | LoadMode::ReplacePartition) {
            return Err(Fault::config(
                "",
                "a webhook cannot take away what it was given before; write `load: append`, or `load: upsert` for an \
                 endpoint that knows rows by their key",
            ));
        }
        json::check(&load.columns)?;
        Ok(Self {
            bodies: Bodies::new(&config, &load),
            config,
            asset: load.asset,
            partition: load.partition,
            token: load.token,
            batch: Progress::default(),
            rows: 0,
            requests: 0,
            bytes: 0,
            is_committed: false,
        })
    }

    fn write(&mut self, batch: &Batch, token: &str) -> Result<(), Fault> {
        self.begin(token);
        // The rows of a batch that was posted do not cross again.
        if self.batch.next_row < batch.rows() {
            self.send(&batch.to_record_batch())?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<Receipt, Fault> {
        if let Some(url) = &self.config.commit_url
            && !self.is_committed
        {
            let counts = serde_json::json!({
                "asset": self.asset,
                "partition": self.partition,
                "load": self.token,
                "rows": self.rows,
                "requests": self.requests,
                "bytes": self.bytes,
            });
            let key = format!("{}-commit", self.token);
            let answer = post(url, "application/json", &key, counts.to_string().into_bytes())?;
            answer::judge(&answer, "the load's counts", "/commit_url")?;
        }
        self.is_committed = true;
        Ok(Receipt {
            rows: self.rows,
            bytes: Some(self.bytes),
            location: without_query(&self.config.url).to_owned(),
        })
    }

    fn abort(&mut self) -> Result<(), Fault> {
        if self.rows > 0 {
            let rows = self.rows;
            log::warn(format!(
                "the load is given up; the endpoint was given {rows} rows of it and keeps them"
            ));
        }
        Ok(())
    }
}

impl Webhook {
    /// Begins a batch, unless it is the one that is under way.
    fn begin(&mut self, token: &str) {
        if self.batch.token != token {
            self.batch = Progress {
                token: token.to_owned(),
                ..Progress::default()
            };
        }
    }

    /// Posts the rest of the batch's rows. Where a request fails for now the host calls again, and it goes on with that
    /// request.
    fn send(&mut self, rows: &RecordBatch) -> Result<(), Fault> {
        while self.batch.next_row < rows.num_rows() {
            let first = self.batch.next_row;
            let (body, count) = self.bodies.from(rows, first)?;
            let bytes = body.len() as u64;
            let what = format!("rows {first} to {} of the batch", first + count - 1);
            let key = format!("{}-{}", self.batch.token, self.batch.request);
            let content_type = self.config.format.content_type();
            let answer = post(&self.config.url, content_type, &key, body)?;
            answer::judge(&answer, &what, "/url")?;
            self.batch.next_row += count;
            self.batch.request += 1;
            self.rows += count as u64;
            self.requests += 1;
            self.bytes += bytes;
        }
        Ok(())
    }
}

impl Format {
    fn content_type(self) -> &'static str {
        match self {
            Self::Json | Self::Array | Self::Object => "application/json",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// Whether a text is a URL of HTTP with a host. The rest is for the host to look at.
fn is_http(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']))
}

/// Parameters may hold what is not for everyone.
fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// Posts a body. It is part of the key: a load that goes on under another config has other bodies, which an endpoint must
/// not take for those that it has seen.
fn post(url: &str, content_type: &str, key: &str, body: Vec<u8>) -> Result<http::Response, Fault> {
    let digest = XxHash3_128::oneshot(&body);
    http::post(url)
        .header("content-type", content_type)
        .header("idempotency-key", format!("{key}-{digest:032x}"))
        .body(body)
        .send()
}

tidegate_sdk::export_destination!(Webhook);

#[cfg(test)]
mod tests;
