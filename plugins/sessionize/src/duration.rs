//! Lengths of time as people write them.

/// The longest, in days: within 64 bits of nanoseconds, and no session lasts longer.
const MAX_DAYS: i64 = 3_650;

const DAY_NS: i64 = 86_400_000_000_000;

/// Nanoseconds of a text such as `30m`.
pub(crate) fn nanoseconds(text: &str) -> Result<i64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ns = match unit {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => DAY_NS,
        _ => {
            return Err(format!(
                "`{text}` is not a length of time: write it like `30m`, in `ms`, `s`, `m`, `h` or `d`"
            ));
        }
    };
    let number: Option<i64> = number.parse().ok();
    let length = number.and_then(|number| number.checked_mul(unit_ns));
    match length {
        Some(length) if length <= MAX_DAYS * DAY_NS => Ok(length),
        _ => Err(format!(
            "`{text}` is not a length of time of up to {MAX_DAYS} days"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_numbers_with_a_unit() {
        assert_eq!(nanoseconds("1500ms"), Ok(1_500_000_000));
        assert_eq!(nanoseconds("30m"), Ok(1_800_000_000_000));
        assert_eq!(nanoseconds("3650d"), Ok(MAX_DAYS * DAY_NS));
        for wrong in [
            "",
            "m",
            "30",
            "30 m",
            "-1s",
            "1.5h",
            "3651d",
            "99999999999999999999s",
            "1w",
        ] {
            assert!(nanoseconds(wrong).is_err(), "{wrong}");
        }
    }
}
