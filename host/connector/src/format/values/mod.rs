//! Texts to Arrow arrays, the same for every format that writes values as text.

mod instant;

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, ArrowTimestampType, Date32Type, Decimal128Type, Decimal256Type, DecimalType,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, PrimitiveArray};
use arrow_cast::parse::{Parser, parse_decimal};
use arrow_schema::{DataType, TimeUnit};

use self::instant::Zone;
use super::error::{FormatError, Result};

/// Whether values of a type can be told from text.
pub(super) fn is_scalar(data_type: &DataType) -> bool {
    use DataType::{Binary, FixedSizeBinary, List, Map, Struct};
    !matches!(
        data_type,
        Binary | FixedSizeBinary(_) | List(_) | Struct(_) | Map(..)
    )
}

/// Texts, a row each and none for null, as an array of a type. What is not of the type is null there, and its row is
/// added to `bad`. `rows` and `bytes` say how much there is.
pub(super) fn parse<'a>(
    data_type: &DataType,
    texts: impl Iterator<Item = Option<&'a str>>,
    rows: usize,
    bytes: usize,
    bad: &mut Vec<usize>,
) -> Result<ArrayRef> {
    use DataType::{Date32, Decimal128, Decimal256, Duration, Time64, Timestamp};
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let mut reader = Reader { texts, rows, bad };
    Ok(match data_type {
        DataType::Utf8 => reader.strings(bytes),
        DataType::Boolean => reader.booleans(),
        DataType::Int8 => reader.numbers::<Int8Type>(),
        DataType::Int16 => reader.numbers::<Int16Type>(),
        DataType::Int32 => reader.numbers::<Int32Type>(),
        DataType::Int64 => reader.numbers::<Int64Type>(),
        DataType::UInt8 => reader.numbers::<UInt8Type>(),
        DataType::UInt16 => reader.numbers::<UInt16Type>(),
        DataType::UInt32 => reader.numbers::<UInt32Type>(),
        DataType::UInt64 => reader.numbers::<UInt64Type>(),
        DataType::Float32 => reader.numbers::<Float32Type>(),
        DataType::Float64 => reader.numbers::<Float64Type>(),
        Date32 => Arc::new(reader.primitive::<Date32Type>(instant::date)),
        Time64(Microsecond) => reader.numbers::<Time64MicrosecondType>(),
        Time64(Nanosecond) => reader.numbers::<Time64NanosecondType>(),
        Duration(Second) => reader.numbers::<DurationSecondType>(),
        Duration(Millisecond) => reader.numbers::<DurationMillisecondType>(),
        Duration(Microsecond) => reader.numbers::<DurationMicrosecondType>(),
        Duration(Nanosecond) => reader.numbers::<DurationNanosecondType>(),
        Decimal128(precision, scale) => reader.decimals::<Decimal128Type>(*precision, *scale)?,
        Decimal256(precision, scale) => reader.decimals::<Decimal256Type>(*precision, *scale)?,
        Timestamp(Second, zone) => reader.instants::<TimestampSecondType>(zone.as_ref())?,
        Timestamp(Millisecond, zone) => reader.instants::<TimestampMillisecondType>(zone.as_ref())?,
        Timestamp(Microsecond, zone) => reader.instants::<TimestampMicrosecondType>(zone.as_ref())?,
        Timestamp(Nanosecond, zone) => reader.instants::<TimestampNanosecondType>(zone.as_ref())?,
        other => return Err(FormatError::Internal(format!("text cannot hold {other}"))),
    })
}

struct Reader<'b, I> {
    texts: I,
    rows: usize,
    bad: &'b mut Vec<usize>,
}

impl<'a, I: Iterator<Item = Option<&'a str>>> Reader<'_, I> {
    fn strings(&mut self, bytes: usize) -> ArrayRef {
        let mut builder = StringBuilder::with_capacity(self.rows, bytes);
        for text in self.texts.by_ref() {
            builder.append_option(text);
        }
        Arc::new(builder.finish())
    }

    fn booleans(&mut self) -> ArrayRef {
        let mut builder = BooleanBuilder::with_capacity(self.rows);
        for (row, text) in self.texts.by_ref().enumerate() {
            let value = text.and_then(parse_boolean);
            if value.is_none() && text.is_some() {
                self.bad.push(row);
            }
            builder.append_option(value);
        }
        Arc::new(builder.finish())
    }

    fn numbers<T: ArrowPrimitiveType + Parser>(&mut self) -> ArrayRef {
        Arc::new(self.primitive::<T>(T::parse))
    }

    fn decimals<T: DecimalType>(&mut self, precision: u8, scale: i8) -> Result<ArrayRef> {
        let array = self.primitive::<T>(|text| {
            if fits_decimal(text, scale) {
                parse_decimal::<T>(text, precision, scale).ok()
            } else {
                None
            }
        });
        let array = array.with_precision_and_scale(precision, scale);
        Ok(Arc::new(array.map_err(FormatError::internal)?))
    }

    fn instants<T: ArrowTimestampType>(&mut self, zone: Option<&Arc<str>>) -> Result<ArrayRef> {
        let parser = Zone::parse(zone.map(AsRef::as_ref))?;
        let array = self.primitive::<T>(|text| parser.instant::<T>(text));
        Ok(Arc::new(array.with_timezone_opt(zone.cloned())))
    }

    fn primitive<T: ArrowPrimitiveType>(
        &mut self,
        parse: impl Fn(&str) -> Option<T::Native>,
    ) -> PrimitiveArray<T> {
        let mut builder = PrimitiveBuilder::<T>::with_capacity(self.rows);
        for (row, text) in self.texts.by_ref().enumerate() {
            let value = text.and_then(&parse);
            if value.is_none() && text.is_some() {
                self.bad.push(row);
            }
            builder.append_option(value);
        }
        builder.finish()
    }
}

fn parse_boolean(text: &str) -> Option<bool> {
    match text {
        "true" => return Some(true),
        "false" => return Some(false),
        _ => {}
    }
    let is = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["true", "t", "1", "yes", "y"]) {
        Some(true)
    } else if is(["false", "f", "0", "no", "n"]) {
        Some(false)
    } else {
        None
    }
}

/// Whether a decimal keeps all its digits at a scale, and can be read without overflow.
fn fits_decimal(text: &str, scale: i8) -> bool {
    // The longest decimal has 76 digits; the rest is for a sign, a point and zeros in front.
    const LONGEST: usize = 100;
    if text.len() > LONGEST {
        return false;
    }
    if let Some(exponent) = text.find(['e', 'E']) {
        return text.len() - exponent <= 4;
    }
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.trim_end_matches('0').len() <= scale.max(0) as usize
}
