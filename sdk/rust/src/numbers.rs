//! Arithmetic, a whole column at a time.

use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, PrimitiveArray};
use arrow_buffer::NullBuffer;

/// Values a turn of the loop: several vectors, since each turn in the sandbox looks at the clock too.
const TURN: usize = 16;

/// A value for each row of two columns of as many rows; missing where either is. `combine` is called for missing values
/// too, with whatever lies there.
pub fn zip<L: ArrowPrimitiveType, R: ArrowPrimitiveType, O: ArrowPrimitiveType>(
    left: &PrimitiveArray<L>,
    right: &PrimitiveArray<R>,
    combine: impl Fn(L::Native, R::Native) -> O::Native,
) -> PrimitiveArray<O> {
    assert_eq!(left.len(), right.len(), "columns of one batch have as many rows");
    let values = combined(left.values(), right.values(), combine);
    PrimitiveArray::new(values.into(), NullBuffer::union(left.nulls(), right.nulls()))
}

/// A function of its own: inside a large one Cranelift keeps the loop's constants on the stack.
#[inline(never)]
fn combined<L: Copy, R: Copy, O>(left: &[L], right: &[R], combine: impl Fn(L, R) -> O) -> Vec<O> {
    let mut values = Vec::with_capacity(left.len());
    let (left_turns, left_rest) = left.as_chunks::<TURN>();
    let (right_turns, right_rest) = right.as_chunks::<TURN>();
    for (left, right) in left_turns.iter().zip(right_turns) {
        values.extend(std::array::from_fn::<O, TURN, _>(|index| {
            combine(left[index], right[index])
        }));
    }
    values.extend(
        left_rest
            .iter()
            .zip(right_rest)
            .map(|(left, right)| combine(*left, *right)),
    );
    values
}

#[cfg(test)]
mod tests {
    use arrow_array::types::{Float64Type, Int32Type};
    use arrow_array::{Float64Array, Int32Array};

    use super::*;

    #[test]
    fn rows_meet_their_own() {
        for rows in [0, 1, 15, 16, 17, 100] {
            let left: Int32Array = (0..rows).map(|row| (row % 3 != 0).then_some(row)).collect();
            let right: Float64Array = (0..rows)
                .map(|row| (row % 5 != 0).then_some(f64::from(row) / 2.0))
                .collect();
            let product = zip::<Int32Type, Float64Type, Float64Type>(&left, &right, |left, right| {
                f64::from(left) * right
            });
            let expected: Float64Array = left
                .iter()
                .zip(&right)
                .map(|pair| Some(f64::from(pair.0?) * pair.1?))
                .collect();
            assert_eq!(product, expected, "{rows} rows");
        }
    }
}
