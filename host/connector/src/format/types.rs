//! Which types of a Parquet file can be read as which of the schema's, without loss.

use arrow_schema::{DataType, Field, TimeUnit};
use tidegate_core::types::LogicalType;

/// Whether every value of a file's type is a value of the wanted type.
pub(super) fn converts(found: &DataType, wanted: &DataType) -> bool {
    use DataType::{
        Binary, BinaryView, Date32, Decimal128, Decimal256, Dictionary, Duration, Float16, Float32, Float64,
        Int8, Int16, Int32, Int64, LargeBinary, LargeList, LargeUtf8, List, Map, Struct, Time32, Time64,
        Timestamp, UInt8, UInt16, UInt32, UInt64, Utf8, Utf8View,
    };
    match (found, wanted) {
        _ if found == wanted => true,
        (Dictionary(_, values), wanted) => converts(values, wanted),
        (Int8, Int16 | Int32 | Int64)
        | (Int16, Int32 | Int64)
        | (Int32, Int64)
        | (UInt8, UInt16 | UInt32 | UInt64 | Int16 | Int32 | Int64)
        | (UInt16, UInt32 | UInt64 | Int32 | Int64)
        | (UInt32, UInt64 | Int64)
        | (Float16, Float32 | Float64)
        | (Float32, Float64)
        | (LargeUtf8 | Utf8View, Utf8)
        | (LargeBinary | BinaryView, Binary)
        | (Date32, DataType::Date64) => true,
        (
            Decimal128(found_digits, found_scale) | Decimal256(found_digits, found_scale),
            Decimal128(digits, scale) | Decimal256(digits, scale),
        ) => {
            let whole = |digits: u8, scale: i8| i16::from(digits) - i16::from(scale);
            scale >= found_scale && whole(*digits, *scale) >= whole(*found_digits, *found_scale)
        }
        // An instant stays the same instant in another zone; what a clock shows is no instant.
        (Timestamp(found_unit, found_zone), Timestamp(unit, zone)) => {
            finer(*found_unit, *unit) && found_zone.is_some() == zone.is_some()
        }
        (Time32(found_unit) | Time64(found_unit), Time64(unit)) | (Duration(found_unit), Duration(unit)) => {
            finer(*found_unit, *unit)
        }
        (List(found) | LargeList(found), List(wanted)) => converts(found.data_type(), wanted.data_type()),
        (Struct(found), Struct(wanted)) => {
            let same = |(found, wanted): (&std::sync::Arc<Field>, &std::sync::Arc<Field>)| {
                found.name() == wanted.name() && converts(found.data_type(), wanted.data_type())
            };
            found.len() == wanted.len() && found.iter().zip(wanted).all(same)
        }
        (Map(found, _), Map(wanted, _)) => match (found.data_type(), wanted.data_type()) {
            (Struct(found), Struct(wanted)) => {
                let mut pairs = found.iter().zip(wanted);
                found.len() == wanted.len()
                    && pairs.all(|(found, wanted)| converts(found.data_type(), wanted.data_type()))
            }
            _ => false,
        },
        _ => false,
    }
}

/// A type for messages, in the schema's words where it has one.
pub(super) fn describe(data_type: &DataType) -> String {
    LogicalType::from_arrow(data_type).map_or_else(|| data_type.to_string(), |logical| logical.to_string())
}

/// Whether a unit counts at least as finely as the one found.
fn finer(found: TimeUnit, unit: TimeUnit) -> bool {
    let rank = |unit| match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    };
    rank(unit) >= rank(found)
}
