//! When a schedule is due: crons on the clock of a zone, or a period.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::cron::{Cron, CronError};

/// The times of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timetable {
    /// Whenever one of these is due; once where several are.
    Crons {
        /// At least one.
        crons: Vec<Cron>,
        /// Whose clock they are read on.
        zone: Tz,
    },
    /// Each so often, counted from 1970-01-01T00:00:00Z; in milliseconds, at least 1.
    Every(i64),
}

/// What is written is no timetable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimetableError {
    /// A cron is none; with its place in the list.
    #[error("{1}")]
    Cron(usize, CronError),
    /// The time zone is not known.
    #[error("`{0}` is not in the IANA time zone database; write for example `UTC` or `Europe/London`")]
    Zone(String),
    /// There is no time in it.
    #[error("no time is written")]
    Empty,
}

/// The ticks that are due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// Those to make up for or to do now, oldest first.
    pub now: Vec<DateTime<Utc>>,
    /// Those that are too old: how many, the first and the last; none for none.
    pub missed: Option<(usize, DateTime<Utc>, DateTime<Utc>)>,
}

/// Missed ticks are counted up to here: two months of minutes. What is missed beyond that is not worth the time.
const MAX_MISSED: usize = 100_000;

/// Ticks that are done in one go; the others are due the next time.
const MAX_NOW: usize = 100;

impl Timetable {
    /// Crons and a zone as they are written.
    pub fn crons(texts: &[String], zone: &str) -> Result<Self, TimetableError> {
        let crons = texts.iter().enumerate().map(|(index, text)| {
            let cron = Cron::parse(text);
            cron.map_err(|error| TimetableError::Cron(index, error))
        });
        let crons: Vec<Cron> = crons.collect::<Result<_, _>>()?;
        if crons.is_empty() {
            return Err(TimetableError::Empty);
        }
        let zone = zone.parse().map_err(|_| TimetableError::Zone(zone.to_owned()))?;
        Ok(Self::Crons { crons, zone })
    }

    /// The first instant behind `instant` at which it is due; none past the year 5000.
    pub fn next_after(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Crons { crons, zone } => crons
                .iter()
                .filter_map(|cron| cron.next_after(instant, *zone))
                .min(),
            Self::Every(every_ms) => {
                let next = instant.timestamp_millis().div_euclid(*every_ms).checked_add(1)?;
                DateTime::from_timestamp_millis(next.checked_mul(*every_ms)?)
            }
        }
    }

    /// The ticks that are due at `now`, where the last one that was done was at `after`. None where the clock has gone
    /// back behind that. `catch_up_ms` is how old a tick may be.
    pub fn due(&self, after: DateTime<Utc>, now: DateTime<Utc>, catch_up_ms: u64) -> Due {
        let mut due = Due::default();
        let oldest = i64::try_from(catch_up_ms)
            .ok()
            .and_then(TimeDelta::try_milliseconds)
            .and_then(|window| now.checked_sub_signed(window))
            .unwrap_or(DateTime::<Utc>::MIN_UTC);
        let mut at = after;
        while let Some(next) = self.next_after(at).filter(|next| *next <= now) {
            at = next;
            if next < oldest {
                due.missed = match due.missed {
                    None => Some((1, next, next)),
                    Some((count, first, _)) => Some((count + 1, first, next)),
                };
                if due.missed.is_some_and(|(count, ..)| count >= MAX_MISSED) {
                    at = oldest - TimeDelta::milliseconds(1);
                }
                continue;
            }
            due.now.push(next);
            if due.now.len() >= MAX_NOW {
                break;
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn crons(texts: &[&str], zone: &str) -> Timetable {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        Timetable::crons(&texts, zone).unwrap()
    }

    /// The ticks of a night, seen by somebody who looks every `step` minutes; none is seen twice.
    fn night(table: &Timetable, from: &str, until: &str, step: i64) -> Vec<String> {
        let (mut last, until) = (instant(from), instant(until));
        let mut now = last;
        let mut seen = Vec::new();
        while now < until {
            now += TimeDelta::minutes(step);
            let due = table.due(last, now, 3_600_000);
            assert_eq!(due.missed, None);
            for tick in due.now {
                assert!(tick > last);
                last = tick;
                seen.push(tick.format("%d %H:%M").to_string());
            }
        }
        seen
    }

    #[test]
    fn the_nights_on_which_clocks_change_lose_and_double_no_tick() {
        for step in [1, 7, 50] {
            // 01:00 to 02:00 is skipped.
            let london = crons(&["30 1 * * *", "0 2 * * *"], "Europe/London");
            let spring = night(&london, "2024-03-30T12:00:00Z", "2024-04-01T12:00:00Z", step);
            assert_eq!(spring, ["31 01:00", "01 00:30", "01 01:00"]);
            // 01:00 to 02:00 comes twice.
            let autumn = night(&london, "2024-10-26T12:00:00Z", "2024-10-28T12:00:00Z", step);
            assert_eq!(autumn, ["27 00:30", "27 02:00", "28 01:30", "28 02:00"]);
            // Midnight to 01:00 is skipped.
            let sao_paulo = crons(&["0 0 * * *"], "America/Sao_Paulo");
            let spring = night(&sao_paulo, "2018-11-03T12:00:00Z", "2018-11-05T12:00:00Z", step);
            assert_eq!(spring, ["04 03:00", "05 02:00"]);
            // 02:00 to 02:30 is skipped, and 01:30 to 02:00 comes twice.
            let lord_howe = crons(&["15 2 * * *", "45 1 * * *"], "Australia/Lord_Howe");
            let spring = night(&lord_howe, "2024-10-05T12:00:00Z", "2024-10-06T18:00:00Z", step);
            assert_eq!(spring, ["05 15:15", "05 15:30", "06 14:45", "06 15:15"]);
            let autumn = night(&lord_howe, "2024-04-06T12:00:00Z", "2024-04-07T18:00:00Z", step);
            assert_eq!(autumn, ["06 14:45", "06 15:45", "07 15:15", "07 15:45"]);
        }
    }

    #[test]
    fn a_clock_that_goes_back_is_waited_for_and_one_that_jumps_ahead_does_what_is_due_once() {
        let hourly = crons(&["0 * * * *"], "UTC");
        let last = instant("2024-01-01T10:00:00Z");
        let back = instant("2024-01-01T09:00:30Z");
        assert_eq!(hourly.due(last, back, 3_600_000), Due::default());
        let ahead = instant("2024-01-01T12:00:30Z");
        let due = hourly.due(last, ahead, 3_600_000);
        assert_eq!(due.now, [instant("2024-01-01T12:00:00Z")]);
        let eleven = instant("2024-01-01T11:00:00Z");
        assert_eq!(due.missed, Some((1, eleven, eleven)));
        assert_eq!(hourly.due(due.now[0], ahead, 3_600_000), Due::default());
    }

    #[test]
    fn years_of_missed_ticks_are_counted_in_bounded_time() {
        let minutes = crons(&["* * * * *"], "UTC");
        let due = minutes.due(
            instant("2014-01-01T00:00:00Z"),
            instant("2024-01-01T00:00:30Z"),
            120_000,
        );
        assert_eq!(due.missed.unwrap().0, MAX_MISSED);
        assert_eq!(
            due.now,
            [instant("2023-12-31T23:59:00Z"), instant("2024-01-01T00:00:00Z")]
        );
        let week = minutes.due(
            instant("2023-12-25T00:00:00Z"),
            instant("2024-01-01T00:00:00Z"),
            7 * 86_400_000,
        );
        assert_eq!((week.now.len(), week.missed), (MAX_NOW, None));
    }

    #[test]
    fn a_period_counts_from_the_epoch() {
        let every = Timetable::Every(15_000);
        let next = every.next_after(instant("2024-01-01T00:00:15Z"));
        assert_eq!(next, Some(instant("2024-01-01T00:00:30Z")));
        let before = Timetable::Every(60_000).next_after(instant("1969-12-31T23:59:30Z"));
        assert_eq!(before, Some(instant("1970-01-01T00:00:00Z")));
    }

    #[test]
    fn what_is_no_timetable_is_refused() {
        let texts = ["0 6 * * *".to_owned(), "6 o'clock".to_owned()];
        assert!(matches!(
            Timetable::crons(&texts, "UTC"),
            Err(TimetableError::Cron(1, _))
        ));
        assert!(matches!(
            Timetable::crons(&texts[..1], "Mars/Olympus"),
            Err(TimetableError::Zone(_))
        ));
        assert_eq!(Timetable::crons(&[], "UTC"), Err(TimetableError::Empty));
    }
}
