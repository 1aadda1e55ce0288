//! Logical types to Postgres's and back.
//!
//! | logical | Postgres |
//! | --- | --- |
//! | `boolean` | `boolean` |
//! | `int8`, `uint8`, `int16` | `smallint` |
//! | `uint16`, `int32` | `integer` |
//! | `uint32`, `int64` | `bigint` |
//! | `uint64` | `numeric(20,0)` |
//! | `float32`, `float64` | `real`, `double precision` |
//! | `decimal(p,s)` | `numeric(p,s)` |
//! | `utf8` | `text` |
//! | `binary`, `fixed_binary(n)` | `bytea` |
//! | `date32` | `date` |
//! | `time64(us)` | `time` |
//! | `timestamp(unit)`, `timestamp(unit, zone)`; not nanoseconds | `timestamp`, `timestamptz` |
//! | `duration(unit)`; not nanoseconds | `interval` |
//! | `list(type)` of a plain type | `type[]` |
//! | other lists, `struct(…)`, `map(…)` | `jsonb` |

use tidegate_core::port::Domain;
use tidegate_core::schema::Column;
use tidegate_core::types::{LogicalType, TimeUnit};

use super::wire::{DAY_US, END_S, FIRST_DAY, FIRST_US, LAST_DAY, Wire};

/// A column that Postgres cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column `{column}` of type `{data_type}`: {reason}")]
pub(super) struct UnfitColumn {
    pub(super) column: String,
    pub(super) data_type: LogicalType,
    pub(super) reason: &'static str,
}

/// A column's type as `format_type` names it, and how its values travel.
pub(super) fn column_type(column: &Column) -> Result<(String, Wire), UnfitColumn> {
    plain(&column.data_type)
        .or_else(|reason| match &column.data_type {
            LogicalType::List(item) => match plain(item) {
                Ok((item, wire)) => Ok((format!("{item}[]"), Wire::Array(Box::new(wire)))),
                // A list of lists or of structs.
                Err(None) => Ok(("jsonb".into(), Wire::Jsonb)),
                Err(reason) => Err(reason),
            },
            LogicalType::Struct(_) | LogicalType::Map(..) => Ok(("jsonb".into(), Wire::Jsonb)),
            _ => Err(reason),
        })
        .map_err(|reason| UnfitColumn {
            column: column.name.clone(),
            data_type: column.data_type.clone(),
            reason: reason.unwrap_or("Postgres has no such type"),
        })
}

/// The type of a plain value, or why there is none.
fn plain(data_type: &LogicalType) -> Result<(String, Wire), Option<&'static str>> {
    let finer = Some("Postgres counts microseconds; read or convert it as such");
    let (text, wire) = match data_type {
        LogicalType::Boolean => ("boolean", Wire::Bool),
        LogicalType::Int8 | LogicalType::UInt8 | LogicalType::Int16 => ("smallint", Wire::Int2),
        LogicalType::UInt16 | LogicalType::Int32 => ("integer", Wire::Int4),
        LogicalType::UInt32 | LogicalType::Int64 => ("bigint", Wire::Int8),
        LogicalType::UInt64 => ("numeric(20,0)", Wire::Numeric),
        LogicalType::Float32 => ("real", Wire::Float4),
        LogicalType::Float64 => ("double precision", Wire::Float8),
        LogicalType::Decimal { precision, scale } => {
            return Ok((format!("numeric({precision},{scale})"), Wire::Numeric));
        }
        LogicalType::Utf8 => ("text", Wire::Text),
        LogicalType::Binary | LogicalType::FixedBinary(_) => ("bytea", Wire::Bytea),
        LogicalType::Date32 => ("date", Wire::Date),
        LogicalType::Time64(TimeUnit::Nanosecond)
        | LogicalType::Timestamp(TimeUnit::Nanosecond, _)
        | LogicalType::Duration(TimeUnit::Nanosecond) => return Err(finer),
        LogicalType::Time64(_) => ("time without time zone", Wire::Time),
        LogicalType::Timestamp(_, None) => ("timestamp without time zone", Wire::Timestamp),
        LogicalType::Timestamp(_, Some(_)) => ("timestamp with time zone", Wire::Timestamp),
        LogicalType::Duration(_) => ("interval", Wire::Interval),
        LogicalType::List(_) | LogicalType::Struct(_) | LogicalType::Map(..) => return Err(None),
    };
    Ok((text.into(), wire))
}

/// Microseconds of a unit; less than one for nanoseconds, which none of the types here has.
pub(super) fn unit_us(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1_000_000,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond | TimeUnit::Nanosecond => 1,
    }
}

/// The values that a column of the default type holds; none where it holds all that Arrow does.
pub(super) fn domain(data_type: &LogicalType) -> Option<Domain> {
    let between = |least: i64, greatest: i64| {
        Some(Domain::Between {
            least: least.into(),
            greatest: greatest.into(),
        })
    };
    match data_type {
        // Its texts are C's: they end at the first zero byte.
        LogicalType::Utf8 => Some(Domain::WithoutNul),
        LogicalType::Date32 => between(FIRST_DAY, LAST_DAY),
        LogicalType::Time64(_) => between(0, DAY_US),
        LogicalType::Timestamp(unit, _) => {
            let end = END_S.saturating_mul(1_000_000 / unit_us(*unit));
            let greatest = if end == i64::MAX { end } else { end - 1 };
            between(FIRST_US / unit_us(*unit), greatest)
        }
        LogicalType::Duration(unit) if *unit != TimeUnit::Microsecond => {
            between(i64::MIN / unit_us(*unit), i64::MAX / unit_us(*unit))
        }
        LogicalType::List(_) | LogicalType::Struct(_) | LogicalType::Map(..) => {
            // As JSON, members are text: any number and date can be written.
            let json = !matches!(data_type, LogicalType::List(item) if plain(item).is_ok());
            Domain::of_parts(data_type, &|part| {
                domain(part).filter(|domain| !json || *domain == Domain::WithoutNul)
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(data_type: &str) -> Result<String, String> {
        column_type(&Column::new("c", data_type.parse().unwrap()))
            .map(|(text, _)| text)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn each_type_has_its_like() {
        for (ours, theirs) in [
            ("uint8", "smallint"),
            ("uint64", "numeric(20,0)"),
            ("decimal(12,2)", "numeric(12,2)"),
            ("timestamp(ms, UTC)", "timestamp with time zone"),
            ("list(utf8)", "text[]"),
            ("list(list(int8))", "jsonb"),
            ("struct(a: int8)", "jsonb"),
        ] {
            assert_eq!(written(ours).unwrap(), theirs);
        }
        assert_eq!(
            written("timestamp(ns)").unwrap_err(),
            "column `c` of type `timestamp(ns)`: Postgres counts microseconds; read or convert it as such"
        );
        assert!(written("list(duration(ns))").is_err());
    }

    #[test]
    fn ranges_are_in_the_unit_of_the_column() {
        let range = |data_type: &str| domain(&data_type.parse().unwrap());
        assert_eq!(
            range("timestamp(s, UTC)"),
            Some(Domain::Between {
                least: -210_866_803_200,
                greatest: 9_224_318_015_999
            })
        );
        assert_eq!(
            range("timestamp(us)"),
            Some(Domain::Between {
                least: -210_866_803_200_000_000,
                greatest: i64::MAX.into()
            })
        );
        assert_eq!(range("int64"), None);
        assert_eq!(range("list(int64)"), None);
        assert_eq!(
            range("struct(a: date32, b: utf8)"),
            Some(Domain::Members(vec![(1, Domain::WithoutNul)]))
        );
    }
}
