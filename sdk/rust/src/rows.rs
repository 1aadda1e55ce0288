//! Tests of rows, a whole column at a time.

use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, BooleanArray, PrimitiveArray};
use arrow_buffer::{BooleanBuffer, Buffer};

/// Spreads the lowest bits of eight bytes to the bits of the highest: bit 8i lands on bit 56 + i.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// Which values pass a test; of a missing value it is not known. For [`Output::keep`](crate::output::Output::keep).
/// Faster in the sandbox than `BooleanArray::from_unary`, whose bits are set one by one there.
pub fn that<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    test: impl Fn(T::Native) -> bool,
) -> BooleanArray {
    BooleanArray::new(bits(array.values(), test), array.nulls().cloned())
}

/// A function of its own: inside a large one Cranelift keeps the loop's constants on the stack.
#[inline(never)]
fn bits<T: Copy>(values: &[T], test: impl Fn(T) -> bool) -> BooleanBuffer {
    let mut packed: Vec<u8> = Vec::with_capacity(values.len().div_ceil(8));
    // Several bytes of bits a turn of the loop, since each turn in the sandbox looks at the clock too.
    let (turns, rest) = values.as_chunks::<64>();
    for turn in turns {
        let flags = turn.map(|value| u8::from(test(value)));
        let (eights, _) = flags.as_chunks::<8>();
        packed.extend(
            eights
                .iter()
                .map(|eight| (u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56) as u8),
        );
    }
    for eight in rest.chunks(8) {
        let flag = |(place, value): (usize, &T)| u8::from(test(*value)) << place;
        packed.push(eight.iter().enumerate().map(flag).sum());
    }
    BooleanBuffer::new(Buffer::from_vec(packed), 0, values.len())
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;

    use super::*;

    #[test]
    fn bits_are_those_of_the_values() {
        for rows in [0, 1, 7, 8, 9, 64, 65, 1_000] {
            let values: Int64Array = (0..rows)
                .map(|row| (row % 5 != 0).then_some(row * 7_919 % 101))
                .collect();
            let expected = BooleanArray::from_unary(&values, |value| value > 40);
            assert_eq!(that(&values, |value| value > 40), expected, "{rows} rows");
        }
    }
}
