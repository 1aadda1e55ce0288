//! Numbers as JSON writes them, without a digit lost.

/// A number's digits: `-12.50e1` is 1250 with a scale of 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Digits<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i32,
}

/// The most digits that an exponent moves the point by: none of the types holds more, and 38 is what 128 bits hold.
const MAX_SHIFT: i64 = 64;

/// The number times 10^`scale`, where that is a whole number of 128 bits; none otherwise, and where the text is no number.
pub(crate) fn scaled(text: &str, scale: u8) -> Option<i128> {
    let digits = parse(text)?;
    let all = || digits.whole.bytes().chain(digits.fraction.bytes());
    if all().all(|digit| digit == b'0') {
        return Some(0);
    }
    // How many of the digits stand before the point once the number is scaled.
    let before = digits.whole.len() as i64 + i64::from(digits.exponent) + i64::from(scale);
    let count = (digits.whole.len() + digits.fraction.len()) as i64;
    // What would be cut off must be nothing.
    let cut = usize::try_from(before.max(0)).ok()?;
    if all().skip(cut).any(|digit| digit != b'0') {
        return None;
    }
    let zeros = before - count;
    if zeros > MAX_SHIFT {
        return None;
    }
    let kept = all()
        .take(cut)
        .chain(std::iter::repeat_n(b'0', usize::try_from(zeros).unwrap_or(0)));
    let mut value: i128 = 0;
    for digit in kept {
        let digit = i128::from(digit - b'0');
        value = value.checked_mul(10)?;
        value = if digits.negative {
            value.checked_sub(digit)?
        } else {
            value.checked_add(digit)?
        };
    }
    Some(value)
}

/// Whether a text is a number as JSON writes one.
pub(crate) fn is_number(text: &str) -> bool {
    parse(text).is_some()
}

fn parse(text: &str) -> Option<Digits<'_>> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, shift(exponent)?),
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (mantissa, ""),
    };
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = whole == "0" || (!whole.is_empty() && !whole.starts_with('0'));
    (plain && are_digits(whole) && are_digits(fraction)).then_some(Digits {
        negative,
        whole,
        fraction,
        exponent,
    })
}

fn shift(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // One of more digits than fit moves the point further than any type has digits.
    let magnitude = digits.parse().unwrap_or(i32::MAX / 2).min(i32::MAX / 2);
    Some(if text.starts_with('-') {
        -magnitude
    } else {
        magnitude
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_every_digit_or_are_none() {
        for (text, scale, value) in [
            ("0", 2, Some(0)),
            ("-0.000", 0, Some(0)),
            ("12.5", 2, Some(1_250)),
            ("12.500", 1, Some(125)),
            ("12.505", 2, None),
            ("-1e3", 0, Some(-1_000)),
            ("1.25E+1", 1, Some(125)),
            ("125e-2", 2, Some(125)),
            ("125e-2", 1, None),
            ("5e-1", 0, None),
            ("0.05", 2, Some(5)),
            ("0e999999999999", 0, Some(0)),
            ("1e999999999999", 0, None),
            ("1e-999999999999", 38, None),
            ("170141183460469231731687303715884105727", 0, Some(i128::MAX)),
            ("-170141183460469231731687303715884105728", 0, Some(i128::MIN)),
            ("170141183460469231731687303715884105728", 0, None),
        ] {
            assert_eq!(scaled(text, scale), value, "{text} {scale}");
        }
    }

    #[test]
    fn what_json_would_not_write_is_no_number() {
        for text in [
            "", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x1", "1 ", "١", "NaN", "--1",
        ] {
            assert_eq!(scaled(text, 2), None, "{text}");
            assert!(!is_number(text), "{text}");
        }
    }
}
