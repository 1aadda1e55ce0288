//! Keeps the rows that have a value in every column it is shown; the others are filtered.

use tidegate_sdk::output::NONE;
use tidegate_sdk::prelude::*;

/// It needs no config.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The bound transform: how many columns to look at.
pub struct KeepPresent(usize);

impl Transform for KeepPresent {
    type Config = Config;

    fn bind(_: Config, input: &Input) -> Result<Self, Fault> {
        match input.schema().fields().len() {
            0 => Err(Fault::schema(
                "`reads` names no column, so every row would be kept",
            )),
            columns => Ok(Self(columns)),
        }
    }

    fn shape(&self) -> Shape {
        Shape::rows_only()
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        let nulls: Vec<_> = (0..self.0)
            .filter_map(|index| batch.column(index).nulls().cloned())
            .collect();
        let present = nulls
            .iter()
            .map(|nulls| nulls.inner().clone())
            .reduce(|all, bits| &all & &bits);
        Ok(match present {
            None => Output::all(NONE).into(),
            Some(bits) => Output::keep(&BooleanArray::new(bits, None), NONE).into(),
        })
    }
}

tidegate_sdk::export_transform!(KeepPresent);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_with_a_missing_value_are_filtered() {
        let input = record_batch!(
            ("a", Int64, [Some(1), None, Some(3)]),
            ("b", Utf8, [Some("x"), Some("y"), None])
        );
        let kept = testing::run::<KeepPresent>(serde_json::json!({}), &input.expect("a batch"));
        assert_eq!(kept.expect("kept rows").num_rows(), 1);
    }
}
