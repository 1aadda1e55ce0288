//! The reference transform of the benchmarks: `usd = amount * fx`, `name` in capitals, rows with `amount >= 0` kept.
//! `reads: [amount, fx, name]`, `writes: [usd, name]`. With `noop: true` it passes everything and pulls nothing.

use tidegate_sdk::output::NONE;
use tidegate_sdk::prelude::*;

/// What to do.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Pass everything on.
    #[serde(default)]
    noop: bool,
}

/// The bound transform.
pub struct Reference {
    noop: bool,
}

impl Transform for Reference {
    type Config = Config;

    fn bind(config: Config, input: &Input) -> Result<Self, Fault> {
        if !config.noop {
            input.expect(0, &DataType::Float64)?;
            input.expect(1, &DataType::Float64)?;
            input.expect(2, &DataType::Utf8)?;
        }
        Ok(Self { noop: config.noop })
    }

    fn shape(&self) -> Shape {
        if self.noop {
            return Shape::rows_only();
        }
        Shape::beside([
            made("usd", DataType::Float64).from([0, 1]),
            made("name", DataType::Utf8).from([2]),
        ])
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        if self.noop {
            return Ok(Output::all(NONE).into());
        }
        let amount = batch.primitive::<Float64Type>(0)?;
        let fx = batch.primitive::<Float64Type>(1)?;
        let usd: Float64Array = numbers::zip(&amount, &fx, |amount, fx| amount * fx);
        let keep = rows::that(&amount, |amount| amount >= 0.0);
        let name = text::ascii_uppercase(batch.string(2)?);
        let made: [ArrayRef; 2] = [Arc::new(usd), Arc::new(name)];
        Ok(Output::keep(&keep, made).into())
    }
}

tidegate_sdk::export_transform!(Reference);
