//! Schedules and sensors of a project, their ticks, and what must hold of those.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::Value;

use super::Project;

/// Declares a schedule; the text stands behind its name.
pub(crate) fn schedule(project: &Project, name: &str, text: &str) {
    project.write(
        &format!("schemas/schedules/{name}.yaml"),
        format!("apiVersion: tidegate/v1\nkind: Schedule\nname: {name}\n{text}\n"),
    );
}

/// Every tick of a schedule or sensor, oldest first.
pub(crate) fn ticks_of(project: &Project, kind: &str, name: &str) -> Vec<Value> {
    let Value::Array(mut ticks) = project.json(&[kind, "ticks", name, "--limit", "1000"]) else {
        panic!("no list")
    };
    ticks.reverse();
    ticks
}

/// Every tick of a schedule, oldest first.
pub(crate) fn ticks(project: &Project, name: &str) -> Vec<Value> {
    ticks_of(project, "schedule", name)
}

pub(crate) fn of_outcome(ticks: &[Value], outcome: &str) -> usize {
    ticks.iter().filter(|tick| tick["outcome"] == outcome).count()
}

/// For when a tick was due.
pub(crate) fn instant(tick: &Value) -> DateTime<Utc> {
    tick["scheduled_at"].as_str().unwrap().parse().unwrap()
}

/// The runs of a schedule or sensor, newest first.
pub(crate) fn runs_of(project: &Project, kind: &str, name: &str) -> Vec<Value> {
    let tag = format!("tidegate/{kind}={name}");
    let runs = project.json(&["runs", "list", "--tag", &tag, "--limit", "1000"]);
    runs.as_array().unwrap().clone()
}

/// The runs of a schedule, newest first.
pub(crate) fn runs(project: &Project, name: &str) -> Vec<Value> {
    runs_of(project, "schedule", name)
}

/// Waits until there is an answer.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(started.elapsed() < Duration::from_mins(2), "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Of a schedule that is due each second and whose ticks are all launched: one tick for each second from the first to the
/// last, and one run under the key of each.
#[track_caller]
pub(crate) fn none_lost_and_none_doubled(project: &Project, name: &str) -> usize {
    let ticks = ticks(project, name);
    let instants: Vec<_> = ticks.iter().map(instant).collect();
    for pair in instants.windows(2) {
        assert_eq!(pair[1] - pair[0], TimeDelta::seconds(1), "{pair:?}");
    }
    assert_eq!(of_outcome(&ticks, "launched"), ticks.len(), "{ticks:#?}");
    let runs = runs(project, name);
    let keys: BTreeSet<String> = runs
        .iter()
        .map(|run| run["run_key"].as_str().unwrap().to_owned())
        .collect();
    let expected: BTreeSet<String> = instants
        .iter()
        .map(|at| {
            let at = at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            format!("schedule:{name}:{at}")
        })
        .collect();
    assert_eq!(runs.len(), ticks.len());
    assert_eq!(keys, expected);
    let told: BTreeSet<&str> = ticks
        .iter()
        .map(|tick| tick["runs"][0].as_str().unwrap())
        .collect();
    let there: BTreeSet<&str> = runs.iter().map(|run| run["id"].as_str().unwrap()).collect();
    assert_eq!(told, there);
    ticks.len()
}
