//! The rates of the config, and which one holds for a row.

use arrow_buffer::ScalarBuffer;
use chrono::{Datelike, NaiveDate};
use tidegate_sdk::prelude::*;

use crate::exact::{Factor, Rate};
use crate::{Config, DatedRate, Quote};

/// The longest code of a currency, in bytes: ISO 4217's have 3, and seven with their length fit 64 bits.
const CODE_MAX_BYTES: usize = 7;

/// All rates, by currency.
pub(crate) struct Rates {
    /// Sorted by the code.
    currencies: Vec<(u64, Held)>,
    dated: bool,
}

/// The rates of a currency.
enum Held {
    Always(Factor),
    /// By their first day, without overlaps.
    Dated(Vec<Range>),
}

struct Range {
    first_day: i32,
    /// The first day behind it.
    end_day: i32,
    factor: Factor,
}

/// Why no rate holds.
#[derive(Clone, Copy)]
pub(crate) enum NoRate {
    NoCurrency,
    Unknown,
    NoDate,
    OtherDate,
}

impl Rates {
    /// `scales` are those of the amount and of the output.
    pub(crate) fn new(config: &Config, scales: (i8, i8)) -> Result<Self, Fault> {
        let base = code("/base", &config.base)?;
        let mut currencies = vec![(
            base,
            Held::Always(Factor::new(&Rate::ONE, Quote::BasePerUnit, scales)),
        )];
        let mut add = |pointer: &str, name: &str, held| {
            let code = code(pointer, name)?;
            if code == base {
                let message = "is the base, whose rate is 1; leave it out";
                return Err(Fault::config(pointer, message));
            }
            if currencies.iter().any(|(other, _)| *other == code) {
                return Err(Fault::config(pointer, "has a rate in `rates` too"));
            }
            currencies.push((code, held));
            Ok(())
        };
        for (name, rate) in &config.rates {
            let pointer = format!("/rates/{}", escaped(name));
            let rate = Rate::parse(rate).map_err(|message| Fault::config(&pointer, message))?;
            add(
                &pointer,
                name,
                Held::Always(Factor::new(&rate, config.quote, scales)),
            )?;
        }
        for (name, dated) in &config.dated_rates {
            let pointer = format!("/dated_rates/{}", escaped(name));
            let ranges = ranges(&pointer, dated, |rate| Factor::new(rate, config.quote, scales))?;
            add(&pointer, name, Held::Dated(ranges))?;
        }
        currencies.sort_by_key(|(code, _)| *code);
        Ok(Self {
            currencies,
            dated: !config.dated_rates.is_empty(),
        })
    }

    /// Whether a rate depends on the date.
    pub(crate) fn are_dated(&self) -> bool {
        self.dated
    }

    pub(crate) fn finder(&self) -> Finder<'_> {
        Finder {
            currencies: &self.currencies,
            last: 0,
        }
    }
}

/// Finds rates, row by row: a row's currency is most often the last one's.
pub(crate) struct Finder<'a> {
    currencies: &'a [(u64, Held)],
    last: usize,
}

impl<'a> Finder<'a> {
    pub(crate) fn find(&mut self, currency: Option<&str>, day: Option<i32>) -> Result<&'a Factor, NoRate> {
        let code = packed(currency.ok_or(NoRate::NoCurrency)?).ok_or(NoRate::Unknown)?;
        if self.currencies[self.last].0 != code {
            let found = self.currencies.binary_search_by_key(&code, |(code, _)| *code);
            self.last = found.map_err(|_| NoRate::Unknown)?;
        }
        match &self.currencies[self.last].1 {
            Held::Always(factor) => Ok(factor),
            Held::Dated(ranges) => {
                let day = day.ok_or(NoRate::NoDate)?;
                let behind = ranges.partition_point(|range| range.first_day <= day);
                let range = ranges[..behind].last().filter(|range| day < range.end_day);
                range.map(|range| &range.factor).ok_or(NoRate::OtherDate)
            }
        }
    }
}

fn ranges(pointer: &str, dated: &[DatedRate], factor: impl Fn(&Rate) -> Factor) -> Result<Vec<Range>, Fault> {
    if dated.is_empty() {
        return Err(Fault::config(pointer, "name at least one rate"));
    }
    let mut ranges: Vec<Range> = Vec::new();
    let mut open = false;
    for (index, rate) in dated.iter().enumerate() {
        let at = |key: &str| format!("{pointer}/{index}/{key}");
        let first_day = day(&at("from"), &rate.from)?;
        let end_day = match &rate.until {
            Some(until) => day(&at("until"), until)?,
            None => i32::MAX,
        };
        if end_day <= first_day {
            return Err(Fault::config(at("until"), "must be later than `from`"));
        }
        if let Some(before) = ranges.last_mut() {
            if first_day <= before.first_day {
                return Err(Fault::config(
                    at("from"),
                    "must be later than the `from` before it",
                ));
            }
            if open {
                before.end_day = first_day;
            }
            if first_day < before.end_day {
                return Err(Fault::config(
                    at("from"),
                    "is before the `until` of the rate before it",
                ));
            }
        }
        let parsed = Rate::parse(&rate.rate).map_err(|message| Fault::config(at("rate"), message))?;
        open = rate.until.is_none();
        ranges.push(Range {
            first_day,
            end_day,
            factor: factor(&parsed),
        });
    }
    Ok(ranges)
}

/// Days since 1970-01-01.
fn day(pointer: &str, text: &str) -> Result<i32, Fault> {
    let date: NaiveDate = text
        .parse()
        .map_err(|_| Fault::config(pointer, format!("`{text}` is not a date like `2024-01-31`")))?;
    Ok(date.num_days_from_ce() - UNIX_EPOCH_DAYS)
}

/// 1970-01-01 in days since the day before 0001-01-01, of the proleptic Gregorian calendar.
const UNIX_EPOCH_DAYS: i32 = 719_163;

/// A text as a number, different for different texts; none for one that is too long for a code.
fn packed(text: &str) -> Option<u64> {
    let mut bytes = [0; 8];
    if text.len() > CODE_MAX_BYTES {
        return None;
    }
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    bytes[CODE_MAX_BYTES] = text.len() as u8;
    Some(u64::from_le_bytes(bytes))
}

fn code(pointer: &str, text: &str) -> Result<u64, Fault> {
    let good = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    packed(text).filter(|_| good).ok_or_else(|| {
        let message = format!(
            "`{text}` is not a currency's code: 1 to {CODE_MAX_BYTES} letters and digits, like `EUR`"
        );
        Fault::config(pointer, message)
    })
}

/// A key as part of a JSON pointer (RFC 6901, 3).
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Whether a column's values have a date: timestamps of another zone than UTC would need its rules.
pub(crate) fn is_date_type(data_type: &DataType) -> bool {
    match data_type {
        DataType::Date32 => true,
        DataType::Timestamp(_, zone) => zone.as_deref().is_none_or(|zone| zone == "UTC"),
        _ => false,
    }
}

/// The dates of a column of a date type.
pub(crate) fn days(column: &ArrayRef) -> Result<Date32Array, Fault> {
    const SECONDS: i64 = 86_400;
    match column.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => Ok(floored::<TimestampSecondType>(column, SECONDS)),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Ok(floored::<TimestampMillisecondType>(column, SECONDS * 1_000))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Ok(floored::<TimestampMicrosecondType>(column, SECONDS * 1_000_000))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Ok(floored::<TimestampNanosecondType>(
            column,
            SECONDS * 1_000_000_000,
        )),
        other => column
            .as_primitive_opt::<Date32Type>()
            .cloned()
            .ok_or_else(|| Fault::schema(format!("the date is {other}, not date32 or a timestamp"))),
    }
}

fn floored<T: ArrowPrimitiveType<Native = i64>>(column: &ArrayRef, day: i64) -> Date32Array {
    let instants = column.as_primitive::<T>();
    // Seconds of 64 bits reach beyond the days of 32; a rate ends before both.
    let day_of = |instant: &i64| instant.div_euclid(day).clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    let days: Vec<i32> = instants.values().iter().map(day_of).collect();
    Date32Array::new(ScalarBuffer::from(days), instants.nulls().cloned())
}
