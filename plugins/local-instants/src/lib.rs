//! Departure and arrival instants from local dates and clock readings, over midnight and daylight saving.
//!
//! `reads`, in this order: the date of the scheduled departure as year, month and day (int16 or int32 each), the
//! scheduled departure and the scheduled arrival as clock readings like `517` or `2359` (int32), the delays of both in
//! minutes (int32, missing where it never happened), and the code of the arrival's place (utf8). `writes`: two columns
//! of `timestamp(ms, UTC)`.
//!
//! The scheduled arrival is the first time after the scheduled departure at which clocks at the place of arrival show
//! its reading. A reading that clocks skip, or a date that is none, rejects the row; of a reading that clocks show
//! twice the first is meant.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use tidegate_sdk::prelude::*;

/// Whose clocks are read.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The time zone of departures, from the IANA time zone database.
    departure_zone: String,
    /// The codes of places of arrival by their time zone.
    arrival_zones: HashMap<String, Vec<String>>,
    /// The column to write the departure to.
    #[serde(default = "departed_at")]
    departed_at: String,
    /// The column to write the arrival to.
    #[serde(default = "arrived_at")]
    arrived_at: String,
}

fn departed_at() -> String {
    "departed_at".into()
}

fn arrived_at() -> String {
    "arrived_at".into()
}

/// The bound transform.
pub struct LocalInstants {
    departure_zone: Tz,
    arrival_zones: HashMap<String, Tz>,
    departed_at: String,
    arrived_at: String,
}

const YEAR: usize = 0;
const MONTH: usize = 1;
const DAY: usize = 2;
const SCHEDULED_DEPARTURE: usize = 3;
const SCHEDULED_ARRIVAL: usize = 4;
const DEPARTURE_DELAY: usize = 5;
const ARRIVAL_DELAY: usize = 6;
const PLACE: usize = 7;

impl Transform for LocalInstants {
    type Config = Config;

    fn bind(config: Config, input: &Input) -> Result<Self, Fault> {
        input.expect_columns(
            8,
            "year, month, day, scheduled departure, scheduled arrival, departure delay, arrival delay, place",
        )?;
        for index in YEAR..=ARRIVAL_DELAY {
            input.expect(index, &DataType::Int32)?;
        }
        input.expect(PLACE, &DataType::Utf8)?;
        let zone = |pointer: String, name: &str| {
            name.parse::<Tz>()
                .map_err(|_| Fault::config(pointer, format!("`{name}` is not a time zone")))
        };
        let mut arrival_zones = HashMap::new();
        for (name, places) in config.arrival_zones {
            let zone = zone(format!("/arrival_zones/{}", name.replace('/', "~1")), &name)?;
            arrival_zones.extend(places.into_iter().map(|place| (place, zone)));
        }
        Ok(Self {
            departure_zone: zone("/departure_zone".into(), &config.departure_zone)?,
            arrival_zones,
            departed_at: config.departed_at,
            arrived_at: config.arrived_at,
        })
    }

    fn shape(&self) -> Shape {
        let instant = || DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        Shape::beside([
            made(&self.departed_at, instant()).from([YEAR, MONTH, DAY, SCHEDULED_DEPARTURE, DEPARTURE_DELAY]),
            made(&self.arrived_at, instant()).from([
                YEAR,
                MONTH,
                DAY,
                SCHEDULED_DEPARTURE,
                SCHEDULED_ARRIVAL,
                ARRIVAL_DELAY,
                PLACE,
            ]),
        ])
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        let numbers = (YEAR..=ARRIVAL_DELAY)
            .map(|index| batch.primitive::<Int32Type>(index))
            .collect::<Result<Vec<_>, _>>()?;
        let places = batch.string(PLACE)?;
        let number = |column: usize, row: usize| {
            let column = &numbers[column];
            column.is_valid(row).then(|| column.value(row))
        };
        let mut departed = builder::TimestampMillisecondBuilder::with_capacity(batch.rows());
        let mut arrived = builder::TimestampMillisecondBuilder::with_capacity(batch.rows());
        let mut refused = Vec::new();
        for row in 0..batch.rows() {
            let place = places.is_valid(row).then(|| places.value(row));
            match self.instants(|column| number(column, row), place) {
                Ok((departure, arrival)) => {
                    departed.append_option(departure);
                    arrived.append_option(arrival);
                }
                Err((code, message)) => {
                    departed.append_null();
                    arrived.append_null();
                    refused.push((row, code, message));
                }
            }
        }
        let zoned = |mut builder: builder::TimestampMillisecondBuilder| builder.finish().with_timezone("UTC");
        let mut done: Processed = Output::all([zoned(departed), zoned(arrived)]).into();
        for (row, code, message) in refused {
            done.reject(row, code, message);
        }
        Ok(done)
    }
}

type Refusal = (&'static str, String);

impl LocalInstants {
    /// Departure and arrival in milliseconds since 1970-01-01T00:00:00Z; none for what never happened.
    fn instants(
        &self,
        number: impl Fn(usize) -> Option<i32>,
        place: Option<&str>,
    ) -> Result<(Option<i64>, Option<i64>), Refusal> {
        let parts = (
            number(YEAR),
            number(MONTH),
            number(DAY),
            number(SCHEDULED_DEPARTURE),
        );
        let (Some(year), Some(month), Some(day), Some(clock)) = parts else {
            return Err((
                "instant.missing",
                "the date or time of the scheduled departure is missing".into(),
            ));
        };
        let date = NaiveDate::from_ymd_opt(year, month.unsigned_abs(), day.unsigned_abs())
            .ok_or_else(|| ("instant.date", format!("{year}-{month}-{day} is not a date")))?;
        let scheduled = instant(self.departure_zone, date, clock)?;
        let late = |instant: DateTime<Utc>, minutes: i32| {
            (instant + TimeDelta::minutes(minutes.into())).timestamp_millis()
        };
        let departure = number(DEPARTURE_DELAY).map(|minutes| late(scheduled, minutes));
        let arrival = match (number(SCHEDULED_ARRIVAL), number(ARRIVAL_DELAY)) {
            (Some(clock), Some(minutes)) => Some(late(self.arrival(scheduled, clock, place)?, minutes)),
            _ => None,
        };
        Ok((departure, arrival))
    }

    /// The first time after the departure at which clocks at the place of arrival show the reading.
    fn arrival(
        &self,
        departure: DateTime<Utc>,
        clock: i32,
        place: Option<&str>,
    ) -> Result<DateTime<Utc>, Refusal> {
        let place = place.ok_or_else(|| ("instant.missing", "the place of arrival is missing".to_owned()))?;
        let zone = *self
            .arrival_zones
            .get(place)
            .ok_or_else(|| ("instant.place", format!("no time zone is known for `{place}`")))?;
        let date = departure.with_timezone(&zone).date_naive();
        let same_day = instant(zone, date, clock)?;
        if same_day > departure {
            return Ok(same_day);
        }
        instant(zone, date.succ_opt().unwrap_or(date), clock)
    }
}

/// The instant of a clock reading such as `517`; `2400` is midnight at the day's end.
fn instant(zone: Tz, date: NaiveDate, clock: i32) -> Result<DateTime<Utc>, Refusal> {
    let (hour, minute) = (clock / 100, clock % 100);
    if !(0..=2400).contains(&clock) || minute >= 60 {
        return Err(("instant.clock", format!("`{clock}` is not a clock reading")));
    }
    let minutes = TimeDelta::minutes(i64::from(hour) * 60 + i64::from(minute));
    let local: NaiveDateTime = date.and_time(chrono::NaiveTime::MIN) + minutes;
    match zone.from_local_datetime(&local).earliest() {
        Some(instant) => Ok(instant.with_timezone(&Utc)),
        None => Err(("instant.skipped", format!("clocks in {zone} skip {local}"))),
    }
}

tidegate_sdk::export_transform!(LocalInstants);

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> serde_json::Value {
        serde_json::json!({
            "departure_zone": "America/New_York",
            "arrival_zones": {"America/Chicago": ["IAH"], "America/Los_Angeles": ["LAX"], "America/New_York": ["BOS"]},
        })
    }

    fn flight(numbers: [Option<i32>; 7], place: &str) -> RecordBatch {
        let names = [
            "year",
            "month",
            "day",
            "departure",
            "arrival",
            "dep_delay",
            "arr_delay",
        ];
        let mut columns: Vec<(&str, ArrayRef)> = names
            .iter()
            .zip(numbers)
            .map(|(name, number)| (*name, Arc::new(Int32Array::from(vec![number])) as ArrayRef))
            .collect();
        columns.push(("dest", Arc::new(StringArray::from(vec![place]))));
        RecordBatch::try_from_iter(columns).expect("a batch")
    }

    fn instants(numbers: [i32; 7], place: &str) -> [String; 2] {
        let done =
            testing::run::<LocalInstants>(config(), &flight(numbers.map(Some), place)).expect("instants");
        [0, 1].map(|column| {
            let value = done
                .column(column)
                .as_primitive::<TimestampMillisecondType>()
                .value(0);
            DateTime::from_timestamp_millis(value)
                .expect("an instant")
                .to_rfc3339()
        })
    }

    #[test]
    fn a_morning_flight_lands_on_the_clocks_of_its_place() {
        // UA 1545 of 2013-01-01: left 05:17 in New York (515 and 2), landed 08:30 in Houston (819 and 11).
        let got = instants([2013, 1, 1, 515, 819, 2, 11], "IAH");
        assert_eq!(got, ["2013-01-01T10:17:00+00:00", "2013-01-01T14:30:00+00:00"]);
    }

    #[test]
    fn a_night_flight_lands_the_next_day() {
        let got = instants([2013, 1, 31, 2359, 57, 10, -3], "BOS");
        assert_eq!(got, ["2013-02-01T05:09:00+00:00", "2013-02-01T05:54:00+00:00"]);
    }

    #[test]
    fn a_flight_over_the_change_of_clocks_is_an_hour_shorter() {
        // Clocks went forward at 02:00 on 2013-03-10 in New York and three hours later in Los Angeles.
        let got = instants([2013, 3, 9, 2200, 100, 0, 0], "LAX");
        assert_eq!(got, ["2013-03-10T03:00:00+00:00", "2013-03-10T09:00:00+00:00"]);
        let got = instants([2013, 3, 10, 100, 700, 0, 0], "BOS");
        assert_eq!(got, ["2013-03-10T06:00:00+00:00", "2013-03-10T11:00:00+00:00"]);
    }

    #[test]
    fn what_never_happened_is_missing_and_what_cannot_be_is_rejected() {
        let cancelled = flight(
            [Some(2013), Some(1), Some(1), Some(515), Some(819), None, None],
            "IAH",
        );
        let done = testing::run::<LocalInstants>(config(), &cancelled).expect("instants");
        assert_eq!((done.column(0).null_count(), done.column(1).null_count()), (1, 1));
        for (numbers, place, code) in [
            ([2013, 3, 10, 230, 819, 0, 0], "IAH", "instant.skipped"),
            ([2013, 2, 30, 515, 819, 0, 0], "IAH", "instant.date"),
            ([2013, 1, 1, 1275, 819, 0, 0], "IAH", "instant.clock"),
            ([2013, 1, 1, 515, 819, 0, 0], "XXX", "instant.place"),
        ] {
            let input = flight(numbers.map(Some), place);
            let (_, rejects) =
                testing::run_with_rejects::<LocalInstants>(config(), &input).expect("a result");
            assert_eq!(rejects[0].code, code);
        }
    }
}
