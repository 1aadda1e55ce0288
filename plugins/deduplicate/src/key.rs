//! A row's key as a number of 128 bits.

use arrow_buffer::{Buffer, NullBuffer};
use tidegate_sdk::prelude::*;
use twox_hash::XxHash3_128;

/// Whether columns of this type can be part of a key: all that hold one value.
pub(crate) fn is_key_type(data_type: &DataType) -> bool {
    data_type.primitive_width().is_some()
        || matches!(
            data_type,
            DataType::Boolean | DataType::Utf8 | DataType::Binary | DataType::FixedSizeBinary(_)
        )
}

/// The widest value that is a key as it is, in bytes.
const EXACT_BYTES: usize = size_of::<u128>();

/// The keys of a batch.
pub(crate) struct Keys {
    columns: Vec<Column>,
    exact: bool,
    scratch: Vec<u8>,
}

impl Keys {
    /// Of columns whose types are key types.
    pub(crate) fn new(columns: &[ArrayRef]) -> Self {
        let columns: Vec<Column> = columns.iter().map(Column::new).collect();
        // A missing value needs a number of its own, so only columns without are taken as they are.
        let exact = match columns.as_slice() {
            [
                Column {
                    values: Values::Fixed { width, .. },
                    ..
                },
            ] => *width < EXACT_BYTES,
            _ => false,
        };
        Self {
            columns,
            exact,
            scratch: Vec::new(),
        }
    }

    /// Whether a part of the row's key is missing.
    pub(crate) fn is_missing(&self, row: usize) -> bool {
        self.columns.iter().any(|column| column.is_missing(row))
    }

    /// The row's key. Equal values have equal keys, in all batches of columns of these types.
    pub(crate) fn key(&mut self, row: usize) -> u128 {
        match self.columns.as_slice() {
            [column] if self.exact => {
                if column.is_missing(row) {
                    // No value of fewer than 16 bytes.
                    return u128::MAX;
                }
                let bytes = column.bytes(row);
                let mut key = [0; EXACT_BYTES];
                key[..bytes.len()].copy_from_slice(bytes);
                u128::from_le_bytes(key)
            }
            [column] if !column.is_missing(row) => XxHash3_128::oneshot(column.bytes(row)),
            columns => {
                self.scratch.clear();
                for column in columns {
                    column.append(row, &mut self.scratch);
                }
                // A lone missing value is hashed with a seed, so that no text has its hash.
                XxHash3_128::oneshot_with_seed(MISSING_SEED, &self.scratch)
            }
        }
    }
}

/// Any number but 0, which `oneshot` takes.
const MISSING_SEED: u64 = 1;

struct Column {
    nulls: Option<NullBuffer>,
    values: Values,
}

enum Values {
    /// So many bytes a row.
    Fixed { width: usize, bytes: Buffer },
    /// Offsets and bytes.
    Variable { offsets: Buffer, bytes: Buffer },
}

impl Column {
    fn new(array: &ArrayRef) -> Self {
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0).cloned();
        Self {
            nulls,
            values: Values::new(array),
        }
    }

    fn is_missing(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    fn bytes(&self, row: usize) -> &[u8] {
        match &self.values {
            Values::Fixed { width, bytes } => &bytes[row * width..(row + 1) * width],
            Values::Variable { offsets, bytes } => {
                let offsets: &[i32] = offsets.typed_data();
                &bytes[offsets[row] as usize..offsets[row + 1] as usize]
            }
        }
    }

    /// Writes the row's value so that different rows of several columns never come to the same bytes.
    fn append(&self, row: usize, into: &mut Vec<u8>) {
        if self.is_missing(row) {
            into.push(0);
            return;
        }
        let bytes = self.bytes(row);
        into.push(1);
        if let Values::Variable { .. } = self.values {
            into.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        }
        into.extend_from_slice(bytes);
    }
}

impl Values {
    fn new(array: &ArrayRef) -> Self {
        match array.data_type() {
            DataType::Boolean => {
                let bytes: Vec<u8> = array.as_boolean().values().iter().map(u8::from).collect();
                let bytes = bytes.into();
                Self::Fixed { width: 1, bytes }
            }
            // 0.0 and -0.0 are equal, and so is for a key what is no number.
            DataType::Float32 => {
                let same = |value: f32| if value.is_nan() { f32::NAN } else { value + 0.0 };
                let array: Float32Array = array.as_primitive::<Float32Type>().unary(same);
                Self::fixed(&array)
            }
            DataType::Float64 => {
                let same = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
                let array: Float64Array = array.as_primitive::<Float64Type>().unary(same);
                Self::fixed(&array)
            }
            DataType::Utf8 => {
                let array = array.as_string::<i32>();
                Self::Variable {
                    offsets: array.offsets().inner().inner().clone(),
                    bytes: array.values().clone(),
                }
            }
            DataType::Binary => {
                let array = array.as_binary::<i32>();
                Self::Variable {
                    offsets: array.offsets().inner().inner().clone(),
                    bytes: array.values().clone(),
                }
            }
            DataType::FixedSizeBinary(_) => {
                let array = array.as_fixed_size_binary();
                let width = usize::try_from(array.value_length()).unwrap_or_default();
                let bytes = array.values().slice(array.offset() * width);
                Self::Fixed { width, bytes }
            }
            _ => Self::fixed(array),
        }
    }

    /// Of numbers, dates and times.
    fn fixed(array: &dyn Array) -> Self {
        let width = array.data_type().primitive_width().unwrap_or_default();
        let data = array.to_data();
        let bytes = data.buffers()[0].slice_with_length(data.offset() * width, data.len() * width);
        Self::Fixed { width, bytes }
    }
}
