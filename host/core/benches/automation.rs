//! How long automation takes to evaluate 2,000 assets of 10,000 slices each: all of them, nothing new, one slice that was
//! loaded, and one slice of every asset that nothing is made from. Prints a line a measure, with how much was evaluated. A
//! second is what one evaluation may take; the leader makes one a second.
//!
//! `cargo bench -p tidegate-core --bench automation`
#![allow(clippy::unwrap_used, reason = "what a benchmark cannot go on without ends it")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use tidegate_core::plan::{
    AssetName, AssetRules, AutomationWorld, Cadence, Changes, Condition, Mapping, PartitionKey, Partitioning,
    RunId, TimeSlices, Updated,
};
use tidegate_core::schema::AutomationDecl;

const ASSETS: usize = 2_000;

/// Assets that are made from each other, one behind the other.
const CHAIN: usize = 10;

/// Times that each measure is taken; the median is told.
const TIMES: usize = 5;

/// 10,000 hours behind 2023-01-01, and some minutes.
const NOW: &str = "2024-02-21T15:30:00Z";
const START: &str = "2023-01-01T00:00:00Z";
const LAST: &str = "2024-02-21-14";
const SLICES: i64 = 10_000;

/// One slice of so many was never loaded.
const GAP: usize = 1_000;

fn name(index: usize) -> AssetName {
    format!("asset_{index}").parse().unwrap()
}

fn world(now: DateTime<Utc>) -> AutomationWorld {
    let declared: AutomationDecl = serde_json::from_str("\"eager\"").unwrap();
    let condition = Condition::of(&declared).unwrap();
    let hours = TimeSlices::new(Cadence::Hourly, Tz::UTC, "2023-01-01-00", None, None).unwrap();
    let hours = Partitioning::Time(hours);
    let same = Mapping::between(Some(&hours), Some(&hours), None).unwrap();
    let rules = (0..ASSETS).map(|index| AssetRules {
        name: name(index),
        partitioning: Some(hours.clone()),
        above: if index % CHAIN == 0 {
            Vec::new()
        } else {
            vec![(name(index - 1), same)]
        },
        condition: Some(condition.clone()),
    });
    let mut world = AutomationWorld::new(rules.collect(), &BTreeMap::new(), now);
    // What was never loaded lies between the others, so that no asset is one range.
    let key = |hour: i64| {
        let start: DateTime<Utc> = START.parse().unwrap();
        PartitionKey((start + TimeDelta::hours(hour)).format("%Y-%m-%d-%H").to_string())
    };
    let ranges: Vec<_> = (0..SLICES)
        .step_by(GAP)
        .map(|first| (key(first), key(first + GAP as i64 - 2)))
        .collect();
    for index in 0..ASSETS {
        world.set_present(&name(index), &ranges, &[], &[]);
        world.turn(&name(index), Some(now));
    }
    world
}

/// Loads of a slice, each by a run of its own.
fn loaded(assets: impl Iterator<Item = usize>, at: DateTime<Utc>) -> Changes {
    let updated = assets.map(|index| Updated {
        asset: name(index),
        partition: PartitionKey(LAST.into()),
        run: RunId(uuid::Uuid::now_v7()),
        at,
    });
    let updated: Vec<Updated> = updated.collect();
    Changes {
        run_assets: updated
            .iter()
            .map(|one| (one.run, vec![one.asset.clone()]))
            .collect(),
        updated,
        ..Changes::default()
    }
}

fn tell(what: &str, mut took: Vec<Duration>, assets: usize, nodes: usize, runs: usize) {
    took.sort();
    let median_ms = took[took.len() / 2].as_secs_f64() * 1e3;
    println!(
        "{what}: {median_ms:.1} ms, {assets} assets and {nodes} parts of conditions evaluated, {runs} runs"
    );
}

fn main() {
    let now: DateTime<Utc> = NOW.parse().unwrap();
    let mut firsts = Vec::new();
    let (mut all, mut none, mut one, mut tops) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut told = BTreeMap::new();
    for _ in 0..TIMES {
        let began = Instant::now();
        let mut world = world(now);
        firsts.push(began.elapsed());
        let mut second = 0;
        let mut measure = |what: &'static str, took: &mut Vec<Duration>, changes: &Changes| {
            second += 1;
            let began = Instant::now();
            let (evaluated, work) = world.evaluate(changes, now + TimeDelta::seconds(second));
            let runs = world.runs();
            took.push(began.elapsed());
            assert!(evaluated.iter().all(|one| !one.explained.condition.is_empty()));
            told.insert(what, (work.assets, work.nodes, runs.len()));
        };
        measure("all", &mut all, &Changes::default());
        let mut rest = Vec::new();
        for _ in 0..5 {
            measure("rest", &mut rest, &Changes::default());
        }
        measure("none", &mut none, &Changes::default());
        measure("one", &mut one, &loaded(std::iter::once(0), now));
        for _ in 0..5 {
            measure("rest", &mut rest, &Changes::default());
        }
        measure("tops", &mut tops, &loaded((0..ASSETS).step_by(CHAIN), now));
    }
    println!(
        "{ASSETS} assets of {SLICES} slices, in chains of {CHAIN}, all eager; one slice of {GAP} was never loaded"
    );
    tell("told from the state", firsts, 0, 0, 0);
    let say = |what: &str, key: &str, took: Vec<Duration>| {
        let (assets, nodes, runs) = told[key];
        tell(what, took, assets, nodes, runs);
    };
    say("the first evaluation", "all", all);
    say("nothing new", "none", none);
    say("one slice loaded", "one", one);
    say("a slice of every chain's first loaded", "tops", tops);
}
