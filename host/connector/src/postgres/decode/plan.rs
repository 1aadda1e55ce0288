//! How a column of the server is selected and read as the schema has it.

use std::sync::Arc;

use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_buffer::i256;
use arrow_schema::Field;
use tidegate_core::types::{LogicalType, TimeUnit};

use super::super::sql::name;
use super::Decode;
use super::json::Json;
use super::list::Lists;
use super::number::{
    Booleans, FixedBytes, Numbers, Unit, date, float4, float8, interval, narrowed, time, timestamp, whole,
};
use super::numeric;
use super::text::{Bytes, Texts};

/// A column's type as the server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Found {
    /// By its name, such as `INT4`.
    Plain(String),
    /// Words that are told one by one.
    Enum(String),
    /// Of values of one type.
    Array(Box<Found>),
    /// Of named members.
    Composite(String),
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plain(name) | Self::Enum(name) | Self::Composite(name) => {
                f.write_str(&name.to_ascii_lowercase())
            }
            Self::Array(item) => write!(f, "{item}[]"),
        }
    }
}

/// How the values of a column are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Shape {
    data_type: LogicalType,
    read: Read,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Read {
    /// In the type's own form.
    Own,
    /// From `numeric`.
    Numeric,
    /// As text, before which a version stands where it is `jsonb`'s.
    Text { versioned: bool },
    /// From an array, each item so.
    Items(Box<Read>),
    /// From JSON.
    Json { versioned: bool },
}

/// A column's expression in the `SELECT`, and how its values are read; an error says which type would do.
pub(in super::super) fn plan(
    column: &str,
    data_type: &LogicalType,
    found: &Found,
) -> Result<(String, Shape), String> {
    let own = name(column);
    let shape = |read| Shape {
        data_type: data_type.clone(),
        read,
    };
    let (expression, read) = match (data_type, found) {
        (LogicalType::List(item), Found::Array(found)) if !nested(item) => {
            // The items' own expression is the column's with brackets behind its cast.
            let (expression, inner) = plan("", item, found)?;
            let read = Read::Items(Box::new(inner.read));
            match expression.split_once("::") {
                None => (own, read),
                Some((_, cast)) => (format!("{own}::{cast}[]"), read),
            }
        }
        (LogicalType::List(_) | LogicalType::Struct(_) | LogicalType::Map(..), found) => match found {
            Found::Plain(kind) if kind == "JSONB" => (own, Read::Json { versioned: true }),
            Found::Plain(kind) if kind == "JSON" => (own, Read::Json { versioned: false }),
            Found::Composite(_) | Found::Array(_) => {
                (format!("to_json({own})"), Read::Json { versioned: false })
            }
            other => return Err(refused(data_type, other)),
        },
        (LogicalType::Utf8, found) => match found {
            Found::Plain(kind)
                if matches!(
                    kind.as_str(),
                    "TEXT" | "VARCHAR" | "NAME" | "JSON" | "XML" | "CITEXT"
                ) =>
            {
                (own, Read::Text { versioned: false })
            }
            Found::Enum(_) => (own, Read::Text { versioned: false }),
            Found::Plain(kind) if kind == "JSONB" => (own, Read::Text { versioned: true }),
            // As `psql` shows it.
            _ => (format!("{own}::text"), Read::Text { versioned: false }),
        },
        (data_type, Found::Plain(kind)) => match plain(data_type, kind) {
            Some(read) => (own, read),
            None if matches!(data_type, LogicalType::Timestamp(_, None)) && kind == "DATE" => {
                (format!("{own}::timestamp"), Read::Own)
            }
            None => return Err(refused(data_type, found)),
        },
        (data_type, found) => return Err(refused(data_type, found)),
    };
    Ok((expression, shape(read)))
}

/// How a plain value is read from a type that has the same values.
fn plain(data_type: &LogicalType, kind: &str) -> Option<Read> {
    let whole = matches!(kind, "INT2" | "INT4" | "INT8" | "OID");
    let own = match data_type {
        LogicalType::Boolean => kind == "BOOL",
        LogicalType::Int8
        | LogicalType::Int16
        | LogicalType::Int32
        | LogicalType::Int64
        | LogicalType::UInt8
        | LogicalType::UInt16
        | LogicalType::UInt32
        | LogicalType::UInt64 => {
            if kind == "NUMERIC" {
                return Some(Read::Numeric);
            }
            whole && kind != "OID"
        }
        LogicalType::Decimal { .. } => {
            if kind == "NUMERIC" {
                return Some(Read::Numeric);
            }
            false
        }
        LogicalType::Float32 => kind == "FLOAT4",
        LogicalType::Float64 => matches!(kind, "FLOAT4" | "FLOAT8"),
        LogicalType::Binary => kind == "BYTEA",
        LogicalType::FixedBinary(length) => kind == "BYTEA" || (kind == "UUID" && *length == 16),
        LogicalType::Date32 => kind == "DATE",
        LogicalType::Time64(_) => kind == "TIME",
        LogicalType::Timestamp(_, None) => kind == "TIMESTAMP",
        LogicalType::Timestamp(_, Some(_)) => kind == "TIMESTAMPTZ",
        LogicalType::Duration(_) => kind == "INTERVAL",
        LogicalType::Utf8 | LogicalType::List(_) | LogicalType::Struct(_) | LogicalType::Map(..) => false,
    };
    own.then_some(Read::Own)
}

fn nested(data_type: &LogicalType) -> bool {
    matches!(
        data_type,
        LogicalType::List(_) | LogicalType::Struct(_) | LogicalType::Map(..)
    )
}

/// What is wrong, with the type that would be right.
fn refused(wanted: &LogicalType, found: &Found) -> String {
    match logical(found) {
        Some(right) => format!("the server has `{found}`, which is `{right}` or `utf8`, not `{wanted}`"),
        None => format!("the server has `{found}`, which can be read as `utf8`, not `{wanted}`"),
    }
}

/// The type that holds all values of one of the server's, as far as its name tells.
pub(in super::super) fn logical(found: &Found) -> Option<String> {
    Some(match found {
        Found::Plain(kind) => match kind.as_str() {
            "BOOL" => "boolean",
            "INT2" => "int16",
            "INT4" => "int32",
            "INT8" => "int64",
            "FLOAT4" => "float32",
            "FLOAT8" => "float64",
            "NUMERIC" => "decimal(p,s)",
            "BYTEA" => "binary",
            "DATE" => "date32",
            "TIME" => "time64(us)",
            "TIMESTAMP" => "timestamp(us)",
            "TIMESTAMPTZ" => "timestamp(us, UTC)",
            "INTERVAL" => "duration(us)",
            _ => return None,
        }
        .to_owned(),
        Found::Array(item) => format!("list({})", logical(item).unwrap_or_else(|| "utf8".into())),
        Found::Enum(_) | Found::Composite(_) => return None,
    })
}

impl Shape {
    /// What reads such values.
    pub(super) fn decoder(&self) -> Box<dyn Decode> {
        decoder(&self.data_type, &self.read)
    }
}

/// A reader of whole numbers of the Arrow type: from either form.
macro_rules! integers {
    ($type:ty, $native:ty, $arrow:expr, $read:expr) => {
        match $read {
            Read::Numeric => Numbers::<$type, _>::boxed($arrow, numeric::whole::<$native>),
            _ => Numbers::<$type, _>::boxed($arrow, narrowed::<$native>),
        }
    };
}

/// A reader of times in each unit.
macro_rules! times {
    ($arrow:expr, $unit:expr, $read:ident, $($case:ident => $type:ty),+) => {{
        let unit = Unit($unit);
        match $unit {
            $(TimeUnit::$case => Numbers::<$type, _>::boxed($arrow, move |value| $read(value, unit)),)+
        }
    }};
}

fn decoder(data_type: &LogicalType, read: &Read) -> Box<dyn Decode> {
    let arrow = data_type.arrow();
    match data_type {
        LogicalType::Boolean => Booleans::boxed(),
        LogicalType::Int8 => integers!(Int8Type, i8, arrow, read),
        LogicalType::Int16 => integers!(Int16Type, i16, arrow, read),
        LogicalType::Int32 => integers!(Int32Type, i32, arrow, read),
        LogicalType::Int64 => match read {
            Read::Numeric => Numbers::<Int64Type, _>::boxed(arrow, numeric::whole::<i64>),
            _ => Numbers::<Int64Type, _>::boxed(arrow, whole),
        },
        LogicalType::UInt8 => integers!(UInt8Type, u8, arrow, read),
        LogicalType::UInt16 => integers!(UInt16Type, u16, arrow, read),
        LogicalType::UInt32 => integers!(UInt32Type, u32, arrow, read),
        LogicalType::UInt64 => integers!(UInt64Type, u64, arrow, read),
        LogicalType::Float32 => Numbers::<Float32Type, _>::boxed(arrow, float4),
        LogicalType::Float64 => Numbers::<Float64Type, _>::boxed(arrow, float8),
        LogicalType::Decimal { precision, scale } => {
            let (precision, scale) = (*precision, *scale);
            if precision <= 38 {
                Numbers::<Decimal128Type, _>::boxed(arrow, move |value| {
                    numeric::decimal::<i128>(value, precision, scale)
                })
            } else {
                Numbers::<Decimal256Type, _>::boxed(arrow, move |value| {
                    numeric::decimal::<i256>(value, precision, scale)
                })
            }
        }
        LogicalType::Utf8 => Texts::boxed(matches!(read, Read::Text { versioned: true })),
        LogicalType::Binary => Bytes::boxed(),
        LogicalType::FixedBinary(length) => FixedBytes::boxed(*length),
        LogicalType::Date32 => Numbers::<Date32Type, _>::boxed(arrow, date),
        LogicalType::Time64(TimeUnit::Nanosecond) => {
            let unit = Unit(TimeUnit::Nanosecond);
            Numbers::<Time64NanosecondType, _>::boxed(arrow, move |value| time(value, unit))
        }
        LogicalType::Time64(unit) => {
            let unit = Unit(*unit);
            Numbers::<Time64MicrosecondType, _>::boxed(arrow, move |value| time(value, unit))
        }
        LogicalType::Timestamp(unit, _) => times!(
            arrow, *unit, timestamp,
            Second => TimestampSecondType,
            Millisecond => TimestampMillisecondType,
            Microsecond => TimestampMicrosecondType,
            Nanosecond => TimestampNanosecondType
        ),
        LogicalType::Duration(unit) => times!(
            arrow, *unit, interval,
            Second => DurationSecondType,
            Millisecond => DurationMillisecondType,
            Microsecond => DurationMicrosecondType,
            Nanosecond => DurationNanosecondType
        ),
        LogicalType::List(item) if let Read::Items(inner) = read => {
            let field = Arc::new(Field::new_list_field(item.arrow(), true));
            Lists::boxed(field, decoder(item, inner))
        }
        LogicalType::List(_) | LogicalType::Struct(_) | LogicalType::Map(..) => {
            Json::boxed(arrow, matches!(read, Read::Json { versioned: true }))
        }
    }
}
