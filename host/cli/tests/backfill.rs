//! Backfills with a real server: as many at once as told, paused, resumed, cancelled, and what they leave.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::time::{Duration, Instant};

use serde_json::Value;

use support::Project;
use support::server::Server;

/// A year of daily slices of a file with a row a day.
fn project() -> Project {
    let project = Project::new();
    let start: chrono::NaiveDate = "2023-01-01".parse().unwrap();
    let rows: String = start
        .iter_days()
        .take(365)
        .map(|day| format!("{day}T12:00:00Z\n"))
        .collect();
    project.write("in/days.csv", format!("at\n{rows}"));
    for name in ["days", "more"] {
        project.asset(
            name,
            "source: {resource: raw, path: days.csv}\n\
             columns: [{name: at, type: \"timestamp(s, UTC)\"}]\n\
             partitions: {daily: {start: 2023-01-01, end: 2024-01-01, column: at}}\n\
             destination: {resource: lake, load: replace_partition}",
        );
    }
    project
}

fn ended(status: &Value, state: &str) -> u64 {
    let by_state = status["by_state"].as_array().unwrap();
    let of = by_state.iter().find(|count| count[0] == state);
    of.map_or(0, |count| count[1].as_u64().unwrap())
}

#[track_caller]
fn wait_until(project: &Project, what: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let status = project.json(&["backfill", "show", "latest"]);
        if what(&status) {
            return status;
        }
        assert!(started.elapsed() < Duration::from_mins(2), "{status:#}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn a_backfill_is_planned_made_and_found_done() {
    let project = project();
    let plan = project.json(&[
        "backfill",
        "plan",
        "days",
        "--partition-range",
        "2023-02-01...2023-02-28",
        "--run-slices",
        "10",
    ]);
    assert_eq!(plan["keys"].as_array().unwrap().len(), 28);
    assert_eq!(
        plan["runs"],
        serde_json::json!([
            ["2023-02-01", "2023-02-10"],
            ["2023-02-11", "2023-02-20"],
            ["2023-02-21", "2023-02-28"]
        ])
    );
    assert!(project.json(&["backfill", "list"]).as_array().unwrap().is_empty());

    let range = ["--partition-range", "2023-02-01...2023-02-28"];
    project
        .tidegate(&[&["backfill", "launch", "days", "--concurrency", "2"], &range[..]].concat())
        .succeeded();
    let server = Server::start(&project, &[]);
    let started = Instant::now();
    // Never more at once than told.
    loop {
        let status = project.json(&["backfill", "show"]);
        assert!(
            ended(&status, "starting") + ended(&status, "running") <= 2,
            "{status:#}"
        );
        if ended(&status, "succeeded") == 28 {
            break;
        }
        assert!(started.elapsed() < Duration::from_mins(2), "{status:#}");
    }
    project.tidegate(&["backfill", "wait"]).succeeded();
    drop(server);
    assert_eq!(project.lines("days").len(), 28);
    let missing = project.json(&["backfill", "plan", "days", "--missing"]);
    assert_eq!(missing["keys"].as_array().unwrap().len(), 365 - 28);
    let missing = project.json(&["backfill", "plan", "days", "more", "--missing"]);
    assert_eq!(missing["keys"].as_array().unwrap().len(), 365);
    project
        .tidegate(&["backfill", "plan", "days", "--failed"])
        .failed(2, "backfill.nothing");
    project
        .tidegate(&["backfill", "plan", "days", "--partition", "2025-01-01"])
        .failed(2, "run.partition");
}

#[test]
fn a_backfill_is_paused_resumed_and_cancelled() {
    let project = project();
    project
        .tidegate(&[
            "backfill",
            "launch",
            "days",
            "more",
            "--all",
            "--concurrency",
            "1",
        ])
        .succeeded();
    let _server = Server::start(&project, &[]);
    wait_until(&project, |status| ended(status, "succeeded") >= 2);
    project.tidegate(&["backfill", "pause", "latest"]).succeeded();
    let paused = wait_until(&project, |status| {
        ended(status, "starting") + ended(status, "running") == 0
    });
    std::thread::sleep(Duration::from_millis(600));
    let later = project.json(&["backfill", "show"]);
    assert_eq!(later["by_state"], paused["by_state"]);
    // What is not of the backfill is not held up by it.
    let other = project.json(&["run", "days", "--partition", "2023-12-31", "--queue"]);
    project
        .tidegate(&["runs", "wait", other["run"].as_str().unwrap()])
        .succeeded();

    project.tidegate(&["backfill", "resume", "latest"]).succeeded();
    let before = ended(&paused, "succeeded");
    wait_until(&project, |status| ended(status, "succeeded") > before);
    project.tidegate(&["backfill", "cancel", "latest"]).succeeded();
    let over = wait_until(&project, |status| {
        ended(status, "succeeded") + ended(status, "cancelled") == 365
    });
    // How many had ended by then is the machine's affair.
    assert!(ended(&over, "cancelled") > 0, "{over:#}");
    assert_eq!(project.tidegate(&["backfill", "wait"]).code, Some(130));
    project
        .tidegate(&["backfill", "resume", "latest"])
        .failed(2, "backfill.state");
    // Each run of both assets loaded a whole slice, or nothing.
    let done = ended(&over, "succeeded") as usize;
    let lines = project.lines("more").len();
    assert!(lines == done || lines == done + 1, "{lines} of {done}");
}

#[test]
fn assets_that_are_not_sliced_alike_are_refused() {
    let project = project();
    project.asset(
        "months",
        "source: {resource: raw, path: days.csv}\n\
         columns: [{name: at, type: \"timestamp(s, UTC)\"}]\n\
         partitions: {monthly: {start: 2023-01, end: 2024-01, column: at}}\n\
         destination: {resource: lake, load: replace_partition}",
    );
    project
        .tidegate(&["backfill", "launch", "days", "months", "--all"])
        .failed(2, "backfill.sliced_otherwise");
    project
        .tidegate(&["backfill", "show", "latest"])
        .failed(2, "backfill.unknown");
}
