//! Runs of the queue, and what must hold of them.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::Project;

/// Queues a run; answers its id.
pub(crate) fn queue(project: &Project, arguments: &[&str]) -> String {
    let answer = project.json(&[&["run", "--queue"], arguments].concat());
    answer["run"].as_str().unwrap().to_owned()
}

/// All that is known of a run.
pub(crate) fn shown(project: &Project, run: &str) -> Value {
    project.json(&["runs", "show", run])
}

/// Waits until a run is in one of some states.
#[track_caller]
pub(crate) fn wait_for(project: &Project, run: &str, states: &[&str]) -> Value {
    let started = Instant::now();
    loop {
        let shown = shown(project, run);
        let Some(state) = shown["run"]["state"].as_str() else {
            panic!("{shown:#}")
        };
        if states.contains(&state) {
            return shown;
        }
        assert!(
            started.elapsed() < Duration::from_mins(2),
            "run {run} is {state}, not {states:?}: {shown:#}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What must hold of every run that has ended: its moves tell a way from the queue to the end without a gap.
#[track_caller]
pub(crate) fn assert_moves(shown: &Value) {
    let mut at = "queued";
    for event in shown["events"].as_array().unwrap() {
        if event["kind"] == "run_state" {
            assert_eq!(event["data"]["from"], at, "{shown:#}");
            at = event["data"]["to"].as_str().unwrap();
        }
    }
    assert_eq!(shown["run"]["state"], at, "{shown:#}");
}

/// What must hold of every run that succeeded, whatever happened to its workers: the moves are whole, each partition was
/// loaded once, and every attempt has a beginning and one end.
#[track_caller]
pub(crate) fn assert_true(shown: &Value) {
    assert_eq!(shown["run"]["state"], "succeeded", "{shown:#}");
    let events = shown["events"].as_array().unwrap();
    let of = |kind: &str| {
        events
            .iter()
            .filter(|event| event["kind"] == kind)
            .collect::<Vec<_>>()
    };
    assert_moves(shown);
    let partitions = shown["partitions"].as_array().unwrap();
    assert_eq!(of("materialized").len(), partitions.len(), "{shown:#}");
    assert_eq!(
        shown["materializations"].as_array().unwrap().len(),
        partitions.len()
    );
    let attempts: usize = partitions
        .iter()
        .map(|partition| partition["attempts"].as_array().unwrap().len())
        .sum();
    assert_eq!(of("attempt_started").len(), attempts, "{shown:#}");
    assert_eq!(
        of("attempt_failed").len(),
        attempts - partitions.len(),
        "{shown:#}"
    );
}
