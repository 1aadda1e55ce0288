//! Multiplies a column: `reads` names one of float64, `writes` is `scaled`. Negative amounts are refused.
//!
//! It looks at one row at a time. Where whole columns are to be worked on, implement `Transform` instead.

use tidegate_sdk::prelude::*;

/// What `config` in the asset holds.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What amounts are multiplied by.
    factor: f64,
}

/// What is read. The column's name is the asset's matter, so it is found by its place.
#[derive(Row)]
#[row(by_place)]
pub struct Read {
    amount: Option<f64>,
}

/// What is made.
#[derive(Row, Debug, PartialEq)]
pub struct Made {
    scaled: Option<f64>,
}

/// The bound transform.
pub struct Scale(f64);

impl RowTransform for Scale {
    type Config = Config;
    type In = Read;
    type Out = Made;

    fn bind(config: Config) -> Result<Self, Fault> {
        Ok(Self(config.factor))
    }

    fn row(&mut self, row: Read) -> Result<Option<Made>, Reject> {
        if row.amount.is_some_and(|amount| amount < 0.0) {
            // Never the value itself: the column may be personal.
            return Err(Reject::new("amount.negative", "an amount cannot be negative"));
        }
        let scaled = row.amount.map(|amount| amount * self.0);
        Ok(Some(Made { scaled }))
    }
}

tidegate_sdk::export_row_transform!(Scale);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_multiplied_and_negative_ones_refused() -> Result<(), Fault> {
        let amounts = [Some(1.5), None, Some(-1.0)];
        let input = Read::batch(amounts.map(|amount| Read { amount }));
        let config = serde_json::json!({"factor": 10});
        let (made, rejects) = testing::run_with_rejects::<ByRow<Scale>>(config, &input)?;
        let scaled = [Some(15.0), None];
        assert_eq!(made, Made::batch(scaled.map(|scaled| Made { scaled })));
        assert_eq!(
            (rejects.len(), rejects[0].row, rejects[0].code.as_str()),
            (1, 2, "amount.negative")
        );
        Ok(())
    }
}
