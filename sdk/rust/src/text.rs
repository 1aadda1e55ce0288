//! Text, a whole column at a time.

use arrow_array::{Array, StringArray};
use arrow_buffer::Buffer;

/// ASCII letters as capitals; everything else as it is. In place where nobody else holds the text, as with a column
/// just pulled from the host.
pub fn ascii_uppercase(array: StringArray) -> StringArray {
    // A loop over bytes without a branch, which becomes one over vectors; `make_ascii_uppercase` does not on wasm32.
    map_ascii(array, |byte| byte ^ (u8::from(byte.wrapping_sub(b'a') < 26) << 5))
}

/// ASCII letters as small letters; everything else as it is. In place where nobody else holds the text.
pub fn ascii_lowercase(array: StringArray) -> StringArray {
    map_ascii(array, |byte| byte ^ (u8::from(byte.wrapping_sub(b'A') < 26) << 5))
}

/// `map` must turn each ASCII byte into an ASCII byte and leave all others.
fn map_ascii(array: StringArray, map: impl Fn(u8) -> u8) -> StringArray {
    let rows = array.len();
    let (offsets, values, nulls) = array.into_parts();
    let mut values = values.into_vec::<u8>().unwrap_or_else(|shared| shared.to_vec());
    map_bytes(&mut values, map);
    debug_assert_eq!(offsets.len(), rows + 1);
    // SAFETY: offsets and nulls are those of an array; the bytes of other characters than ASCII's are untouched, and
    // ASCII stays ASCII, so the text is UTF-8 and the offsets are still boundaries.
    unsafe { StringArray::new_unchecked(offsets, Buffer::from_vec(values), nulls) }
}

/// Bytes a turn of the loop: several vectors, since each turn in the sandbox looks at the clock too.
const TURN: usize = 128;

/// A function of its own: inside a large one Cranelift keeps the loop's constants on the stack.
#[inline(never)]
fn map_bytes(bytes: &mut [u8], map: impl Fn(u8) -> u8) {
    let (turns, rest) = bytes.as_chunks_mut::<TURN>();
    for turn in turns {
        *turn = turn.map(&map);
    }
    for byte in rest {
        *byte = map(*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_change_and_nothing_else_does() {
        let array = StringArray::from(vec![Some("aZ09é{`"), None, Some("@[zß")]);
        let upper = StringArray::from(vec![Some("AZ09é{`"), None, Some("@[Zß")]);
        let lower = StringArray::from(vec![Some("az09é{`"), None, Some("@[zß")]);
        assert_eq!(ascii_uppercase(array.clone()), upper);
        assert_eq!(ascii_lowercase(array), lower);
    }
}
