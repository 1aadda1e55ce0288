//! When a cron schedule is due, on the clock of a time zone.
//!
//! A schedule names times of a wall clock. Where clocks are put forward, a time that they skip is due at the first
//! instant behind the gap, together with what else is due then. Where they are put back, a time that they show twice is
//! due once, when it is shown first. A schedule of every hour is so silent for the hour that comes again; in `UTC` no
//! hour does.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};

use super::wall_clock::{first_instant, reading};

/// A schedule of five fields: minute, hour, day of month, month, day of week (0 and 7 are Sunday). Names of months and
/// days, lists, ranges and steps are allowed, and so are `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`. Where
/// both days are given, either is enough.
#[derive(Clone)]
pub struct Cron {
    pattern: Arc<croner::Cron>,
    text: String,
}

/// The text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// It does not read as one.
    #[error("`{text}` is not a cron schedule: {why}")]
    Syntax {
        /// What was written.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// It reads as one, and is never due.
    #[error("the cron schedule `{0}` is never due")]
    Never(String),
}

impl Cron {
    /// Reads a schedule. One that is never due, such as `0 0 30 2 *`, is refused.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let pattern = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(text)
            .map_err(|error| CronError::Syntax {
                text: text.to_owned(),
                why: error.to_string().trim_end_matches('.').to_owned(),
            })?;
        let cron = Self {
            pattern: Arc::new(pattern),
            text: text.to_owned(),
        };
        // A 29 February is at most eight years away.
        let some = DateTime::from_timestamp(0, 0).unwrap_or_default();
        match cron.next_after(some, Tz::UTC) {
            Some(_) => Ok(cron),
            None => Err(CronError::Never(text.to_owned())),
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first instant behind `instant` at which it is due; none past the year 5000.
    pub fn next_after(&self, instant: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        // Times up to the one that is shown have been due by now, since later times never come earlier.
        let mut shown = reading(zone, instant).and_utc();
        loop {
            shown = self.pattern.find_next_occurrence(&shown, false).ok()?;
            let due = first_instant(zone, shown.naive_utc());
            if due > instant {
                return Some(due);
            }
        }
    }

    /// The last instant before `instant` at which it was due.
    pub fn previous_before(&self, instant: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        // Where a time is shown again, times behind it have been due already: at most so many minutes as clocks go back.
        let mut shown = reading(zone, instant).and_utc() + TimeDelta::hours(3);
        loop {
            shown = self.pattern.find_previous_occurrence(&shown, false).ok()?;
            let due = first_instant(zone, shown.naive_utc());
            if due < instant {
                return Some(due);
            }
        }
    }

    /// The first instant from `instant` on at which it is due, itself if it is.
    pub fn at_or_after(&self, instant: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        self.next_after(instant - TimeDelta::nanoseconds(1), zone)
    }

    /// The last instant up to `instant` at which it was due, itself if it was.
    pub fn at_or_before(&self, instant: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        self.previous_before(instant + TimeDelta::nanoseconds(1), zone)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({})", self.text)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::{America::Sao_Paulo, Australia::Lord_Howe, Europe::London};

    use super::*;

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// The first instants behind one, as hours and minutes of UTC with their day; going back gives the same.
    fn due(schedule: &str, zone: Tz, from: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(schedule).unwrap();
        let start = instant(from);
        let mut found = Vec::new();
        let mut at = start;
        for _ in 0..count {
            at = cron.next_after(at, zone).unwrap();
            found.push(at);
        }
        let mut back = found.clone();
        let mut at = at + TimeDelta::seconds(1);
        while let Some(before) = cron.previous_before(at, zone).filter(|before| *before > start) {
            assert_eq!(back.pop(), Some(before), "{schedule} {zone}");
            at = before;
        }
        assert!(back.is_empty(), "{back:?}");
        found.iter().map(|at| at.format("%d %H:%M").to_string()).collect()
    }

    #[test]
    fn times_are_those_of_the_zone() {
        assert_eq!(
            due("0 6,18 * * *", London, "2024-07-01T00:00:00Z", 3),
            ["01 05:00", "01 17:00", "02 05:00"]
        );
        assert_eq!(
            due("0 6,18 * * *", Tz::UTC, "2024-07-01T06:00:00Z", 2),
            ["01 18:00", "02 06:00"]
        );
        assert_eq!(
            due("0 0 * * MON", Tz::UTC, "2024-07-02T00:00:00Z", 2),
            ["08 00:00", "15 00:00"]
        );
        assert_eq!(
            due("@monthly", Tz::UTC, "2024-07-02T00:00:00Z", 2),
            ["01 00:00", "01 00:00"]
        );
    }

    #[test]
    fn a_skipped_time_is_due_at_the_first_instant_behind_the_gap() {
        // 01:00 to 02:00 is skipped.
        assert_eq!(
            due("30 1 * * *", London, "2024-03-30T12:00:00Z", 2),
            ["31 01:00", "01 00:30"]
        );
        // Both 01:30 and 02:00: once.
        assert_eq!(
            due("0,30 1,2 * * *", London, "2024-03-30T12:00:00Z", 3),
            ["31 01:00", "31 01:30", "01 00:00"]
        );
        // Midnight to 01:00 is skipped.
        assert_eq!(
            due("0 0 * * *", Sao_Paulo, "2018-11-03T12:00:00Z", 2),
            ["04 03:00", "05 02:00"]
        );
        // 02:00 to 02:30 is skipped.
        assert_eq!(
            due("15 2 * * *", Lord_Howe, "2024-10-05T12:00:00Z", 2),
            ["05 15:30", "06 15:15"]
        );
    }

    #[test]
    fn a_repeated_time_is_due_once() {
        assert_eq!(
            due("30 1 * * *", London, "2024-10-26T12:00:00Z", 2),
            ["27 00:30", "28 01:30"]
        );
        // 23:00 to midnight comes twice.
        assert_eq!(
            due("30 23 * * *", Sao_Paulo, "2018-02-17T12:00:00Z", 2),
            ["18 01:30", "19 02:30"]
        );
        // 01:30 to 02:00 comes twice.
        assert_eq!(
            due("45 1 * * *", Lord_Howe, "2024-04-06T12:00:00Z", 2),
            ["06 14:45", "07 15:15"]
        );
        // Every hour: silent for the one that comes again.
        assert_eq!(
            due("0 * * * *", London, "2024-10-26T23:30:00Z", 3),
            ["27 00:00", "27 02:00", "27 03:00"]
        );
        // From within the second time.
        assert_eq!(
            due("*/20 * * * *", London, "2024-10-27T01:10:00Z", 1),
            ["27 02:00"]
        );
    }

    #[test]
    fn the_instant_itself_counts_where_it_is_asked_for() {
        let cron = Cron::parse("0 6 * * *").unwrap();
        let six = instant("2024-01-01T06:00:00Z");
        assert_eq!(cron.at_or_after(six, Tz::UTC), Some(six));
        assert_eq!(cron.at_or_before(six, Tz::UTC), Some(six));
        assert_eq!(
            cron.next_after(six, Tz::UTC),
            Some(instant("2024-01-02T06:00:00Z"))
        );
        assert_eq!(
            cron.previous_before(six, Tz::UTC),
            Some(instant("2023-12-31T06:00:00Z"))
        );
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in [
            "",
            "daily",
            "* * * *",
            "61 * * * *",
            "0 0 0 1 1 *",
            "* * * * * * 2024",
            "0 25 * * *",
        ] {
            assert!(
                matches!(Cron::parse(text), Err(CronError::Syntax { .. })),
                "{text}"
            );
        }
        assert_eq!(
            Cron::parse("0 0 30 2 *").unwrap_err(),
            CronError::Never("0 0 30 2 *".into())
        );
    }
}
