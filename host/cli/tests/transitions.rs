//! A worker that is killed at each commit of a run's way to its end: before the state has heard of it, and before the worker
//! has heard that it has.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use support::Project;
use support::doomed::{Doomed, at_each_commit};
use support::runs::{assert_true, queue, shown, wait_for};

/// More commits than a run of the tests needs to its end, with the beats of worker and leader between them.
const COMMITS: usize = 12;

fn small(source: &str, more: &str) -> Project {
    let project = Project::new();
    project.write("in/small.csv", source);
    project.asset(
        "small",
        &format!(
            "source: {{resource: raw, path: small.csv}}\n{more}\
             columns: [{{name: id, type: int64}}]\n\
             destination: {{resource: lake, load: append}}"
        ),
    );
    project
}

#[test]
fn a_run_is_loaded_once_wherever_its_worker_is_killed() {
    let killed = at_each_commit(COMMITS, |number, moment| {
        let name = format!("load_{number}_{moment:?}").to_lowercase();
        let doomed = Doomed::start(
            &name,
            small("id\n1\n2\n3\n", "checkpoint: {every_rows: 1}\n"),
            &["serve"],
        );
        let first = queue(&doomed.project, &["small"]);
        wait_for(&doomed.project, &first, &["succeeded"]);
        doomed.kill_at(number, moment);
        let run = queue(&doomed.project, &["small"]);
        let killed = doomed.was_killed(&run);
        let shown = doomed.ended(&run);
        assert_true(&shown);
        assert_eq!(doomed.project.lines("small").len(), 6, "{name}: {shown:#}");
        doomed.project.assert_tidy("small");
        killed
    });
    // It is taken, begun, its attempt is begun and ended, and it is ended: five, each before and after.
    assert!(killed >= 10, "{killed}");
}

#[test]
fn a_run_fails_once_wherever_its_worker_is_killed() {
    let retry = "retry: {max_attempts: 2, on: any, backoff: constant, first_delay: 10ms}\n";
    let killed = at_each_commit(COMMITS, |number, moment| {
        let name = format!("fail_{number}_{moment:?}").to_lowercase();
        let doomed = Doomed::start(&name, small("id\nnot a number\n", retry), &["serve"]);
        let first = queue(&doomed.project, &["small"]);
        wait_for(&doomed.project, &first, &["failed"]);
        doomed.kill_at(number, moment);
        let run = queue(&doomed.project, &["small"]);
        let killed = doomed.was_killed(&run);
        let shown = doomed.ended(&run);
        assert_eq!(shown["run"]["state"], "failed", "{name}: {shown:#}");
        let events = shown["events"].as_array().unwrap();
        let of = |kind: &str| events.iter().filter(|event| event["kind"] == kind).count();
        assert_eq!(of("attempt_started"), of("attempt_failed"), "{name}: {shown:#}");
        assert_eq!(of("materialized"), 0);
        assert!(!doomed.project.is_loaded("small"));
        killed
    });
    assert!(killed >= 12, "{killed}");
}

#[test]
fn a_run_is_cancelled_wherever_its_worker_is_killed() {
    let killed = at_each_commit(COMMITS, |number, moment| {
        let name = format!("cancel_{number}_{moment:?}").to_lowercase();
        let retry = "retry: {max_attempts: 100, on: any, backoff: constant, first_delay: 1h}\n";
        let doomed = Doomed::start(&name, small("id\nnot a number\n", retry), &["serve"]);
        let run = queue(&doomed.project, &["small"]);
        let started = Instant::now();
        while shown(&doomed.project, &run)["partitions"][0]["attempts"][0]["state"] != "failed" {
            assert!(started.elapsed() < Duration::from_mins(1));
            thread::sleep(Duration::from_millis(20));
        }
        doomed.kill_at(number, moment);
        doomed.project.tidegate(&["runs", "cancel", &run]).succeeded();
        let killed = doomed.was_killed(&run);
        let shown = doomed.ended(&run);
        assert_eq!(shown["run"]["state"], "cancelled", "{name}: {shown:#}");
        killed
    });
    assert!(killed >= 2, "{killed}");
}
