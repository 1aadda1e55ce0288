//! Checks and freshness from YAML to what can be seen: what blocks, what warns, what is kept, and what a kill changes.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::Project;
use support::server::Server;

/// An asset of numbers with a code over `in/numbers.csv`.
fn numbers(more: &str) -> Project {
    let project = Project::new();
    declare(&project, more);
    project
}

fn declare(project: &Project, more: &str) {
    project.asset(
        "numbers",
        &format!(
            "source: {{resource: raw, path: numbers.csv, on_bad_row: quarantine}}\n\
             columns: [{{name: id, type: int64, key: true}}, {{name: code, type: utf8}}]\n\
             destination: {{resource: lake, load: replace}}\n{more}"
        ),
    );
}

fn write(project: &Project, rows: impl Iterator<Item = (i64, &'static str)>) {
    let mut text = String::from("id,code\n");
    for (id, code) in rows {
        writeln!(text, "{id},{code}").unwrap();
    }
    project.write("in/numbers.csv", text);
}

/// The last result of a check.
#[track_caller]
fn last(project: &Project, check: &str) -> Value {
    let checks = project.json(&["asset", "checks", "numbers"]);
    let found = checks
        .as_array()
        .unwrap()
        .iter()
        .find(|each| each["check"] == check);
    found.unwrap_or_else(|| panic!("no check {check} in {checks}"))["last"].clone()
}

fn measure(result: &Value, name: &str) -> Option<f64> {
    let measures = result["measures"].as_array()?;
    measures.iter().find(|each| each[0] == name)?[1].as_f64()
}

#[test]
fn a_check_that_blocks_leaves_what_was_there_and_its_result_is_kept() {
    let project = numbers(
        "checks:\n  - {regex: {column: code, pattern: '^[a-z]$'}}\n  - {unique: id, name: ids}\n  \
         - {row_count: {min: 3}, severity: warn}",
    );
    write(&project, [(1, "a"), (2, "b"), (3, "c")].into_iter());
    project.tidegate(&["run", "numbers"]).succeeded();
    let before = project.lines("numbers");
    assert_eq!(before.len(), 3);
    write(&project, [(1, "a"), (1, "Z")].into_iter());
    let answer = project.tidegate(&["run", "numbers"]).failed(4, "check.failed");
    for told in [
        "regex(code) says: 1 of 2 rows have a `code`",
        "ids says: 1 of 2 rows repeat the `id`",
    ] {
        assert!(answer.stderr.contains(told), "{}", answer.stderr);
    }
    assert_eq!(project.lines("numbers"), before);
    project.assert_tidy("numbers");
    let blocked = last(&project, "ids");
    assert_eq!(
        (&blocked["passed"], &blocked["shown"]),
        (&json!(false), &json!(false))
    );
    let warned = last(&project, "row_count");
    assert_eq!(
        (&warned["passed"], &warned["severity"]),
        (&json!(false), &json!("warn"))
    );
    let shown = project.json(&["runs", "show", "latest"]);
    let kinds = |kind: &str| {
        let events = shown["events"].as_array().unwrap();
        events.iter().filter(|event| event["kind"] == kind).count()
    };
    assert_eq!((kinds("check_failed"), kinds("checked")), (3, 0));
    let history = project.json(&["asset", "checks", "numbers", "--history", "5"]);
    let ids = &history[1];
    assert_eq!(ids["history"].as_array().unwrap().len(), 2);
    assert_eq!(ids["trend"], json!([0.0, 1.0]));
    let table = project
        .tidegate(&["asset", "checks", "--history", "5"])
        .succeeded();
    assert!(
        table.stdout.contains("blocked") && table.stdout.contains("▁█"),
        "{}",
        table.stdout
    );
}

#[test]
fn what_does_not_block_is_told_and_the_load_stays() {
    let project = numbers(
        "checks:\n  - {accepted_values: {column: code, values: [a, b]}, blocking: false}\n  \
         - {not_null: [code], severity: warn}\n  - {range: {column: id, min: 1, max: 9}}",
    );
    write(&project, [(1, "a"), (2, "x"), (3, "")].into_iter());
    let answer = project.tidegate(&["run", "numbers"]).succeeded();
    assert!(
        answer.stdout.contains("accepted_values(code)"),
        "{}",
        answer.stdout
    );
    assert_eq!(project.lines("numbers").len(), 3);
    let accepted = last(&project, "accepted_values(code)");
    assert_eq!(accepted["passed"], json!(false));
    assert_eq!(accepted["blocking"], json!(false));
    assert_eq!(measure(&accepted, "failed"), Some(1.0));
    assert_eq!(measure(&last(&project, "not_null(code)"), "failed"), Some(1.0));
    assert_eq!(last(&project, "range(id)")["passed"], json!(true));
}

#[test]
fn rows_in_quarantine_are_not_what_is_checked() {
    let project = numbers("checks:\n  - {row_count: {min: 2, max: 2}}\n  - {not_null: id}");
    project.write("in/numbers.csv", "id,code\n1,a\n,b\nthree,c\n4,d\n");
    project.tidegate(&["run", "numbers"]).succeeded();
    assert_eq!(project.refused().len(), 2);
    assert_eq!(measure(&last(&project, "row_count"), "rows"), Some(2.0));
    assert_eq!(measure(&last(&project, "not_null(id)"), "failed"), Some(0.0));
}

#[test]
fn other_assets_and_queries_are_looked_at_once_the_load_is_shown() {
    let project = numbers(
        "checks:\n  - {relation: {column: code, asset: codes, to: code}}\n  \
         - {name: even, sql: 'SELECT id FROM {numbers} WHERE id % 2 = 1', severity: warn}",
    );
    project.asset(
        "codes",
        "source: {resource: raw, path: codes.csv}\ncolumns: [{name: code, type: utf8}]\n\
         destination: {resource: lake, load: replace}",
    );
    project.write("in/codes.csv", "code\na\nb\n");
    write(
        &project,
        [(2, "a"), (4, "b"), (6, "q"), (7, "q"), (8, "")].into_iter(),
    );
    project.tidegate(&["run", "codes"]).succeeded();
    project.tidegate(&["run", "numbers"]).succeeded();
    assert_eq!(project.lines("numbers").len(), 5);
    let relation = last(&project, "relation(code)");
    assert_eq!(relation["message"], "1 values of `code` are not in `codes.code`");
    assert_eq!(measure(&last(&project, "even"), "failed"), Some(1.0));
    // The same without a load, and after the cause is mended.
    assert_eq!(project.tidegate(&["asset", "check", "numbers"]).code, Some(4));
    project.write("in/codes.csv", "code\na\nb\nq\n");
    project.tidegate(&["run", "codes"]).succeeded();
    project.tidegate(&["asset", "check", "numbers"]).succeeded();
    let relation = last(&project, "relation(code)");
    assert_eq!(
        (&relation["passed"], &relation["run"]),
        (&json!(true), &Value::Null)
    );
}

#[test]
fn what_lies_there_can_be_checked_without_a_load() {
    let project = numbers("");
    write(&project, [(1, "a"), (2, "a"), (3, "c")].into_iter());
    project.tidegate(&["run", "numbers"]).succeeded();
    declare(
        &project,
        "checks:\n  - {unique: code}\n  - {unique: id}\n  - {row_count: {max: 3}}",
    );
    let found = project.json(&["asset", "check", "numbers"]);
    let passed: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|each| each["passed"].as_bool().unwrap())
        .collect();
    assert_eq!(passed, [false, true, true]);
    assert_eq!(project.json(&["runs", "list"]).as_array().unwrap().len(), 1);
    assert_eq!(last(&project, "unique(code)")["shown"], json!(true));
}

#[test]
fn a_row_count_out_of_the_way_keeps_the_load_back() {
    let project = numbers("checks: [{row_count_anomaly: {}}]");
    for load in 0..6 {
        write(&project, (0..100 + load % 3).map(|id| (id, "a")));
        project.tidegate(&["run", "numbers"]).succeeded();
    }
    write(&project, (0..20).map(|id| (id, "a")));
    project.tidegate(&["run", "numbers"]).failed(4, "check.failed");
    assert!(project.lines("numbers").len() >= 100);
    let result = last(&project, "row_count_anomaly");
    assert_eq!(measure(&result, "rows"), Some(20.0));
    assert_eq!(measure(&result, "median"), Some(101.0));
}

#[test]
fn a_killed_run_goes_on_and_its_checks_have_seen_every_row_once() {
    const ROWS: i64 = 300_000;
    let project = numbers(
        "checkpoint: {every_rows: 10000}\nchecks:\n  - {unique: id, severity: warn}\n  \
         - {row_count: {min: 1}}\n  - {accepted_values: {column: code, values: [a]}, blocking: false}",
    );
    // The last row repeats the first, and the first has another code: each is on its own side of the kill.
    let rows = (1..ROWS).map(|id| (id, if id == 1 { "b" } else { "a" }));
    write(&project, rows.chain([(1, "a")]));
    let mut child = project.start(&["run", "numbers"]);
    assert!(project.staged("numbers", 2, &mut child), "it was too quick");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!project.is_loaded("numbers"));
    project.json(&["runs", "list"]);
    project.tidegate(&["runs", "retry", "latest"]).succeeded();
    let shown = project.json(&["runs", "show", "latest"]);
    let events = shown["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["kind"] == "resumed"));
    assert_eq!(measure(&last(&project, "row_count"), "rows"), Some(ROWS as f64));
    let unique = last(&project, "unique(id)");
    assert_eq!(
        (measure(&unique, "rows"), measure(&unique, "failed")),
        (Some(ROWS as f64), Some(1.0)),
        "{unique}"
    );
    let accepted = last(&project, "accepted_values(code)");
    assert_eq!(measure(&accepted, "failed"), Some(1.0));
    // What was kept for the checkpoints is gone with them, but for a file that the kill found half written: that is no
    // artifact, and is removed when nobody can be at it any more.
    let mut left = support::tree(&project.path(".tidegate/artifacts/checks"));
    left.retain(|path| path.extension().is_none_or(|ending| ending != "tmp"));
    assert!(left.is_empty(), "{left:?}");
    // One result a check: what the killed attempt would have said was never said.
    let history = project.json(&["asset", "checks", "numbers", "--history", "9"]);
    assert_eq!(history[0]["history"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_wrong_with_a_check_is_told_before_any_data_moves() {
    let project = numbers(
        "checks:\n  - {not_null: idd}\n  - {range: {column: id, min: x}}\n  - {regex: {column: code, pattern: '('}}\n  \
         - {sql: 'SELECT nothing FROM {numbers}'}\n  - {freshness: {column: code, within: 1h}}\n  \
         - {relation: {column: code, asset: numbers, to: other}}",
    );
    write(&project, [(1, "a")].into_iter());
    let answer = project.tidegate(&["check"]);
    assert_eq!(answer.code, Some(3), "{}", answer.stderr);
    for told in [
        "did you mean `id`?",
        "`x` is no value of `id`",
        "the pattern is none",
        "nothing",
        "which has no age",
        "`numbers` has no column `other`",
    ] {
        assert!(answer.stderr.contains(told), "{told}:\n{}", answer.stderr);
    }
    assert!(!project.is_loaded("numbers"));
}

fn freshness(project: &Project) -> Value {
    project.json(&["asset", "freshness"])[0].clone()
}

#[test]
fn an_asset_that_is_late_is_told_once_and_so_is_the_one_that_came_at_last() {
    let project = numbers("freshness: {within: 1h}");
    write(&project, [(1, "a")].into_iter());
    assert_eq!(freshness(&project)["status"], "unknown");
    project.tidegate(&["run", "numbers"]).succeeded();
    assert_eq!(freshness(&project)["status"], "fresh");
    project.tidegate(&["asset", "freshness"]).succeeded();
    declare(&project, "freshness: {within: 1ms}");
    assert_eq!(project.tidegate(&["asset", "freshness"]).code, Some(4));
    let seen = |wanted: &str| {
        let started = Instant::now();
        while freshness(&project)["seen"]["status"] != wanted {
            assert!(started.elapsed() < Duration::from_secs(40), "never {wanted}");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let server = Server::start(&project, &["--roles", "daemon"]);
    seen("late");
    server.stop();
    declare(&project, "freshness: {within: 1h}");
    let server = Server::start(&project, &["--roles", "daemon"]);
    seen("fresh");
    server.stop();
}
