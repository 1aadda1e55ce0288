//! Keeps the first row of each key: `reads: [key]`, one column of int64. Rows without a key are kept.

use std::collections::BTreeSet;

use tidegate_sdk::output::NONE;
use tidegate_sdk::prelude::*;

/// It needs no config.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The keys seen so far.
pub struct Dedupe(BTreeSet<i64>);

impl Transform for Dedupe {
    type Config = Config;

    fn bind(_: Config, input: &Input) -> Result<Self, Fault> {
        input.expect_columns(1, "the key")?;
        input.expect(0, &DataType::Int64)?;
        Ok(Self(BTreeSet::new()))
    }

    fn shape(&self) -> Shape {
        Shape::rows_only()
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        let keys = batch.primitive::<Int64Type>(0)?;
        let first: Vec<bool> = keys
            .iter()
            .map(|key| key.is_none_or(|key| self.0.insert(key)))
            .collect();
        Ok(Output::keep(&BooleanArray::from(first), NONE).into())
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>, Fault> {
        Ok(Some(self.0.iter().flat_map(|key| key.to_le_bytes()).collect()))
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), Fault> {
        let (keys, rest) = state.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(Fault::fatal("the state is not one of this transform"));
        }
        self.0 = keys.iter().map(|key| i64::from_le_bytes(*key)).collect();
        Ok(())
    }
}

tidegate_sdk::export_transform!(Dedupe);
