//! Reads a calendar: the stream `days` has a row for each day from one to another.

use tidegate_sdk::prelude::chrono::{Datelike, Days, NaiveDate};
use tidegate_sdk::prelude::*;

/// What `config` of the resource holds.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The first day, as 2026-01-31.
    from: String,
    /// The last day.
    to: String,
}

impl Config {
    fn day(pointer: &str, text: &str) -> Result<NaiveDate, Fault> {
        text.parse().map_err(|error| {
            Fault::config(pointer, format!("`{text}` is no day such as 2026-01-31: {error}"))
        })
    }

    fn span(&self) -> Result<(NaiveDate, NaiveDate), Fault> {
        let (from, to) = (Self::day("/from", &self.from)?, Self::day("/to", &self.to)?);
        if from > to {
            return Err(Fault::config("/to", format!("{to} is before {from}")));
        }
        Ok((from, to))
    }
}

/// A row of the stream `days`.
#[derive(Row)]
pub struct Day {
    day: NaiveDate,
    year: i32,
    month: u8,
    /// 1 is Monday.
    weekday: u8,
    weekend: bool,
}

impl Day {
    fn of(day: NaiveDate) -> Self {
        let weekday = day.weekday().number_from_monday() as u8;
        Self {
            day,
            year: day.year(),
            month: day.month() as u8,
            weekday,
            weekend: weekday > 5,
        }
    }
}

/// A reader of the stream.
pub struct Calendar {
    next: Option<NaiveDate>,
    last: NaiveDate,
}

impl Source for Calendar {
    type Config = Config;
    /// The last day that was read, as 2026-01-31.
    type Cursor = String;

    fn check(config: &Config) -> Result<(), Fault> {
        config.span().map(drop)
    }

    fn discover(_: &Config) -> Result<Vec<Stream>, Fault> {
        let days = Stream::new("days", Day::schema())
            .description("A day.")
            .key(["day"]);
        Ok(vec![days.incremental()])
    }

    fn open(config: Config, request: Request<String>) -> Result<Self, Fault> {
        if request.stream != "days" {
            return Err(request.unknown_stream(&["days"]));
        }
        let (mut next, mut last) = config.span()?;
        if let Some(slice) = &request.partition {
            // The days that begin in the slice.
            next = next.max(first_day(slice.start_ms)?);
            last = last.min(first_day(slice.end_ms)? - Days::new(1));
        }
        if let Some(read) = &request.cursor {
            next = next.max(Config::day("", read)? + Days::new(1));
        }
        Ok(Self {
            next: Some(next),
            last,
        })
    }

    fn next(&mut self, max_rows: usize) -> Result<Option<Chunk<String>>, Fault> {
        let mut days: Vec<Day> = Vec::new();
        while let Some(day) = self.next.filter(|day| *day <= self.last && days.len() < max_rows) {
            days.push(Day::of(day));
            self.next = day.succ_opt();
        }
        let Some(read) = days.last().map(|last| last.day.to_string()) else {
            return Ok(None);
        };
        Ok(Some(Chunk::new(Day::batch(days), read)))
    }
}

/// The first day that begins at an instant or behind it.
fn first_day(instant_ms: i64) -> Result<NaiveDate, Fault> {
    let days = instant_ms.div_euclid(86_400_000) + i64::from(instant_ms.rem_euclid(86_400_000) > 0);
    i32::try_from(days)
        .ok()
        .and_then(NaiveDate::from_epoch_days)
        .ok_or_else(|| Fault::data(format!("{instant_ms} ms is beyond the calendar")))
}

tidegate_sdk::export_source!(Calendar);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_is_a_row_from_whichever_cursor() -> Result<(), Fault> {
        let config = serde_json::json!({"from": "2026-01-30", "to": "2026-02-03"});
        let days = testing::read_from_each_cursor::<Calendar>(config, "days", 2)?;
        let weekdays = days["weekday"].as_primitive::<UInt8Type>();
        assert_eq!(weekdays.values(), &[5, 6, 7, 1, 2]);
        assert_eq!(days["weekend"].as_boolean().true_count(), 2);
        Ok(())
    }

    #[test]
    fn a_span_that_ends_before_it_begins_is_refused() {
        let config = serde_json::json!({"from": "2026-02-03", "to": "2026-01-30"});
        let fault = testing::read::<Calendar>(config, "days", 2).err();
        assert_eq!(
            fault,
            Some(Fault::config("/to", "2026-01-30 is before 2026-02-03"))
        );
    }
}
