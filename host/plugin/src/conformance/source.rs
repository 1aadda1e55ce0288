//! The cases of a source, made from an example.

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use tidegate_core::batch::DEFAULT_BATCH_ROWS;
use tidegate_core::port::{Cursor, Source as _};
use tidegate_core::schema::Column;
use tidegate_core::{Error, Kind};

use super::configs;
use super::difference::{from_expected, rows};
use super::example::{Expected, Rows};
use super::finding::{Finding, Seen, Verdict};
use super::subject::{Subject, is_fault};
use crate::source::{PluginSource, SourceRequest, Stream, check_source, discover};

/// Cursors of one example that are gone on from.
const MAX_CURSORS: usize = 32;

/// Rows that are read at most: an example is finite, and a source need not be.
const MAX_ROWS: usize = 100_000;

/// An example of a source.
pub(crate) struct Case<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) config: &'a Value,
    pub(crate) stream: &'a str,
    pub(crate) cursor: Option<&'a str>,
}

impl Case<'_> {
    /// Every case; a fault's example has only its own.
    pub(crate) async fn findings(&self, example: &str, expected: &Expected<Rows>) -> Vec<Finding> {
        let new = |case, verdict| Finding::new(example, case, verdict);
        let expected = match expected {
            Expected::Fault(words) => return vec![new("fault", self.fault(words).await)],
            Expected::Answer(expected) => expected,
        };
        let with_config = async |config: &Value| {
            let tried = self.subject.tried(0);
            check_source(self.subject.opening(&tried, "source"), config).await?;
            discover(self.subject.opening(&tried, "source"), config).await
        };
        vec![
            new("output", self.output(expected).await),
            new(
                "unknown config key",
                configs::unknown_key(self.config, with_config).await,
            ),
            new("wrong config", configs::wrong(self.config, with_config).await),
            new("columns", self.columns().await),
            new("small pages", self.small_pages().await),
            new("resume", self.resume().await),
        ]
    }

    /// The stream, with every column that it says it has.
    async fn found(&self) -> Result<Stream, Error> {
        let tried = self.subject.tried(0);
        check_source(self.subject.opening(&tried, "source"), self.config).await?;
        let streams = discover(self.subject.opening(&tried, "source"), self.config).await?;
        let names: Vec<String> = streams.iter().map(|stream| stream.name.clone()).collect();
        streams
            .into_iter()
            .find(|stream| stream.name == self.stream)
            .ok_or_else(|| {
                let message = format!(
                    "`discover` names no stream `{}`, but {}",
                    self.stream,
                    names.join(", ")
                );
                Error::new(Kind::Plugin, "plugin.contract", message)
            })
    }

    fn first_cursor(&self) -> Option<Cursor> {
        self.cursor.map(|text| Cursor(Value::String(BASE64.encode(text))))
    }

    /// Everything from a cursor on, with the cursor behind each batch.
    async fn read(
        &self,
        columns: &[Column],
        cursor: Option<&Cursor>,
        batch_rows: usize,
    ) -> Result<(RecordBatch, Vec<(usize, Cursor)>), Error> {
        let tried = self.subject.tried(0);
        let request = SourceRequest {
            config: self.config,
            stream: self.stream,
            columns,
            cursor,
            partition: None,
            batch_rows,
        };
        let mut source = PluginSource::open(self.subject.opening(&tried, "source"), request).await?;
        let (mut batches, mut cursors, mut read) = (Vec::new(), Vec::new(), 0);
        while let Some(page) = source.next().await? {
            read += page.batch.num_rows();
            batches.push(page.batch);
            cursors.push((read, page.cursor));
            if read > MAX_ROWS {
                let message =
                    format!("an example of more than {MAX_ROWS} rows is none; bound it with its config");
                return Err(Error::new(Kind::Plugin, "plugin.contract", message));
            }
        }
        let rows = concat_batches(&source.schema(), &batches)
            .map_err(|error| Error::new(Kind::Internal, "plugin.host", error.to_string()))?;
        Ok((rows, cursors))
    }

    async fn all(
        &self,
        batch_rows: usize,
    ) -> Result<(Vec<Column>, RecordBatch, Vec<(usize, Cursor)>), Error> {
        let stream = self.found().await?;
        let columns = Column::of_schema(&stream.schema).ok_or_else(|| {
            let message = format!(
                "`{}` has a column of a type that no schema has a word for",
                self.stream
            );
            Error::new(Kind::Plugin, "plugin.contract", message)
        })?;
        let (rows, cursors) = self
            .read(&columns, self.first_cursor().as_ref(), batch_rows)
            .await?;
        Ok((columns, rows, cursors))
    }

    async fn output(&self, expected: &Rows) -> Verdict {
        let (_, rows, _) = self
            .all(DEFAULT_BATCH_ROWS)
            .await
            .map_err(|error| error.to_string())?;
        match from_expected(&expected.rows, &rows) {
            Some(difference) => Err(difference),
            None => Ok(Seen::passed()),
        }
    }

    async fn fault(&self, words: &str) -> Verdict {
        match self.all(DEFAULT_BATCH_ROWS).await {
            Ok((_, rows, _)) => Err(format!(
                "expected a fault with `{words}`, and {} rows came out",
                rows.num_rows()
            )),
            Err(error) if is_fault(&error) && error.message.contains(words) => Ok(Seen::passed()),
            Err(error) => Err(format!("expected a fault with `{words}`, found {error}")),
        }
    }

    /// Each column alone, and all in the other order: the same values.
    async fn columns(&self) -> Verdict {
        let read = self
            .all(DEFAULT_BATCH_ROWS)
            .await
            .map_err(|error| error.to_string())?;
        let (columns, whole, _) = read;
        let mut choices: Vec<Vec<usize>> = (0..columns.len()).map(|index| vec![index]).collect();
        choices.push((0..columns.len()).rev().collect());
        for choice in choices {
            let wanted: Vec<Column> = choice.iter().map(|index| columns[*index].clone()).collect();
            let names: Vec<&str> = wanted.iter().map(|column| column.name.as_str()).collect();
            let when = format!("of the columns {}", names.join(", "));
            let found = self
                .read(&wanted, self.first_cursor().as_ref(), DEFAULT_BATCH_ROWS)
                .await;
            let (found, _) = found.map_err(|error| format!("{when}: {error}"))?;
            let part = whole.project(&choice).map_err(|error| error.to_string())?;
            if let Some(difference) = rows(&part, &found) {
                return Err(format!("{when}: {difference}"));
            }
        }
        Ok(Seen::passed())
    }

    /// A row at a time: the same rows in the same order.
    async fn small_pages(&self) -> Verdict {
        let (_, whole, _) = self
            .all(DEFAULT_BATCH_ROWS)
            .await
            .map_err(|error| error.to_string())?;
        for size in [1, 3] {
            let (_, found, _) = self.all(size).await.map_err(|error| error.to_string())?;
            if let Some(difference) = rows(&whole, &found) {
                return Err(format!("{size} rows at a time: {difference}"));
            }
        }
        Ok(Seen::passed())
    }

    /// Another instance goes on from each cursor: with the row behind the last one read.
    async fn resume(&self) -> Verdict {
        let (columns, whole, cursors) = self.all(1).await.map_err(|error| error.to_string())?;
        let resumable: Vec<_> = cursors.iter().filter(|(_, cursor)| !cursor.0.is_null()).collect();
        if resumable.is_empty() {
            return Ok(Seen::Skipped("it answers no cursor to go on from".into()));
        }
        for (read, cursor) in resumable.iter().take(MAX_CURSORS) {
            let when = format!("from the cursor behind row {}", read.saturating_sub(1));
            let found = self.read(&columns, Some(cursor), DEFAULT_BATCH_ROWS).await;
            let (found, _) = found.map_err(|error| format!("{when}: {error}"))?;
            let rest = whole.slice(*read, whole.num_rows() - read);
            if let Some(difference) = rows(&rest, &found) {
                return Err(format!("{when}: {difference}"));
            }
        }
        Ok(Seen::Passed(format!(
            "{} cursors",
            resumable.len().min(MAX_CURSORS)
        )))
    }
}
