//! Assets that are materialized by themselves, with a server that carries their runs out.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::time::{Duration, Instant};

use serde_json::Value;

use support::Project;
use support::server::Server;

const COLUMNS: &str = "columns: [{name: id, type: int64}]\ndestination: {resource: lake, load: replace}\n";

/// A chain: `raw_rows`, which nobody makes by itself, and two that are eager.
fn chain() -> Project {
    let project = Project::new();
    project.write("in/rows.csv", "id\n1\n2\n");
    project.asset(
        "raw_rows",
        &format!("source: {{resource: raw, path: rows.csv}}\n{COLUMNS}"),
    );
    project.asset(
        "cleaned",
        &format!("source: {{asset: raw_rows}}\n{COLUMNS}automation: eager\n"),
    );
    project.asset(
        "report",
        &format!("source: {{asset: cleaned}}\n{COLUMNS}automation: eager\n"),
    );
    project
}

/// The runs that automation launched, newest first.
fn runs(project: &Project) -> Vec<Value> {
    let runs = project.json(&[
        "runs",
        "list",
        "--tag",
        "tidegate/automation=true",
        "--limit",
        "1000",
    ]);
    runs.as_array().unwrap().clone()
}

fn in_state(project: &Project, state: &str) -> usize {
    runs(project).iter().filter(|run| run["state"] == state).count()
}

#[track_caller]
fn until(what: &str, found: impl Fn() -> bool) {
    let started = Instant::now();
    while !found() {
        assert!(started.elapsed() < Duration::from_mins(2), "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Long enough for some evaluations.
fn wait() {
    std::thread::sleep(Duration::from_secs(4));
}

#[test]
fn eager_follows_what_is_loaded_once() {
    let project = chain();
    let _server = Server::start(&project, &[]);
    project.json(&["run", "raw_rows"]);
    wait();
    assert_eq!(runs(&project).len(), 0, "nothing is on that nobody started");
    project.json(&["automation", "start", "cleaned"]);
    project.json(&["automation", "start", "report"]);
    until("both are made", || project.is_loaded("report"));
    wait();
    // Together, or one after the other where an evaluation came between the two starts.
    let before = runs(&project).len();
    assert!(before <= 2 && in_state(&project, "succeeded") == before);
    let show = project.json(&["automation", "explain", "report"]);
    assert!(
        show["explained"]["condition"]
            .as_str()
            .unwrap()
            .starts_with("eager"),
        "{show}"
    );
    project.json(&["run", "raw_rows"]);
    until("what was loaded again goes down", || {
        in_state(&project, "succeeded") == before + 1
    });
    wait();
    assert_eq!(runs(&project).len(), before + 1, "one run for both");
}

#[test]
fn a_failure_is_asked_for_again_only_when_something_changed() {
    let project = Project::new();
    project.write("in/rows.csv", "id\nnot a number\n");
    project.asset(
        "broken",
        &format!("source: {{resource: raw, path: rows.csv}}\n{COLUMNS}automation: on_missing\n"),
    );
    let _server = Server::start(&project, &[]);
    project.json(&["automation", "start", "broken"]);
    until("it is tried", || in_state(&project, "failed") == 1);
    wait();
    assert_eq!(runs(&project).len(), 1, "it is not tried again and again");
    // What was stopped and started again is met anew.
    project.json(&["automation", "stop", "broken"]);
    wait();
    project.write("in/rows.csv", "id\n1\n");
    project.json(&["automation", "start", "broken"]);
    until("it is made", || in_state(&project, "succeeded") == 1);
}

#[test]
fn a_server_that_is_killed_doubles_nothing() {
    let project = chain();
    project.json(&["automation", "start", "cleaned"]);
    project.json(&["automation", "start", "report"]);
    Server::start(&project, &[]).kill();
    project.json(&["run", "raw_rows"]);
    for _ in 0..4 {
        let server = Server::start(&project, &["--roles", "daemon"]);
        std::thread::sleep(Duration::from_millis(1_500));
        server.kill();
    }
    let _server = Server::start(&project, &[]);
    until("both are made", || in_state(&project, "succeeded") == 1);
    wait();
    assert_eq!(runs(&project).len(), 1);
}

#[test]
fn what_is_wrong_with_a_condition_is_told_with_its_place() {
    let project = chain();
    project.asset(
        "report",
        &format!("source: {{asset: cleaned}}\n{COLUMNS}automation: {{or: [missing, {{cron_tick_passed: {{cron: \"61 * * * *\"}}}}]}}\n"),
    );
    project.tidegate(&["check"]).failed(2, "schema.automation");
}
