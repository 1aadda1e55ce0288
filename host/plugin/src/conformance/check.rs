//! The cases of a check, made from an example.

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{Schema, SchemaRef};
use serde_json::Value;
use tidegate_core::Error;
use tidegate_core::port::{Check as _, Verdict as Said};

use super::example::{Expected, VerdictDecl};
use super::finding::{Finding, Seen, Verdict};
use super::subject::{Subject, is_fault};
use super::{columns, configs};
use crate::check::{PluginCheck, open_check};

/// An example of a check.
pub(crate) struct Case<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) config: &'a Value,
    pub(crate) schema: &'a SchemaRef,
    pub(crate) input: &'a [RecordBatch],
}

impl Case<'_> {
    /// Every case; a fault's example has only its own.
    pub(crate) async fn findings(&self, example: &str, expected: &Expected<VerdictDecl>) -> Vec<Finding> {
        let new = |case, verdict| Finding::new(example, case, verdict);
        let expected = match expected {
            Expected::Fault(words) => return vec![new("fault", self.fault(words).await)],
            Expected::Answer(expected) => expected,
        };
        let with_columns = async |shown: &Schema| self.bind(self.config, shown, 0).await;
        let with_config = async |config: &Value| self.bind(config, self.schema, 0).await;
        vec![
            new("output", self.output(expected).await),
            new(
                "missing column",
                columns::missing(self.schema, with_columns).await,
            ),
            new("extra column", columns::extra(self.schema, with_columns).await),
            new(
                "unknown config key",
                configs::unknown_key(self.config, with_config).await,
            ),
            new("wrong config", configs::wrong(self.config, with_config).await),
            new("no rows", self.no_rows().await),
            new("nulls", self.nulls().await),
            new("deterministic", self.deterministic().await),
            new("resume", self.resume().await),
        ]
    }

    async fn bind(&self, config: &Value, shown: &Schema, seed: u64) -> Result<PluginCheck, Error> {
        let reads: Vec<String> = shown.fields().iter().map(|field| field.name().clone()).collect();
        let tried = self.subject.tried(seed);
        open_check(self.subject.opening(&tried, "check 0"), config, &reads, shown).await
    }

    async fn said(&self, batches: &[RecordBatch], seed: u64) -> Result<Said, Error> {
        let mut check = self.bind(self.config, self.schema, seed).await?;
        for (sequence, batch) in batches.iter().enumerate() {
            check.observe(batch, sequence as u64).await?;
        }
        check.verdict().await
    }

    async fn output(&self, expected: &VerdictDecl) -> Verdict {
        let said = self
            .said(self.input, 0)
            .await
            .map_err(|error| error.to_string())?;
        if said.passed != expected.passed {
            return Err(format!(
                "expected passed: {}, found {} ({})",
                expected.passed, said.passed, said.message
            ));
        }
        for (name, wanted) in &expected.measures {
            let found = said.measures.iter().find(|(measured, _)| measured == name);
            match found {
                // An example names the number that it means; the bits tell it from others near it.
                Some((_, found)) if found.to_bits() == wanted.to_bits() => {}
                Some((_, found)) => {
                    return Err(format!("measure `{name}`: expected {wanted}, found {found}"));
                }
                None => return Err(format!("there is no measure `{name}`: {:?}", said.measures)),
            }
        }
        Ok(Seen::Passed(said.message))
    }

    async fn fault(&self, words: &str) -> Verdict {
        match self.said(self.input, 0).await {
            Ok(said) => Err(format!(
                "expected a fault with `{words}`, found the verdict {}",
                said.message
            )),
            Err(error) if is_fault(&error) && error.message.contains(words) => Ok(Seen::passed()),
            Err(error) => Err(format!("expected a fault with `{words}`, found {error}")),
        }
    }

    /// Nothing at all, and batches without rows between those of the example.
    async fn no_rows(&self) -> Verdict {
        let empty = RecordBatch::new_empty(self.schema.clone());
        for batches in [vec![], vec![empty.clone()]] {
            self.said(&batches, 0).await.map_err(|error| error.to_string())?;
        }
        let plain = self
            .said(self.input, 0)
            .await
            .map_err(|error| error.to_string())?;
        let mixed: Vec<_> = self
            .input
            .iter()
            .flat_map(|batch| [empty.clone(), batch.clone()])
            .collect();
        let found = self.said(&mixed, 0).await.map_err(|error| error.to_string())?;
        same(&plain, &found, "with empty batches between")?;
        Ok(Seen::passed())
    }

    /// Every value missing that may be.
    async fn nulls(&self) -> Verdict {
        let nullable = self.schema.fields().iter().any(|field| field.is_nullable());
        let rows: usize = self.input.iter().map(RecordBatch::num_rows).sum();
        if !nullable || rows == 0 {
            return Ok(Seen::Skipped("no value can be missing".into()));
        }
        let mut batches = Vec::new();
        for batch in self.input {
            let columns = self.schema.fields().iter().zip(batch.columns());
            let columns: Vec<ArrayRef> = columns
                .map(|(field, column)| {
                    if field.is_nullable() {
                        new_null_array(field.data_type(), batch.num_rows())
                    } else {
                        column.clone()
                    }
                })
                .collect();
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let nulls = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options);
            batches.push(nulls.map_err(|error| error.to_string())?);
        }
        match self.said(&batches, 0).await {
            Ok(said) => Ok(Seen::Passed(said.message)),
            Err(error) if is_fault(&error) => Ok(Seen::Passed("the batch is refused".into())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Twice the same, and once at another time with other random numbers: the same verdict.
    async fn deterministic(&self) -> Verdict {
        let plain = self
            .said(self.input, 0)
            .await
            .map_err(|error| error.to_string())?;
        for (seed, what) in [
            (0, "the second time"),
            (1, "at another time, with other random numbers"),
        ] {
            let found = self
                .said(self.input, seed)
                .await
                .map_err(|error| error.to_string())?;
            same(&plain, &found, what)?;
        }
        Ok(Seen::passed())
    }

    /// Another instance takes over at each batch's end: the same verdict.
    async fn resume(&self) -> Verdict {
        if self.input.len() < 2 {
            return Ok(Seen::Skipped("the example has fewer than two batches".into()));
        }
        let plain = self
            .said(self.input, 0)
            .await
            .map_err(|error| error.to_string())?;
        for boundary in 1..self.input.len() {
            let what = format!("taken over behind batch {}", boundary - 1);
            let found = self
                .broken(boundary)
                .await
                .map_err(|error| format!("{what}: {error}"))?;
            same(&plain, &found, &what)?;
        }
        Ok(Seen::passed())
    }

    async fn broken(&self, boundary: usize) -> Result<Said, Error> {
        let mut first = self.bind(self.config, self.schema, 0).await?;
        for (sequence, batch) in self.input[..boundary].iter().enumerate() {
            first.observe(batch, sequence as u64).await?;
        }
        let state = first.snapshot().await?;
        let mut second = self.bind(self.config, self.schema, 1).await?;
        if let Some(state) = &state {
            second.restore(state).await?;
        }
        for (sequence, batch) in self.input[boundary..].iter().enumerate() {
            second.observe(batch, sequence as u64).await?;
        }
        second.verdict().await
    }
}

fn same(expected: &Said, found: &Said, when: &str) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let text = |said: &Said| format!("passed: {}, {:?}, {}", said.passed, said.measures, said.message);
    Err(format!(
        "{when}: expected {}, found {}",
        text(expected),
        text(found)
    ))
}
