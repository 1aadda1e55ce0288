//! Batches that an author did not think of: none, one and many rows, nothing but nulls, slices, other cuts.

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use tidegate_core::batch::DEFAULT_BATCH_ROWS;
use tidegate_core::port::Transform as _;

use super::{Case, counted};
use crate::conformance::difference::between;
use crate::conformance::finding::{Seen, Verdict};
use crate::conformance::run::{Going, Stopped, run};
use crate::conformance::subject::is_fault;

const NO_ROWS: &str = "the example has no rows";

impl Case<'_> {
    /// A batch without rows, alone and between those of the example: nothing is there to be refused.
    pub(super) async fn no_rows(&self) -> Verdict {
        let empty = RecordBatch::new_empty(self.schema.clone());
        self.run(std::slice::from_ref(&empty))
            .await
            .map_err(|stopped| stopped.to_string())?;
        let plain = self
            .run(self.input)
            .await
            .map_err(|stopped| stopped.to_string())?;
        let between_them = self.input.iter().flat_map(|batch| [empty.clone(), batch.clone()]);
        let batches: Vec<RecordBatch> = between_them.chain([empty.clone()]).collect();
        let found = self.run(&batches).await.map_err(|stopped| stopped.to_string())?;
        same(between(&plain, &found), "with empty batches between")
    }

    /// The first row alone.
    pub(super) async fn one_row(&self) -> Verdict {
        let rows = self.rows()?;
        if rows.num_rows() == 0 {
            return Ok(Seen::Skipped(NO_ROWS.into()));
        }
        self.run(&[rows.slice(0, 1)])
            .await
            .map_err(|stopped| stopped.to_string())?;
        Ok(Seen::passed())
    }

    /// As many rows as a batch has unless told: the example's, over and over.
    pub(super) async fn many_rows(&self) -> Verdict {
        let rows = self.rows()?;
        if rows.num_rows() == 0 {
            return Ok(Seen::Skipped(NO_ROWS.into()));
        }
        let indices: UInt32Array = (0..DEFAULT_BATCH_ROWS)
            .map(|row| (row % rows.num_rows()) as u32)
            .collect();
        let many = take_record_batch(&rows, &indices).map_err(|error| error.to_string())?;
        let came = self.run(&[many]).await.map_err(|stopped| stopped.to_string())?;
        Ok(Seen::Passed(format!(
            "{DEFAULT_BATCH_ROWS} rows: {} out, {} refused",
            came.counts.rows_out(),
            came.counts.rejected
        )))
    }

    /// Every value missing that may be. A plugin may refuse the rows, or the batch, with its own words.
    pub(super) async fn nulls(&self) -> Verdict {
        let rows = self.rows()?;
        let nullable = self
            .schema
            .fields()
            .iter()
            .filter(|field| field.is_nullable())
            .count();
        if nullable == 0 || rows.num_rows() == 0 {
            let why = if nullable == 0 {
                "no column is nullable"
            } else {
                NO_ROWS
            };
            return Ok(Seen::Skipped(why.into()));
        }
        let columns: Vec<ArrayRef> = self
            .schema
            .fields()
            .iter()
            .zip(rows.columns())
            .map(|(field, column)| {
                if field.is_nullable() {
                    new_null_array(field.data_type(), rows.num_rows())
                } else {
                    column.clone()
                }
            })
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let nulls = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options);
        match self.run(&[nulls.map_err(|error| error.to_string())?]).await {
            Ok(came) if came.counts.rejected > 0 => Ok(Seen::Passed(format!(
                "{} refused",
                counted(came.refused.len(), "row")
            ))),
            Ok(_) => Ok(Seen::passed()),
            Err(Stopped::Plugin(error)) if is_fault(&error) => {
                Ok(Seen::Passed("the batch is refused".into()))
            }
            Err(stopped) => Err(stopped.to_string()),
        }
    }

    /// The same rows cut out of larger arrays.
    pub(super) async fn sliced(&self) -> Verdict {
        let mut slices = Vec::new();
        for batch in self.input.iter().filter(|batch| batch.num_rows() > 0) {
            let padded = concat_batches(self.schema, [&batch.slice(0, 1), batch, &batch.slice(0, 1)]);
            slices.push(
                padded
                    .map_err(|error| error.to_string())?
                    .slice(1, batch.num_rows()),
            );
        }
        if slices.is_empty() {
            return Ok(Seen::Skipped(NO_ROWS.into()));
        }
        let whole: Vec<RecordBatch> = self
            .input
            .iter()
            .filter(|batch| batch.num_rows() > 0)
            .cloned()
            .collect();
        let plain = self.run(&whole).await.map_err(|stopped| stopped.to_string())?;
        let found = self.run(&slices).await.map_err(|stopped| stopped.to_string())?;
        same(between(&plain, &found), "of slices")
    }

    /// The same rows cut into batches elsewhere: of a transform without state, the same comes of them in all.
    pub(super) async fn split(&self) -> Verdict {
        let rows = self.rows()?;
        if rows.num_rows() < 2 {
            return Ok(Seen::Skipped("the example has fewer than two rows".into()));
        }
        let mut going = Going::new(self.subject, self.config, self.schema, 0, 0)
            .await
            .map_err(|stopped| stopped.to_string())?;
        for batch in self.input {
            going
                .process(batch)
                .await
                .map_err(|stopped| stopped.to_string())?;
        }
        let state = going
            .transform
            .snapshot()
            .await
            .map_err(|error| error.to_string())?;
        if state.is_some() {
            return Ok(Seen::Skipped("it has state, and may go by batches".into()));
        }
        let plain = going.finish().await.map_err(|stopped| stopped.to_string())?;
        for size in [1, 2, rows.num_rows()] {
            let batches: Vec<RecordBatch> = (0..rows.num_rows())
                .step_by(size)
                .map(|first| rows.slice(first, size.min(rows.num_rows() - first)))
                .collect();
            let found = self.run(&batches).await.map_err(|stopped| stopped.to_string())?;
            same(
                between(&plain, &found),
                &format!("in batches of {}", counted(size, "row")),
            )?;
        }
        Ok(Seen::passed())
    }

    /// Twice the same, and once at another time with other random numbers: the same comes of it.
    pub(super) async fn deterministic(&self) -> Verdict {
        let plain = self
            .run(self.input)
            .await
            .map_err(|stopped| stopped.to_string())?;
        for (seed, what) in [
            (0, "the second time"),
            (1, "at another time, with other random numbers"),
        ] {
            let found = run(self.subject, self.config, self.schema, self.input, seed).await;
            same(
                between(&plain, &found.map_err(|stopped| stopped.to_string())?),
                what,
            )?;
        }
        Ok(Seen::passed())
    }
}

fn same(difference: Option<String>, when: &str) -> Verdict {
    match difference {
        Some(difference) => Err(format!("{when}: {difference}")),
        None => Ok(Seen::passed()),
    }
}
