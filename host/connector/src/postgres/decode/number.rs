//! Values of one width: numbers, dates, times, truths, bytes of one length.

use arrow_array::builder::{BooleanBuilder, FixedSizeBinaryBuilder, NullBufferBuilder};
use arrow_array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_buffer::ScalarBuffer;
use arrow_schema::DataType;
use std::sync::Arc;

use super::super::error::{PostgresError, Result};
use super::super::wire::{DAY_US, EPOCH_DAYS, EPOCH_US};
use super::{Complaint, Decode, Late};

/// Values of a primitive type, each read by itself.
pub(super) struct Numbers<T: ArrowPrimitiveType, F> {
    values: Vec<T::Native>,
    nulls: NullBufferBuilder,
    data_type: DataType,
    read: F,
}

impl<T, F> Numbers<T, F>
where
    T: ArrowPrimitiveType,
    F: Fn(&[u8]) -> Result<T::Native, Complaint> + Send + 'static,
{
    /// A column of that type, whose values `read` reads.
    pub(super) fn boxed(data_type: DataType, read: F) -> Box<dyn Decode> {
        Box::new(Self {
            values: Vec::new(),
            nulls: NullBufferBuilder::new(0),
            data_type,
            read,
        })
    }
}

impl<T, F> Decode for Numbers<T, F>
where
    T: ArrowPrimitiveType,
    F: Fn(&[u8]) -> Result<T::Native, Complaint> + Send,
{
    fn push(&mut self, value: Option<&[u8]>) -> Result<(), Complaint> {
        let read = value.map(|value| (self.read)(value));
        let (value, done) = match read {
            Some(Ok(value)) => (Some(value), Ok(())),
            Some(Err(complaint)) => (None, Err(complaint)),
            None => (None, Ok(())),
        };
        self.nulls.append(value.is_some());
        self.values.push(value.unwrap_or_default());
        done
    }

    fn finish(&mut self) -> Result<(ArrayRef, Vec<Late>)> {
        let values = ScalarBuffer::from(std::mem::take(&mut self.values));
        let array = PrimitiveArray::<T>::try_new(values, self.nulls.finish())
            .map_err(|error| PostgresError::Internal(error.to_string()))?;
        Ok((Arc::new(array.with_data_type(self.data_type.clone())), Vec::new()))
    }
}

/// True or false.
pub(super) struct Booleans(BooleanBuilder);

impl Booleans {
    pub(super) fn boxed() -> Box<dyn Decode> {
        Box::new(Self(BooleanBuilder::new()))
    }
}

impl Decode for Booleans {
    fn push(&mut self, value: Option<&[u8]>) -> Result<(), Complaint> {
        self.0.append_option(value.map(|value| value != [0]));
        Ok(())
    }

    fn finish(&mut self) -> Result<(ArrayRef, Vec<Late>)> {
        Ok((Arc::new(self.0.finish()), Vec::new()))
    }
}

/// Bytes of one length.
pub(super) struct FixedBytes {
    length: usize,
    builder: FixedSizeBinaryBuilder,
}

impl FixedBytes {
    pub(super) fn boxed(length: i32) -> Box<dyn Decode> {
        Box::new(Self {
            length: usize::try_from(length).unwrap_or(0),
            builder: FixedSizeBinaryBuilder::new(length),
        })
    }
}

impl Decode for FixedBytes {
    fn push(&mut self, value: Option<&[u8]>) -> Result<(), Complaint> {
        match value {
            Some(value) if value.len() == self.length => self
                .builder
                .append_value(value)
                .map_err(|error| error.to_string()),
            Some(value) => {
                self.builder.append_null();
                Err(format!("has {} bytes, not {}", value.len(), self.length))
            }
            None => {
                self.builder.append_null();
                Ok(())
            }
        }
    }

    fn finish(&mut self) -> Result<(ArrayRef, Vec<Late>)> {
        Ok((Arc::new(self.builder.finish()), Vec::new()))
    }
}

/// A value's bytes, which must be so many.
pub(super) fn fixed<const N: usize>(value: &[u8]) -> Result<[u8; N], Complaint> {
    <[u8; N]>::try_from(value).map_err(|_| format!("came as {} bytes, not {N}", value.len()))
}

/// A whole number of 16, 32 or 64 bits.
pub(super) fn whole(value: &[u8]) -> Result<i64, Complaint> {
    match value.len() {
        2 => Ok(i16::from_be_bytes(fixed(value)?).into()),
        4 => Ok(i32::from_be_bytes(fixed(value)?).into()),
        _ => Ok(i64::from_be_bytes(fixed(value)?)),
    }
}

/// A whole number that fits.
pub(super) fn narrowed<T: TryFrom<i64>>(value: &[u8]) -> Result<T, Complaint> {
    let number = whole(value)?;
    T::try_from(number).map_err(|_| format!("is {number}, which does not fit"))
}

pub(super) fn float4(value: &[u8]) -> Result<f32, Complaint> {
    Ok(f32::from_be_bytes(fixed(value)?))
}

/// A number of either width: every one of 32 bits is one of 64.
pub(super) fn float8(value: &[u8]) -> Result<f64, Complaint> {
    if value.len() == 4 {
        return Ok(float4(value)?.into());
    }
    Ok(f64::from_be_bytes(fixed(value)?))
}

/// Days from 1970-01-01.
pub(super) fn date(value: &[u8]) -> Result<i32, Complaint> {
    match i32::from_be_bytes(fixed(value)?) {
        i32::MAX | i32::MIN => Err("is infinite".into()),
        days => days
            .checked_add(EPOCH_DAYS)
            .ok_or_else(|| "is a day past all that are counted".into()),
    }
}

/// An instant or a wall clock's reading, in units of so many microseconds, or of so many to the microsecond, from 1970 on.
pub(super) fn timestamp(value: &[u8], unit: Unit) -> Result<i64, Complaint> {
    match i64::from_be_bytes(fixed(value)?) {
        i64::MAX | i64::MIN => Err("is infinite".into()),
        us => unit
            .exactly(i128::from(us) + i128::from(EPOCH_US))
            .ok_or_else(|| format!("has microseconds or a year that {unit} cannot hold")),
    }
}

/// A length of time: months have none. A day has 24 hours, as `extract(epoch from …)` counts it.
pub(super) fn interval(value: &[u8], unit: Unit) -> Result<i64, Complaint> {
    let bytes: [u8; 16] = fixed(value)?;
    let us = i64::from_be_bytes(fixed(&bytes[..8])?);
    let days = i32::from_be_bytes(fixed(&bytes[8..12])?);
    let months = i32::from_be_bytes(fixed(&bytes[12..])?);
    if months != 0 {
        return Err(format!("has {months} months, which are of no one length"));
    }
    unit.exactly(i128::from(days) * i128::from(DAY_US) + i128::from(us))
        .ok_or_else(|| format!("has microseconds or days that {unit} cannot hold"))
}

/// A time of day.
pub(super) fn time(value: &[u8], unit: Unit) -> Result<i64, Complaint> {
    let us = i64::from_be_bytes(fixed(value)?);
    unit.exactly(us.into())
        .ok_or_else(|| format!("has microseconds that {unit} cannot hold"))
}

/// The unit of a column of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit(pub(super) tidegate_core::types::TimeUnit);

impl Unit {
    /// So many microseconds in the unit, unless it cannot tell them exactly.
    fn exactly(self, us: i128) -> Option<i64> {
        use tidegate_core::types::TimeUnit;
        let (factor, divisor) = match self.0 {
            TimeUnit::Nanosecond => (1_000, 1),
            TimeUnit::Microsecond => (1, 1),
            TimeUnit::Millisecond => (1, 1_000),
            TimeUnit::Second => (1, 1_000_000),
        };
        if us % divisor != 0 {
            return None;
        }
        i64::try_from(us * factor / divisor).ok()
    }
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a unit of 1 {}", self.0.text())
    }
}
