//! Clocks that are set: one hour ahead and back, of one process or of one of two, in the middle of ticks and of runs.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::time::{Duration, Instant};

use serde_json::Value;

use support::Project;
use support::runs::{assert_true, queue, shown, wait_for};
use support::server::Server;

/// A clock of a process, which a test sets.
struct Clock(&'static str);

impl Clock {
    /// Sets it: an instant that it goes on from.
    fn set(&self, project: &Project, text: &str) {
        project.write(self.0, format!("@{text}\n"));
    }

    /// A server that lives by it. How long something takes is measured by another clock, which nobody sets.
    fn server(&self, project: &Project, roles: &str) -> Server {
        let library = std::env::var("TIDEGATE_TEST_FAKETIME")
            .expect("TIDEGATE_TEST_FAKETIME is not set: run `cargo xtask test`, which installs libfaketime");
        let mut command = project.command(&["serve", "--roles", roles]);
        command
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", project.path(self.0))
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("TZ", "UTC");
        Server(command.spawn().unwrap())
    }
}

const CLOCK: Clock = Clock("clock");
const OTHER: Clock = Clock("other-clock");

fn project() -> Project {
    let project = Project::small();
    project.write(
        "schemas/schedules/hourly.yaml",
        "apiVersion: tidegate/v1\nkind: Schedule\nname: hourly\ncron: \"0 * * * *\"\nselect: small\n\
         overlap: allow_all\ncatch_up: 12h\nenabled: true\n",
    );
    project
}

/// The instants of the ticks that launched a run, oldest first.
fn ticks(project: &Project) -> Vec<String> {
    let ticks = project.json(&["schedule", "ticks", "hourly"]);
    let mut instants: Vec<String> = ticks
        .as_array()
        .unwrap()
        .iter()
        .map(|tick| {
            assert_eq!(tick["outcome"], "launched", "{ticks:#}");
            tick["scheduled_at"].as_str().unwrap().to_owned()
        })
        .collect();
    instants.reverse();
    instants
}

/// Waits until a tick was kept, and a little longer, for one that must not be.
#[track_caller]
fn wait_for_ticks(project: &Project, expected: &[&str]) {
    let started = Instant::now();
    while ticks(project).len() < expected.len() {
        assert!(
            started.elapsed() < Duration::from_mins(1),
            "{:?}, not {expected:?}",
            ticks(project)
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(ticks(project), expected);
    let runs = project.json(&["runs", "list", "--tag", "tidegate/schedule=hourly"]);
    assert_eq!(runs.as_array().unwrap().len(), expected.len());
}

const TEN: &str = "2026-03-01T10:00:00Z";
const ELEVEN: &str = "2026-03-01T11:00:00Z";
const TWELVE: &str = "2026-03-01T12:00:00Z";

#[test]
fn a_clock_that_is_set_ahead_and_back_loses_and_doubles_no_tick() {
    let project = project();
    CLOCK.set(&project, "2026-03-01 09:59:56");
    let server = CLOCK.server(&project, "daemon,worker");
    wait_for_ticks(&project, &[TEN]);
    // An hour ahead: what lies between is due, once.
    CLOCK.set(&project, "2026-03-01 11:00:10");
    wait_for_ticks(&project, &[TEN, ELEVEN]);
    // And back, before the last tick: it is not due again, neither now nor when its time comes.
    CLOCK.set(&project, "2026-03-01 10:00:10");
    wait_for_ticks(&project, &[TEN, ELEVEN]);
    CLOCK.set(&project, "2026-03-01 10:59:58");
    std::thread::sleep(Duration::from_secs(4));
    wait_for_ticks(&project, &[TEN, ELEVEN]);
    CLOCK.set(&project, "2026-03-01 11:59:58");
    wait_for_ticks(&project, &[TEN, ELEVEN, TWELVE]);
    for run in project.json(&["runs", "list"]).as_array().unwrap() {
        assert_true(&wait_for(&project, run["id"].as_str().unwrap(), &["succeeded"]));
    }
    server.stop();
}

#[test]
fn leaders_of_which_the_clocks_disagree_lose_and_double_no_tick() {
    let project = project();
    CLOCK.set(&project, "2026-03-01 10:59:56");
    OTHER.set(&project, "2026-03-01 09:59:50");
    let ahead = CLOCK.server(&project, "daemon");
    wait_for_ticks(&project, &[ELEVEN]);
    // It takes over an hour earlier, by its own clock.
    let behind = OTHER.server(&project, "daemon");
    ahead.kill();
    std::thread::sleep(Duration::from_secs(10));
    wait_for_ticks(&project, &[ELEVEN]);
    OTHER.set(&project, "2026-03-01 10:59:58");
    std::thread::sleep(Duration::from_secs(4));
    wait_for_ticks(&project, &[ELEVEN]);
    OTHER.set(&project, "2026-03-01 11:59:58");
    wait_for_ticks(&project, &[ELEVEN, TWELVE]);
    behind.stop();
}

#[test]
fn a_run_goes_on_while_its_workers_clock_is_set() {
    let project = project();
    let rows: String = (0..3_000_000).map(|row| format!("{row}\n")).collect();
    project.write("in/large.csv", format!("id\n{rows}"));
    project.asset(
        "large",
        "source: {resource: raw, path: large.csv}\ncheckpoint: {every_rows: 20000}\n\
         columns: [{name: id, type: int64}]\ndestination: {resource: lake, load: replace}",
    );
    CLOCK.set(&project, "2026-03-01 10:10:00");
    OTHER.set(&project, "2026-03-01 10:10:00");
    let mut worker = CLOCK.server(&project, "worker");
    // It watches the worker by how often it hears of it, not by what time that says it is.
    let daemon = OTHER.server(&project, "daemon");
    let run = queue(&project, &["large"]);
    assert!(project.staged("large", 1, &mut worker.0));
    for hour in ["11", "09", "10"] {
        CLOCK.set(&project, &format!("2026-03-01 {hour}:10:05"));
        std::thread::sleep(Duration::from_millis(700));
    }
    let state = |shown: &Value| shown["run"]["state"].clone();
    assert_eq!(state(&shown(&project, &run)), "running");
    let ended = wait_for(&project, &run, &["succeeded", "failed"]);
    assert_true(&ended);
    assert_eq!(ended["run"]["recoveries"], 0);
    assert_eq!(ended["partitions"][0]["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(project.rows("large").unwrap().num_rows(), 3_000_000);
    worker.stop();
    daemon.stop();
}
