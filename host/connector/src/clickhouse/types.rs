//! The schema's types in ClickHouse, and as which Arrow types they cross to it and back.
//!
//! | schema | ClickHouse | crosses as | values |
//! | --- | --- | --- | --- |
//! | `boolean` | `Bool` | Boolean | |
//! | `int8` … `int64`, `uint8` … `uint64` | `Int8` … `Int64`, `UInt8` … `UInt64` | the same | |
//! | `float32`, `float64` | `Float32`, `Float64` | the same | |
//! | `decimal(p,s)` | `Decimal(p, s)` | Decimal128, from 39 digits Decimal256 | |
//! | `utf8`, `binary` | `String` | Utf8, Binary | |
//! | `fixed_binary(n)` | `FixedString(n)` | FixedSizeBinary | |
//! | `date32` | `Date32` | Date32 | those of the server's [`Calendar`] |
//! | `time64(us)`, `time64(ns)` | `Int64` | Int64, in its unit | |
//! | `timestamp(unit)` | `DateTime64(0, 3, 6 or 9, 'UTC')` | Timestamp | the same; of `ns` 1677 to 2262, if the calendar has them |
//! | `timestamp(unit, zone)` | `DateTime64(…, 'zone')` | Timestamp with zone | as above |
//! | `duration(unit)` | `Int64` | Int64, in its unit | |
//! | `list(type)` | `Array(…)` | List | never missing |
//! | `struct(name: type, …)` | `Tuple(name …, …)` | Struct | never missing |
//! | `map(key, value)` | `Map(…, …)` | Map | never missing |
//!
//! A column that the schema says may be missing is `Nullable(…)`, and so are items, members and values of lists, structs and
//! maps, except those that are lists, structs or maps themselves: ClickHouse has no null of them
//! (<https://clickhouse.com/docs/sql-reference/data-types/nullable>). A wall clock's reading is kept as if it were UTC's.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields};
use thiserror::Error;
use tidegate_core::schema::Column;
use tidegate_core::types::{LogicalType, TimeUnit};

use super::sql;

/// A column that ClickHouse cannot hold as the schema describes it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "column `{name}` of type `{data_type}` may be missing, which ClickHouse has no value for: write `nullable: false`"
)]
pub struct UnfitColumn {
    /// The column's name.
    pub name: String,
    /// Its type.
    pub data_type: LogicalType,
}

/// The values of a type that ClickHouse holds, in the unit of its Arrow type; those beside it would become others.
pub type WireRange = RangeInclusive<i64>;

/// The days that a server can tell apart, in its `Date32` and `DateTime64` alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calendar {
    /// 1900-01-01 to 2299-12-31, which its documentation promises
    /// (<https://clickhouse.com/docs/sql-reference/data-types/date32>).
    From1900To2299,
    /// 0000-01-01 to 9999-12-31, as newer servers have it (seen in 26.9).
    From0To9999,
}

impl Calendar {
    /// A query whose one row of text says which calendar a server has, since no version is documented to be the first.
    pub const QUESTION: &str =
        "SELECT toString(toDate32('0000-01-01')) || ' ' || toString(toDate32('9999-12-31'))";

    /// What an answer to the question means; what is not understood promises no more than the documentation.
    pub fn of_answer(answer: &str) -> Self {
        if answer.trim() == "0000-01-01 9999-12-31" {
            Self::From0To9999
        } else {
            Self::From1900To2299
        }
    }

    /// The first day and the last, since 1970-01-01.
    fn days(self) -> WireRange {
        match self {
            Self::From1900To2299 => -25_567..=120_529,
            Self::From0To9999 => -719_528..=2_932_896,
        }
    }
}

const SECONDS_PER_DAY: i64 = 86_400;

/// A column's type as DDL writes it.
///
/// # Errors
///
/// Where a list, struct or map may be missing.
pub fn column_type(column: &Column) -> Result<String, UnfitColumn> {
    let nullable = column.nullable && !column.key;
    if nullable && nested(&column.data_type) {
        return Err(UnfitColumn {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
        });
    }
    Ok(if nullable {
        member(&column.data_type)
    } else {
        bare(&column.data_type)
    })
}

/// The Arrow type that a column of this type crosses as; a cast from the batch's type to it changes no value.
pub fn wire_type(data_type: &LogicalType) -> DataType {
    match data_type {
        // A count in its unit: ClickHouse has no type of durations, and one of times that not every server knows.
        LogicalType::Time64(_) | LogicalType::Duration(_) => DataType::Int64,
        LogicalType::List(item) => {
            DataType::List(Arc::new(Field::new_list_field(wire_type(item), !nested(item))))
        }
        LogicalType::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .map(|field| {
                    Field::new(
                        &field.name,
                        wire_type(&field.data_type),
                        !nested(&field.data_type),
                    )
                })
                .collect::<Fields>(),
        ),
        LogicalType::Map(key, value) => {
            let entries = Fields::from(vec![
                Field::new("key", wire_type(key), false),
                Field::new("value", wire_type(value), !nested(value)),
            ]);
            DataType::Map(
                Arc::new(Field::new("entries", DataType::Struct(entries), false)),
                false,
            )
        }
        plain => plain.arrow(),
    }
}

/// Which values of a type a server of that calendar holds; none where it holds all that Arrow does.
pub fn wire_range(data_type: &LogicalType, calendar: Calendar) -> Option<WireRange> {
    let (first, last) = calendar.days().into_inner();
    match data_type {
        LogicalType::Date32 => Some(first..=last),
        LogicalType::Timestamp(unit, _) => {
            let units = SECONDS_PER_DAY * units_per_second(*unit);
            // Nanoseconds in 64 bits begin in 1677 and end in 2262.
            let last = (last + 1).saturating_mul(units);
            let last = if last == i64::MAX { last } else { last - 1 };
            Some(first.saturating_mul(units)..=last)
        }
        _ => None,
    }
}

fn units_per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// Digits behind the second that a `DateTime64` of a unit has.
pub(super) fn digits_of(unit: TimeUnit) -> u32 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

/// Whether ClickHouse has no null of a type.
fn nested(data_type: &LogicalType) -> bool {
    matches!(
        data_type,
        LogicalType::List(_) | LogicalType::Struct(_) | LogicalType::Map(..)
    )
}

/// The type of what may be missing, as far as it may.
fn member(data_type: &LogicalType) -> String {
    if nested(data_type) {
        bare(data_type)
    } else {
        format!("Nullable({})", bare(data_type))
    }
}

/// The type of what is never missing.
pub(super) fn bare(data_type: &LogicalType) -> String {
    match data_type {
        LogicalType::Boolean => "Bool".into(),
        LogicalType::Int8 => "Int8".into(),
        LogicalType::Int16 => "Int16".into(),
        LogicalType::Int32 => "Int32".into(),
        LogicalType::Int64 | LogicalType::Time64(_) | LogicalType::Duration(_) => "Int64".into(),
        LogicalType::UInt8 => "UInt8".into(),
        LogicalType::UInt16 => "UInt16".into(),
        LogicalType::UInt32 => "UInt32".into(),
        LogicalType::UInt64 => "UInt64".into(),
        LogicalType::Float32 => "Float32".into(),
        LogicalType::Float64 => "Float64".into(),
        LogicalType::Decimal { precision, scale } => format!("Decimal({precision}, {scale})"),
        LogicalType::Utf8 | LogicalType::Binary => "String".into(),
        LogicalType::FixedBinary(length) => format!("FixedString({length})"),
        LogicalType::Date32 => "Date32".into(),
        LogicalType::Timestamp(unit, zone) => {
            let digits = digits_of(*unit);
            // ClickHouse knows zones by name only; an offset changes how an instant is shown, not which it is.
            let zone = zone.as_deref().filter(|zone| !zone.starts_with(['+', '-']));
            format!("DateTime64({digits}, {})", sql::literal(zone.unwrap_or("UTC")))
        }
        LogicalType::List(item) => format!("Array({})", member(item)),
        LogicalType::Struct(fields) => {
            let mut text = String::from("Tuple(");
            for (index, field) in fields.iter().enumerate() {
                let comma = if index > 0 { ", " } else { "" };
                let name = sql::name(&field.name);
                // Writing into text does not fail.
                let _ = write!(text, "{comma}{name} {}", member(&field.data_type));
            }
            text + ")"
        }
        LogicalType::Map(key, value) => format!("Map({}, {})", bare(key), member(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(data_type: &str, nullable: bool) -> String {
        let mut column = Column::new("c", data_type.parse().unwrap());
        column.nullable = nullable;
        column_type(&column).unwrap()
    }

    #[test]
    fn only_what_may_be_missing_is_nullable() {
        assert_eq!(written("int64", true), "Nullable(Int64)");
        assert_eq!(written("int64", false), "Int64");
        let mut key = Column::new("c", LogicalType::Int64);
        key.key = true;
        assert_eq!(column_type(&key).unwrap(), "Int64");
    }

    #[test]
    fn members_of_nested_types_may_be_missing() {
        assert_eq!(
            written("list(map(utf8, list(decimal(9,2))))", false),
            "Array(Map(String, Array(Nullable(Decimal(9, 2)))))"
        );
        assert_eq!(
            written("struct(a: utf8, b: struct(c: date32))", false),
            "Tuple(`a` Nullable(String), `b` Tuple(`c` Nullable(Date32)))"
        );
    }

    #[test]
    fn a_list_that_may_be_missing_is_refused() {
        let error = column_type(&Column::new("tags", "list(utf8)".parse().unwrap())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "column `tags` of type `list(utf8)` may be missing, which ClickHouse has no value for: write `nullable: false`"
        );
    }

    #[test]
    fn zones_are_named_and_names_cannot_end_the_statement() {
        assert_eq!(
            written("timestamp(ms, Europe/London)", false),
            "DateTime64(3, 'Europe/London')"
        );
        let offset = LogicalType::Timestamp(TimeUnit::Microsecond, Some("+05:30".into()));
        assert_eq!(bare(&offset), "DateTime64(6, 'UTC')");
        assert_eq!(written("timestamp(ns)", false), "DateTime64(9, 'UTC')");
    }

    #[test]
    fn ranges_are_in_the_unit_of_the_column() {
        let range = |data_type: &str, calendar| wire_range(&data_type.parse().unwrap(), calendar);
        let (narrow, wide) = (Calendar::From1900To2299, Calendar::From0To9999);
        assert_eq!(
            range("timestamp(s)", narrow),
            Some(-2_208_988_800..=10_413_791_999)
        );
        assert_eq!(
            range("timestamp(ms, UTC)", wide),
            Some(-62_167_219_200_000..=253_402_300_799_999)
        );
        assert_eq!(
            range("timestamp(ns)", narrow),
            Some(-2_208_988_800_000_000_000..=i64::MAX)
        );
        assert_eq!(range("timestamp(ns)", wide), Some(i64::MIN..=i64::MAX));
        assert_eq!(range("int64", wide), None);
    }

    #[test]
    fn an_answer_that_is_not_understood_promises_the_documented_days() {
        assert_eq!(
            Calendar::of_answer("0000-01-01 9999-12-31\n"),
            Calendar::From0To9999
        );
        assert_eq!(
            Calendar::of_answer("1900-01-01 2299-12-31\n"),
            Calendar::From1900To2299
        );
    }
}
