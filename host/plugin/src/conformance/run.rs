//! Batches through one instance of a transform, and everything that came of them.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use serde_json::Value;
use tidegate_core::Error;
use tidegate_core::batch::{Processed, StepCounts};
use tidegate_core::port::Transform;

use super::subject::{ROW, Subject, numbered};
use crate::transform::PluginTransform;

/// A row that was refused: its place among all rows of the input, code and message.
pub(crate) type Refused = (usize, String, String);

/// What came of some batches.
#[derive(Debug)]
pub(crate) struct Came {
    /// All outputs, one behind the other.
    pub(crate) rows: RecordBatch,
    /// In the order of the rows.
    pub(crate) refused: Vec<Refused>,
    /// Of all batches.
    pub(crate) counts: StepCounts,
}

/// Why batches did not go through.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The plugin answered a fault, or broke a rule.
    Plugin(Error),
    /// What it answered does not add up.
    Rule(String),
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plugin(error) => write!(f, "{error}"),
            Self::Rule(why) => f.write_str(why),
        }
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Plugin(error)
    }
}

/// An instance with what came of it so far.
pub(crate) struct Going {
    pub(crate) transform: PluginTransform,
    outputs: Vec<RecordBatch>,
    refused: Vec<Refused>,
    counts: StepCounts,
    rows: usize,
    sequence: u64,
}

impl Going {
    /// A fresh instance, that begins with the row of this place.
    pub(crate) async fn new(
        subject: &Subject,
        config: &Value,
        schema: &SchemaRef,
        seed: u64,
        first: usize,
    ) -> Result<Self, Stopped> {
        Ok(Self {
            transform: subject.bind(config, schema, seed).await?,
            outputs: Vec::new(),
            refused: Vec::new(),
            counts: StepCounts::default(),
            rows: first,
            sequence: 0,
        })
    }

    /// One batch.
    pub(crate) async fn process(&mut self, batch: &RecordBatch) -> Result<(), Stopped> {
        let batch = numbered(batch, self.rows).map_err(Stopped::Rule)?;
        let rows = batch.num_rows();
        let done = self.transform.process(batch, self.sequence).await?;
        if done.counts.rows_in != rows as u64 {
            return Err(Stopped::Rule(format!(
                "{} of {rows} rows are accounted for",
                done.counts.rows_in
            )));
        }
        self.rows += rows;
        self.sequence += 1;
        self.take(done)
    }

    /// The end.
    pub(crate) async fn finish(mut self) -> Result<Came, Stopped> {
        let done = self.transform.finish().await?;
        self.take(done)?;
        self.came()
    }

    /// What came of the batches so far, without the end.
    pub(crate) fn came(mut self) -> Result<Came, Stopped> {
        self.refused.sort();
        let rows = concat_batches(&self.transform.output_schema(), &self.outputs)
            .map_err(|error| Stopped::Rule(error.to_string()))?;
        Ok(Came {
            rows,
            refused: self.refused,
            counts: self.counts,
        })
    }

    fn take(&mut self, done: Processed) -> Result<(), Stopped> {
        let counts = done.counts;
        let out: usize = done.outputs.iter().map(RecordBatch::num_rows).sum();
        let refused = done.rejects.as_ref().map_or(0, |rejects| rejects.rows.num_rows());
        if !counts.adds_up() || counts.rows_out() != out as u64 || counts.rejected != refused as u64 {
            return Err(Stopped::Rule(format!(
                "the rows do not add up: {counts:?}, and {out} rows went on and {refused} were refused"
            )));
        }
        if let Some(rejects) = &done.rejects {
            let rows = rejects.rows.column_by_name(ROW);
            let rows = rows.and_then(|rows| rows.as_primitive_opt::<Int64Type>());
            let rows = rows.ok_or_else(|| Stopped::Rule("the refused rows have no number".into()))?;
            for index in 0..rows.len() {
                self.refused.push((
                    usize::try_from(rows.value(index)).unwrap_or_default(),
                    rejects.codes.value(index).to_owned(),
                    rejects.messages.value(index).to_owned(),
                ));
            }
        }
        self.counts += counts;
        self.outputs.extend(done.outputs);
        Ok(())
    }
}

/// All batches through a fresh instance, to the end.
pub(crate) async fn run(
    subject: &Subject,
    config: &Value,
    schema: &SchemaRef,
    batches: &[RecordBatch],
    seed: u64,
) -> Result<Came, Stopped> {
    let mut going = Going::new(subject, config, schema, seed, 0).await?;
    for batch in batches {
        going.process(batch).await?;
    }
    going.finish().await
}
