//! Readings of a wall clock, and the instants that they stand for where clocks are put forward and back.

use chrono::{DateTime, FixedOffset, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// No zone has skipped more than a day: Samoa did on 2011-12-30.
const LONGEST_GAP_MINUTES: u32 = 25 * 60;

/// The first instant at which a clock shows a time, to the minute. A time that clocks skip is the first instant behind
/// the gap, one that they show twice the first of both: so a later time never comes earlier.
pub(super) fn first_instant(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let mut at = local;
    for _ in 0..=LONGEST_GAP_MINUTES {
        if let Some(instant) = zone.from_local_datetime(&at).earliest() {
            return instant.with_timezone(&Utc);
        }
        at += TimeDelta::minutes(1);
    }
    local.and_utc()
}

/// What the clock shows.
pub(super) fn reading(zone: Tz, instant: DateTime<Utc>) -> NaiveDateTime {
    instant.with_timezone(&zone).naive_local()
}

/// Where the clock shows a time for the second time: its offset then, and the one of the first time. None else.
pub(super) fn second_time(zone: Tz, instant: DateTime<Utc>) -> Option<(FixedOffset, FixedOffset)> {
    match zone.from_local_datetime(&reading(zone, instant)) {
        MappedLocalTime::Ambiguous(first, second) if second == instant => {
            Some((second.offset().fix(), first.offset().fix()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::{America::Sao_Paulo, Australia::Lord_Howe, Europe::London};

    use super::*;

    fn local(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    #[test]
    fn a_skipped_time_is_the_first_behind_the_gap() {
        for (zone, skipped, instant) in [
            (London, "2024-03-31T01:30:00", "2024-03-31T01:00:00Z"),
            (Sao_Paulo, "2018-11-04T00:00:00", "2018-11-04T03:00:00Z"),
            (Lord_Howe, "2024-10-06T02:10:00", "2024-10-05T15:30:00Z"),
            (
                chrono_tz::Pacific::Apia,
                "2011-12-30T00:00:00",
                "2011-12-30T10:00:00Z",
            ),
        ] {
            assert_eq!(
                first_instant(zone, local(skipped)),
                instant.parse::<DateTime<Utc>>().unwrap(),
                "{zone} {skipped}"
            );
        }
    }

    #[test]
    fn a_repeated_time_is_the_first_of_both() {
        let first = first_instant(London, local("2024-10-27T01:30:00"));
        assert_eq!(first.to_rfc3339(), "2024-10-27T00:30:00+00:00");
        assert_eq!(second_time(London, first), None);
        let second = first + TimeDelta::hours(1);
        assert_eq!(reading(London, second), local("2024-10-27T01:30:00"));
        let (now, before) = second_time(London, second).unwrap();
        assert_eq!((now.local_minus_utc(), before.local_minus_utc()), (0, 3_600));
    }
}
