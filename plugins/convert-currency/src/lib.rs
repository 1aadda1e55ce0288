//! Converts amounts to one currency: `reads: [amount, currency]`, or `[amount, currency, date]` where a rate depends on
//! the date; `writes`: the converted amount.
//!
//! Amounts of decimal128 stay exact: amount times rate is computed whole, then rounded once to the digits of the
//! output, half to even. Amounts of float64 are multiplied as such. An unknown currency refuses the row, and so does a
//! date without a rate. A missing amount stays missing.

mod exact;
mod rates;

use arrow_buffer::NullBuffer;
use exact::Factor;
use rates::{NoRate, Rates};
use tidegate_sdk::prelude::arrow_schema::DECIMAL128_MAX_PRECISION;
use tidegate_sdk::prelude::*;

/// Rates, and what to write.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The currency of the converted amounts; its rate is 1.
    base: String,
    /// The column to write.
    output: String,
    /// How rates are quoted.
    #[serde(default)]
    quote: Quote,
    /// Rates that always hold, by currency; as text, such as `"1.0842"`.
    #[serde(default)]
    rates: std::collections::BTreeMap<String, String>,
    /// Rates that hold for some time, by currency. A currency has its rates here or in `rates`.
    #[serde(default)]
    dated_rates: std::collections::BTreeMap<String, Vec<DatedRate>>,
    /// Digits of the output in all, for amounts of decimal128; the amount's unless told.
    precision: Option<u8>,
    /// Digits of the output after the point, for amounts of decimal128; the amount's unless told.
    scale: Option<i8>,
}

/// A rate that holds for some time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatedRate {
    /// The first day, such as `2024-01-31`.
    from: String,
    /// The first day behind it; the next rate's first day unless told, and none for the last rate.
    until: Option<String>,
    /// The rate, as text.
    rate: String,
}

/// How rates are quoted.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quote {
    /// What one unit of the currency is worth in the base; amounts are multiplied.
    #[default]
    BasePerUnit,
    /// What one unit of the base is worth in the currency, as the European Central Bank's; amounts are divided.
    UnitsPerBase,
}

const AMOUNT: usize = 0;
const CURRENCY: usize = 1;
const DATE: usize = 2;

/// The bound transform.
pub struct ConvertCurrency {
    rates: Rates,
    output: String,
    made: DataType,
}

impl Transform for ConvertCurrency {
    type Config = Config;

    fn bind(config: Config, input: &Input) -> Result<Self, Fault> {
        if config.dated_rates.is_empty() {
            input.expect_columns(2, "the amount and its currency")?;
        } else {
            input.expect_columns(3, "the amount, its currency and the date, since rates are dated")?;
            if !rates::is_date_type(input.schema().field(DATE).data_type()) {
                input.expect(DATE, &DataType::Date32)?;
            }
        }
        input.expect(CURRENCY, &DataType::Utf8)?;
        let amount = input.schema().field(AMOUNT).data_type();
        let made = match amount {
            DataType::Float64 => match (config.precision, config.scale) {
                (None, None) => DataType::Float64,
                (Some(_), _) => return Err(Fault::config("/precision", FLOAT_DIGITS)),
                (None, Some(_)) => return Err(Fault::config("/scale", FLOAT_DIGITS)),
            },
            DataType::Decimal128(precision, scale) => {
                let precision = config.precision.unwrap_or(*precision);
                let scale = config.scale.unwrap_or(*scale);
                if !(1..=DECIMAL128_MAX_PRECISION).contains(&precision) {
                    let message = format!("must be 1 to {DECIMAL128_MAX_PRECISION}, and is {precision}");
                    return Err(Fault::config("/precision", message));
                }
                if scale < 0 || scale.unsigned_abs() > precision {
                    let message = format!("must be 0 to the precision, {precision}, and is {scale}");
                    return Err(Fault::config("/scale", message));
                }
                DataType::Decimal128(precision, scale)
            }
            other => {
                let message = format!("the amount must be decimal128 or float64, and is {other}");
                return Err(Fault::schema(message));
            }
        };
        let scales = match (amount, &made) {
            (DataType::Decimal128(_, from), DataType::Decimal128(_, to)) => (*from, *to),
            _ => (0, 0),
        };
        Ok(Self {
            output: config.output.clone(),
            rates: Rates::new(&config, scales)?,
            made,
        })
    }

    fn shape(&self) -> Shape {
        let mut from = vec![AMOUNT, CURRENCY];
        if self.rates.are_dated() {
            from.push(DATE);
        }
        Shape::beside([made(&self.output, self.made.clone()).from(from)])
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        let currencies = batch.string(CURRENCY)?;
        let days = if self.rates.are_dated() {
            Some(rates::days(&batch.column(DATE))?)
        } else {
            None
        };
        let days = days.as_ref();
        let mut refused = Vec::new();
        let made: ArrayRef = if let DataType::Decimal128(precision, scale) = self.made {
            let amounts = batch.primitive::<Decimal128Type>(AMOUNT)?;
            let limit = 10_i128.pow(precision.into());
            let convert = |amount, factor: &Factor| {
                factor
                    .apply(amount)
                    .filter(|value| -limit < *value && *value < limit)
            };
            let values = self.convert(&amounts, &currencies, days, convert, &mut refused);
            let array = Decimal128Array::new(values.into(), amounts.nulls().cloned());
            Arc::new(array.with_precision_and_scale(precision, scale)?)
        } else {
            let amounts = batch.primitive::<Float64Type>(AMOUNT)?;
            let convert = |amount, factor: &Factor| {
                let converted = factor.apply_float(amount);
                converted.is_finite().then_some(converted)
            };
            let values = self.convert(&amounts, &currencies, days, convert, &mut refused);
            Arc::new(Float64Array::new(values.into(), amounts.nulls().cloned()))
        };
        let mut done: Processed = Output::all([made]).into();
        for (row, why) in refused {
            done.reject(row, why.code(), why.message());
        }
        Ok(done)
    }
}

const FLOAT_DIGITS: &str = "is for amounts of decimal128, and these are float64";

/// Why a row is refused.
#[derive(Clone, Copy)]
enum Refusal {
    Rate(NoRate),
    Overflow,
}

impl Refusal {
    fn code(self) -> &'static str {
        match self {
            Self::Rate(NoRate::NoCurrency) => "currency.missing",
            Self::Rate(NoRate::Unknown) => "currency.unknown",
            Self::Rate(NoRate::NoDate) => "currency.no_date",
            Self::Rate(NoRate::OtherDate) => "currency.no_rate",
            Self::Overflow => "currency.overflow",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::Rate(NoRate::NoCurrency) => "there is an amount, and its currency is missing",
            Self::Rate(NoRate::Unknown) => "the config has no rate for the currency",
            Self::Rate(NoRate::NoDate) => "the currency's rates are dated, and the date is missing",
            Self::Rate(NoRate::OtherDate) => "the config has no rate for the currency at that date",
            Self::Overflow => "the converted amount does not fit the output",
        }
    }
}

impl ConvertCurrency {
    fn convert<T: ArrowPrimitiveType>(
        &self,
        amounts: &PrimitiveArray<T>,
        currencies: &StringArray,
        days: Option<&Date32Array>,
        convert: impl Fn(T::Native, &Factor) -> Option<T::Native>,
        refused: &mut Vec<(usize, Refusal)>,
    ) -> Vec<T::Native> {
        let is_missing = |nulls: Option<&NullBuffer>, row| nulls.is_some_and(|nulls| nulls.is_null(row));
        let mut values = Vec::with_capacity(amounts.len());
        let mut finder = self.rates.finder();
        for (row, amount) in amounts.values().iter().enumerate() {
            if is_missing(amounts.nulls(), row) {
                values.push(T::Native::default());
                continue;
            }
            let currency = (!is_missing(currencies.nulls(), row)).then(|| currencies.value(row));
            let day = days.and_then(|days| (!is_missing(days.nulls(), row)).then(|| days.value(row)));
            let converted = match finder.find(currency, day) {
                Ok(factor) => convert(*amount, factor).ok_or(Refusal::Overflow),
                Err(why) => Err(Refusal::Rate(why)),
            };
            values.push(converted.unwrap_or_else(|why| {
                refused.push((row, why));
                T::Native::default()
            }));
        }
        values
    }
}

tidegate_sdk::export_transform!(ConvertCurrency);

#[cfg(test)]
mod tests;
