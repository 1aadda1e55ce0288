//! Checks that columns are spread as they should be: the share of missing values, the least and the greatest number, the
//! mean, and about how many different values there are. Each is compared with bounds from the config, and measured
//! whether there are bounds or not.

mod distinct;
mod numbers;
mod values;

use distinct::Distinct;
use numbers::Numbers;
use tidegate_sdk::check::Severity;
use tidegate_sdk::prelude::*;

/// Which columns to look at, and how they should be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The columns to look at.
    columns: Vec<Column>,
    /// How grave it is where one is not as it should be.
    #[serde(default)]
    severity: HowGrave,
}

/// A column, and the bounds that it should keep.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    name: String,
    /// The share of rows without a value, from 0 to 1. A float that is no number is no value.
    null_share: Option<Bounds>,
    /// The least number.
    min: Option<Bounds>,
    /// The greatest number.
    max: Option<Bounds>,
    /// The mean of all numbers.
    mean: Option<Bounds>,
    /// About how many different values there are, give or take one in a hundred; measured where it is given, be it `{}`.
    distinct: Option<Bounds>,
}

/// What a measure should be.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// No less than this.
    at_least: Option<f64>,
    /// No more than this.
    at_most: Option<f64>,
}

/// How grave a failed check is.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HowGrave {
    /// It is shown.
    Warn,
    /// It blocks what is made from the asset.
    #[default]
    Error,
}

/// The most columns, so that a snapshot stays below the 16 MiB that it may have at 16 KiB for each.
const MAX_COLUMNS: usize = 512;

/// The bound check.
pub struct Distribution {
    columns: Vec<Seen>,
    rows: u64,
    severity: HowGrave,
}

/// A column, and what was seen of it.
struct Seen {
    column: Column,
    /// Its place among the granted columns.
    place: usize,
    missing: u64,
    numbers: Option<Numbers>,
    distinct: Option<Distinct>,
}

impl Check for Distribution {
    type Config = Config;

    fn bind(config: Config, input: &Input) -> Result<Self, Fault> {
        if !(1..=MAX_COLUMNS).contains(&config.columns.len()) {
            let message = format!("name 1 to {MAX_COLUMNS} columns");
            return Err(Fault::config("/columns", message));
        }
        let mut columns: Vec<Seen> = Vec::new();
        for (index, column) in config.columns.into_iter().enumerate() {
            let at = |key: &str| format!("/columns/{index}/{key}");
            if columns.iter().any(|other| other.column.name == column.name) {
                let message = format!("`{}` is named twice", column.name);
                return Err(Fault::config(at("name"), message));
            }
            let place = input
                .find(&column.name)
                .map_err(|fault| Fault::config(at("name"), fault.to_string()))?;
            let data_type = input.schema().field(place).data_type();
            if !values::is_plain(data_type) {
                let message = format!(
                    "the column `{}` is {data_type}, which is not looked into",
                    column.name
                );
                return Err(Fault::schema(message));
            }
            let is_number = values::is_number(data_type);
            for (key, bounds) in column.bounds() {
                let Some(bounds) = bounds else { continue };
                bounds
                    .validate(key)
                    .map_err(|message| Fault::config(at(key), message))?;
                if matches!(key, "min" | "max" | "mean") && !is_number {
                    let message = format!("`{}` is {data_type}, and `{key}` is for numbers", column.name);
                    return Err(Fault::config(at(key), message));
                }
            }
            columns.push(Seen {
                place,
                missing: 0,
                numbers: is_number.then(Numbers::default),
                distinct: column.distinct.is_some().then(Distinct::default),
                column,
            });
        }
        Ok(Self {
            columns,
            rows: 0,
            severity: config.severity,
        })
    }

    fn observe(&mut self, batch: &Batch) -> Result<(), Fault> {
        self.rows += batch.rows() as u64;
        for seen in &mut self.columns {
            let array = batch.column(seen.place);
            seen.missing += array.null_count() as u64;
            if let Some(numbers) = &mut seen.numbers {
                // What is no number is no value: it is missing.
                seen.missing += numbers.observe(&values::numbers(&array));
            }
            if let Some(distinct) = &mut seen.distinct {
                values::each(&array, |bytes| distinct.observe(bytes));
            }
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>, Fault> {
        let mut state = self.rows.to_le_bytes().to_vec();
        for seen in &self.columns {
            state.extend_from_slice(&seen.missing.to_le_bytes());
            if let Some(numbers) = &seen.numbers {
                state.extend_from_slice(&numbers.snapshot());
            }
            if let Some(distinct) = &seen.distinct {
                state.extend_from_slice(distinct.registers());
            }
        }
        Ok(Some(state))
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), Fault> {
        self.restored(state)
            .ok_or_else(|| Fault::fatal("the state is not one that this check has made with this config"))
    }

    fn verdict(&mut self) -> Result<Verdict, Fault> {
        let mut found = Vec::new();
        let mut verdict = Verdict::new(true, "").measure("rows", float(self.rows));
        for seen in &self.columns {
            for ((key, bounds), value) in seen.column.bounds().into_iter().zip(seen.measures(self.rows)) {
                let Some(value) = value else { continue };
                let name = format!("{}.{key}", seen.column.name);
                if let Some(wrong) = bounds.and_then(|bounds| bounds.wrong(value)) {
                    found.push(format!("{name} is {value}, {wrong}"));
                }
                verdict = verdict.measure(name, value);
            }
        }
        verdict.passed = found.is_empty();
        verdict.message = if found.is_empty() {
            "all measures are within their bounds".to_owned()
        } else {
            found.join("; ")
        };
        verdict.severity = match self.severity {
            HowGrave::Warn => Severity::Warn,
            HowGrave::Error => Severity::Error,
        };
        Ok(verdict)
    }
}

impl Distribution {
    fn restored(&mut self, state: &[u8]) -> Option<()> {
        let (rows, mut state) = state.split_first_chunk()?;
        self.rows = u64::from_le_bytes(*rows);
        for seen in &mut self.columns {
            let (missing, rest) = state.split_first_chunk()?;
            seen.missing = u64::from_le_bytes(*missing);
            state = rest;
            if let Some(numbers) = &mut seen.numbers {
                let (bytes, rest) = state.split_first_chunk()?;
                *numbers = Numbers::restored(bytes);
                state = rest;
            }
            if let Some(distinct) = &mut seen.distinct {
                let (registers, rest) = state.split_at_checked(distinct.registers().len())?;
                *distinct = Distinct::restored(registers)?;
                state = rest;
            }
        }
        state.is_empty().then_some(())
    }
}

impl Column {
    /// The bounds by the keys of the config.
    fn bounds(&self) -> [(&'static str, Option<Bounds>); 5] {
        [
            ("null_share", self.null_share),
            ("min", self.min),
            ("max", self.max),
            ("mean", self.mean),
            ("distinct", self.distinct),
        ]
    }
}

impl Seen {
    /// The measures in the order of `Column::bounds`; none for what there is nothing to measure.
    fn measures(&self, rows: u64) -> [Option<f64>; 5] {
        let numbers = self.numbers.as_ref().and_then(Numbers::measures);
        let (min, max, mean) = numbers.map_or((None, None, None), |(min, max, mean)| {
            (Some(min), Some(max), Some(mean))
        });
        let share = (rows > 0).then(|| float(self.missing) / float(rows));
        let distinct = self.distinct.as_ref().map(Distinct::estimate);
        [share, min, max, mean, distinct]
    }
}

impl Bounds {
    fn validate(self, key: &str) -> Result<(), String> {
        for bound in [self.at_least, self.at_most].into_iter().flatten() {
            if !bound.is_finite() || (key == "null_share" && !(0.0..=1.0).contains(&bound)) {
                return Err(format!("{bound} cannot bound `{key}`"));
            }
        }
        match (self.at_least, self.at_most) {
            (Some(least), Some(most)) if least > most => {
                Err(format!("`at_least` is {least}, above `at_most`, {most}"))
            }
            _ => Ok(()),
        }
    }

    /// What is wrong with a value.
    fn wrong(self, value: f64) -> Option<String> {
        let below = self.at_least.filter(|bound| value < *bound);
        let above = self.at_most.filter(|bound| value > *bound);
        below
            .map(|bound| format!("below {bound}"))
            .or_else(|| above.map(|bound| format!("above {bound}")))
    }
}

/// A count as a measure.
#[allow(
    clippy::cast_precision_loss,
    reason = "a measure is a float64, and counts beyond 2^53 are not reached"
)]
fn float(count: u64) -> f64 {
    count as f64
}

tidegate_sdk::export_check!(Distribution);

#[cfg(test)]
mod tests;
