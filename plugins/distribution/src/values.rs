//! The values of a column, whatever its type.

use tidegate_sdk::prelude::*;

/// Whether a column of this type is looked into.
pub(crate) fn is_plain(data_type: &DataType) -> bool {
    data_type.primitive_width().is_some()
        || matches!(data_type, DataType::Boolean | DataType::Utf8 | DataType::Binary)
}

/// Whether a column of this type holds numbers.
pub(crate) fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer()
        || matches!(
            data_type,
            DataType::Float32 | DataType::Float64 | DataType::Decimal128(_, _)
        )
}

/// The numbers of a column of numbers, without the missing ones; those of more than 53 bits become the nearest.
pub(crate) fn numbers(array: &ArrayRef) -> Vec<f64> {
    fn of<T: ArrowPrimitiveType>(array: &ArrayRef, float: impl Fn(T::Native) -> f64) -> Vec<f64> {
        array.as_primitive::<T>().iter().flatten().map(float).collect()
    }
    match array.data_type() {
        DataType::Int8 => of::<Int8Type>(array, f64::from),
        DataType::Int16 => of::<Int16Type>(array, f64::from),
        DataType::Int32 => of::<Int32Type>(array, f64::from),
        DataType::UInt8 => of::<UInt8Type>(array, f64::from),
        DataType::UInt16 => of::<UInt16Type>(array, f64::from),
        DataType::UInt32 => of::<UInt32Type>(array, f64::from),
        DataType::Float32 => of::<Float32Type>(array, f64::from),
        DataType::Float64 => of::<Float64Type>(array, |value| value),
        #[allow(clippy::cast_precision_loss, reason = "said above")]
        DataType::Int64 => of::<Int64Type>(array, |value| value as f64),
        #[allow(clippy::cast_precision_loss, reason = "said above")]
        DataType::UInt64 => of::<UInt64Type>(array, |value| value as f64),
        DataType::Decimal128(_, scale) => {
            let unit = 10_f64.powi(i32::from(*scale));
            #[allow(clippy::cast_precision_loss, reason = "said above")]
            of::<Decimal128Type>(array, |value| value as f64 / unit)
        }
        _ => Vec::new(),
    }
}

/// Calls a function with the bytes of each value of a column that is looked into: equal values have equal bytes.
pub(crate) fn each(array: &ArrayRef, mut observe: impl FnMut(&[u8])) {
    match array.data_type() {
        DataType::Boolean => array
            .as_boolean()
            .iter()
            .flatten()
            .for_each(|value| observe(&[u8::from(value)])),
        DataType::Utf8 => array
            .as_string::<i32>()
            .iter()
            .flatten()
            .for_each(|value| observe(value.as_bytes())),
        DataType::Binary => array.as_binary::<i32>().iter().flatten().for_each(observe),
        // 0.0 and -0.0 are equal, and what is no number is no value.
        DataType::Float32 | DataType::Float64 => numbers(array)
            .iter()
            .filter(|value| !value.is_nan())
            .for_each(|value| observe(&(value + 0.0).to_le_bytes())),
        data_type => {
            let width = data_type.primitive_width().unwrap_or(1);
            let data = array.to_data();
            let bytes = &data.buffers()[0][data.offset() * width..];
            for (row, value) in bytes.chunks_exact(width).take(data.len()).enumerate() {
                if array.is_valid(row) {
                    observe(value);
                }
            }
        }
    }
}
