//! The cases of a transform, made from an example.

mod batches;
mod output;
mod resume;
mod types;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use serde_json::Value;

use super::example::{Expected, Rows};
use super::finding::Finding;
use super::run::{Came, Stopped, run};
use super::subject::Subject;
use super::{columns, configs};

/// An example of a transform.
pub(crate) struct Case<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) config: &'a Value,
    pub(crate) schema: &'a SchemaRef,
    pub(crate) input: &'a [RecordBatch],
}

impl Case<'_> {
    /// Every case. What is made of an example needs one that goes through, so a fault's has none.
    pub(crate) async fn findings(&self, example: &str, expected: &Expected<Rows>) -> Vec<Finding> {
        let expected = match expected {
            Expected::Fault(words) => {
                return vec![Finding::new(example, "fault", self.fault(words).await)];
            }
            Expected::Answer(expected) => expected,
        };
        let new = |case, verdict| Finding::new(example, case, verdict);
        let with_columns = async |shown: &Schema| self.subject.bind(self.config, shown, 0).await;
        let with_config = async |config: &Value| self.subject.bind(config, self.schema, 0).await;
        vec![
            new("output", self.output(expected).await),
            new(
                "missing column",
                columns::missing(self.schema, with_columns).await,
            ),
            new("extra column", columns::extra(self.schema, with_columns).await),
            new("every type", self.every_type().await),
            new(
                "unknown config key",
                configs::unknown_key(self.config, with_config).await,
            ),
            new("wrong config", configs::wrong(self.config, with_config).await),
            new("no rows", self.no_rows().await),
            new("one row", self.one_row().await),
            new("many rows", self.many_rows().await),
            new("nulls", self.nulls().await),
            new("sliced", self.sliced().await),
            new("split", self.split().await),
            new("deterministic", self.deterministic().await),
            new("resume", self.resume().await),
        ]
    }

    /// The input through a fresh instance.
    async fn run(&self, batches: &[RecordBatch]) -> Result<Came, Stopped> {
        run(self.subject, self.config, self.schema, batches, 0).await
    }

    /// The example's rows as one batch.
    fn rows(&self) -> Result<RecordBatch, String> {
        concat_batches(self.schema, self.input).map_err(|error| error.to_string())
    }
}

/// A number of things, for messages: `1 row`, `2 rows`.
fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
