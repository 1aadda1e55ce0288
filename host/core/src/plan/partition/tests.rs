use chrono::TimeDelta;
use chrono_tz::America::{New_York, Sao_Paulo};
use chrono_tz::Australia::Lord_Howe;
use chrono_tz::Europe::London;
use chrono_tz::Tz;

use super::*;
use crate::plan::Cron;

fn time(cadence: Cadence, zone: Tz, start: &str, end: Option<&str>) -> TimeSlices {
    TimeSlices::new(cadence, zone, start, end, Some("at".into())).unwrap()
}

fn slices(cadence: Cadence, zone: Tz, start: &str, end: Option<&str>) -> Partitioning {
    Partitioning::Time(time(cadence, zone, start, end))
}

fn regions() -> ValueSlices {
    ValueSlices {
        values: Values::Static(vec!["us".into(), "eu".into(), "eu-west".into()]),
        column: Some("region".into()),
    }
}

fn customers() -> ValueSlices {
    ValueSlices {
        values: Values::Dynamic("customers".parse().unwrap()),
        column: None,
    }
}

fn now(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn listed(partitioning: &Partitioning, at: &str) -> Vec<String> {
    partitioning.keys(now(at), &[]).all().map(|key| key.0).collect()
}

/// What must hold of keys in time: each is found again, its slice ends where the next begins, on the clock as in UTC, the
/// order of text is theirs, and neighbours are neighbours.
fn hold_together(partitioning: &Partitioning, keys: &[String]) {
    let found: Vec<Partition> = keys.iter().map(|key| partitioning.find(key).unwrap()).collect();
    for (pair, slices) in keys.windows(2).zip(found.windows(2)) {
        let (one, other) = (slices[0].time.as_ref().unwrap(), slices[1].time.as_ref().unwrap());
        assert_eq!(one.end, other.start, "{pair:?}");
        assert!(one.start < one.end, "{pair:?}");
        assert_eq!(one.wall_end, other.wall_start, "{pair:?}");
        assert!(one.wall_start <= one.wall_end, "{pair:?}");
        assert!(pair[0] < pair[1], "{pair:?}");
        assert_eq!(partitioning.next(&pair[0]).unwrap().0, pair[1]);
        assert_eq!(partitioning.previous(&pair[1]).unwrap().0, pair[0]);
        let slices = partitioning.time().unwrap();
        for instant in [one.start, one.end - TimeDelta::seconds(1)] {
            assert_eq!(slices.around(instant), Some(one.start), "{pair:?}");
        }
    }
}

#[test]
fn months_begin_at_local_midnight_over_dst() {
    let months = slices(Cadence::Monthly, New_York, "2013-01", Some("2014-01"));
    let all = listed(&months, "2000-01-01T00:00:00Z");
    assert_eq!((all.len(), all[2].as_str()), (12, "2013-03"));
    let march = months.find("2013-03").unwrap().time.unwrap();
    assert_eq!(march.start.to_rfc3339(), "2013-03-01T05:00:00+00:00");
    assert_eq!(march.end.to_rfc3339(), "2013-04-01T04:00:00+00:00");
    hold_together(&months, &all);
    assert_eq!(months.previous("2013-01"), None);
    assert_eq!(months.next("2013-12"), None);
}

#[test]
fn an_open_end_stops_at_now() {
    let months = slices(Cadence::Monthly, New_York, "2013-01", None);
    assert_eq!(listed(&months, "2013-03-01T04:59:59Z").len(), 2);
    let keys = months.keys(now("2013-03-01T05:00:00Z"), &[]);
    assert_eq!(keys.count(), 3);
    assert_eq!(keys.last(), [PartitionKey("2013-03".into())]);
    assert!(keys.find("2013-03").is_ok());
    assert_eq!(
        keys.find("2013-04").unwrap_err(),
        PartitionError::Missing("2013-04".into())
    );
}

#[test]
fn a_key_outside_or_misspelt_is_refused() {
    let months = slices(Cadence::Monthly, New_York, "2013-01", Some("2014-01"));
    assert!(matches!(months.find("2014-01"), Err(PartitionError::Outside(..))));
    assert!(matches!(months.find("2012-12"), Err(PartitionError::Outside(..))));
    for text in ["2013-2", "../../etc", "+013-02", "2013-02-01", "", "0000-01"] {
        assert!(
            matches!(months.find(text), Err(PartitionError::Key(..))),
            "{text}"
        );
    }
    assert!(Cadence::Weekly.parse(Tz::UTC, "2024-01-30").is_err());
    assert!(Cadence::Weekly.parse(Tz::UTC, "2024-01-29").is_ok());
    let hours = slices(Cadence::Hourly, London, "2024-01-01-00", None);
    for text in [
        "2024-03-31-1",
        "2024-03-31-25",
        "2024-03-31T01",
        "2024-10-27-01+0100x",
    ] {
        assert!(hours.find(text).is_err(), "{text}");
    }
    // Skipped, and repeated by nobody.
    assert!(matches!(
        hours.find("2024-03-31-01"),
        Err(PartitionError::NoSlice(..))
    ));
    assert!(matches!(
        hours.find("2024-10-28-01+0000"),
        Err(PartitionError::NoSlice(..))
    ));
    assert!(matches!(
        hours.find("2024-10-27-01+0100"),
        Err(PartitionError::NoSlice(..))
    ));
}

#[test]
fn a_midnight_that_clocks_skip_is_the_first_instant_after() {
    let days = slices(Cadence::Daily, Sao_Paulo, "2018-11-01", None);
    let day = days.find("2018-11-04").unwrap().time.unwrap();
    assert_eq!(day.start.to_rfc3339(), "2018-11-04T03:00:00+00:00");
    assert_eq!((day.end - day.start).num_hours(), 23);
    assert_eq!(day.wall_start.to_string(), "2018-11-04 00:00:00");
    hold_together(&days, &listed(&days, "2019-03-01T00:00:00Z"));
}

#[test]
fn a_day_that_a_zone_skips_is_no_slice() {
    let days = slices(
        Cadence::Daily,
        chrono_tz::Pacific::Apia,
        "2011-12-28",
        Some("2012-01-02"),
    );
    let all = listed(&days, "2012-01-10T00:00:00Z");
    assert_eq!(all, ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]);
    assert!(matches!(
        days.find("2011-12-30"),
        Err(PartitionError::NoSlice(..))
    ));
    for pair in all.windows(2) {
        assert_eq!(days.next(&pair[0]).unwrap().0, pair[1]);
        assert_eq!(days.previous(&pair[1]).unwrap().0, pair[0]);
    }
}

#[test]
fn hours_are_each_their_own_over_dst() {
    for (zone, start, end, nights, keys) in [
        (
            London,
            "2024-03-31",
            "2024-04-01",
            vec!["2024-03-31-00", "2024-03-31-02"],
            23,
        ),
        (
            London,
            "2024-10-27",
            "2024-10-28",
            vec![
                "2024-10-27-00",
                "2024-10-27-01",
                "2024-10-27-01+0000",
                "2024-10-27-02",
            ],
            25,
        ),
        (
            New_York,
            "2024-11-03",
            "2024-11-04",
            vec![
                "2024-11-03-00",
                "2024-11-03-01",
                "2024-11-03-01-0500",
                "2024-11-03-02",
            ],
            25,
        ),
        (
            Sao_Paulo,
            "2018-02-17",
            "2018-02-18",
            vec!["2018-02-17-22", "2018-02-17-23", "2018-02-17-23-0300"],
            25,
        ),
        // Half an hour is skipped, and comes again: its hours are half as long.
        (
            Lord_Howe,
            "2024-10-06",
            "2024-10-07",
            vec!["2024-10-06-01", "2024-10-06-02", "2024-10-06-03"],
            24,
        ),
        (
            Lord_Howe,
            "2024-04-07",
            "2024-04-08",
            vec!["2024-04-07-01", "2024-04-07-01+1030", "2024-04-07-02"],
            25,
        ),
    ] {
        let hours = slices(Cadence::Hourly, zone, start, Some(end));
        let all = listed(&hours, "2030-01-01T00:00:00Z");
        assert_eq!(all.len(), keys, "{zone} {start}");
        let from = all.iter().position(|key| key == nights[0]).unwrap();
        assert_eq!(all[from..from + nights.len()], nights, "{zone} {start}");
        hold_together(&hours, &all);
        assert_eq!(hours.keys(now("2030-01-01T00:00:00Z"), &[]).count(), keys);
    }
}

#[test]
fn a_reading_of_a_wall_clock_is_in_one_hour_only() {
    let hours = slices(Cadence::Hourly, London, "2024-10-27-00", None);
    let first = hours.find("2024-10-27-01").unwrap().time.unwrap();
    let again = hours.find("2024-10-27-01+0000").unwrap().time.unwrap();
    assert_eq!(first.wall_start.to_string(), "2024-10-27 01:00:00");
    assert_eq!(first.wall_end.to_string(), "2024-10-27 02:00:00");
    assert_eq!(again.wall_start, again.wall_end);
    assert_eq!(
        (again.start, again.end),
        (now("2024-10-27T01:00:00Z"), now("2024-10-27T02:00:00Z"))
    );
}

#[test]
fn slices_of_a_schedule_go_from_one_time_to_the_next() {
    let twice = Cadence::Cron(Cron::parse("0 6,18 * * *").unwrap());
    let shifts = slices(twice, London, "2024-03-30", None);
    let all = listed(&shifts, "2024-04-01T05:00:00Z");
    assert_eq!(
        all,
        [
            "2024-03-30-06-00",
            "2024-03-30-18-00",
            "2024-03-31-06-00",
            "2024-03-31-18-00",
            "2024-04-01-06-00"
        ]
    );
    hold_together(&shifts, &all);
    let night = shifts.find("2024-03-30-18-00").unwrap().time.unwrap();
    assert_eq!((night.end - night.start).num_hours(), 11);
    assert!(matches!(
        shifts.find("2024-03-30-07-00"),
        Err(PartitionError::NoSlice(..))
    ));
    assert!(matches!(shifts.find("2024-03-30"), Err(PartitionError::Key(..))));
    let hourly = Cadence::Cron(Cron::parse("*/30 * * * *").unwrap());
    let over_dst = slices(hourly, London, "2024-10-27", Some("2024-10-28"));
    let all = listed(&over_dst, "2030-01-01T00:00:00Z");
    assert_eq!(all.len(), 48);
    hold_together(&over_dst, &all);
}

#[test]
fn two_dimensions_are_every_value_at_every_time() {
    let both = Partitioning::Both(
        regions(),
        time(Cadence::Daily, Tz::UTC, "2024-01-01", Some("2024-01-03")),
    );
    let at = now("2024-02-01T00:00:00Z");
    let keys = both.keys(at, &[]);
    let all: Vec<String> = keys.all().map(|key| key.0).collect();
    assert_eq!(
        all,
        [
            "us|2024-01-01",
            "us|2024-01-02",
            "eu|2024-01-01",
            "eu|2024-01-02",
            "eu-west|2024-01-01",
            "eu-west|2024-01-02"
        ]
    );
    assert_eq!((keys.count(), keys.last().len()), (6, 3));
    let slice = both.find("eu|2024-01-02").unwrap();
    let bounds: Vec<_> = slice.bounds().collect();
    assert_eq!(bounds[0], ("region", Bound::Value("eu")));
    assert!(
        matches!(bounds[1], ("at", Bound::Window(window)) if window.start == now("2024-01-02T00:00:00Z"))
    );
    assert_eq!(both.next("eu|2024-01-01").unwrap().0, "eu|2024-01-02");
    assert_eq!(both.next("eu|2024-01-02"), None);
    assert!(matches!(both.find("eu"), Err(PartitionError::Two(..))));
    assert!(matches!(
        both.find("asia|2024-01-01"),
        Err(PartitionError::Value(..))
    ));
    assert!(matches!(
        both.find("eu|2024-01-03"),
        Err(PartitionError::Outside(..))
    ));
}

#[test]
fn dynamic_values_are_those_of_the_state() {
    let values = Partitioning::Values(customers());
    let known = ["acme".to_owned(), "zeta".to_owned()];
    let keys = values.keys(now("2024-01-01T00:00:00Z"), &known);
    assert_eq!(keys.count(), 2);
    assert!(keys.find("acme").is_ok());
    assert_eq!(
        keys.find("beta").unwrap_err(),
        PartitionError::Missing("beta".into())
    );
    assert!(values.find("beta").is_ok());
    assert!(matches!(values.find("a|b"), Err(PartitionError::Unsafe(..))));
    assert_eq!((values.next("acme"), values.previous("zeta")), (None, None));
}

#[test]
fn a_range_holds_both_its_ends() {
    let at = now("2024-02-01T00:00:00Z");
    let days = slices(Cadence::Daily, Tz::UTC, "2024-01-01", None);
    let range = |partitioning: &Partitioning, text: &str| {
        let keys = partitioning.keys(at, &[]);
        keys.range(text)
            .map(|keys| keys.map(|key| key.0).collect::<Vec<_>>())
    };
    assert_eq!(
        range(&days, "2024-01-30...2024-02-01").unwrap(),
        ["2024-01-30", "2024-01-31", "2024-02-01"]
    );
    assert_eq!(range(&days, "2024-01-30...2024-01-30").unwrap(), ["2024-01-30"]);
    assert!(matches!(
        range(&days, "2024-01-31...2024-01-30"),
        Err(PartitionError::Backwards(..))
    ));
    assert!(matches!(
        range(&days, "2024-01-31"),
        Err(PartitionError::Range(..))
    ));
    assert!(matches!(
        range(&days, "...2024-01-31"),
        Err(PartitionError::Range(..))
    ));
    assert!(matches!(
        range(&days, "2024-01-31...2024-02-02"),
        Err(PartitionError::Missing(..))
    ));
    assert_eq!(
        range(&Partitioning::Values(regions()), "us...eu").unwrap(),
        ["us", "eu"]
    );
}

#[test]
fn the_cut_is_what_gives_keys_their_meaning() {
    let days = slices(Cadence::Daily, Tz::UTC, "2024-01-01", None);
    let later = slices(Cadence::Daily, Tz::UTC, "2024-02-01", Some("2025-01-01"));
    assert_eq!(days.cut(), later.cut());
    assert_ne!(
        days.cut(),
        slices(Cadence::Daily, London, "2024-01-01", None).cut()
    );
    assert_ne!(
        days.cut(),
        slices(Cadence::Weekly, Tz::UTC, "2024-01-01", None).cut()
    );
    let mut fewer = regions();
    fewer.values = Values::Static(vec!["us".into()]);
    assert_eq!(
        Partitioning::Values(regions()).cut(),
        Partitioning::Values(fewer).cut()
    );
}

#[test]
fn the_status_counts_what_is_there_and_nothing_else() {
    let days = slices(Cadence::Daily, Tz::UTC, "2024-01-03", Some("2024-01-10"));
    let range = |state, first: &str, last: &str| PartitionRange {
        state,
        first: PartitionKey(first.into()),
        last: PartitionKey(last.into()),
    };
    // The first reaches over the slices' start.
    let ranges = [
        range(RangeState::Materialized, "2024-01-01", "2024-01-04"),
        range(RangeState::Failed, "2024-01-05", "2024-01-05"),
        range(RangeState::Materialized, "2024-01-08", "2024-01-08"),
    ];
    let found = status(&days.keys(now("2024-02-01T00:00:00Z"), &[]), &ranges);
    assert_eq!(
        (found.total, found.materialized, found.failed, found.missing),
        (7, 3, 1, 3)
    );
    let shown: Vec<_> = found
        .ranges
        .iter()
        .map(|range| {
            (
                range.state,
                range.first.0.as_str(),
                range.last.0.as_str(),
                range.keys,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("materialized", "2024-01-03", "2024-01-04", 2),
            ("failed", "2024-01-05", "2024-01-05", 1),
            ("missing", "2024-01-06", "2024-01-07", 2),
            ("materialized", "2024-01-08", "2024-01-08", 1),
            ("missing", "2024-01-09", "2024-01-09", 1),
        ]
    );
}

#[test]
fn many_keys_are_no_trouble() {
    let hours = slices(Cadence::Hourly, London, "2000-01-01", Some("2020-01-01"));
    let keys = hours.keys(now("2024-01-01T00:00:00Z"), &[]);
    assert_eq!(keys.count(), 7_305 * 24);
    let last = keys.range("2019-12-31-22...2019-12-31-23").unwrap().count();
    assert_eq!(last, 2);
}
