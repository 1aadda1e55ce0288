//! Conditions, evaluated tick by tick.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::*;
use crate::plan::{
    AssetName, Cadence, Mapping, PartitionKey, Partitioning, RunId, TimeSlices, ValueSlices, Values,
};
use crate::schema::AutomationDecl;

fn name(text: &str) -> AssetName {
    text.parse().unwrap()
}

fn key(text: &str) -> PartitionKey {
    PartitionKey(text.to_owned())
}

fn condition(text: &str) -> Condition {
    let declared: AutomationDecl = serde_json::from_str(text).unwrap();
    Condition::of(&declared).unwrap()
}

fn days() -> Partitioning {
    Partitioning::Time(TimeSlices::new(Cadence::Daily, Tz::UTC, "2024-01-01", None, None).unwrap())
}

fn regions() -> Partitioning {
    Partitioning::Values(ValueSlices {
        values: Values::Static(["eu", "us", "asia"].map(str::to_owned).to_vec()),
        column: None,
    })
}

fn rules(
    asset: &str,
    slices: Option<Partitioning>,
    above: &[(&str, Mapping)],
    when: Option<&str>,
) -> AssetRules {
    AssetRules {
        name: name(asset),
        partitioning: slices,
        above: above
            .iter()
            .map(|(above, mapping)| (name(above), *mapping))
            .collect(),
        condition: when.map(condition),
    }
}

/// A world with a clock, and the runs that it asked for.
struct Place {
    world: World,
    now: DateTime<Utc>,
    open: Vec<(RunId, Vec<(AssetName, PartitionKey)>)>,
    loaded: Vec<Updated>,
    assets_of: HashMap<RunId, Vec<AssetName>>,
    work: Work,
    last: Vec<Evaluated>,
}

impl Place {
    fn new(now: &str, rules: Vec<AssetRules>) -> Self {
        let now = now.parse().unwrap();
        let names: Vec<AssetName> = rules.iter().map(|rule| rule.name.clone()).collect();
        let mut world = World::new(rules, &BTreeMap::new(), now);
        for name in &names {
            world.turn(name, Some(now));
        }
        Self {
            world,
            now,
            open: Vec::new(),
            loaded: Vec::new(),
            assets_of: HashMap::new(),
            work: Work::default(),
            last: Vec::new(),
        }
    }

    /// An evaluation a second later; answers the runs, each as its assets and slices.
    fn tick(&mut self) -> Vec<(String, String)> {
        self.now += TimeDelta::seconds(1);
        let changes = Changes {
            updated: std::mem::take(&mut self.loaded),
            run_assets: self.assets_of.clone(),
            open: self.open.iter().flat_map(|(_, items)| items.clone()).collect(),
            dynamic: BTreeMap::new(),
        };
        let (evaluated, work) = self.world.evaluate(&changes, self.now);
        (self.last, self.work) = (evaluated, work);
        let mut told = Vec::new();
        for (assets, keys) in self.world.runs() {
            let run = RunId(Uuid::now_v7());
            let items = assets
                .iter()
                .flat_map(|asset| keys.iter().map(|key| (asset.clone(), key.clone())));
            self.open.push((run, items.collect()));
            self.assets_of.insert(run, assets.clone());
            let join = |texts: Vec<String>| texts.join(" ");
            told.push((
                join(assets.iter().map(ToString::to_string).collect()),
                join(keys.iter().map(ToString::to_string).collect()),
            ));
        }
        told.sort();
        told
    }

    /// Every run ends, well or not.
    fn end(&mut self, well: bool) {
        for (run, items) in std::mem::take(&mut self.open) {
            if well {
                for (asset, partition) in items {
                    self.loaded.push(Updated {
                        asset,
                        partition,
                        run,
                        at: self.now,
                    });
                }
            }
        }
    }

    /// A slice is loaded by a run of somebody else's.
    fn load(&mut self, asset: &str, partition: &str) {
        let run = RunId(Uuid::now_v7());
        self.assets_of.insert(run, vec![name(asset)]);
        self.loaded.push(Updated {
            asset: name(asset),
            partition: key(partition),
            run,
            at: self.now,
        });
    }

    fn quiet(&mut self) {
        for _ in 0..5 {
            assert_eq!(self.tick(), []);
        }
        assert_eq!(
            self.work,
            Work::default(),
            "nothing changes, and nothing is evaluated"
        );
    }
}

fn run(assets: &str, keys: &str) -> (String, String) {
    (assets.to_owned(), keys.to_owned())
}

fn chain() -> Vec<AssetRules> {
    vec![
        rules("a", None, &[], None),
        rules("b", None, &[("a", Mapping::All)], Some(r#""eager""#)),
        rules("c", None, &[("b", Mapping::All)], Some(r#""eager""#)),
    ]
}

#[test]
fn eager_goes_down_a_chain_in_one_run_and_rests() {
    let mut place = Place::new("2024-01-10T12:00:00Z", chain());
    place.quiet();
    place.load("a", "");
    assert_eq!(place.tick(), [run("b c", "-")]);
    place.quiet();
    place.end(true);
    place.quiet();
    // Each load above is one run more.
    place.load("a", "");
    assert_eq!(place.tick(), [run("b c", "-")]);
    place.end(true);
    place.quiet();
}

#[test]
fn what_failed_is_not_asked_for_again_before_something_changes() {
    let mut place = Place::new("2024-01-10T12:00:00Z", chain());
    place.load("a", "");
    assert_eq!(place.tick(), [run("b c", "-")]);
    place.end(false);
    place.quiet();
    place.load("a", "");
    assert_eq!(place.tick(), [run("b c", "-")]);
}

#[test]
fn what_is_loaded_above_during_a_run_is_not_lost() {
    let mut place = Place::new("2024-01-10T12:00:00Z", chain());
    place.load("a", "");
    assert_eq!(place.tick().len(), 1);
    assert_eq!(place.tick(), []);
    place.load("a", "");
    assert_eq!(place.tick(), []);
    place.end(true);
    assert_eq!(place.tick(), [run("b c", "-")]);
    place.end(true);
    place.quiet();
}

#[test]
fn a_run_above_is_waited_for() {
    let mut place = Place::new("2024-01-10T12:00:00Z", chain());
    let run_of_a = RunId(Uuid::now_v7());
    place.load("a", "");
    place.open.push((run_of_a, vec![(name("a"), key(""))]));
    assert_eq!(place.tick(), []);
    place.assets_of.insert(run_of_a, vec![name("a")]);
    place.end(true);
    assert_eq!(place.tick(), [run("b c", "-")]);
}

#[test]
fn two_ways_to_one_asset_are_one_run() {
    let both = [("b", Mapping::All), ("c", Mapping::All)];
    let mut place = Place::new(
        "2024-01-10T12:00:00Z",
        vec![
            rules("a", None, &[], None),
            rules("b", None, &[("a", Mapping::All)], Some(r#""eager""#)),
            rules("c", None, &[("a", Mapping::All)], Some(r#""eager""#)),
            rules("d", None, &both, Some(r#""eager""#)),
        ],
    );
    place.load("a", "");
    assert_eq!(place.tick(), [run("b c d", "-")]);
    place.end(true);
    place.quiet();
}

#[test]
fn on_missing_takes_the_day_that_ended_last_and_the_next_one_when_it_has() {
    let mut place = Place::new(
        "2024-01-10T23:59:50Z",
        vec![rules("d", Some(days()), &[], Some(r#""on_missing""#))],
    );
    assert_eq!(place.tick(), [run("d", "2024-01-09")]);
    place.end(true);
    place.quiet();
    place.now += TimeDelta::seconds(10);
    assert_eq!(place.tick(), [run("d", "2024-01-10")]);
    place.end(false);
    place.quiet();
}

#[test]
fn values_that_are_missing_are_asked_for_each() {
    let above = Mapping::between(Some(&regions()), Some(&regions()), None).unwrap();
    let mut place = Place::new(
        "2024-01-10T12:00:00Z",
        vec![
            rules("r", Some(regions()), &[], None),
            rules("s", Some(regions()), &[("r", above)], Some(r#""on_missing""#)),
        ],
    );
    assert_eq!(place.tick(), []);
    // Next to each other, but values do not follow each other as days do.
    place.load("r", "us");
    place.load("r", "eu");
    assert_eq!(place.tick(), [run("s", "eu"), run("s", "us")]);
    place.load("r", "asia");
    assert_eq!(place.tick(), [run("s", "asia")]);
}

#[test]
fn a_clock_is_waited_for_and_then_all_above() {
    let when = r#"{"cron": "0 6 * * *", "timezone": "Europe/Berlin"}"#;
    let mut place = Place::new(
        "2024-01-10T04:59:50Z",
        vec![
            rules("a", None, &[], None),
            rules("b", None, &[], None),
            rules("c", None, &[("a", Mapping::All), ("b", Mapping::All)], Some(when)),
        ],
    );
    // Before the time: does not count.
    place.load("a", "");
    place.quiet();
    place.now = "2024-01-10T05:00:00Z".parse().unwrap();
    assert_eq!(place.tick(), []);
    place.load("a", "");
    assert_eq!(place.tick(), []);
    let why = &place.last[0].explained.parts[2];
    assert_eq!(why.why.as_deref(), Some("not loaded since: b"), "{why:?}");
    place.load("b", "");
    assert_eq!(place.tick(), [run("c", "-")]);
    place.end(true);
    place.quiet();
    place.load("a", "");
    place.load("b", "");
    place.quiet();
}

#[test]
fn a_day_that_ends_between_two_times_of_a_clock_waits_for_the_second() {
    let when = r#"{"cron": "0 6 * * *", "timezone": "UTC"}"#;
    let mut place = Place::new(
        "2024-01-10T05:59:50Z",
        vec![rules("d", Some(days()), &[], Some(when))],
    );
    place.quiet();
    place.now = "2024-01-10T06:00:00Z".parse().unwrap();
    assert_eq!(place.tick(), [run("d", "2024-01-09")]);
    place.end(true);
    place.quiet();
    place.now = "2024-01-11T00:00:00Z".parse().unwrap();
    place.quiet();
    place.now = "2024-01-11T06:00:00Z".parse().unwrap();
    assert_eq!(place.tick(), [run("d", "2024-01-10")]);
    place.end(true);
    place.quiet();
}

#[test]
fn days_are_gathered_into_months() {
    let months =
        Partitioning::Time(TimeSlices::new(Cadence::Monthly, Tz::UTC, "2024-01", None, None).unwrap());
    let mapping = Mapping::between(Some(&days()), Some(&months), None).unwrap();
    let mut place = Place::new(
        "2024-02-02T12:00:00Z",
        vec![
            rules("d", Some(days()), &[], None),
            rules("m", Some(months), &[("d", mapping)], Some(r#""eager""#)),
        ],
    );
    for day in 1..=30 {
        place.load("d", &format!("2024-01-{day:02}"));
        assert_eq!(place.tick(), [], "a day is missing");
    }
    place.load("d", "2024-01-31");
    assert_eq!(place.tick(), [run("m", "2024-01")]);
}

#[test]
fn what_is_remembered_goes_on_after_a_restart() {
    let when = r#"{"and": [{"since": {"trigger": "any_deps_updated", "reset": "handled"}}, {"not": "any_deps_missing"}]}"#;
    let rules = || {
        vec![
            rules("a", None, &[], None),
            rules("b", None, &[], None),
            rules("c", None, &[("a", Mapping::All), ("b", Mapping::All)], Some(when)),
        ]
    };
    let mut place = Place::new("2024-01-10T12:00:00Z", rules());
    place.load("a", "");
    assert_eq!(place.tick(), []);
    let kept = place.last[0].memory.clone().unwrap();
    let read: KeptMemory = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
    let mut again = Place::new("2024-01-10T12:05:00Z", rules());
    again.world.remember(&name("c"), &read);
    again
        .world
        .set_present(&name("a"), &[(key(""), key(""))], &[], &[]);
    again
        .world
        .set_present(&name("b"), &[(key(""), key(""))], &[], &[]);
    assert_eq!(again.tick(), [run("c", "-")]);
    // Of another condition it means nothing.
    let mut other = Place::new("2024-01-10T12:05:00Z", rules());
    let foreign = KeptMemory {
        condition: crate::plan::Digest::of(b"another"),
        ..read
    };
    other.world.remember(&name("c"), &foreign);
    other
        .world
        .set_present(&name("a"), &[(key(""), key(""))], &[], &[]);
    other
        .world
        .set_present(&name("b"), &[(key(""), key(""))], &[], &[]);
    assert_eq!(other.tick(), []);
}

/// 2,000 assets of 10,000 slices: what an evaluation does follows from what changed, not from how much there is.
#[test]
fn work_follows_from_what_changed() {
    let hours = TimeSlices::new(Cadence::Hourly, Tz::UTC, "2023-01-01-00", None, None).unwrap();
    let hours = Partitioning::Time(hours);
    let same = Mapping::between(Some(&hours), Some(&hours), None).unwrap();
    let asset = |index: usize| format!("a{index}");
    // Chains of ten.
    let all = (0..2_000_usize).map(|index| {
        let above = asset(index.saturating_sub(1));
        let above = [(above.as_str(), same)];
        let above = if index % 10 == 0 { &above[..0] } else { &above[..] };
        rules(&asset(index), Some(hours.clone()), above, Some(r#""eager""#))
    });
    let mut place = Place::new("2024-02-21T16:30:00Z", all.collect());
    assert_eq!(place.world.slices(&name("a0")), 10_001);
    let present = [(key("2023-01-01-00"), key("2024-02-21-16"))];
    for index in 0..2_000 {
        place.world.set_present(&name(&asset(index)), &present, &[], &[]);
    }
    assert_eq!(place.tick(), []);
    assert_eq!(place.work.assets, 2_000);
    place.quiet();
    // One slice of the first of a chain: the nine below are one run, and nothing else is looked at.
    place.load("a0", "2024-02-21-15");
    let runs = place.tick();
    assert_eq!(runs, [run("a1 a2 a3 a4 a5 a6 a7 a8 a9", "2024-02-21-15")]);
    assert_eq!(place.work.assets, 10, "{:?}", place.work);
    assert!(place.work.nodes <= 10 * 20, "{:?}", place.work);
    place.end(true);
    place.quiet();
}

#[test]
fn what_failed_is_not_asked_for_again_and_again_where_the_condition_just_stands() {
    let mut place = Place::new(
        "2024-01-10T12:00:00Z",
        vec![
            rules("a", None, &[], None),
            rules("b", None, &[("a", Mapping::All)], Some(r#""missing""#)),
        ],
    );
    assert_eq!(place.tick(), [run("b", "-")]);
    place.end(false);
    place.quiet();
    // What it is made from came anew: it may go well now.
    place.load("a", "");
    assert_eq!(place.tick(), [run("b", "-")]);
    place.end(false);
    place.quiet();
    let kept = place.world.kept_of(&name("b"));
    let mut again = Place::new(
        "2024-01-10T12:05:00Z",
        vec![
            rules("a", None, &[], None),
            rules("b", None, &[("a", Mapping::All)], Some(r#""missing""#)),
        ],
    );
    again.world.remember(&name("b"), &kept);
    again.quiet();
    // It was loaded, and wiped: missing anew.
    again.load("b", "");
    again.quiet();
    again.world.set_present(&name("b"), &[], &[], &[]);
    assert_eq!(again.tick(), [run("b", "-")]);
}

#[test]
fn what_failed_is_not_asked_for_again_where_the_condition_does_not_hold_while_its_run_goes_on() {
    let when = r#"{"and": ["missing", {"not": "in_progress"}]}"#;
    let mut place = Place::new(
        "2024-01-10T12:00:00Z",
        vec![
            rules("a", None, &[], None),
            rules("b", None, &[("a", Mapping::All)], Some(when)),
        ],
    );
    assert_eq!(place.tick(), [run("b", "-")]);
    place.quiet();
    place.end(false);
    place.quiet();
    // What it is made from came anew, also while it was tried.
    place.load("a", "");
    assert_eq!(place.tick(), [run("b", "-")]);
    assert_eq!(place.tick(), []);
    place.load("a", "");
    place.quiet();
    place.end(false);
    assert_eq!(place.tick(), [run("b", "-")]);
    place.end(true);
    place.quiet();
}

#[test]
fn what_was_loaded_before_an_asset_was_started_is_no_news_to_it() {
    let mut place = Place::new(
        "2024-01-10T12:00:00Z",
        vec![
            rules("a", None, &[], None),
            rules("b", None, &[("a", Mapping::All)], Some(r#"{"on_update": ["a"]}"#)),
        ],
    );
    place.quiet();
    place.load("a", "");
    place.loaded[0].at = "2024-01-10T11:59:59Z".parse().unwrap();
    place.quiet();
    place.load("a", "");
    assert_eq!(place.tick(), [run("b", "-")]);
}

#[test]
fn what_automation_has_in_the_queue_is_bounded() {
    let hours = TimeSlices::new(Cadence::Hourly, Tz::UTC, "2023-01-01-00", None, None).unwrap();
    let assets = (0..12).map(|index| {
        rules(
            &format!("a{index}"),
            Some(Partitioning::Time(hours.clone())),
            &[],
            Some(r#""missing""#),
        )
    });
    let mut place = Place::new("2024-02-21T16:30:00Z", assets.collect());
    let slices =
        |runs: Vec<(String, String)>| -> usize { runs.iter().map(|(_, keys)| keys.split(' ').count()).sum() };
    // The first ten fill it; those behind are not forgotten.
    assert_eq!(slices(place.tick()), 10_000 + 2 * 10);
    let why = place.last[11].explained.why.as_deref();
    assert!(
        why.is_some_and(|why| why.contains("the queue is full")),
        "{why:?}"
    );
    assert_eq!(place.tick(), []);
    assert_eq!(place.tick(), []);
    place.end(true);
    assert_eq!(slices(place.tick()), 10_000 + 2 * 10);
    assert_eq!(place.tick(), []);
}

#[test]
fn an_update_of_only_some_of_what_it_is_made_from_counts() {
    let mut place = Place::new(
        "2024-01-10T12:00:00Z",
        vec![
            rules("a", None, &[], None),
            rules("b", None, &[], None),
            rules(
                "c",
                None,
                &[("a", Mapping::All), ("b", Mapping::All)],
                Some(r#"{"on_update": ["b"]}"#),
            ),
        ],
    );
    place.load("a", "");
    place.load("b", "");
    assert_eq!(place.tick(), [run("c", "-")]);
    place.end(true);
    place.quiet();
    place.load("a", "");
    place.quiet();
    place.load("b", "");
    assert_eq!(place.tick(), [run("c", "-")]);
}

#[test]
fn a_change_of_code_is_news_once_also_over_a_restart() {
    let when = r#"{"since": {"trigger": "code_version_changed", "reset": "handled"}}"#;
    let place = || Place::new("2024-01-10T12:00:00Z", vec![rules("a", None, &[], Some(when))]);
    let code = |text: &str| crate::plan::Digest::of(text.as_bytes());
    let mut first = place();
    first.world.set_code(&name("a"), code("one"));
    first.quiet();
    let kept = first.world.kept_of(&name("a"));
    let kept: KeptMemory = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
    let mut same = place();
    same.world.remember(&name("a"), &kept);
    same.world.set_code(&name("a"), code("one"));
    same.quiet();
    let mut other = place();
    other.world.remember(&name("a"), &kept);
    other.world.set_code(&name("a"), code("two"));
    assert_eq!(other.tick(), [run("a", "-")]);
    other.end(false);
    other.quiet();
}

#[test]
fn what_a_check_kept_back_above_is_waited_for() {
    let when = r#"{"and": ["eager", "all_deps_blocking_checks_passed"]}"#;
    let same = Mapping::between(Some(&regions()), Some(&regions()), None).unwrap();
    let mut place = Place::new(
        "2024-01-10T12:00:00Z",
        vec![
            rules("a", Some(regions()), &[], None),
            rules("b", Some(regions()), &[], None),
            rules("c", Some(regions()), &[("a", same), ("b", same)], Some(when)),
        ],
    );
    for region in ["eu", "us"] {
        place.load("a", region);
        place.load("b", region);
    }
    place.world.set_checks_failed(&name("a"), &[key("us")]);
    assert_eq!(place.tick(), [run("c", "eu")]);
    let why = &place.last[0].explained.parts[1];
    assert_eq!(why.why.as_deref(), Some("kept back: a"), "{why:?}");
    place.end(true);
    place.quiet();
    place.world.set_checks_failed(&name("a"), &[]);
    assert_eq!(place.tick(), [run("c", "us")]);
    place.end(true);
    place
        .world
        .set_checks_failed(&name("b"), &[PartitionKey::whole()]);
    for region in ["eu", "us"] {
        place.load("a", region);
    }
    place.quiet();
}

#[test]
fn what_is_late_is_asked_for_once() {
    let when = r#"{"and": ["freshness_failed", "in_latest_time_window"]}"#;
    let mut place = Place::new(
        "2024-01-10T12:00:00Z",
        vec![rules("d", Some(days()), &[], Some(when))],
    );
    place.quiet();
    place.world.set_late(&name("d"), true);
    assert_eq!(place.tick(), [run("d", "2024-01-09")]);
    place.quiet();
    place.end(false);
    place.quiet();
    place.world.set_late(&name("d"), false);
    place.quiet();
    place.world.set_late(&name("d"), true);
    assert_eq!(place.tick(), [run("d", "2024-01-09")]);
}

#[test]
fn a_condition_is_written_as_it_is_read() {
    for text in [
        r#""eager""#,
        r#"{"cron":"15 * * * *","timezone":"Europe/London"}"#,
        r#"{"on_update":["raw_orders"]}"#,
        r#"{"and":[{"cron":"0 6 * * *","timezone":"UTC"},{"not":"any_deps_missing"}]}"#,
        r#"{"since":{"trigger":{"deps_updated":["a"]},"reset":"handled"}}"#,
    ] {
        let declared: AutomationDecl = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&declared).unwrap(), text);
    }
    for wrong in [
        r#"{"eager": 1}"#,
        r#"{"missing": null, "eager": null}"#,
        "{}",
        r#""cron""#,
        r#"{"not": "missing", "or": []}"#,
    ] {
        assert!(serde_json::from_str::<AutomationDecl>(wrong).is_err(), "{wrong}");
    }
}
