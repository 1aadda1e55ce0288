//! Keeps the first row of each key: `reads`: the columns of the key, `writes` nothing. Later rows are filtered.
//!
//! A key of one column of numbers, dates or times is remembered as it is. Any other is remembered as its XXH3 hash of
//! 128 bits: among the most keys that can be held, a million, two different ones have the same hash with a probability
//! of 10^12 / 2^129, less than 2 in 10^27. XXH3 is not made to withstand somebody who chooses keys so that they
//! collide; where that is feared, make the key with `hash-columns` first.

mod key;
mod seen;

use key::{Keys, is_key_type};
use seen::{MAX_KEYS_LIMIT, Seen};
use tidegate_sdk::output::NONE;
use tidegate_sdk::prelude::*;

/// What the plugin may be told.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How many keys may be remembered: 1 to 1,000,000. One more is a fault.
    #[serde(default = "max_keys")]
    max_keys: usize,
    /// What becomes of rows in which a part of the key is missing.
    #[serde(default)]
    nulls: Nulls,
}

fn max_keys() -> usize {
    MAX_KEYS_LIMIT
}

/// What becomes of rows in which a part of the key is missing.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Nulls {
    /// All go on: they are not known to be the same.
    #[default]
    Keep,
    /// A missing value is like any other, as for SQL's DISTINCT.
    Equal,
    /// They are refused.
    Reject,
}

/// The bound transform.
pub struct Deduplicate {
    columns: usize,
    nulls: Nulls,
    seen: Seen,
}

impl Transform for Deduplicate {
    type Config = Config;

    fn bind(config: Config, input: &Input) -> Result<Self, Fault> {
        let fields = input.schema().fields();
        if fields.is_empty() {
            return Err(Fault::schema(
                "`reads` names no column, so no row would have a key",
            ));
        }
        if let Some(field) = fields.iter().find(|field| !is_key_type(field.data_type())) {
            let message = format!(
                "the column `{}` is {}, which cannot be a key",
                field.name(),
                field.data_type()
            );
            return Err(Fault::schema(message));
        }
        if !(1..=MAX_KEYS_LIMIT).contains(&config.max_keys) {
            let message = format!(
                "`max_keys` must be 1 to {MAX_KEYS_LIMIT}, and is {}",
                config.max_keys
            );
            return Err(Fault::config("/max_keys", message));
        }
        Ok(Self {
            columns: fields.len(),
            nulls: config.nulls,
            seen: Seen::new(config.max_keys),
        })
    }

    fn shape(&self) -> Shape {
        Shape::rows_only()
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        let columns: Vec<_> = (0..self.columns).map(|index| batch.column(index)).collect();
        let mut keys = Keys::new(&columns);
        let mut first = Vec::with_capacity(batch.rows());
        let mut keyless = Vec::new();
        for row in 0..batch.rows() {
            if self.nulls != Nulls::Equal && keys.is_missing(row) {
                keyless.push(row);
                first.push(true);
            } else {
                first.push(self.seen.insert(keys.key(row))?);
            }
        }
        let mut done: Processed = Output::keep(&BooleanArray::from(first), NONE).into();
        if self.nulls == Nulls::Reject {
            for row in keyless {
                done.reject(row, "key.missing", "a part of the key is missing");
            }
        }
        Ok(done)
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>, Fault> {
        Ok(Some(self.seen.snapshot()))
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), Fault> {
        self.seen.restore(state)
    }
}

tidegate_sdk::export_transform!(Deduplicate);

#[cfg(test)]
mod tests;
