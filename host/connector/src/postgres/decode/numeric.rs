//! `numeric`, a row of digits to the base of 10,000, into Arrow's decimals and whole numbers.

use arrow_buffer::i256;

use super::super::wire::{INFINITY, MINUS_INFINITY, NEGATIVE, NOT_A_NUMBER, POSITIVE};
use super::Complaint;
use super::number::fixed;

/// The base of a digit, and how many decimal ones it stands for (`NBASE` and `DEC_DIGITS` in `numeric.c`).
const BASE: i64 = 10_000;
const DECIMALS: i32 = 4;

/// Arithmetic that tells where it overflows.
pub(super) trait Exact: Copy + PartialOrd {
    fn of(number: i64) -> Self;
    /// `self * factor + more`.
    fn grown(self, factor: Self, more: Self) -> Option<Self>;
    fn ten_to(power: u32) -> Option<Self>;
    fn negated(self) -> Self;
}

impl Exact for i128 {
    fn of(number: i64) -> Self {
        number.into()
    }

    fn grown(self, factor: Self, more: Self) -> Option<Self> {
        self.checked_mul(factor)?.checked_add(more)
    }

    fn ten_to(power: u32) -> Option<Self> {
        10_i128.checked_pow(power)
    }

    fn negated(self) -> Self {
        -self
    }
}

impl Exact for i256 {
    fn of(number: i64) -> Self {
        Self::from_i128(number.into())
    }

    fn grown(self, factor: Self, more: Self) -> Option<Self> {
        self.checked_mul(factor)?.checked_add(more)
    }

    fn ten_to(power: u32) -> Option<Self> {
        Self::from_i128(10).checked_pow(power)
    }

    fn negated(self) -> Self {
        self.wrapping_neg()
    }
}

/// A number's digits as a whole number of `scale` decimal places, where it has no more places and no more digits than
/// `precision`.
pub(super) fn decimal<T: Exact>(value: &[u8], precision: u8, scale: i8) -> Result<T, Complaint> {
    let Some((head, digits)) = value.split_first_chunk::<8>() else {
        return Err(format!("came as {} bytes", value.len()));
    };
    let part = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (count, weight, sign) = (usize::from(part(0)), i32::from(part(2).cast_signed()), part(4));
    match sign {
        POSITIVE | NEGATIVE => {}
        NOT_A_NUMBER => return Err("is NaN".into()),
        INFINITY | MINUS_INFINITY => return Err("is infinite".into()),
        other => return Err(format!("has the sign {other:#x}")),
    }
    if digits.len() != count * 2 {
        return Err(format!("came as {} bytes", value.len()));
    }
    let large = || format!("has more digits than decimal({precision},{scale}) holds");
    let fine = || format!("has more decimal places than {scale}");
    let mut number = T::of(0);
    for (index, digit) in digits.chunks_exact(2).enumerate() {
        let digit = i64::from(u16::from_be_bytes(fixed(digit)?));
        // The decimal places that are behind this digit's last one, of those that are wanted.
        let behind = i32::from(scale) + DECIMALS * (weight - index as i32);
        let (factor, digit) = if behind >= 0 {
            (BASE, digit)
        } else if behind > -DECIMALS {
            // Only its first decimals are wanted; the others must be zeros.
            let cut = 10_i64.pow(behind.unsigned_abs());
            if digit % cut != 0 {
                return Err(fine());
            }
            (BASE / cut, digit / cut)
        } else if digit == 0 {
            continue;
        } else {
            return Err(fine());
        };
        number = number.grown(T::of(factor), T::of(digit)).ok_or_else(large)?;
    }
    // Zeros at the end are not sent.
    let behind = i32::from(scale) + DECIMALS * (weight - count as i32 + 1);
    if behind > 0 && number != T::of(0) {
        let factor = T::ten_to(behind.unsigned_abs()).ok_or_else(large)?;
        number = number.grown(factor, T::of(0)).ok_or_else(large)?;
    }
    if T::ten_to(precision.into()).is_some_and(|limit| number >= limit) {
        return Err(large());
    }
    Ok(if sign == NEGATIVE {
        number.negated()
    } else {
        number
    })
}

/// A whole number that fits.
pub(super) fn whole<T: TryFrom<i128>>(value: &[u8]) -> Result<T, Complaint> {
    // No integer of Arrow has more digits than 20.
    let number: i128 = decimal(value, 20, 0)?;
    T::try_from(number).map_err(|_| format!("is {number}, which does not fit"))
}
