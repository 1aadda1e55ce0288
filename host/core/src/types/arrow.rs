//! Logical types to Arrow types and back.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, TimeUnit as ArrowUnit};

use super::logical::{LogicalField, LogicalType, TimeUnit};

impl From<TimeUnit> for ArrowUnit {
    fn from(unit: TimeUnit) -> Self {
        match unit {
            TimeUnit::Second => Self::Second,
            TimeUnit::Millisecond => Self::Millisecond,
            TimeUnit::Microsecond => Self::Microsecond,
            TimeUnit::Nanosecond => Self::Nanosecond,
        }
    }
}

impl From<ArrowUnit> for TimeUnit {
    fn from(unit: ArrowUnit) -> Self {
        match unit {
            ArrowUnit::Second => Self::Second,
            ArrowUnit::Millisecond => Self::Millisecond,
            ArrowUnit::Microsecond => Self::Microsecond,
            ArrowUnit::Nanosecond => Self::Nanosecond,
        }
    }
}

impl LogicalType {
    /// The Arrow type that a batch holds such a column in. Members of lists, structs and maps are nullable, keys not.
    pub fn arrow(&self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Int8 => DataType::Int8,
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::UInt8 => DataType::UInt8,
            Self::UInt16 => DataType::UInt16,
            Self::UInt32 => DataType::UInt32,
            Self::UInt64 => DataType::UInt64,
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            // 38 digits are what an i128 holds (arrow_schema::DECIMAL128_MAX_PRECISION).
            Self::Decimal { precision, scale } if *precision <= 38 => {
                DataType::Decimal128(*precision, *scale)
            }
            Self::Decimal { precision, scale } => DataType::Decimal256(*precision, *scale),
            Self::Utf8 => DataType::Utf8,
            Self::Binary => DataType::Binary,
            Self::FixedBinary(length) => DataType::FixedSizeBinary(*length),
            Self::Date32 => DataType::Date32,
            Self::Time64(unit) => DataType::Time64((*unit).into()),
            Self::Timestamp(unit, zone) => {
                DataType::Timestamp((*unit).into(), zone.as_deref().map(Arc::from))
            }
            Self::Duration(unit) => DataType::Duration((*unit).into()),
            Self::List(item) => DataType::List(Arc::new(Field::new_list_field(item.arrow(), true))),
            Self::Struct(fields) => DataType::Struct(
                fields
                    .iter()
                    .map(|field| Field::new(&field.name, field.data_type.arrow(), true))
                    .collect::<Fields>(),
            ),
            Self::Map(key, value) => {
                let entries = Fields::from(vec![
                    Field::new("key", key.arrow(), false),
                    Field::new("value", value.arrow(), true),
                ]);
                DataType::Map(
                    Arc::new(Field::new("entries", DataType::Struct(entries), false)),
                    false,
                )
            }
        }
    }

    /// The logical type of an Arrow type, or none where the schema has no word for it.
    pub fn from_arrow(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => Self::Int8,
            DataType::Int16 => Self::Int16,
            DataType::Int32 => Self::Int32,
            DataType::Int64 => Self::Int64,
            DataType::UInt8 => Self::UInt8,
            DataType::UInt16 => Self::UInt16,
            DataType::UInt32 => Self::UInt32,
            DataType::UInt64 => Self::UInt64,
            DataType::Float32 => Self::Float32,
            DataType::Float64 => Self::Float64,
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
                Self::Decimal {
                    precision: *precision,
                    scale: *scale,
                }
            }
            DataType::Utf8 => Self::Utf8,
            DataType::Binary => Self::Binary,
            DataType::FixedSizeBinary(length) => Self::FixedBinary(*length),
            DataType::Date32 => Self::Date32,
            DataType::Time64(unit) => Self::Time64((*unit).into()),
            DataType::Timestamp(unit, zone) => {
                Self::Timestamp((*unit).into(), zone.as_deref().map(str::to_owned))
            }
            DataType::Duration(unit) => Self::Duration((*unit).into()),
            DataType::List(item) => Self::List(Box::new(Self::from_arrow(item.data_type())?)),
            DataType::Struct(fields) => Self::Struct(
                fields
                    .iter()
                    .map(|field| {
                        Some(LogicalField {
                            name: field.name().clone(),
                            data_type: Self::from_arrow(field.data_type())?,
                        })
                    })
                    .collect::<Option<_>>()?,
            ),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => Self::Map(
                    Box::new(Self::from_arrow(fields[0].data_type())?),
                    Box::new(Self::from_arrow(fields[1].data_type())?),
                ),
                _ => return None,
            },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_comes_back_from_arrow() {
        for text in [
            "boolean",
            "int8",
            "int16",
            "int32",
            "int64",
            "uint8",
            "uint16",
            "uint32",
            "uint64",
            "float32",
            "float64",
            "decimal(38,2)",
            "decimal(39,2)",
            "utf8",
            "binary",
            "fixed_binary(16)",
            "date32",
            "time64(ns)",
            "timestamp(s)",
            "timestamp(us, Asia/Tokyo)",
            "duration(ms)",
            "list(utf8)",
            "struct(a: int8, b: utf8)",
            "map(utf8, int64)",
        ] {
            let logical: LogicalType = text.parse().unwrap();
            assert_eq!(LogicalType::from_arrow(&logical.arrow()), Some(logical), "{text}");
        }
    }
}
