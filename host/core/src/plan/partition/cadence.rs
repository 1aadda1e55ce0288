//! Where slices of time begin, and how their keys are written.

use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc, Weekday,
};
use chrono_tz::Tz;

use super::PartitionError;
use crate::plan::Cron;
use crate::plan::wall_clock::{first_instant, reading, second_time};

/// Keys have four digits for the year.
const LAST_YEAR: i32 = 9_999;

/// How long a slice is.
///
/// The order of keys as text (of their bytes) is the order of their slices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cadence {
    /// From full hour to full hour on the clock; keys like `2024-01-31-13`. Where clocks are put back, the hour that they
    /// show for the second time has its offset in its key: `2024-10-27-01` and then `2024-10-27-01+0000`.
    Hourly,
    /// Midnight to midnight; keys like `2013-02-28`.
    Daily,
    /// Monday to Monday; keys are the Monday, like `2013-02-25`.
    Weekly,
    /// First to first; keys like `2013-02`.
    Monthly,
    /// From each time that a schedule is due to the next; keys like `2024-01-31-18-00`.
    Cron(Cron),
}

impl Cadence {
    /// Its name, as YAML writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Cron(_) => "cron",
        }
    }

    fn example(&self) -> &'static str {
        match self {
            Self::Hourly => "2024-01-31-13",
            Self::Daily => "2024-01-31",
            Self::Weekly => "2024-01-29",
            Self::Monthly => "2024-01",
            Self::Cron(_) => "2024-01-31-18-00",
        }
    }

    /// Whether slices begin at midnight, so that a date says which slice it is in.
    pub fn of_days(&self) -> bool {
        matches!(self, Self::Daily | Self::Weekly | Self::Monthly)
    }

    /// The instant that a key's slice begins with. A key has one spelling.
    pub fn parse(&self, zone: Tz, key: &str) -> Result<DateTime<Utc>, PartitionError> {
        let refused = || PartitionError::Key(key.to_owned(), self.name(), self.example());
        let (plain, later) = match (self, key.split_at_checked(self.example().len())) {
            (Self::Hourly, Some((plain, offset))) if !offset.is_empty() => (plain, true),
            _ => (key, false),
        };
        let local = self.local(plain).ok_or_else(refused)?;
        let mut start = first_instant(zone, local);
        if later {
            // The same reading once more, behind the first: its offset is part of the key, and is compared below.
            let mut next = self.next(zone, start);
            while let Some(at) = next.filter(|at| reading(zone, *at) <= local + TimeDelta::hours(1)) {
                if self.key(zone, at) == key {
                    start = at;
                    break;
                }
                next = self.next(zone, at);
            }
        }
        if self.begins(zone, start) && self.key(zone, start) == key {
            return Ok(start);
        }
        if *self == Self::Weekly && local.weekday() != Weekday::Mon {
            return Err(refused());
        }
        Err(PartitionError::NoSlice(key.to_owned(), self.name(), zone.name()))
    }

    /// The first slice from a key or, where slices are shorter than a day, from a day on.
    pub(super) fn parse_from(&self, zone: Tz, text: &str) -> Result<DateTime<Utc>, PartitionError> {
        let day = || Self::Daily.local(text);
        match self {
            Self::Hourly => day().map(|day| Ok(first_instant(zone, day))),
            Self::Cron(cron) => day().map(|day| {
                cron.at_or_after(first_instant(zone, day), zone)
                    .ok_or_else(|| PartitionError::NoSlice(text.to_owned(), self.name(), zone.name()))
            }),
            _ => None,
        }
        .unwrap_or_else(|| self.parse(zone, text))
    }

    /// The reading of the clock that a key names; none where it is no key.
    fn local(&self, key: &str) -> Option<NaiveDateTime> {
        let digits = |range: std::ops::Range<usize>| key.get(range)?.parse::<u32>().ok();
        // The same letters as the example, digit for digit: chrono would take signs and one-digit months.
        let shaped = key.len() == self.example().len()
            && key.bytes().zip(self.example().bytes()).all(|(found, like)| {
                if like.is_ascii_digit() {
                    found.is_ascii_digit()
                } else {
                    found == like
                }
            });
        if !shaped {
            return None;
        }
        let day = if *self == Self::Monthly { 1 } else { digits(8..10)? };
        let year = i32::try_from(digits(0..4)?).ok().filter(|year| *year >= 1)?;
        let date = NaiveDate::from_ymd_opt(year, digits(5..7)?, day)?;
        match self {
            Self::Daily | Self::Weekly | Self::Monthly => Some(date.and_time(NaiveTime::MIN)),
            Self::Hourly => date.and_hms_opt(digits(11..13)?, 0, 0),
            Self::Cron(_) => date.and_hms_opt(digits(11..13)?, digits(14..16)?, 0),
        }
    }

    /// The key of the slice that begins at an instant.
    pub(super) fn key(&self, zone: Tz, start: DateTime<Utc>) -> String {
        let local = reading(zone, start);
        match self {
            Self::Monthly => local.format("%Y-%m").to_string(),
            Self::Daily | Self::Weekly => local.format("%Y-%m-%d").to_string(),
            Self::Cron(_) => local.format("%Y-%m-%d-%H-%M").to_string(),
            Self::Hourly => {
                let plain = local.format("%Y-%m-%d-%H").to_string();
                match second_time(zone, start) {
                    Some((offset, _)) => format!("{plain}{}", offset.to_string().replace(':', "")),
                    None => plain,
                }
            }
        }
    }

    /// Whether a slice begins at an instant.
    fn begins(&self, zone: Tz, instant: DateTime<Utc>) -> bool {
        match self {
            Self::Cron(cron) => cron.at_or_after(instant, zone) == Some(instant),
            Self::Weekly => reading(zone, instant).weekday() == Weekday::Mon,
            _ => true,
        }
    }

    /// Where the slice behind the one that begins at `start` begins; none past the year 9999.
    pub(super) fn next(&self, zone: Tz, start: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = reading(zone, start);
        let day = match self {
            Self::Hourly => {
                let into_hour = i64::from(local.num_seconds_from_midnight() % 3_600);
                let next = start + TimeDelta::seconds(3_600 - into_hour);
                return Some(next).filter(|next| reading(zone, *next).year() <= LAST_YEAR);
            }
            Self::Cron(cron) => return cron.next_after(start, zone),
            Self::Daily => local.date().checked_add_days(Days::new(1)),
            Self::Weekly => {
                let left = 7 - u64::from(local.weekday().num_days_from_monday());
                local.date().checked_add_days(Days::new(left))
            }
            Self::Monthly => local.date().with_day(1)?.checked_add_months(Months::new(1)),
        }?;
        (day.year() <= LAST_YEAR).then(|| first_instant(zone, day.and_time(NaiveTime::MIN)))
    }

    /// Where the slice that holds an instant begins.
    pub(super) fn around(&self, zone: Tz, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = reading(zone, instant);
        let day = match self {
            Self::Hourly => {
                // From some hours before, since the clock may have been put back in between.
                let into_hour = i64::from(local.num_seconds_from_midnight() % 3_600);
                let mut start = instant - TimeDelta::seconds(into_hour) - TimeDelta::hours(3);
                while let Some(next) = self.next(zone, start).filter(|next| *next <= instant) {
                    start = next;
                }
                return Some(start);
            }
            Self::Cron(cron) => return cron.at_or_before(instant, zone),
            Self::Daily => Some(local.date()),
            Self::Weekly => {
                let gone = u64::from(local.weekday().num_days_from_monday());
                local.date().checked_sub_days(Days::new(gone))
            }
            Self::Monthly => local.date().with_day(1),
        }?;
        Some(first_instant(zone, day.and_time(NaiveTime::MIN)))
    }

    /// What a wall clock without a zone shows where a slice begins. An hour that comes again is the first one's: no reading
    /// says which it was, and each row must be in one slice.
    pub(super) fn wall(&self, zone: Tz, start: DateTime<Utc>) -> NaiveDateTime {
        let local = reading(zone, start);
        if self.of_days() {
            return local.date().and_time(NaiveTime::MIN);
        }
        match second_time(zone, start) {
            Some((_, before)) => start.with_timezone(&before).naive_local(),
            None => local,
        }
    }
}
