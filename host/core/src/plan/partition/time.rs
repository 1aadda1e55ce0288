//! Slices by time.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{Cadence, PartitionError, TimeWindow};

/// Slices of time: from `start` on, until `end` or now.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeSlices {
    /// How long each is.
    pub cadence: Cadence,
    /// Whose clock counts.
    pub timezone: Tz,
    /// The first slice begins here.
    pub start: DateTime<Utc>,
    /// The last slice ends here; none for an open end.
    pub end: Option<DateTime<Utc>>,
    /// The column, a timestamp or date, whose value says which slice a row belongs to.
    pub column: Option<String>,
}

impl TimeSlices {
    /// The slices of these texts: `start` and `end` are keys or, where slices are shorter than a day, days.
    pub fn new(
        cadence: Cadence,
        timezone: Tz,
        start: &str,
        end: Option<&str>,
        column: Option<String>,
    ) -> Result<Self, PartitionError> {
        Ok(Self {
            start: cadence.parse_from(timezone, start)?,
            end: end.map(|end| cadence.parse_from(timezone, end)).transpose()?,
            cadence,
            timezone,
            column,
        })
    }

    /// Where every slice begins that has begun at `now`, in order; those of slices with an end, all.
    pub fn starts(&self, now: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        self.starts_from(self.start)
            .take_while(move |start| self.end.is_some() || *start <= now)
    }

    /// Where every slice from one on begins, also those that have not begun.
    pub fn starts_from(&self, start: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        let mut at = Some(start);
        std::iter::from_fn(move || {
            let start = at?;
            at = self
                .cadence
                .next(self.timezone, start)
                .filter(|next| self.end.is_none_or(|end| *next <= end));
            at.map(|_| start)
        })
    }

    /// Where a key's slice begins and ends.
    pub fn find(&self, key: &str) -> Result<(DateTime<Utc>, DateTime<Utc>), PartitionError> {
        let start = self.cadence.parse(self.timezone, key)?;
        match self.cadence.next(self.timezone, start) {
            Some(next) if start >= self.start && self.end.is_none_or(|end| next <= end) => Ok((start, next)),
            _ => Err(PartitionError::Outside(
                key.to_owned(),
                self.key(self.start),
                self.end
                    .map_or_else(|| "now".to_owned(), |end| format!("before {}", self.key(end))),
            )),
        }
    }

    /// Whether a key's slice is there at `now`: it has begun or, where slices have an end, is one of them.
    pub fn has(&self, key: &str, now: DateTime<Utc>) -> bool {
        let found = self.find(key);
        found.is_ok_and(|(start, _)| self.end.is_some() || start <= now)
    }

    /// The key of the slice that begins at an instant.
    pub fn key(&self, start: DateTime<Utc>) -> String {
        self.cadence.key(self.timezone, start)
    }

    /// Where the slice that holds an instant begins, if there is one.
    pub fn around(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let start = self.cadence.around(self.timezone, instant)?;
        let next = self.cadence.next(self.timezone, start)?;
        (start >= self.start && self.end.is_none_or(|end| next <= end)).then_some(start)
    }

    /// The key so many slices behind a key, or before it where negative; none where there is no such slice.
    pub fn offset(&self, key: &str, slices: i32) -> Option<String> {
        let mut start = self.cadence.parse(self.timezone, key).ok()?;
        for _ in 0..slices.unsigned_abs() {
            start = if slices > 0 {
                self.cadence.next(self.timezone, start)?
            } else {
                self.before(start)?
            };
        }
        let key = self.key(start);
        self.find(&key).is_ok().then_some(key)
    }

    /// Whether a slice of one key is also one of the other's: only where they begin and end differs.
    pub fn cut_alike(&self, other: &Self) -> bool {
        (&self.cadence, self.timezone) == (&other.cadence, other.timezone)
    }

    fn before(&self, start: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.cadence {
            Cadence::Cron(cron) => cron.previous_before(start, self.timezone),
            cadence => cadence.around(self.timezone, start - chrono::TimeDelta::seconds(1)),
        }
    }

    pub(super) fn window(&self, start: DateTime<Utc>, end: DateTime<Utc>) -> TimeWindow {
        TimeWindow {
            start,
            end,
            wall_start: self.cadence.wall(self.timezone, start),
            wall_end: self.cadence.wall(self.timezone, end),
            column: self.column.clone(),
        }
    }
}
