//! Decimals and large whole numbers as `numeric` (`numeric_recv` in `src/backend/utils/adt/numeric.c`).

use std::borrow::Cow;

use arrow_array::PrimitiveArray;
use arrow_array::types::Decimal256Type;

use super::super::wire::{NEGATIVE, POSITIVE};
use super::Encode;

/// The base of a digit, and how many decimal ones it stands for.
const BASE: u128 = 10_000;
const DECIMALS: i32 = 4;
/// The most digits that 128 bits have, to that base: 39 decimal ones, and those that bring the point between two.
const MOST_DIGITS: usize = 11;

/// Whole numbers of so many decimal places.
pub(super) struct Numbers<'a> {
    values: Cow<'a, [i128]>,
    scale: i8,
}

impl<'a> Numbers<'a> {
    pub(super) fn new(values: &'a [i128], scale: i8) -> Self {
        Self {
            values: Cow::Borrowed(values),
            scale,
        }
    }

    pub(super) fn owned(values: Vec<i128>) -> Self {
        Self {
            values: Cow::Owned(values),
            scale: 0,
        }
    }
}

impl Encode for Numbers<'_> {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        let value = self.values[row];
        let scale = i32::from(self.scale);
        let mut left = value.unsigned_abs();
        let mut digits = [0_u16; MOST_DIGITS];
        let mut at = MOST_DIGITS;
        // The last digit holds the places that do not fill one: `1.5` is 1, 5000.
        let partial = scale.rem_euclid(DECIMALS);
        if partial != 0 {
            let places = 10_u128.pow(partial.unsigned_abs());
            let padding = 10_u128.pow((DECIMALS - partial).unsigned_abs());
            at -= 1;
            digits[at] = (left % places * padding) as u16;
            left /= places;
        }
        while left > 0 {
            at -= 1;
            digits[at] = (left % BASE) as u16;
            left /= BASE;
        }
        let fraction = scale.div_euclid(DECIMALS) + i32::from(partial != 0);
        write(out, &digits[at..], fraction, value < 0, scale);
    }
}

/// Numbers of more digits than 128 bits hold.
pub(super) struct Decimals<'a> {
    pub(super) values: &'a PrimitiveArray<Decimal256Type>,
    pub(super) scale: i8,
}

impl Encode for Decimals<'_> {
    fn put(&self, row: usize, out: &mut Vec<u8>) {
        let text = self.values.value(row).to_string();
        let scale = i32::from(self.scale);
        let (negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text.as_str()),
        };
        let padding = (DECIMALS - scale.rem_euclid(DECIMALS)) % DECIMALS;
        let mut decimals = text.as_bytes().to_vec();
        decimals.extend(std::iter::repeat_n(b'0', padding.unsigned_abs() as usize));
        let digits: Vec<u16> = decimals
            .rchunks(4)
            .rev()
            .map(|group| {
                group
                    .iter()
                    .fold(0, |digit, letter| digit * 10 + u16::from(letter - b'0'))
            })
            .collect();
        write(out, &digits, (scale + padding) / DECIMALS, negative, scale);
    }
}

/// A number of digits of which the last `fraction` are behind the point.
fn write(out: &mut Vec<u8>, digits: &[u16], fraction: i32, negative: bool, scale: i32) {
    let leading = digits.iter().take_while(|digit| **digit == 0).count();
    let digits = &digits[leading..];
    let weight = digits.len() as i32 - fraction - 1;
    let sign = if negative { NEGATIVE } else { POSITIVE };
    let trailing = digits.iter().rev().take_while(|digit| **digit == 0).count();
    let digits = &digits[..digits.len() - trailing];
    let weight = if digits.is_empty() { 0 } else { weight };
    for part in [
        digits.len() as u16,
        (weight as i16).cast_unsigned(),
        sign,
        scale as u16,
    ] {
        out.extend_from_slice(&part.to_be_bytes());
    }
    for digit in digits {
        out.extend_from_slice(&digit.to_be_bytes());
    }
}
