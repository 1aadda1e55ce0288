//! How large the outputs of one call may grow on the host.
//!
//! What a guest returns is bounded where it crosses. But a few indices that repeat one large row, or many outputs that
//! each select every row, cost the guest nothing and the host everything.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType;

use crate::apply::Rows;
use crate::error::Fault;

/// What the outputs of a call may still select: the input once, and as much again as a call may return.
pub(crate) struct Budget {
    /// What each row of the input takes, in bytes.
    weights: Vec<u64>,
    left: u64,
    allowed_bytes: u64,
}

impl Budget {
    /// For the columns of the stream that go on.
    pub(crate) fn new<'a>(
        columns: impl Iterator<Item = &'a ArrayRef>,
        rows_in: usize,
        allowed_bytes: u64,
    ) -> Self {
        let mut weights = vec![0; rows_in];
        for column in columns {
            weigh(column, &mut weights);
        }
        Self {
            left: weights.iter().sum::<u64>().saturating_add(allowed_bytes),
            weights,
            allowed_bytes,
        }
    }

    /// Takes an output's rows off.
    pub(crate) fn charge(&mut self, rows: &Rows) -> Result<(), Fault> {
        let wanted: u64 = match rows {
            Rows::All => self.weights.iter().sum(),
            Rows::Keep(bits) => bits.set_indices().map(|row| self.weights[row]).sum(),
            // At most 2^32 indices of at most 2^31 bytes each: no overflow.
            Rows::Take(indices) => indices
                .values()
                .iter()
                .map(|row| self.weights[*row as usize])
                .sum(),
            // New rows are all of the guest's making.
            Rows::Made(_) => 0,
        };
        match self.left.checked_sub(wanted) {
            Some(left) => self.left = left,
            None => {
                return Err(Fault::Output {
                    allowed_bytes: self.allowed_bytes,
                });
            }
        }
        Ok(())
    }
}

/// Adds what each value of an array takes.
fn weigh(array: &dyn Array, weights: &mut [u64]) {
    match array.data_type() {
        DataType::Utf8 => spans(array.as_string::<i32>().value_offsets(), weights, |_, bytes| {
            bytes as u64
        }),
        DataType::Binary => spans(array.as_binary::<i32>().value_offsets(), weights, |_, bytes| {
            bytes as u64
        }),
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            members(lists.value_offsets(), lists.values(), weights);
        }
        DataType::Map(_, _) => {
            let maps = array.as_map();
            members(maps.value_offsets(), maps.entries(), weights);
        }
        DataType::Struct(_) => {
            for member in array.as_struct().columns() {
                weigh(member, weights);
            }
        }
        fixed => {
            let width = match fixed {
                DataType::FixedSizeBinary(width) => usize::try_from(*width).unwrap_or(0),
                other => other.primitive_width().unwrap_or(1),
            };
            for weight in weights {
                *weight += width as u64;
            }
        }
    }
}

/// Lists and maps: what lies between two offsets.
fn members(offsets: &[i32], values: &dyn Array, weights: &mut [u64]) {
    let mut inner = vec![0; values.len()];
    weigh(values, &mut inner);
    spans(offsets, weights, |start, length| {
        inner[start..start + length].iter().sum()
    });
}

/// Adds an offset and what it spans, a value at a time.
fn spans(offsets: &[i32], weights: &mut [u64], spanned: impl Fn(usize, usize) -> u64) {
    for (weight, pair) in weights.iter_mut().zip(offsets.windows(2)) {
        let (start, end) = (pair[0].as_usize(), pair[1].as_usize());
        *weight += size_of::<i32>() as u64 + spanned(start, end - start);
    }
}
