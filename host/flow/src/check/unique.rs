//! Whether rows differ: each is remembered by a number of 128 bits, and equal numbers are equal rows.
//!
//! With 128 bits, two of a thousand million rows that differ have one number with a chance of one in 10^20. What does not fit
//! the memory is not decided, and that is a failure. At a checkpoint the numbers that came since the last one are written to
//! the artifact store, so that a checkpoint stays small; a resumed attempt reads them back.

use std::fmt::Write as _;
use std::hash::Hasher;

use arrow_array::{Array, RecordBatch};
use arrow_buffer::NullBuffer;
use arrow_row::{RowConverter, SortField};
use arrow_schema::Schema;
use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher13};
use tidegate_core::Result;
use tidegate_core::port::{Check, Verdict};

use super::{KeyStore, column, remembered, restored, verdict};
use crate::error::FlowError;

/// What a row takes: its number, and as much again while the list grows.
const BYTES_A_ROW: u64 = 32;

const NUMBER_BYTES: usize = 16;

/// What a checkpoint holds of it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    /// Rows, with those that are not compared.
    rows: u64,
    /// Whether there were too many.
    full: bool,
    /// Where the numbers lie, in the artifact store.
    parts: Vec<String>,
}

/// Remembers every row.
pub(super) struct Unique {
    names: String,
    places: Vec<usize>,
    converter: RowConverter,
    most: usize,
    keys: Option<KeyStore>,
    numbers: Vec<u128>,
    /// How many of the numbers lie in `state.parts`.
    saved: usize,
    state: State,
}

impl Unique {
    pub(super) fn new(
        columns: &[String],
        memory_bytes: u64,
        loaded: &Schema,
        keys: Option<KeyStore>,
    ) -> Result<Self, FlowError> {
        let mut places = Vec::new();
        let mut fields = Vec::new();
        for name in columns {
            let (place, data_type) = column(name, loaded)?;
            places.push(place);
            fields.push(SortField::new(data_type.clone()));
        }
        let names = columns.join("`, `");
        let converter = RowConverter::new(fields).map_err(|error| FlowError::Unchecked {
            why: format!("values of `{names}` cannot be compared: {error}"),
            hint: "name columns of plain values".into(),
        })?;
        Ok(Self {
            names,
            places,
            converter,
            most: usize::try_from(memory_bytes / BYTES_A_ROW).unwrap_or(usize::MAX),
            keys,
            numbers: Vec::new(),
            saved: 0,
            state: State::default(),
        })
    }

    fn look(&mut self, batch: &RecordBatch) -> Result<(), FlowError> {
        self.state.rows += batch.num_rows() as u64;
        if self.state.full {
            return Ok(());
        }
        let columns: Vec<_> = self
            .places
            .iter()
            .map(|place| batch.column(*place).clone())
            .collect();
        let missing = columns.iter().fold(None, |missing: Option<NullBuffer>, values| {
            NullBuffer::union(missing.as_ref(), values.logical_nulls().as_ref())
        });
        // The values of a row stand one behind the other in one buffer, in a form in which equal rows are equal bytes.
        let rows = self.converter.convert_columns(&columns)?;
        for (row, bytes) in rows.iter().enumerate() {
            if missing.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                continue;
            }
            if self.numbers.len() >= self.most {
                self.state.full = true;
                self.numbers = Vec::new();
                self.saved = 0;
                self.state.parts.clear();
                return Ok(());
            }
            // Without a key of its own: another process has to come to the same number.
            let mut hasher = SipHasher13::new();
            hasher.write(bytes.as_ref());
            self.numbers.push(hasher.finish128().as_u128());
        }
        Ok(())
    }

    /// Writes the numbers that were not written yet.
    async fn save(&mut self) -> Result<()> {
        let fresh = &self.numbers[self.saved..];
        let Some(keys) = self.keys.as_ref().filter(|_| !fresh.is_empty()) else {
            return Ok(());
        };
        let mut bytes = Vec::with_capacity(fresh.len() * NUMBER_BYTES);
        for number in fresh {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let mut name = keys.prefix.clone();
        let _ = write!(name, "-{:05}.keys", self.state.parts.len());
        keys.artifacts.put(&name, Bytes::from(bytes)).await?;
        self.state.parts.push(name);
        self.saved = self.numbers.len();
        Ok(())
    }
}

#[async_trait]
impl Check for Unique {
    async fn observe(&mut self, batch: &RecordBatch, _sequence: u64) -> Result<()> {
        Ok(self.look(batch)?)
    }

    async fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        self.save().await?;
        Ok(Some(remembered(&self.state)?))
    }

    async fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.state = restored(state)?;
        let lost = |name: &str| FlowError::Checkpoint(format!("`{name}` is not there any more"));
        for name in &self.state.parts {
            let keys = self.keys.as_ref().ok_or_else(|| lost(name))?;
            let bytes = keys.artifacts.get(name).await?.ok_or_else(|| lost(name))?;
            let (numbers, rest) = bytes.as_chunks::<NUMBER_BYTES>();
            if !rest.is_empty() {
                return Err(FlowError::Checkpoint(format!("`{name}` was cut off")).into());
            }
            self.numbers
                .extend(numbers.iter().map(|bytes| u128::from_le_bytes(*bytes)));
        }
        self.saved = self.numbers.len();
        Ok(())
    }

    async fn verdict(&mut self) -> Result<Verdict> {
        let rows = self.state.rows;
        if self.state.full {
            let message = format!(
                "more than {} rows do not fit its memory, so whether `{}` is unique is not known: \
                 write more `limits: {{memory: …}}`",
                self.most, self.names
            );
            return Ok(verdict(false, message, vec![("rows", rows as f64)]));
        }
        let mut numbers = std::mem::take(&mut self.numbers);
        // Sorting takes a second for ten million rows, which is no time to hold up the runtime.
        let repeated = tokio::task::spawn_blocking(move || {
            numbers.sort_unstable();
            numbers.windows(2).filter(|pair| pair[0] == pair[1]).count()
        })
        .await
        .map_err(|_| FlowError::Lost("check"))?;
        let message = if repeated == 0 {
            format!("none of {rows} rows repeats the `{}` of another", self.names)
        } else {
            format!("{repeated} of {rows} rows repeat the `{}` of another", self.names)
        };
        let measures = vec![("failed", repeated as f64), ("rows", rows as f64)];
        Ok(verdict(repeated == 0, message, measures))
    }
}
