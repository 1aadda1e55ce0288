//! The columns that are read, and the time that is written, whatever their types.

use arrow_buffer::ScalarBuffer;
use tidegate_sdk::prelude::*;

/// Whether a column of this type can name a user.
pub(crate) fn is_user_type(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::Int32 | DataType::Int64 | DataType::UInt32 | DataType::UInt64
    )
}

/// The users of a batch.
pub(crate) enum Users {
    Text(StringArray),
    /// Numbers, as 64 bits.
    Numbers(Int64Array),
}

/// What names a user.
pub(crate) enum User<'a> {
    Text(&'a str),
    Number([u8; 8]),
}

impl User<'_> {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Number(bytes) => bytes,
        }
    }
}

impl Users {
    /// Of a column of a user type.
    pub(crate) fn new(column: &ArrayRef) -> Self {
        match column.data_type() {
            DataType::Int32 => Self::widened::<Int32Type>(column, i64::from),
            DataType::Int64 => Self::widened::<Int64Type>(column, |number| number),
            DataType::UInt32 => Self::widened::<UInt32Type>(column, i64::from),
            // The same bits: only their being the same or not matters.
            DataType::UInt64 => Self::widened::<UInt64Type>(column, u64::cast_signed),
            _ => Self::Text(column.as_string::<i32>().clone()),
        }
    }

    fn widened<T: ArrowPrimitiveType>(column: &ArrayRef, widen: impl Fn(T::Native) -> i64) -> Self {
        Self::Numbers(column.as_primitive::<T>().unary(widen))
    }

    /// The row's user; none where it is missing.
    pub(crate) fn user(&self, row: usize) -> Option<User<'_>> {
        match self {
            Self::Text(texts) => texts.is_valid(row).then(|| User::Text(texts.value(row))),
            Self::Numbers(numbers) => numbers
                .is_valid(row)
                .then(|| User::Number(numbers.value(row).to_le_bytes())),
        }
    }
}

/// The numbers of a column of timestamps.
pub(crate) fn integers(times: &ArrayRef) -> ScalarBuffer<i64> {
    match times.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            times.as_primitive::<TimestampSecondType>().values().clone()
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            times.as_primitive::<TimestampMillisecondType>().values().clone()
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            times.as_primitive::<TimestampMicrosecondType>().values().clone()
        }
        _ => times.as_primitive::<TimestampNanosecondType>().values().clone(),
    }
}

/// A column of timestamps of this type.
pub(crate) fn times(values: Vec<Option<i64>>, data_type: &DataType) -> ArrayRef {
    let values = Int64Array::from(values);
    match data_type {
        DataType::Timestamp(TimeUnit::Second, zone) => Arc::new(
            values
                .reinterpret_cast::<TimestampSecondType>()
                .with_timezone_opt(zone.clone()),
        ),
        DataType::Timestamp(TimeUnit::Millisecond, zone) => Arc::new(
            values
                .reinterpret_cast::<TimestampMillisecondType>()
                .with_timezone_opt(zone.clone()),
        ),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => Arc::new(
            values
                .reinterpret_cast::<TimestampMicrosecondType>()
                .with_timezone_opt(zone.clone()),
        ),
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => Arc::new(
            values
                .reinterpret_cast::<TimestampNanosecondType>()
                .with_timezone_opt(zone.clone()),
        ),
        _ => Arc::new(values),
    }
}
