//! Plugins as sources, destinations and checks, from YAML to what can be seen.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use serde_json::Value;
use support::{Answer, Project};

const COLUMNS: &str = "columns: [{name: n, type: int64, key: true}, {name: label, type: utf8}, \
                       {name: at, type: \"timestamp(ms, UTC)\"}]";

/// Declares the resource `numbers`, a plugin; the text stands in its own config.
fn numbers(project: &Project, config: &str) {
    project.write(
        "schemas/resources/numbers.yaml",
        format!(
            "apiVersion: tidegate/v1\nkind: Resource\nname: numbers\ntype: plugin\nconfig:\n  \
             plugin: guest-roles@^0.1\n  config: {{{config}}}\n  limits: {{time_per_call: 60s}}\n"
        ),
    );
}

/// An asset of 20,000 numbers, of which each tenth has no label, checkpointed every 3,000; it breaks where the secret
/// says.
fn project(checks: &str) -> Project {
    let project = Project::new().with("TIDEGATE_SECRET_BREAKS_AT", "never");
    numbers(&project, "page: 700, breaks_at: \"${secret:BREAKS_AT}\"");
    project.asset(
        "counted",
        &format!(
            "source: {{resource: numbers, stream: numbers, config: {{end: 20000}}}}\n{COLUMNS}\n\
             destination: {{resource: lake}}\ncheckpoint: {{every_rows: 3000}}\n{checks}"
        ),
    );
    project
}

fn check(config: &str) -> String {
    format!(
        "checks:\n  - {{plugin: guest-roles, reads: [label], config: {config}, limits: {{time_per_batch: 60s}}}}\n"
    )
}

/// The events of a kind of the newest run.
fn events(project: &Project, kind: &str) -> Vec<Value> {
    let shown = project.json(&["runs", "show", "latest"]);
    let all = shown["events"].as_array().unwrap().clone();
    all.into_iter().filter(|event| event["kind"] == kind).collect()
}

fn measures(project: &Project) -> Value {
    events(project, "checked").last().unwrap()["data"]["measures"].clone()
}

#[test]
fn a_source_that_broke_goes_on_from_its_cursor() {
    let checked = check("{allowed: 2000}");
    let whole = project(&checked);
    let answer = whole.tidegate(&["run", "counted"]).succeeded();
    assert!(
        answer
            .stdout
            .contains("check guest-roles@0.1.0 passed: 2000 values are missing (rows: 20000, missing: 2000)"),
        "{}",
        answer.stdout
    );
    let rows = whole.rows("counted").unwrap();
    assert_eq!(rows.num_rows(), 20_000);

    let broken = project(&checked).with("TIDEGATE_SECRET_BREAKS_AT", "9000");
    let answer = broken.tidegate(&["run", "counted"]).failed(5, "plugin.fatal");
    // What the plugin says holds the secret; what is shown of it does not.
    assert!(
        answer.stderr.contains("told to break at ***"),
        "{}",
        answer.stderr
    );
    assert!(!broken.is_loaded("counted"));
    let mended = broken.with("TIDEGATE_SECRET_BREAKS_AT", "never");
    mended.tidegate(&["runs", "retry", "latest"]).succeeded();
    assert!(mended.rows("counted").unwrap() == rows);
    mended.assert_tidy("counted");
    let behind = &events(&mended, "resumed")[0]["data"]["behind_rows"];
    assert!(behind.as_u64().unwrap() >= 3_000, "{behind}");
    // The check took its count over too.
    assert_eq!(measures(&mended), measures(&whole));
    let plugins = &mended.json(&["runs", "show", "latest"])["materializations"][0]["plugins"];
    assert_eq!(plugins[0][0], "guest-roles@0.1.0");
}

#[test]
fn a_killed_run_ends_like_one_that_was_not() {
    let long = |project: Project| {
        let path = "schemas/assets/counted.yaml";
        let text = std::fs::read_to_string(project.path(path)).unwrap();
        project.write(path, text.replace("end: 20000", "end: 400000"));
        project
    };
    let whole = long(project(""));
    whole.tidegate(&["run", "counted"]).succeeded();
    let killed = long(project(""));
    let mut child = killed.start(&["run", "counted"]);
    assert!(killed.staged("counted", 3, &mut child), "it ended too soon");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!killed.is_loaded("counted"));
    killed.tidegate(&["runs", "retry", "latest"]).succeeded();
    assert!(killed.rows("counted").unwrap() == whole.rows("counted").unwrap());
    let behind = &events(&killed, "resumed")[0]["data"]["behind_rows"];
    assert!(behind.as_u64().unwrap() >= 3_000, "{behind}");
}

#[test]
fn each_slice_has_its_own_rows() {
    let project = Project::new();
    numbers(&project, "end: 4000");
    project.asset(
        "daily",
        &format!(
            "source: {{resource: numbers, stream: numbers}}\n{COLUMNS}\ndestination: {{resource: lake}}\n\
             partitions: {{daily: {{start: 2024-01-01, end: 2024-01-04, column: at}}}}"
        ),
    );
    project.tidegate(&["run", "daily"]).succeeded();
    let shown = project.json(&["runs", "show", "latest"]);
    let rows: Vec<u64> = shown["materializations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| each["load"]["rows"].as_u64().unwrap())
        .collect();
    assert_eq!(rows.iter().sum::<u64>(), 4_000);
    assert_eq!(
        rows.iter().filter(|rows| **rows == 24 * 60).count(),
        2,
        "{rows:?}"
    );
    // The plugin read the slice alone, so nothing had to be left out.
    assert_eq!(shown["materializations"][0]["counts"]["source"]["filtered"], 0);
}

#[test]
fn a_failed_check_keeps_the_load_out_of_sight() {
    let good = project(&check("{allowed: 5000}"));
    good.tidegate(&["run", "counted"]).succeeded();
    let before = good.lines("counted");
    let strict = std::fs::read_to_string(good.path("schemas/assets/counted.yaml")).unwrap();
    good.write(
        "schemas/assets/counted.yaml",
        strict.replace("allowed: 5000", "allowed: 10"),
    );
    let answer = good.tidegate(&["run", "counted"]).failed(4, "check.failed");
    assert!(
        answer
            .stderr
            .contains("2000 values are missing (rows: 20000, missing: 2000)"),
        "{}",
        answer.stderr
    );
    assert_eq!(good.lines("counted"), before);
    assert_eq!(good.last_state(), "failed");
    let told = &events(&good, "check_failed")[0]["data"];
    assert_eq!(
        (&told["passed"], &told["severity"]),
        (&Value::Bool(false), &Value::from("error"))
    );
    let shown = good.tidegate(&["runs", "show", "latest"]).succeeded();
    assert!(
        shown
            .stdout
            .contains("counted: check guest-roles@0.1.0 failed: 2000"),
        "{}",
        shown.stdout
    );
    good.tidegate(&["run", "counted", "--dry-run"])
        .failed(4, "check.failed");
    // The same finding as a warning is shown, and blocks nothing.
    good.write(
        "schemas/assets/counted.yaml",
        strict.replace("allowed: 5000", "warns: true"),
    );
    let answer = good.tidegate(&["run", "counted"]).succeeded();
    assert!(
        answer.stdout.contains("check guest-roles@0.1.0 warns: 2000"),
        "{}",
        answer.stdout
    );
    let logs = good.tidegate(&["runs", "logs", "latest"]).succeeded();
    assert!(
        logs.stdout.contains("check guest-roles@0.1.0 warns"),
        "{}",
        logs.stdout
    );
}

/// The numbers to a plugin that counts them.
fn to_plugin(destination: &str) -> Project {
    let project = Project::new().with("TIDEGATE_SECRET_BREAKS_AT", "9000");
    numbers(
        &project,
        "end: 20000, page: 700, breaks_at: \"${secret:BREAKS_AT}\"",
    );
    project.asset(
        "sent",
        &format!(
            "source: {{resource: numbers, stream: numbers}}\n{COLUMNS}\ncheckpoint: {{every_rows: 3000}}\n\
             destination: {{resource: numbers, load: append, config: {{{destination}}}}}"
        ),
    );
    project
}

/// The log's lines of the newest run that tell of batches, the last attempt's alone.
fn writes(project: &Project) -> Vec<String> {
    let Answer { stdout, .. } = project.tidegate(&["runs", "logs", "latest"]).succeeded();
    let (_, last) = stdout.rsplit_once("opens Append").unwrap();
    let lines = last.lines().filter_map(|line| line.split_once("writes "));
    lines.map(|(_, line)| line.trim().to_owned()).collect()
}

#[test]
fn a_destination_goes_on_from_what_it_staged() {
    let broken = to_plugin("");
    broken.tidegate(&["run", "sent"]).failed(5, "plugin.fatal");
    let mended = broken.with("TIDEGATE_SECRET_BREAKS_AT", "never");
    mended.tidegate(&["runs", "retry", "latest"]).succeeded();
    let behind = &events(&mended, "resumed")[0]["data"]["behind_rows"];
    let behind = behind.as_u64().unwrap();
    assert!(behind >= 3_000, "{behind}");
    assert!(
        writes(&mended)[0].contains(&format!(", {behind}-")),
        "{:?}",
        writes(&mended)
    );
    let load = &mended.json(&["runs", "show", "latest"])["materializations"][0]["load"];
    assert_eq!(
        (&load["rows"], &load["location"]),
        (&Value::from(20_000), &Value::from("nowhere"))
    );
}

#[test]
fn a_destination_that_cannot_hold_back_is_given_the_load_anew_under_the_same_tokens() {
    let broken = to_plugin("shows_at_once: true");
    broken.tidegate(&["run", "sent"]).failed(5, "plugin.fatal");
    let first = writes(&broken);
    assert_eq!(first, ["8192 rows, 0-8192"]);
    assert!(events(&broken, "checkpoint").is_empty());
    let mended = broken.with("TIDEGATE_SECRET_BREAKS_AT", "never");
    mended.tidegate(&["runs", "retry", "latest"]).succeeded();
    assert!(events(&mended, "resumed").is_empty());
    assert_eq!(
        writes(&mended),
        [
            "8192 rows, 0-8192",
            "8192 rows, 8192-8192",
            "3616 rows, 16384-3616"
        ]
    );
}

#[test]
fn what_is_wrong_is_told_before_a_run() {
    let wrong = |code: &str, place: &str, change: &dyn Fn(&Project)| {
        let project = project(&check("{allowed: 1}"));
        project.tidegate(&["check"]).succeeded();
        change(&project);
        let answer = project.tidegate(&["check"]).failed(3, code);
        assert!(answer.stderr.contains(place), "{place}\n{}", answer.stderr);
    };
    let asset = |from: &'static str, to: &'static str| {
        move |project: &Project| {
            let path = "schemas/assets/counted.yaml";
            let text = std::fs::read_to_string(project.path(path)).unwrap();
            assert!(text.contains(from));
            project.write(path, text.replace(from, to));
        }
    };
    let resource = |from: &'static str, to: &'static str| {
        move |project: &Project| {
            let path = "schemas/resources/numbers.yaml";
            let text = std::fs::read_to_string(project.path(path)).unwrap();
            assert!(text.contains(from));
            project.write(path, text.replace(from, to));
        }
    };
    wrong(
        "plugin.not_found",
        "numbers.yaml:6",
        &resource("guest-roles@^0.1", "guest-rolls"),
    );
    wrong("plugin.version", "numbers.yaml:6", &resource("@^0.1", "@^7"));
    wrong(
        "schema.reference",
        "numbers.yaml:7",
        &resource("secret:BREAKS_AT", "secret:NOBODY_SET_IT"),
    );
    wrong(
        "schema.reference",
        "numbers.yaml:8",
        &resource(
            "  limits:",
            "  http: [{url: \"https://${secret:BREAKS_AT}/\"}]\n  limits:",
        ),
    );
    wrong(
        "plugin.role",
        "counted.yaml:4",
        &resource("guest-roles@^0.1", "keep-present"),
    );
    wrong(
        "schema.unknown_key",
        "numbers.yaml:8",
        &resource("time_per_call", "time_per_batch"),
    );
    wrong(
        "schema.unknown_key",
        "counted.yaml:4",
        &asset("stream: numbers", "stream: numbers, rows: 1"),
    );
    wrong(
        "schema.missing_key",
        "counted.yaml:4",
        &asset("stream: numbers, ", ""),
    );
    wrong(
        "plugin.not_found",
        "counted.yaml:9",
        &asset("plugin: guest-roles", "plugin: guest-rules"),
    );
    wrong(
        "schema.unknown_column",
        "counted.yaml:9",
        &asset("reads: [label]", "reads: [lable]"),
    );
    wrong(
        "plugin.input",
        "counted.yaml:9",
        &asset("reads: [label]", "reads: [label, n]"),
    );
    wrong(
        "plugin.config",
        "counted.yaml:9",
        &asset("allowed: 1", "alowed: 1"),
    );
    wrong("plugin.not_readable", "below.yaml:4", &|project: &Project| {
        asset("resource: lake", "resource: numbers")(project);
        project.asset(
            "below",
            &format!("source: {{asset: counted}}\n{COLUMNS}\ndestination: {{resource: lake}}"),
        );
    });
    wrong("plugin.no_key", "counted.yaml:6", &|project: &Project| {
        asset("resource: lake", "resource: numbers, load: upsert")(project);
        asset(", key: true", "")(project);
    });
}

#[test]
fn a_plan_shows_what_a_source_may_do() {
    let project = project("").with("TIDEGATE_SECRET_TOKEN", "t0ken");
    let path = "schemas/resources/numbers.yaml";
    let text = std::fs::read_to_string(project.path(path)).unwrap();
    let http = "  http: [{url: \"https://api.example.com/v1/\", headers: {Authorization: \"Bearer ${secret:TOKEN}\"}}]\n";
    project.write(path, format!("{text}{http}"));
    let plan = project.tidegate(&["plan", "counted"]).succeeded().stdout;
    for line in [
        "plugin   guest-roles@0.1.0",
        "secrets  BREAKS_AT",
        "http     GET https://api.example.com/v1/ with header Authorization (secrets TOKEN)",
        "memory, 1m a call",
    ] {
        assert!(plan.contains(line), "{plan}\nhas not: {line}");
    }
    let plan = project.json(&["plan", "counted"]);
    assert_eq!(plan[0]["source_plugin"]["plugin"], "guest-roles");
    assert_eq!(
        plan[0]["source_plugin"]["secrets"],
        serde_json::json!(["BREAKS_AT"])
    );
    assert_eq!(plan[0]["destination_plugin"], Value::Null);
    assert!(!plan.to_string().contains("t0ken"));
}

#[test]
fn a_secret_in_a_path_is_refused_before_it_is_shown() {
    let project = project("").with("TIDEGATE_SECRET_FOLDER", "s3cret");
    project.resource("lake", "\"out/${secret:FOLDER}\"");
    let answer = project.tidegate(&["run", "--all"]).failed(3, "schema.reference");
    assert!(
        answer.stderr.contains("schemas/resources/lake.yaml:5:"),
        "{}",
        answer.stderr
    );
    assert!(!answer.stderr.contains("s3cret"), "{}", answer.stderr);
}
