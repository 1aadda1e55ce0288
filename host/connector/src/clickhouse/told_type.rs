//! Types of ClickHouse that the schema tells of single columns: which ones a column can have, and which values they hold.
//!
//! Only those are taken of which it can be said beforehand which values they hold: the server wraps a number that is too
//! large for a narrower one without a word.

use tidegate_core::port::Domain;
use tidegate_core::schema::Column;
use tidegate_core::types::{LogicalType, TimeUnit};

use super::types::{Calendar, bare, column_type, digits_of, wire_range};

/// Why a told type is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a column of type `{data_type}` cannot be `{told}` in ClickHouse")]
pub(super) struct UnfitType {
    data_type: LogicalType,
    told: String,
}

/// A told type as the table has it: `Nullable` where a value may be missing.
pub(super) fn told_type(column: &Column, told: &str) -> Result<String, UnfitType> {
    let unfit = || UnfitType {
        data_type: column.data_type.clone(),
        told: told.to_owned(),
    };
    let told = told.trim();
    let inner = inner(told);
    if !fits(&column.data_type, inner) && column_type(column).ok().as_deref() != Some(told) {
        return Err(unfit());
    }
    let wrapped = [
        "Nullable(",
        "LowCardinality(Nullable(",
        "SimpleAggregateFunction(",
        "JSON",
    ];
    let nullable = column.nullable && !column.key;
    Ok(
        match (nullable, wrapped.iter().any(|start| told.starts_with(start))) {
            // Else a missing value would become an empty one.
            (true, false) => match argument(told, "LowCardinality") {
                Some(inner) => format!("LowCardinality(Nullable({inner}))"),
                None => format!("Nullable({told})"),
            },
            _ => told.to_owned(),
        },
    )
}

/// The values that a column of the table holds; none where it holds all that Arrow does.
pub(super) fn domain(data_type: &LogicalType, table_type: &str, calendar: Calendar) -> Option<Domain> {
    let inner = inner(table_type);
    let between = |least: i128, greatest: i128| Some(Domain::Between { least, greatest });
    match data_type {
        LogicalType::Utf8 => match inner {
            "UUID" => Some(Domain::Uuid),
            "IPv4" => Some(Domain::Ipv4),
            "IPv6" => Some(Domain::Ipv6),
            other => words(other).map(Domain::OneOf).or_else(|| {
                let length = argument(other, "FixedString")?;
                Some(Domain::Bytes(length.parse().ok()?))
            }),
        },
        LogicalType::Date32 if inner == "Date" => between(0, i128::from(u16::MAX)),
        LogicalType::Timestamp(_, _) if inner.starts_with("DateTime") && !inner.starts_with("DateTime64") => {
            between(0, i128::from(u32::MAX))
        }
        LogicalType::Date32 | LogicalType::Timestamp(..) => {
            let (least, greatest) = wire_range(data_type, calendar)?.into_inner();
            between(least.into(), greatest.into())
        }
        LogicalType::List(_) | LogicalType::Struct(_) | LogicalType::Map(..) => {
            Domain::of_parts(data_type, &|plain| domain(plain, &bare(plain), calendar))
        }
        _ => {
            let ((signed, bits), (own_signed, own_bits)) = (integer(inner)?, own_integer(data_type)?);
            let wider = if signed == own_signed {
                bits >= own_bits
            } else {
                signed && bits > own_bits
            };
            if wider {
                return None;
            }
            let (bits, low) = (bits.min(64), i128::from(signed));
            between(-low << (bits - 1), (1_i128 << (bits - u32::from(signed))) - 1)
        }
    }
}

/// Whether the server can make one of the other, value by value.
fn fits(data_type: &LogicalType, told: &str) -> bool {
    let starts = |names: &[&str]| {
        names
            .iter()
            .any(|name| told == *name || told.starts_with(&format!("{name}(")))
    };
    match data_type {
        LogicalType::Utf8 => starts(&[
            "String",
            "FixedString",
            "UUID",
            "IPv4",
            "IPv6",
            "Enum8",
            "Enum16",
            "JSON",
        ]),
        LogicalType::Binary => told == "String",
        LogicalType::Boolean => matches!(told, "Bool" | "UInt8"),
        LogicalType::Float32 => matches!(told, "Float32" | "Float64"),
        LogicalType::Float64 => told == "Float64",
        LogicalType::Date32 => matches!(told, "Date" | "Date32"),
        LogicalType::Timestamp(unit, _) => match argument(told, "DateTime64") {
            Some(arguments) => {
                let digits = arguments
                    .split(',')
                    .next()
                    .and_then(|digits| digits.trim().parse::<u32>().ok());
                digits.is_some_and(|found| found >= digits_of(*unit))
            }
            None => *unit == TimeUnit::Second && (told == "DateTime" || told.starts_with("DateTime(")),
        },
        LogicalType::Decimal { precision, scale } => argument(told, "Decimal")
            .and_then(|arguments| {
                let (found, found_scale) = arguments.split_once(',')?;
                let (found, found_scale): (i32, i32) =
                    (found.trim().parse().ok()?, found_scale.trim().parse().ok()?);
                let (precision, scale) = (i32::from(*precision), i32::from(*scale));
                Some(found_scale >= scale && found - found_scale >= precision - scale)
            })
            .unwrap_or(false),
        other => own_integer(other).is_some() && integer(told).is_some(),
    }
}

/// A type without `Nullable`, `LowCardinality` and `SimpleAggregateFunction`.
fn inner(told: &str) -> &str {
    for wrapper in ["Nullable", "LowCardinality"] {
        if let Some(below) = argument(told, wrapper) {
            return inner(below);
        }
    }
    match argument(told, "SimpleAggregateFunction").and_then(|arguments| arguments.split_once(',')) {
        Some((_, below)) => inner(below.trim()),
        None => told,
    }
}

/// What stands in the parentheses of a type of that name.
fn argument<'a>(told: &'a str, name: &str) -> Option<&'a str> {
    told.strip_prefix(name)?
        .strip_prefix('(')?
        .strip_suffix(')')
        .map(str::trim)
}

/// The words of an `Enum`.
fn words(told: &str) -> Option<Vec<String>> {
    let arguments = argument(told, "Enum8")
        .or_else(|| argument(told, "Enum16"))
        .or_else(|| argument(told, "Enum"))?;
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = arguments.chars();
    while let Some(letter) = letters.next() {
        match (&mut word, letter) {
            (None, '\'') => word = Some(String::new()),
            (None, _) => {}
            (Some(_), '\'') => words.extend(word.take()),
            (Some(text), '\\') => text.extend(letters.next()),
            (Some(text), letter) => text.push(letter),
        }
    }
    Some(words)
}

/// Whether a type of whole numbers is signed, and how many bits it has.
pub(super) fn integer(told: &str) -> Option<(bool, u32)> {
    let (signed, bits) = match told.strip_prefix("UInt") {
        Some(bits) => (false, bits),
        None => (true, told.strip_prefix("Int")?),
    };
    Some((signed, bits.parse().ok()?))
}

fn own_integer(data_type: &LogicalType) -> Option<(bool, u32)> {
    Some(match data_type {
        LogicalType::Int8 => (true, 8),
        LogicalType::Int16 => (true, 16),
        LogicalType::Int32 => (true, 32),
        LogicalType::Int64 => (true, 64),
        LogicalType::UInt8 => (false, 8),
        LogicalType::UInt16 => (false, 16),
        LogicalType::UInt32 => (false, 32),
        LogicalType::UInt64 => (false, 64),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(data_type: &str, told: &str) -> Option<String> {
        told_type(&Column::new("c", data_type.parse().unwrap()), told).ok()
    }

    #[test]
    fn a_type_that_could_lose_something_unseen_is_not_taken() {
        for (data_type, wanted, taken) in [
            ("utf8", "UUID", Some("Nullable(UUID)")),
            (
                "utf8",
                "LowCardinality(String)",
                Some("LowCardinality(Nullable(String))"),
            ),
            ("utf8", "Nullable(IPv6)", Some("Nullable(IPv6)")),
            ("utf8", "Int64", None),
            ("int64", "Int16", Some("Nullable(Int16)")),
            (
                "int64",
                "SimpleAggregateFunction(sum, Int64)",
                Some("SimpleAggregateFunction(sum, Int64)"),
            ),
            ("int64", "Float32", None),
            ("float64", "Float32", None),
            ("decimal(9,2)", "Decimal(18, 4)", Some("Nullable(Decimal(18, 4))")),
            ("decimal(9,2)", "Decimal(9, 4)", None),
            ("timestamp(ms, UTC)", "DateTime", None),
            (
                "timestamp(s, UTC)",
                "DateTime('Europe/London')",
                Some("Nullable(DateTime('Europe/London'))"),
            ),
            ("timestamp(us)", "DateTime64(3)", None),
            ("boolean", "UInt8", Some("Nullable(UInt8)")),
        ] {
            assert_eq!(
                told(data_type, wanted).as_deref(),
                taken,
                "{data_type} as {wanted}"
            );
        }
    }

    #[test]
    fn what_a_narrower_type_holds_is_known() {
        let of = |data_type: &str, table_type: &str| {
            domain(&data_type.parse().unwrap(), table_type, Calendar::From1900To2299)
        };
        let between = |least, greatest| Some(Domain::Between { least, greatest });
        assert_eq!(of("int64", "Int8"), between(-128, 127));
        assert_eq!(of("int32", "UInt16"), between(0, 65_535));
        assert_eq!(
            of("uint64", "Nullable(Int64)"),
            between(i64::MIN.into(), i64::MAX.into())
        );
        assert_eq!(of("int64", "UInt64"), between(0, u64::MAX.into()));
        assert_eq!(of("uint32", "Int64"), None);
        assert_eq!(of("int64", "Int128"), None);
        assert_eq!(of("date32", "Nullable(Date)"), between(0, 65_535));
        assert_eq!(of("timestamp(s)", "DateTime('UTC')"), between(0, u32::MAX.into()));
        assert_eq!(of("utf8", "LowCardinality(Nullable(String))"), None);
        assert_eq!(
            of("utf8", "Enum8('a' = 1, 'it\\'s, b' = 2)"),
            Some(Domain::OneOf(vec!["a".into(), "it's, b".into()]))
        );
    }
}
