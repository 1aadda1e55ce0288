//! A server, asked over HTTP through the `clickhouse` crate: statements, rows, inserts; what may pass is tried again.

use std::time::Duration;

use bytes::Bytes;
use clickhouse::query::BytesCursor;
use clickhouse::{Client, Compression};
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};

use super::config::{ResourceConfig, Transport};
use super::error::{ClickHouseError, Result};
use super::failure::Class;
use super::types::Calendar;

/// The oldest server that has all that is asked of one: LTS of August 2023.
const OLDEST: (u32, u32) = (23, 8);
/// How long a statement that may pass is waited for between tries: a server that restarts is back by then.
const DELAYS_MS: [u64; 8] = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000];
/// How long an insert waits where parts are too many; merges take their time, and failing would only bring more parts.
const TOO_MANY_PARTS_DELAY_MS: u64 = 2_000;
/// How often it waits so.
const TOO_MANY_PARTS_TRIES: usize = 60;
/// The longest answer that is taken in one piece.
const ANSWER_BYTES: u64 = 64 << 20;

/// A connection to one database of a server, and what the server can do.
#[derive(Clone)]
pub(super) struct Server {
    client: Client,
    url: String,
    timeout: Duration,
    /// Whether what may pass is tried again.
    patient: bool,
}

impl Server {
    /// The server of a resource. Connects to nothing yet.
    pub(super) fn new(resource: &ResourceConfig) -> Self {
        let compression = match resource.transport() {
            Transport::Plain => Compression::None,
            Transport::Lz4 => Compression::Lz4,
        };
        let mut client = Client::default()
            .with_url(&resource.url)
            .with_database(&resource.database)
            .with_user(&resource.user)
            .with_compression(compression)
            .with_product_info("tidegate", env!("CARGO_PKG_VERSION"));
        if let Some(password) = &resource.password {
            client = client.with_password(password);
        }
        for (name, value) in &resource.settings {
            client = client.with_setting(name, setting(value));
        }
        Self {
            client,
            url: resource.url.clone(),
            timeout: Duration::from_millis(resource.timeout.0),
            patient: true,
        }
    }

    /// The same, which asks only once.
    pub(super) fn hurried(self) -> Self {
        Self {
            patient: false,
            ..self
        }
    }

    /// The version, and which days the server knows; fails where it is too old, unreachable, or the login is wrong.
    pub(super) async fn greet(&self) -> Result<(String, Calendar)> {
        // Nothing that an old server does not know: it must be able to say how old it is.
        let version = self.text("SELECT version()").await?;
        let mut numbers = version
            .trim()
            .split('.')
            .map(|part| part.parse::<u32>().unwrap_or(0));
        let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if found < OLDEST {
            return Err(ClickHouseError::TooOld {
                url: self.url.clone(),
                version: version.trim().to_owned(),
                oldest: format!("{}.{}", OLDEST.0, OLDEST.1),
            });
        }
        let calendar = Calendar::of_answer(&self.text(Calendar::QUESTION).await?);
        Ok((version.trim().to_owned(), calendar))
    }

    /// Runs a statement that may be repeated without harm.
    pub(super) async fn execute(&self, sql: &str) -> Result<()> {
        self.persist(|| self.execute_once(sql)).await
    }

    /// Runs a statement once: after an error that says nothing of whether it ran, the caller has to look.
    pub(super) async fn execute_once(&self, sql: &str) -> Result<()> {
        let run = self.client.query_raw(sql).execute();
        self.within(async { run.await.map_err(|error| self.error(&error)) })
            .await
    }

    /// The answer's text.
    pub(super) async fn text(&self, sql: &str) -> Result<String> {
        let bytes = self.persist(|| self.answer(sql, "TabSeparated")).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The answer's rows, each a map of its columns.
    pub(super) async fn rows<T: DeserializeOwned>(&self, sql: &str) -> Result<Vec<T>> {
        let bytes = self.persist(|| self.answer(sql, "JSONEachRow")).await?;
        serde_json::Deserializer::from_slice(&bytes)
            .into_iter::<T>()
            .collect::<Result<_, _>>()
            .map_err(|error| ClickHouseError::Answer {
                url: self.url.clone(),
                reason: error.to_string(),
            })
    }

    async fn answer(&self, sql: &str, format: &str) -> Result<Bytes> {
        let mut query = self.client.query_raw(sql);
        if format == "JSONEachRow" {
            // Counts are numbers, not text.
            query = query.with_setting("output_format_json_quote_64bit_integers", "0");
        }
        let read = async {
            let mut cursor = query.fetch_bytes(format).map_err(|error| self.error(&error))?;
            let mut answer = Vec::new();
            while let Some(chunk) = cursor.next().await.map_err(|error| self.error(&error))? {
                answer.extend_from_slice(&chunk);
                if answer.len() as u64 > ANSWER_BYTES {
                    return Err(ClickHouseError::Answer {
                        url: self.url.clone(),
                        reason: format!("it is longer than {ANSWER_BYTES} bytes"),
                    });
                }
            }
            Ok(Bytes::from(answer))
        };
        self.within(read).await
    }

    /// Inserts a block under a token: however often it arrives, the table takes it once, as long as the token is in its
    /// deduplication window.
    pub(super) async fn insert(&self, sql: &str, token: &str, body: &Bytes) -> Result<()> {
        self.persist(|| async {
            let mut insert = self
                .client
                .insert_formatted_with(sql)
                .with_setting("insert_deduplicate", "1")
                // A value that is missing where none may be is an error, not an empty one.
                .with_setting("input_format_null_as_default", "0")
                .with_setting("insert_deduplication_token", token)
                // One block a part, however the stream is cut (https://clickhouse.com/docs/operations/settings/settings).
                .with_setting("min_insert_block_size_rows", "0")
                .with_setting("min_insert_block_size_bytes", "1073741824")
                .with_timeouts(Some(self.timeout), Some(self.timeout));
            let send = async {
                for start in (0..body.len()).step_by(SEND_BYTES) {
                    insert
                        .send(body.slice(start..body.len().min(start + SEND_BYTES)))
                        .await?;
                }
                insert.end().await
            };
            send.await.map_err(|error| self.error(&error))
        })
        .await
    }

    /// Starts a query whose answer is a stream of Arrow batches, not compressed. Nothing of it is repeated.
    pub(super) fn arrow_stream(&self, sql: &str, settings: &[(&str, &str)]) -> Result<BytesCursor> {
        let mut query = self
            .client
            .query_raw(sql)
            .with_setting("output_format_arrow_compression_method", "none");
        for (name, value) in settings {
            query = query.with_setting(*name, *value);
        }
        query
            .fetch_bytes("ArrowStream")
            .map_err(|error| self.error(&error))
    }

    /// How long the server may keep silent.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A try that did not answer in time, as an error.
    pub(super) fn timed_out(&self) -> ClickHouseError {
        ClickHouseError::Timeout {
            url: self.url.clone(),
            timeout_ms: self.timeout.as_millis() as u64,
        }
    }

    /// What the crate says of a try.
    pub(super) fn error(&self, error: &clickhouse::error::Error) -> ClickHouseError {
        use clickhouse::error::Error;
        match error {
            Error::BadResponse(text) => match code(text) {
                Some(code) => ClickHouseError::server(code, text),
                None => ClickHouseError::Answer {
                    url: self.url.clone(),
                    reason: text.chars().take(200).collect(),
                },
            },
            Error::TimedOut => self.timed_out(),
            other => ClickHouseError::Network {
                url: self.url.clone(),
                reason: root_cause(other),
            },
        }
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        timeout(self.timeout, work)
            .await
            .unwrap_or_else(|_| Err(self.timed_out()))
    }

    /// Tries until it works, it will never work, or patience ends.
    async fn persist<T, F: Future<Output = Result<T>>>(&self, attempt: impl Fn() -> F) -> Result<T> {
        let (mut tries, mut crowded) = (0, 0);
        loop {
            let error = match attempt().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let delay_ms = match error.class() {
                _ if !self.patient => return Err(error),
                Class::TooManyParts if crowded < TOO_MANY_PARTS_TRIES => {
                    crowded += 1;
                    TOO_MANY_PARTS_DELAY_MS
                }
                class if class.passes() && tries < DELAYS_MS.len() => {
                    tries += 1;
                    DELAYS_MS[tries - 1]
                }
                _ => return Err(error),
            };
            sleep(Duration::from_millis(delay_ms)).await;
        }
    }
}

/// What is handed to the connection at once.
const SEND_BYTES: usize = 256 << 10;

/// The number behind `Code:`.
fn code(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("Code:")?;
    let digits: String = rest
        .trim_start()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

/// A setting's value as a URL carries it.
fn setting(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Bool(flag) => u8::from(*flag).to_string(),
        other => other.to_string(),
    }
}

/// The innermost of an error's causes: `connection refused`, not what was being done.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_the_number_that_the_server_gives() {
        assert_eq!(code("Code: 252. DB::Exception: Too many parts"), Some(252));
        assert_eq!(code("Bad Gateway"), None);
    }
}
