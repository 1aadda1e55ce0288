//! A rate as an exact fraction.

use arrow_buffer::i256;

use crate::Quote;

/// The most digits of a rate: 18 fit 64 bits, and central banks publish six.
const RATE_MAX_DIGITS: usize = 18;

/// What amounts are multiplied by: unscaled integers in, unscaled integers out.
pub(crate) struct Factor {
    /// As a fraction of 256 bits: 18 digits of a rate and 56 of powers of ten at most.
    wide: (i256, i256),
    /// As one of 64 bits, where it fits.
    narrow: Option<(i64, i64)>,
    /// For float64.
    multiply: f64,
    divide: f64,
}

/// A rate above 0, as `digits / 10^places`.
pub(crate) struct Rate {
    digits: i64,
    places: u32,
}

impl Rate {
    pub(crate) const ONE: Self = Self { digits: 1, places: 0 };

    /// Reads a decimal number such as `1.0842`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let good = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !good(whole) || (text.contains('.') && !good(part)) {
            return Err(format!("`{text}` is not a rate: write it like `1.0842`"));
        }
        if whole.len() + part.len() > RATE_MAX_DIGITS {
            return Err(format!("`{text}` has more than {RATE_MAX_DIGITS} digits"));
        }
        match format!("{whole}{part}").parse() {
            Ok(digits) if digits > 0 => Ok(Self {
                digits,
                places: part.len() as u32,
            }),
            _ => Err(format!("`{text}` is not above 0")),
        }
    }
}

impl Factor {
    /// For unscaled amounts of one scale to unscaled amounts of another.
    pub(crate) fn new(rate: &Rate, quote: Quote, (from_scale, to_scale): (i8, i8)) -> Self {
        let digits = i256::from_i128(rate.digits.into());
        let (from, to) = (
            u32::from(from_scale.unsigned_abs()),
            u32::from(to_scale.unsigned_abs()),
        );
        #[allow(
            clippy::cast_precision_loss,
            reason = "float64 has 15 digits of a rate, and so says the README"
        )]
        let float = rate.digits as f64;
        let power = 10_f64.powi(rate.places as i32);
        let (wide, multiply, divide) = match quote {
            Quote::BasePerUnit => {
                let (up, down) = powers(to, rate.places + from);
                ((digits.wrapping_mul(up), down), float, power)
            }
            Quote::UnitsPerBase => {
                let (up, down) = powers(to + rate.places, from);
                ((up, digits.wrapping_mul(down)), power, float)
            }
        };
        let small = |wide: i256| wide.to_i128().and_then(|value| i64::try_from(value).ok());
        Self {
            narrow: small(wide.0).zip(small(wide.1)),
            wide,
            multiply,
            divide,
        }
    }

    /// The amount converted, rounded half to even; none beyond 128 bits.
    pub(crate) fn apply(&self, amount: i128) -> Option<i128> {
        if let (Some((up, down)), Ok(amount)) = (self.narrow, i64::try_from(amount)) {
            // A product of numbers of m and n bits has at most m + n: with one for the sign it fits.
            if amount.unsigned_abs().leading_zeros() + up.leading_zeros() > 64 {
                return Some(quotient(amount * up, down).into());
            }
        }
        self.apply_wide(amount)
    }

    /// If the product overflows 256 bits, the quotient overflows 128: what is divided by has 74 digits at most only
    /// where nothing is multiplied by more than one.
    fn apply_wide(&self, amount: i128) -> Option<i128> {
        let (up, down) = self.wide;
        let product = i256::from_i128(amount).checked_mul(up)?;
        let (quotient, rest) = (product.checked_div(down)?, product.checked_rem(down)?);
        let (quotient, rest) = (quotient.to_i128()?, rest.wrapping_abs());
        let left = down.wrapping_sub(rest);
        let away = rest > left || (rest == left && quotient % 2 != 0);
        if !away {
            return Some(quotient);
        }
        quotient.checked_add(if amount < 0 { -1 } else { 1 })
    }

    pub(crate) fn apply_float(&self, amount: f64) -> f64 {
        amount * self.multiply / self.divide
    }
}

/// Rounded half to even; `down` is above 0.
fn quotient(product: i64, down: i64) -> i64 {
    let (quotient, rest) = (product / down, (product % down).abs());
    let left = down - rest;
    let away = rest > left || (rest == left && quotient % 2 != 0);
    match (away, product < 0) {
        (false, _) => quotient,
        (true, false) => quotient + 1,
        (true, true) => quotient - 1,
    }
}

/// 10^`up` / 10^`down`, reduced.
fn powers(up: u32, down: u32) -> (i256, i256) {
    let ten = |power: u32| i256::from_i128(10).wrapping_pow(power);
    (ten(up.saturating_sub(down)), ten(down.saturating_sub(up)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(rate: &str, quote: Quote, scales: (i8, i8)) -> Factor {
        Factor::new(&Rate::parse(rate).expect("a rate"), quote, scales)
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let half = factor("0.5", Quote::BasePerUnit, (0, 0));
        for (amount, expected) in [
            (1, 0),
            (3, 2),
            (5, 2),
            (7, 4),
            (-1, 0),
            (-3, -2),
            (-5, -2),
            (4, 2),
        ] {
            assert_eq!(half.apply(amount), Some(expected), "{amount}");
            assert_eq!(half.apply_wide(amount), Some(expected), "{amount}");
        }
        let third = factor("3", Quote::UnitsPerBase, (2, 2));
        for (amount, expected) in [(100, 33), (200, 67), (-100, -33), (-200, -67)] {
            assert_eq!(third.apply(amount), Some(expected), "{amount}");
            assert_eq!(third.apply_wide(amount), Some(expected), "{amount}");
        }
    }

    #[test]
    fn both_widths_agree() {
        let factor = factor("1.084217", Quote::BasePerUnit, (2, 4));
        let mut amount: i128 = 1;
        for step in 0..18 {
            amount = amount * 10 + step;
            for amount in [amount, -amount] {
                assert_eq!(factor.apply(amount), factor.apply_wide(amount), "{amount}");
            }
        }
    }

    #[test]
    fn many_digits_stay_exact() {
        // 12345678901234567890123456789012345.67 * 1.5 = 18518518351851851835185185183518518.505
        let factor = factor("1.5", Quote::BasePerUnit, (2, 2));
        let amount = 1_234_567_890_123_456_789_012_345_678_901_234_567;
        assert_eq!(
            factor.apply(amount),
            Some(1_851_851_835_185_185_183_518_518_518_351_851_850)
        );
    }

    #[test]
    fn what_does_not_fit_is_none() {
        assert_eq!(factor("9.9", Quote::BasePerUnit, (0, 0)).apply(i128::MAX), None);
        assert_eq!(
            factor("0.00000000000000001", Quote::UnitsPerBase, (0, 38)).apply(i128::MAX),
            None
        );
        let most = factor("999999999999999999", Quote::UnitsPerBase, (38, 0));
        assert_eq!(most.apply(i128::MAX), Some(0));
    }

    #[test]
    fn only_rates_are_rates() {
        for wrong in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "1e3",
            "1,5",
            "0",
            "0.00",
            "1234567890.123456789",
            "+1",
            "1.5.5",
        ] {
            assert!(Rate::parse(wrong).is_err(), "{wrong}");
        }
    }
}
