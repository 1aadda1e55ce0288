//! Slices of an asset by time.

use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::PartitionKey;

/// How long a slice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cadence {
    /// Midnight to midnight; keys like `2013-02-28`.
    Daily,
    /// Monday to Monday; keys are the Monday, like `2013-02-25`.
    Weekly,
    /// First to first; keys like `2013-02`.
    Monthly,
}

/// The slices of an asset: from `start` on, until `end` or now.
#[derive(Debug, Clone, PartialEq)]
pub struct Partitioning {
    /// How long each is.
    pub cadence: Cadence,
    /// Whose midnight counts.
    pub timezone: Tz,
    /// The first slice begins here.
    pub start: NaiveDate,
    /// The last slice ends here; none for an open end.
    pub end: Option<NaiveDate>,
    /// The column, a timestamp or date, whose value says which slice a row belongs to.
    pub column: Option<String>,
}

/// One slice: the half-open window `start <= instant < end`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partition {
    /// Its name.
    pub key: PartitionKey,
    /// The first instant in it.
    pub start: DateTime<Utc>,
    /// The first instant behind it.
    pub end: DateTime<Utc>,
    /// The first day in it, on the calendar of its time zone: for columns that hold dates and wall clocks.
    pub first_day: NaiveDate,
    /// The first day behind it.
    pub end_day: NaiveDate,
    /// The column that says which slice a row belongs to.
    pub column: Option<String>,
}

/// A partition was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartitionError {
    /// The text is no key of this cadence.
    #[error("`{0}` is not a {1} partition key; write it like `{2}`")]
    Key(String, &'static str, &'static str),
    /// The slice is before the first or behind the last.
    #[error("partition `{0}` is outside {1} to {2}")]
    Outside(String, String, String),
    /// The time zone is not known.
    #[error("`{0}` is not in the IANA time zone database; write for example `UTC` or `Europe/London`")]
    Timezone(String),
}

impl Cadence {
    fn name(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Daily => "2024-01-31",
            Self::Weekly => "2024-01-29",
            Self::Monthly => "2024-01",
        }
    }

    /// The day that a key's slice begins with. A weekly key must be a Monday.
    pub fn parse(self, key: &str) -> Result<NaiveDate, PartitionError> {
        let refused = || PartitionError::Key(key.to_owned(), self.name(), self.example());
        let full = match self {
            Self::Monthly => format!("{key}-01"),
            Self::Daily | Self::Weekly => key.to_owned(),
        };
        // chrono takes one-digit months; a key has one spelling.
        if full.len() != 10 {
            return Err(refused());
        }
        let day = NaiveDate::from_str(&full).map_err(|_| refused())?;
        if self == Self::Weekly && day.weekday() != chrono::Weekday::Mon {
            return Err(refused());
        }
        Ok(day)
    }

    fn key(self, day: NaiveDate) -> PartitionKey {
        PartitionKey(match self {
            Self::Monthly => format!("{:04}-{:02}", day.year(), day.month()),
            Self::Daily | Self::Weekly => day.to_string(),
        })
    }

    fn next(self, day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Daily => day.checked_add_days(Days::new(1)),
            Self::Weekly => day.checked_add_days(Days::new(7)),
            Self::Monthly => day.checked_add_months(Months::new(1)),
        }
    }
}

impl Partitioning {
    /// Every slice that has begun at `now`, in order; those of an asset with an end, all.
    pub fn partitions(&self, now: DateTime<Utc>) -> Vec<Partition> {
        let mut found = Vec::new();
        let mut day = self.start;
        while let Some(next) = self.cadence.next(day) {
            let slice = self.slice(day, next);
            let over = match self.end {
                Some(end) => next > end,
                None => slice.start > now,
            };
            if over {
                break;
            }
            found.push(slice);
            day = next;
        }
        found
    }

    /// The slice of a key.
    pub fn find(&self, key: &str) -> Result<Partition, PartitionError> {
        let day = self.cadence.parse(key)?;
        let next = self.cadence.next(day).ok_or_else(|| {
            PartitionError::Key(key.to_owned(), self.cadence.name(), self.cadence.example())
        })?;
        if day < self.start || self.end.is_some_and(|end| next > end) {
            let last = self.end.map_or_else(
                || "now".to_owned(),
                |end| format!("before {}", self.cadence.key(end)),
            );
            return Err(PartitionError::Outside(
                key.to_owned(),
                self.cadence.key(self.start).0,
                last,
            ));
        }
        Ok(self.slice(day, next))
    }

    fn slice(&self, day: NaiveDate, next: NaiveDate) -> Partition {
        Partition {
            key: self.cadence.key(day),
            start: self.midnight(day),
            end: self.midnight(next),
            first_day: day,
            end_day: next,
            column: self.column.clone(),
        }
    }

    /// The first instant of a day. Where clocks skip midnight, the day begins when they have skipped.
    fn midnight(&self, day: NaiveDate) -> DateTime<Utc> {
        let mut local = day.and_time(chrono::NaiveTime::MIN);
        // Samoa skipped a whole day in 2011; no zone has skipped more.
        for _ in 0..=24 * 4 {
            if let Some(instant) = self.timezone.from_local_datetime(&local).earliest() {
                return instant.with_timezone(&Utc);
            }
            local += TimeDelta::minutes(15);
        }
        local.and_utc()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monthly(end: Option<&str>) -> Partitioning {
        Partitioning {
            cadence: Cadence::Monthly,
            timezone: chrono_tz::America::New_York,
            start: NaiveDate::from_ymd_opt(2013, 1, 1).unwrap(),
            end: end.map(|day| day.parse().unwrap()),
            column: Some("time_hour".into()),
        }
    }

    #[test]
    fn months_begin_at_local_midnight_over_dst() {
        let all = monthly(Some("2014-01-01")).partitions(DateTime::<Utc>::MIN_UTC);
        assert_eq!(all.len(), 12);
        assert_eq!(all[2].key.0, "2013-03");
        assert_eq!(all[2].start.to_rfc3339(), "2013-03-01T05:00:00+00:00");
        assert_eq!(all[2].end.to_rfc3339(), "2013-04-01T04:00:00+00:00");
        for pair in all.windows(2) {
            assert_eq!(pair[0].end, pair[1].start);
        }
    }

    #[test]
    fn an_open_end_stops_at_now() {
        let now = "2013-03-01T04:59:59Z".parse().unwrap();
        assert_eq!(monthly(None).partitions(now).len(), 2);
    }

    #[test]
    fn a_key_outside_or_misspelt_is_refused() {
        let slices = monthly(Some("2014-01-01"));
        assert!(matches!(slices.find("2014-01"), Err(PartitionError::Outside(..))));
        assert!(matches!(slices.find("2012-12"), Err(PartitionError::Outside(..))));
        assert!(matches!(slices.find("2013-2"), Err(PartitionError::Key(..))));
        assert!(matches!(slices.find("../../etc"), Err(PartitionError::Key(..))));
        assert!(Cadence::Weekly.parse("2024-01-30").is_err());
        assert!(Cadence::Weekly.parse("2024-01-29").is_ok());
    }

    #[test]
    fn a_midnight_that_clocks_skip_is_the_first_instant_after() {
        let slices = Partitioning {
            cadence: Cadence::Daily,
            timezone: chrono_tz::America::Sao_Paulo,
            start: NaiveDate::from_ymd_opt(2018, 11, 4).unwrap(),
            end: None,
            column: None,
        };
        let day = slices.find("2018-11-04").unwrap();
        assert_eq!(day.start.to_rfc3339(), "2018-11-04T03:00:00+00:00");
        assert_eq!((day.end - day.start).num_hours(), 23);
    }
}
