//! Days and instants.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Timelike};
use tidegate_sdk::prelude::*;

use crate::config::Format;
use crate::number::scaled;

/// The day of a text such as `2024-01-31`, counted from 1970-01-01.
pub(crate) fn day(text: &str) -> Option<i32> {
    // Ten bytes: the parser would also take `2024-1-5`, and signs.
    let day = (text.len() == 10).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())??;
    Some(day.to_epoch_days())
}

/// The instant of an RFC 3339 text in a unit; none where it is finer than that.
pub(crate) fn instant(text: &str, unit: TimeUnit) -> Option<i64> {
    let instant = DateTime::parse_from_rfc3339(text).ok()?;
    counted(instant.timestamp(), instant.nanosecond(), unit)
}

/// What a clock on the wall showed, from a text without an offset such as `2024-01-31T12:00:00`, in a unit.
pub(crate) fn wall_clock(text: &str, unit: TimeUnit) -> Option<i64> {
    let read = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"))
        .ok()?;
    counted(read.and_utc().timestamp(), read.nanosecond(), unit)
}

/// The instant of a number of seconds or parts of them since 1970, in a unit; none where it is finer than that.
pub(crate) fn epoch(text: &str, format: Format, unit: TimeUnit) -> Option<i64> {
    let written = match format {
        Format::EpochS | Format::Json => 0,
        Format::EpochMs => 3,
        Format::EpochUs => 6,
        Format::EpochNs => 9,
    };
    // In nanoseconds first, so that a point or a finer format than the unit is seen.
    let nanos = scaled(text, 9_u8.checked_sub(written)?)?;
    let parts = i128::from(nanos_of(unit));
    (nanos % parts == 0).then(|| i64::try_from(nanos / parts).ok())?
}

/// `nanos` of a leap second are a second or more: no count since 1970 has a place for it.
fn counted(seconds: i64, nanos: u32, unit: TimeUnit) -> Option<i64> {
    let parts = nanos_of(unit);
    if nanos >= 1_000_000_000 || !nanos.is_multiple_of(parts) {
        return None;
    }
    let more = i64::from(nanos / parts);
    seconds
        .checked_mul(i64::from(1_000_000_000 / parts))?
        .checked_add(more)
}

/// Nanoseconds of a unit.
fn nanos_of(unit: TimeUnit) -> u32 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_exact_or_none() {
        let noon = 1_706_702_400;
        assert_eq!(instant("2024-01-31T12:00:00Z", TimeUnit::Second), Some(noon));
        assert_eq!(
            instant("2024-01-31T13:00:00.5+01:00", TimeUnit::Millisecond),
            Some(noon * 1_000 + 500)
        );
        assert_eq!(instant("2024-01-31T12:00:00.5Z", TimeUnit::Second), None);
        assert_eq!(
            instant("1969-12-31T23:59:59.999999Z", TimeUnit::Microsecond),
            Some(-1)
        );
        for text in [
            "2024-01-31T12:00:00",
            "2024-01-31",
            "2016-12-31T23:59:60Z",
            "noon",
        ] {
            assert_eq!(instant(text, TimeUnit::Nanosecond), None, "{text}");
        }
        assert_eq!(instant("9999-01-01T00:00:00Z", TimeUnit::Nanosecond), None);
    }

    #[test]
    fn clocks_on_the_wall_have_no_offset() {
        assert_eq!(
            wall_clock("1970-01-01T00:00:01.25", TimeUnit::Millisecond),
            Some(1_250)
        );
        assert_eq!(wall_clock("1970-01-02 00:00:00", TimeUnit::Second), Some(86_400));
        for text in ["1970-01-02T00:00:00Z", "1970-01-02", "1970-01-02T00:00:60"] {
            assert_eq!(wall_clock(text, TimeUnit::Second), None, "{text}");
        }
    }

    #[test]
    fn numbers_count_from_1970() {
        assert_eq!(epoch("1.5", Format::EpochS, TimeUnit::Millisecond), Some(1_500));
        assert_eq!(epoch("1500", Format::EpochMs, TimeUnit::Second), None);
        assert_eq!(epoch("-2000", Format::EpochMs, TimeUnit::Second), Some(-2));
        assert_eq!(epoch("1", Format::EpochNs, TimeUnit::Microsecond), None);
        assert_eq!(epoch("7000", Format::EpochUs, TimeUnit::Millisecond), Some(7));
        assert_eq!(epoch("1e30", Format::EpochS, TimeUnit::Second), None);
        assert_eq!(epoch("soon", Format::EpochS, TimeUnit::Second), None);
    }

    #[test]
    fn days_are_written_one_way() {
        assert_eq!(day("1970-01-02"), Some(1));
        assert_eq!(day("2024-02-30"), None);
        assert_eq!(day("2024-2-3"), None);
        assert_eq!(day("2024-01-31T00:00:00Z"), None);
    }
}
