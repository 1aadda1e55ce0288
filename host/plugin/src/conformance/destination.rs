//! The cases of a destination, made from an example. What the other side then holds is not looked at, but what the
//! destination says of it.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use serde_json::Value;
use tidegate_core::Error;

use super::configs;
use super::example::{Expected, ReceiptDecl};
use super::finding::{Finding, Seen, Verdict};
use super::subject::{Subject, is_fault};
use super::writer::{Receipt, Writer};

/// An example of a destination.
pub(crate) struct Case<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) config: &'a Value,
    pub(crate) schema: &'a SchemaRef,
    pub(crate) input: &'a [RecordBatch],
}

impl Case<'_> {
    /// Every case; a fault's example has only its own.
    pub(crate) async fn findings(&self, example: &str, expected: &Expected<ReceiptDecl>) -> Vec<Finding> {
        let new = |case, verdict| Finding::new(example, case, verdict);
        let expected = match expected {
            Expected::Fault(words) => return vec![new("fault", self.fault(words).await)],
            Expected::Answer(expected) => expected,
        };
        let with_config =
            async |config: &Value| Writer::open(self.subject, config, self.schema, "t-0", None).await;
        let text = |error: Error| error.to_string();
        vec![
            new("output", self.output(expected).await),
            new(
                "unknown config key",
                configs::unknown_key(self.config, with_config).await,
            ),
            new("wrong config", configs::wrong(self.config, with_config).await),
            new("no rows", self.no_rows().await.map_err(text)),
            new("abort", self.abort().await.map_err(text)),
            new("repeated write", self.repeated_write(expected).await),
            new("repeated commit", self.repeated_commit().await),
            new("repeated load", self.repeated_load(expected).await),
            new("resume", self.resume(expected).await),
        ]
    }

    /// Opens the writer of a load.
    async fn open(&self, load: &str, staged: Option<Vec<u8>>) -> Result<Writer, Error> {
        Writer::open(self.subject, self.config, self.schema, load, staged).await
    }

    /// Writes batches, each so many times under its token.
    async fn write(&self, writer: &mut Writer, load: &str, from: usize, times: usize) -> Result<(), Error> {
        for (index, batch) in self.input.iter().enumerate().skip(from) {
            for _ in 0..times {
                writer.write(batch, &format!("{load}-{index}")).await?;
            }
        }
        Ok(())
    }

    async fn load(&self, load: &str, times: usize) -> Result<Receipt, Error> {
        let mut writer = self.open(load, None).await?;
        self.write(&mut writer, load, 0, times).await?;
        writer.commit().await
    }

    async fn output(&self, expected: &ReceiptDecl) -> Verdict {
        rows("", expected, self.load("t-output", 1).await)?;
        Ok(Seen::passed())
    }

    async fn fault(&self, words: &str) -> Verdict {
        match self.load("t-fault", 1).await {
            Ok(receipt) => Err(format!(
                "expected a fault with `{words}`, and {} rows were loaded",
                receipt.rows
            )),
            Err(error) if is_fault(&error) && error.message.contains(words) => Ok(Seen::passed()),
            Err(error) => Err(format!("expected a fault with `{words}`, found {error}")),
        }
    }

    /// A load of nothing, and one of batches without rows.
    async fn no_rows(&self) -> Result<Seen, Error> {
        self.open("t-nothing", None).await?.commit().await?;
        let mut writer = self.open("t-empty", None).await?;
        writer
            .write(&RecordBatch::new_empty(self.schema.clone()), "t-empty-0")
            .await?;
        writer.commit().await?;
        Ok(Seen::passed())
    }

    /// A load that is given up, before the first batch and behind the last.
    async fn abort(&self) -> Result<Seen, Error> {
        self.open("t-aborted", None).await?.abort().await?;
        let mut writer = self.open("t-aborted", None).await?;
        self.write(&mut writer, "t-aborted", 0, 1).await?;
        writer.abort().await?;
        Ok(Seen::passed())
    }

    /// Every batch twice under its token: the rows of one.
    async fn repeated_write(&self, expected: &ReceiptDecl) -> Verdict {
        rows(
            "with every write repeated: ",
            expected,
            self.load("t-repeated", 2).await,
        )?;
        Ok(Seen::passed())
    }

    /// A second commit answers what the first did.
    async fn repeated_commit(&self) -> Verdict {
        let text = |error: Error| error.to_string();
        let mut writer = self.open("t-twice", None).await.map_err(text)?;
        self.write(&mut writer, "t-twice", 0, 1).await.map_err(text)?;
        let first = writer.commit().await.map_err(text)?;
        let second = writer
            .commit()
            .await
            .map_err(|error| format!("the second commit: {error}"))?;
        if first != second {
            return Err(format!("the second commit: expected {first:?}, found {second:?}"));
        }
        Ok(Seen::passed())
    }

    /// The whole load again, by another instance under the same tokens, as after a crash behind the commit.
    async fn repeated_load(&self, expected: &ReceiptDecl) -> Verdict {
        for _ in 0..2 {
            rows("the same load again: ", expected, self.load("t-again", 1).await)?;
        }
        Ok(Seen::passed())
    }

    /// Another instance goes on behind each batch, with what was staged there.
    async fn resume(&self, expected: &ReceiptDecl) -> Verdict {
        let mut staged_bytes = None;
        for boundary in 0..=self.input.len() {
            let load = format!("t-resumed-{boundary}");
            let when = format!("taken over in front of batch {boundary}: ");
            let (state, receipt) = self
                .broken(&load, boundary)
                .await
                .map_err(|error| format!("{when}{error}"))?;
            rows(&when, expected, Ok(receipt))?;
            staged_bytes = staged_bytes.max(state);
        }
        Ok(Seen::Passed(match staged_bytes {
            Some(bytes) => format!("{bytes} bytes staged"),
            None => "cannot hold back, so every load began anew".into(),
        }))
    }

    async fn broken(&self, load: &str, boundary: usize) -> Result<(Option<usize>, Receipt), Error> {
        let mut first = self.open(load, None).await?;
        for (index, batch) in self.input[..boundary].iter().enumerate() {
            first.write(batch, &format!("{load}-{index}")).await?;
        }
        let staged = first.stage().await?;
        let bytes = staged.as_ref().map(Vec::len);
        // Where nothing could be staged, the load is written from its first batch, under the same tokens.
        let from = if staged.is_some() { boundary } else { 0 };
        let mut second = self.open(load, staged).await?;
        self.write(&mut second, load, from, 1).await?;
        Ok((bytes, second.commit().await?))
    }
}

/// Whether as many rows were loaded as must be.
fn rows(when: &str, expected: &ReceiptDecl, receipt: Result<Receipt, Error>) -> Result<(), String> {
    let receipt = receipt.map_err(|error| format!("{when}{error}"))?;
    if receipt.rows != expected.rows {
        return Err(format!(
            "{when}expected {} rows loaded, found {}",
            expected.rows, receipt.rows
        ));
    }
    Ok(())
}
