//! Asks for a run each workday, Monday to Friday, from an hour of the day on.

use std::time::SystemTime;

use tidegate_sdk::prelude::chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};
use tidegate_sdk::prelude::*;

/// What `config` of the sensor holds.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// From this hour of a day on, UTC, 0 to 23.
    #[serde(default)]
    hour: u8,
}

/// The sensor.
pub struct Workdays;

impl Sensor for Workdays {
    type Config = Config;
    /// The last day that a run was asked for, as 2026-01-31.
    type Cursor = String;

    fn evaluate(config: Config, cursor: Option<String>) -> Result<Evaluation<String>, Fault> {
        if config.hour > 23 {
            return Err(Fault::config(
                "/hour",
                format!("{} is no hour from 0 to 23", config.hour),
            ));
        }
        let now = DateTime::<Utc>::from(SystemTime::now()).naive_utc();
        look(&config, cursor.as_deref(), now)
    }
}

/// What a look at an instant comes to.
fn look(config: &Config, cursor: Option<&str>, now: NaiveDateTime) -> Result<Evaluation<String>, Fault> {
    let began = now - chrono::Duration::hours(i64::from(config.hour));
    let today = began.date();
    let asked: Option<NaiveDate> = match cursor {
        Some(text) => Some(
            text.parse()
                .map_err(|_| Fault::fatal(format!("the cursor `{text}` is no day")))?,
        ),
        None => None,
    };
    let skipped = |why: String| {
        let evaluation = Evaluation::skip(why);
        match cursor {
            Some(cursor) => evaluation.cursor(cursor.to_owned()),
            None => evaluation,
        }
    };
    if let Some(asked) = asked.filter(|asked| *asked >= today) {
        return Ok(skipped(format!("{asked} was asked for")));
    }
    if today.weekday().number_from_monday() > 5 {
        return Ok(skipped(format!("{today} is a weekend")));
    }
    let run = RunRequest::new(format!("workday-{today}")).tag("day", today.to_string());
    Ok(Evaluation::runs([run]).cursor(today.to_string()))
}

tidegate_sdk::export_sensor!(Workdays);

#[cfg(test)]
mod tests {
    use tidegate_sdk::sensor::Outcome;

    use super::*;

    fn at(text: &str, cursor: Option<&str>) -> Result<Evaluation<String>, Fault> {
        let now = text
            .parse()
            .map_err(|_| Fault::data("the test's instant is none"))?;
        look(&Config { hour: 6 }, cursor, now)
    }

    #[test]
    fn a_workday_is_asked_for_once_and_from_its_hour_on() -> Result<(), Fault> {
        // 2026-01-30 is a Friday.
        let friday = at("2026-01-30T06:00:00", Some("2026-01-29"))?;
        let run = RunRequest::new("workday-2026-01-30").tag("day", "2026-01-30");
        assert_eq!(friday, Evaluation::runs([run]).cursor("2026-01-30".to_owned()));
        for (instant, why) in [
            ("2026-01-30T23:00:00", "2026-01-30 was asked for"),
            ("2026-01-31T07:00:00", "2026-01-31 is a weekend"),
            ("2026-02-02T05:59:59", "2026-02-01 is a weekend"),
        ] {
            let skip = Evaluation::skip(why).cursor("2026-01-30".to_owned());
            assert_eq!(at(instant, Some("2026-01-30"))?, skip);
        }
        Ok(())
    }

    #[test]
    fn the_clock_is_looked_at() -> Result<(), Fault> {
        let far = "2999-12-31".to_owned();
        let seen = testing::evaluate::<Workdays>(serde_json::json!({}), Some(&far))?;
        assert!(matches!(seen.outcome, Outcome::Skip(_)));
        let fault = testing::evaluate::<Workdays>(serde_json::json!({"hour": 24}), None).err();
        assert_eq!(fault, Some(Fault::config("/hour", "24 is no hour from 0 to 23")));
        Ok(())
    }
}
