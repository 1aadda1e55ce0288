//! A value that does not fit its column.

use tidegate_sdk::prelude::*;

use crate::config::Format;

/// A value that does not fit its column. It says what kind of value stands there, never the value: it may be personal.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// Which record of the page, from 0; none where no record is at fault.
    record: Option<usize>,
    /// Where in a nested value: `.name`, `[]`.
    within: String,
    what: String,
}

impl Misfit {
    pub(crate) fn new(record: usize, found: &str, wanted: &str) -> Self {
        Self {
            record: Some(record),
            within: String::new(),
            what: format!("{found}, and its type takes {wanted}"),
        }
    }

    pub(crate) fn config(what: String) -> Self {
        Self {
            record: None,
            within: String::new(),
            what,
        }
    }

    /// The same, of a value that the one at fault is a part of.
    pub(crate) fn within(mut self, step: &str) -> Self {
        self.within.insert_str(0, step);
        self
    }

    /// For the column and page.
    pub(crate) fn fault(&self, column: &str, page: u64) -> Fault {
        let Self { record, within, what } = self;
        match record {
            None => Fault::data(format!("`{column}`: {what}")),
            Some(record) => Fault::data(format!(
                "`{column}{within}` of record {} on page {page} is {what}; change the type, or read it as JSON text with \
                 `{{type: utf8, format: json}}` and let a transform such as flatten-json refuse the rows that do not fit",
                record + 1
            )),
        }
    }
}

impl From<arrow_schema::ArrowError> for Misfit {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Self::config(error.to_string())
    }
}

/// What stands there, for people.
pub(crate) fn found(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'"') => "a text",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// What a type takes, for people.
pub(crate) fn wanted(data_type: &DataType, format: Option<Format>) -> String {
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "seconds",
        TimeUnit::Millisecond => "milliseconds",
        TimeUnit::Microsecond => "microseconds",
        TimeUnit::Nanosecond => "nanoseconds",
    };
    match data_type {
        DataType::Boolean => "true or false".into(),
        DataType::Float32 | DataType::Float64 => format!("a number in the range of {data_type}"),
        DataType::Decimal128(precision, scale) => {
            format!("a number of {precision} digits at most, {scale} of them behind the point")
        }
        DataType::Utf8 => "text".into(),
        DataType::Date32 => "a day such as `2024-01-31`".into(),
        DataType::Timestamp(parts, _) if format.is_some() => {
            format!("a number since 1970 that is no finer than {}", unit(parts))
        }
        DataType::Timestamp(parts, Some(_)) => {
            format!(
                "a time with its offset (RFC 3339) that is no finer than {}",
                unit(parts)
            )
        }
        DataType::Timestamp(parts, None) => {
            format!("a time without an offset that is no finer than {}", unit(parts))
        }
        DataType::List(_) => "an array".into(),
        DataType::Struct(_) => "an object".into(),
        DataType::Map(..) => "an object whose keys differ".into(),
        whole => format!("a whole number in the range of {whole}"),
    }
}
