//! An instance that takes over from another at a batch's end goes on as if nothing had happened.

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use tidegate_core::port::Transform as _;

use super::{Case, counted};
use crate::conformance::difference::between;
use crate::conformance::finding::{Seen, Verdict};
use crate::conformance::run::{Came, Going, Stopped};

/// Into how many batches an example of one batch is cut.
const PIECES: usize = 4;

/// More boundaries than these of one example are not tried.
const MAX_BOUNDARIES: usize = 16;

impl Case<'_> {
    /// A break at each boundary, against a run without one.
    pub(super) async fn resume(&self) -> Verdict {
        let batches = self.pieces()?;
        if batches.len() < 2 {
            return Ok(Seen::Skipped("the example has fewer than two rows".into()));
        }
        let unbroken = self.run(&batches).await.map_err(|stopped| stopped.to_string())?;
        let (mut largest_bytes, mut boundaries) = (None, 0);
        for boundary in 1..batches.len().min(MAX_BOUNDARIES + 1) {
            let (found, state_bytes) = self
                .broken(&batches, boundary)
                .await
                .map_err(|stopped| format!("taken over behind batch {}: {stopped}", boundary - 1))?;
            if let Some(difference) = between(&unbroken, &found) {
                return Err(format!("taken over behind batch {}: {difference}", boundary - 1));
            }
            largest_bytes = largest_bytes.max(state_bytes);
            boundaries += 1;
        }
        Ok(Seen::Passed(match largest_bytes {
            Some(bytes) => format!("{}, {bytes} bytes of state", counted(boundaries, "break")),
            None => format!("{}, no state", counted(boundaries, "break")),
        }))
    }

    /// One instance up to a boundary, another from there on; and how large the state was.
    async fn broken(
        &self,
        batches: &[RecordBatch],
        boundary: usize,
    ) -> Result<(Came, Option<usize>), Stopped> {
        let mut first = Going::new(self.subject, self.config, self.schema, 0, 0).await?;
        let mut rows = 0;
        for batch in &batches[..boundary] {
            first.process(batch).await?;
            rows += batch.num_rows();
        }
        let state = first.transform.snapshot().await?;
        let before = first.came()?;
        // Another seed: what is not in the state must not matter.
        let mut second = Going::new(self.subject, self.config, self.schema, 1, rows).await?;
        if let Some(state) = &state {
            second.transform.restore(state).await?;
        }
        for batch in &batches[boundary..] {
            second.process(batch).await?;
        }
        let after = second.finish().await?;
        let rows = concat_batches(&before.rows.schema(), [&before.rows, &after.rows])
            .map_err(|error| Stopped::Rule(error.to_string()))?;
        let mut counts = before.counts;
        counts += after.counts;
        let came = Came {
            rows,
            refused: before.refused.into_iter().chain(after.refused).collect(),
            counts,
        };
        Ok((came, state.map(|state| state.len())))
    }

    /// The example's batches; of an example of one batch, that cut.
    fn pieces(&self) -> Result<Vec<RecordBatch>, String> {
        if self.input.len() > 1 {
            return Ok(self.input.to_vec());
        }
        let rows = self.rows()?;
        let size = rows.num_rows().div_ceil(PIECES).max(1);
        let starts = (0..rows.num_rows()).step_by(size);
        Ok(starts
            .map(|first| rows.slice(first, size.min(rows.num_rows() - first)))
            .collect())
    }
}
