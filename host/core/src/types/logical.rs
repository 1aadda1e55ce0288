//! What a column can hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A column's type, as the schema names it.
///
/// | text | Arrow | Parquet |
/// | --- | --- | --- |
/// | `boolean` | Boolean | BOOLEAN |
/// | `int8` … `int64`, `uint8` … `uint64` | the same | INT32 or INT64 with its width |
/// | `float32`, `float64` | the same | FLOAT, DOUBLE |
/// | `decimal(p,s)`, p up to 38 | Decimal128 | INT32, INT64 or FIXED_LEN_BYTE_ARRAY, DECIMAL |
/// | `decimal(p,s)`, p of 39 to 76 | Decimal256 | FIXED_LEN_BYTE_ARRAY, DECIMAL |
/// | `utf8` | Utf8 | BYTE_ARRAY, STRING |
/// | `binary` | Binary | BYTE_ARRAY |
/// | `fixed_binary(n)` | FixedSizeBinary | FIXED_LEN_BYTE_ARRAY |
/// | `date32` | Date32 | INT32, DATE |
/// | `time64(unit)`, us or ns | Time64 | INT64, TIME |
/// | `timestamp(unit)` | Timestamp without zone | INT64, TIMESTAMP, not adjusted to UTC |
/// | `timestamp(unit, zone)` | Timestamp with zone | INT64, TIMESTAMP, adjusted to UTC |
/// | `duration(unit)` | Duration | INT64 |
/// | `list(type)` | List | LIST |
/// | `struct(name: type, …)` | Struct | group |
/// | `map(key, value)` | Map | MAP |
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LogicalType {
    /// True or false.
    Boolean,
    /// 8 bits, signed.
    Int8,
    /// 16 bits, signed.
    Int16,
    /// 32 bits, signed.
    Int32,
    /// 64 bits, signed.
    Int64,
    /// 8 bits, unsigned.
    UInt8,
    /// 16 bits, unsigned.
    UInt16,
    /// 32 bits, unsigned.
    UInt32,
    /// 64 bits, unsigned.
    UInt64,
    /// IEEE 754, 32 bits.
    Float32,
    /// IEEE 754, 64 bits.
    Float64,
    /// Exact decimal numbers.
    Decimal {
        /// Digits in all, 1 to 76 (Arrow's Decimal256).
        precision: u8,
        /// Digits after the point, 0 to `precision`.
        scale: i8,
    },
    /// Text.
    Utf8,
    /// Bytes.
    Binary,
    /// Bytes of one length.
    FixedBinary(i32),
    /// Days since 1970-01-01.
    Date32,
    /// Time since midnight, in microseconds or nanoseconds.
    Time64(TimeUnit),
    /// An instant where a zone is given, a wall clock's reading where none is.
    Timestamp(TimeUnit, Option<String>),
    /// A length of time.
    Duration(TimeUnit),
    /// Values of one type, nullable.
    List(Box<LogicalType>),
    /// Named values, nullable.
    Struct(Vec<LogicalField>),
    /// Keys (not null) with values (nullable).
    Map(Box<LogicalType>, Box<LogicalType>),
}

/// A named member of a struct type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogicalField {
    /// The member's name.
    pub name: String,
    /// The member's type.
    pub data_type: LogicalType,
}

/// What a time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeUnit {
    /// `s`
    Second,
    /// `ms`
    Millisecond,
    /// `us`
    Microsecond,
    /// `ns`
    Nanosecond,
}

impl TimeUnit {
    /// As the schema writes it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Millisecond => "ms",
            Self::Microsecond => "us",
            Self::Nanosecond => "ns",
        }
    }
}

impl std::fmt::Display for LogicalType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean => f.write_str("boolean"),
            Self::Int8 => f.write_str("int8"),
            Self::Int16 => f.write_str("int16"),
            Self::Int32 => f.write_str("int32"),
            Self::Int64 => f.write_str("int64"),
            Self::UInt8 => f.write_str("uint8"),
            Self::UInt16 => f.write_str("uint16"),
            Self::UInt32 => f.write_str("uint32"),
            Self::UInt64 => f.write_str("uint64"),
            Self::Float32 => f.write_str("float32"),
            Self::Float64 => f.write_str("float64"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Utf8 => f.write_str("utf8"),
            Self::Binary => f.write_str("binary"),
            Self::FixedBinary(length) => write!(f, "fixed_binary({length})"),
            Self::Date32 => f.write_str("date32"),
            Self::Time64(unit) => write!(f, "time64({})", unit.text()),
            Self::Timestamp(unit, None) => write!(f, "timestamp({})", unit.text()),
            Self::Timestamp(unit, Some(zone)) => write!(f, "timestamp({}, {zone})", unit.text()),
            Self::Duration(unit) => write!(f, "duration({})", unit.text()),
            Self::List(item) => write!(f, "list({item})"),
            Self::Struct(fields) => {
                f.write_str("struct(")?;
                for (index, field) in fields.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(f, "{comma}{}: {}", field.name, field.data_type)?;
                }
                f.write_str(")")
            }
            Self::Map(key, value) => write!(f, "map({key}, {value})"),
        }
    }
}

impl From<LogicalType> for String {
    fn from(value: LogicalType) -> Self {
        value.to_string()
    }
}

impl JsonSchema for LogicalType {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LogicalType".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A column's type: boolean, int8 to int64, uint8 to uint64, float32, float64, decimal(p,s), utf8, binary, fixed_binary(n), date32, time64(us|ns), timestamp(s|ms|us|ns[, zone]), duration(unit), list(type), struct(name: type, ...), map(key, value).",
            "examples": ["int64", "utf8", "decimal(12,2)", "timestamp(ms, UTC)", "list(utf8)"]
        })
    }
}
