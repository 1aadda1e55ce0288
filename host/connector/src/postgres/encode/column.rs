//! The values of a column, in the form that its type's `recv` function takes.

use std::net::IpAddr;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array as _, ArrayRef, BooleanArray, ListArray, PrimitiveArray};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, TimeUnit};

use super::super::error::{PostgresError, Result};
use super::super::wire::{DAY_US, EPOCH_DAYS, EPOCH_US, MISSING, Wire};
use super::json::Json;
use super::numeric::{Decimals, Numbers};
use super::{Encode, measured};

/// What writes the values of a column.
pub(super) fn values<'a>(column: &'a ArrayRef, wire: &Wire) -> Result<Box<dyn Encode + 'a>> {
    let refused = || {
        PostgresError::Internal(format!(
            "a column of {} cannot travel as {wire:?}",
            column.data_type()
        ))
    };
    Ok(match (column.data_type(), wire) {
        (DataType::Boolean, Wire::Bool) => Box::new(Booleans(column.as_boolean())),
        (DataType::Float32, Wire::Float4) => each(column.as_primitive::<Float32Type>(), f32::to_be_bytes),
        (DataType::Float32, Wire::Float8) => each(column.as_primitive::<Float32Type>(), |value| {
            f64::from(value).to_be_bytes()
        }),
        (DataType::Float64, Wire::Float8) => each(column.as_primitive::<Float64Type>(), f64::to_be_bytes),
        (DataType::Decimal128(_, scale), Wire::Numeric) => Box::new(Numbers::new(
            column.as_primitive::<Decimal128Type>().values(),
            *scale,
        )),
        (DataType::Decimal256(_, scale), Wire::Numeric) => Box::new(Decimals {
            values: column.as_primitive::<Decimal256Type>(),
            scale: *scale,
        }),
        (DataType::Utf8, Wire::Text) => Box::new(Texts {
            column,
            version: None,
        }),
        (DataType::Utf8, Wire::Jsonb) => Box::new(Texts {
            column,
            version: Some(1),
        }),
        (DataType::Utf8, Wire::Uuid) => Box::new(Uuids(column)),
        (DataType::Utf8, Wire::Inet) => Box::new(Addresses(column)),
        (DataType::Binary, Wire::Bytea) => Box::new(Bytes(column)),
        (DataType::FixedSizeBinary(_), Wire::Bytea | Wire::Uuid) => Box::new(FixedBytes(column)),
        (DataType::Date32, Wire::Date) => each(column.as_primitive::<Date32Type>(), |days| {
            days.wrapping_sub(EPOCH_DAYS).to_be_bytes()
        }),
        (DataType::Time64(TimeUnit::Microsecond), Wire::Time) => Box::new(Scaled::new(column, 1, time)),
        (DataType::Timestamp(unit, _), Wire::Timestamp) => Box::new(Times {
            values: counts(column),
            unit_us: unit_us(*unit).ok_or_else(refused)?,
        }),
        (DataType::Duration(unit), Wire::Interval) => {
            Box::new(Scaled::new(column, unit_us(*unit).ok_or_else(refused)?, interval))
        }
        (DataType::List(_), Wire::Array(item)) => Box::new(Lists::new(column.as_list(), item)?),
        (DataType::List(_) | DataType::Struct(_) | DataType::Map(..), Wire::Jsonb | Wire::Text) => {
            Box::new(Json::new(column, *wire == Wire::Jsonb)?)
        }
        _ => return integers(column, wire).ok_or_else(refused),
    })
}

/// Values of one width.
fn each<'a, T: ArrowPrimitiveType, const N: usize>(
    values: &'a PrimitiveArray<T>,
    bytes: impl Fn(T::Native) -> [u8; N] + 'a,
) -> Box<dyn Encode + 'a> {
    Box::new(Each {
        values: values.values(),
        bytes,
    })
}

struct Each<'a, V: Copy + 'static + arrow_buffer::ArrowNativeType, F> {
    values: &'a ScalarBuffer<V>,
    bytes: F,
}

impl<V: Copy + arrow_buffer::ArrowNativeType, F: Fn(V) -> [u8; N], const N: usize> Encode for Each<'_, V, F> {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.bytes)(self.values[row]));
    }
}

/// Whole numbers, in the width of the table's column; flow has refused those that do not fit.
fn integers<'a>(column: &'a ArrayRef, wire: &Wire) -> Option<Box<dyn Encode + 'a>> {
    macro_rules! widths {
        ($type:ty, $to_i64:expr) => {{
            let values = column.as_primitive::<$type>();
            let to_i64 = $to_i64;
            match wire {
                Wire::Int2 => each(values, move |value| (to_i64(value) as i16).to_be_bytes()),
                Wire::Int4 => each(values, move |value| (to_i64(value) as i32).to_be_bytes()),
                Wire::Int8 => each(values, move |value| to_i64(value).to_be_bytes()),
                Wire::Numeric => {
                    let wide = values.values().iter().map(|value| i128::from(*value)).collect();
                    Box::new(Numbers::owned(wide))
                }
                _ => return None,
            }
        }};
    }
    Some(match column.data_type() {
        DataType::Int8 => widths!(Int8Type, i64::from),
        DataType::Int16 => widths!(Int16Type, i64::from),
        DataType::Int32 => widths!(Int32Type, i64::from),
        DataType::Int64 => widths!(Int64Type, |value: i64| value),
        DataType::UInt8 => widths!(UInt8Type, i64::from),
        DataType::UInt16 => widths!(UInt16Type, i64::from),
        DataType::UInt32 => widths!(UInt32Type, i64::from),
        DataType::UInt64 => widths!(UInt64Type, |value: u64| value as i64),
        _ => return None,
    })
}

struct Booleans<'a>(&'a BooleanArray);

impl Encode for Booleans<'_> {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        out.push(u8::from(self.0.value(row)));
    }
}

struct Texts<'a> {
    column: &'a ArrayRef,
    /// Stands before each.
    version: Option<u8>,
}

impl Encode for Texts<'_> {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        out.extend(self.version);
        out.extend_from_slice(self.column.as_string::<i32>().value(row).as_bytes());
    }
}

struct Bytes<'a>(&'a ArrayRef);

impl Encode for Bytes<'_> {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_binary::<i32>().value(row));
    }
}

struct FixedBytes<'a>(&'a ArrayRef);

impl Encode for FixedBytes<'_> {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_fixed_size_binary().value(row));
    }
}

/// UUIDs that are text; flow has refused what is none.
struct Uuids<'a>(&'a ArrayRef);

impl Encode for Uuids<'_> {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        let mut digits = self
            .0
            .as_string::<i32>()
            .value(row)
            .chars()
            .filter_map(|letter| letter.to_digit(16));
        while let (Some(high), Some(low)) = (digits.next(), digits.next()) {
            out.push((high << 4 | low) as u8);
        }
    }
}

/// Addresses that are text (`network_send` in `src/backend/utils/adt/network.c`): family, bits, whether a network, length,
/// bytes.
struct Addresses<'a>(&'a ArrayRef);

impl Encode for Addresses<'_> {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        // Flow has refused what is none.
        match self.0.as_string::<i32>().value(row).parse() {
            Ok(IpAddr::V4(address)) => {
                out.extend_from_slice(&[2, 32, 0, 4]);
                out.extend_from_slice(&address.octets());
            }
            Ok(IpAddr::V6(address)) => {
                out.extend_from_slice(&[3, 128, 0, 16]);
                out.extend_from_slice(&address.octets());
            }
            Err(_) => {}
        }
    }
}

/// Instants and wall clocks' readings.
struct Times {
    values: ScalarBuffer<i64>,
    unit_us: i64,
}

impl Encode for Times {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        let us = self.values[row].wrapping_mul(self.unit_us).wrapping_sub(EPOCH_US);
        out.extend_from_slice(&us.to_be_bytes());
    }
}

/// Counts of microseconds.
struct Scaled<F> {
    values: ScalarBuffer<i64>,
    unit_us: i64,
    bytes: F,
}

impl<F> Scaled<F> {
    fn new(column: &ArrayRef, unit_us: i64, bytes: F) -> Self {
        Self {
            values: counts(column),
            unit_us,
            bytes,
        }
    }
}

impl<F: Fn(i64, &mut Vec<u8>)> Encode for Scaled<F> {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        (self.bytes)(self.values[row].wrapping_mul(self.unit_us), out);
    }
}

/// A time of day.
fn time(us: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&us.to_be_bytes());
}

/// A length of time: whole days apart, so that `1 day` is shown as such.
fn interval(us: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&(us % DAY_US).to_be_bytes());
    out.extend_from_slice(&((us / DAY_US) as i32).to_be_bytes());
    out.extend_from_slice(&0_i32.to_be_bytes());
}

/// Microseconds of a unit; none of nanoseconds, which no column here has.
fn unit_us(unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Second => Some(1_000_000),
        TimeUnit::Millisecond => Some(1_000),
        TimeUnit::Microsecond => Some(1),
        TimeUnit::Nanosecond => None,
    }
}

/// The counts of a column of times, whatever its unit.
fn counts(column: &ArrayRef) -> ScalarBuffer<i64> {
    let data = column.to_data();
    ScalarBuffer::new(data.buffers()[0].clone(), data.offset(), data.len())
}

/// Lists of plain values.
struct Lists<'a> {
    lists: &'a ListArray,
    items: Box<dyn Encode + 'a>,
    nulls: Option<NullBuffer>,
    oid: u32,
}

impl<'a> Lists<'a> {
    fn new(lists: &'a ListArray, item: &Wire) -> Result<Self> {
        Ok(Self {
            items: values(lists.values(), item)?,
            nulls: lists.values().logical_nulls(),
            oid: item.oid(),
            lists,
        })
    }
}

impl Encode for Lists<'_> {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        let offsets = self.lists.value_offsets();
        let (start, end) = (offsets[row], offsets[row + 1]);
        let dimensions = i32::from(start < end);
        let missing = (start..end).any(|item| self.is_null(item));
        for part in [dimensions, i32::from(missing), self.oid as i32] {
            out.extend_from_slice(&part.to_be_bytes());
        }
        if dimensions == 0 {
            return;
        }
        for part in [end - start, 1] {
            out.extend_from_slice(&part.to_be_bytes());
        }
        for item in start..end {
            if self.is_null(item) {
                out.extend_from_slice(&MISSING.to_be_bytes());
            } else {
                measured(self.items.as_ref(), item as usize, out);
            }
        }
    }
}

impl Lists<'_> {
    fn is_null(&self, item: i32) -> bool {
        self.nulls
            .as_ref()
            .is_some_and(|nulls| nulls.is_null(item as usize))
    }
}
