//! Every kind of partitions over real files: what each slice holds, and how slices stand.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use serde_json::{Value, json};
use support::Project;

const COLUMNS: &str = "columns:
  - {name: id, type: int64, key: true}
  - {name: region, type: utf8}
  - {name: at, type: \"timestamp(s, UTC)\"}";

/// An asset over `in/sales.csv`.
fn sales(partitions: &str) -> String {
    format!(
        "source: {{resource: raw, path: sales.csv}}\n{COLUMNS}\npartitions: {partitions}\n\
         destination: {{resource: lake}}"
    )
}

/// An asset over another.
fn over(source: &str, partitions: &str) -> String {
    format!("source: {source}\n{COLUMNS}\n{partitions}\ndestination: {{resource: lake}}")
}

/// How the partitions of an asset stand: the counts, and the ranges as state, first and last.
fn stand(project: &Project, asset: &str) -> (Value, Vec<String>) {
    let found = project.json(&["asset", "partitions", asset]);
    let status = &found["status"];
    let ranges = status["ranges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|range| {
            let text = |key: &str| range[key].as_str().unwrap().to_owned();
            format!(
                "{} {}...{} {}",
                text("state"),
                text("first"),
                text("last"),
                range["keys"]
            )
        })
        .collect();
    (
        json!([
            status["total"],
            status["materialized"],
            status["failed"],
            status["missing"]
        ]),
        ranges,
    )
}

/// The ids of the rows that can be seen, in order.
fn ids(project: &Project, asset: &str) -> Vec<i64> {
    let mut ids: Vec<i64> = project
        .lines(asset)
        .iter()
        .map(|line| line.split(',').next().unwrap().parse().unwrap())
        .collect();
    ids.sort_unstable();
    ids
}

#[test]
fn an_hour_that_comes_again_is_a_slice_of_its_own() {
    let project = Project::new();
    project.write(
        "in/sales.csv",
        "id,region,at\n1,eu,2024-10-26T23:30:00Z\n2,eu,2024-10-27T00:30:00Z\n3,us,2024-10-27T01:30:00Z\n\
         4,eu,2024-10-27T02:30:00Z\n",
    );
    project.asset(
        "sales",
        &sales("{hourly: {start: 2024-10-27, end: 2024-10-28, timezone: Europe/London, column: at}}"),
    );
    let run = |key: &str| project.tidegate(&["run", "sales", "--partition", key]);
    run("2024-10-27-01").succeeded();
    assert_eq!(ids(&project, "sales"), [2]);
    run("2024-10-27-01+0000").succeeded();
    assert_eq!(ids(&project, "sales"), [2, 3]);
    let (counts, ranges) = stand(&project, "sales");
    assert_eq!(counts, json!([25, 2, 0, 23]));
    assert_eq!(
        ranges,
        [
            "missing 2024-10-27-00...2024-10-27-00 1",
            "materialized 2024-10-27-01...2024-10-27-01+0000 2",
            "missing 2024-10-27-02...2024-10-27-23 22"
        ]
    );
    run("2024-10-27-24").failed(2, "run.partition");
    project
        .tidegate(&[
            "run",
            "sales",
            "--partition-range",
            "2024-10-27-00...2024-10-27-02",
        ])
        .succeeded();
    assert_eq!(ids(&project, "sales"), [1, 2, 3, 4]);
    assert_eq!(stand(&project, "sales").0, json!([25, 4, 0, 21]));
    project
        .tidegate(&[
            "run",
            "sales",
            "--partition-range",
            "2024-10-27-02...2024-10-27-01",
        ])
        .failed(2, "run.partition");
}

#[test]
fn slices_of_a_schedule_hold_what_came_since() {
    let project = Project::new();
    project.write(
        "in/sales.csv",
        "id,region,at\n1,eu,2024-01-01T05:59:59Z\n2,eu,2024-01-01T06:00:00Z\n3,us,2024-01-01T17:59:59Z\n\
         4,eu,2024-01-01T18:00:00Z\n5,eu,2024-01-02T05:00:00Z\n",
    );
    project.asset(
        "sales",
        &sales("{cron: {schedule: \"0 6,18 * * *\", start: 2024-01-01, end: 2024-01-03, column: at}}"),
    );
    project
        .tidegate(&["run", "sales", "--partition", "2024-01-01-06-00"])
        .succeeded();
    assert_eq!(ids(&project, "sales"), [2, 3]);
    project.tidegate(&["run", "sales"]).succeeded();
    assert_eq!(ids(&project, "sales"), [2, 3, 4, 5]);
    assert_eq!(
        stand(&project, "sales").1,
        ["materialized 2024-01-01-06-00...2024-01-02-18-00 4"]
    );
}

#[test]
fn a_value_is_a_slice_and_a_failed_one_stands_as_failed() {
    let project = Project::new();
    let rows =
        "id,region,at\n1,eu,2024-01-01T00:00:00Z\n2,us,2024-01-01T00:00:00Z\n3,eu,2024-01-02T00:00:00Z\n";
    project.write("in/sales.csv", rows);
    project.asset(
        "sales",
        &sales("{static: {keys: [eu, us, asia], column: region}}"),
    );
    project
        .tidegate(&["run", "sales", "--partition", "eu"])
        .succeeded();
    assert_eq!(ids(&project, "sales"), [1, 3]);
    project.write(
        "in/sales.csv",
        format!("{rows}x,us,2024-01-01T00:00:00Z\n").replace("id,", "idd,"),
    );
    assert_ne!(
        project.tidegate(&["run", "sales", "--partition", "us"]).code,
        Some(0)
    );
    let (counts, ranges) = stand(&project, "sales");
    assert_eq!(counts, json!([3, 1, 1, 1]));
    assert_eq!(
        ranges,
        [
            "materialized eu...eu 1",
            "failed us...us 1",
            "missing asia...asia 1"
        ]
    );
    project.write("in/sales.csv", rows);
    project.tidegate(&["run", "sales"]).succeeded();
    assert_eq!(ids(&project, "sales"), [1, 2, 3]);
    assert_eq!(stand(&project, "sales").0, json!([3, 3, 0, 0]));
    project
        .tidegate(&["run", "sales", "--partition", "africa"])
        .failed(2, "run.partition");
    project
        .tidegate(&["asset", "partitions", "sales", "add", "africa"])
        .failed(2, "partition.not_dynamic");
}

#[test]
fn dynamic_keys_are_added_and_removed() {
    let project = Project::new();
    project.write(
        "in/sales.csv",
        "id,region,at\n1,acme,2024-01-01T00:00:00Z\n2,zeta,2024-01-01T00:00:00Z\n",
    );
    project.asset("sales", &sales("{dynamic: {name: customers, column: region}}"));
    let keys =
        |arguments: &[&str]| project.tidegate(&[&["asset", "partitions", "sales"], arguments].concat());
    project
        .tidegate(&["run", "sales", "--partition", "acme"])
        .failed(2, "run.partition");
    keys(&["add", "zeta", "acme"]).succeeded();
    assert_eq!(
        project.json(&["asset", "partitions", "sales", "add", "acme", "beta"]),
        json!({"added": 1})
    );
    keys(&["add", "good", "a|b"]).failed(2, "partition.key");
    project
        .tidegate(&["run", "sales", "--partition", "acme"])
        .succeeded();
    assert_eq!(ids(&project, "sales"), [1]);
    assert_eq!(
        stand(&project, "sales").1,
        ["materialized acme...acme 1", "missing beta...zeta 2"]
    );
    keys(&["remove", "beta"]).succeeded();
    project.tidegate(&["run", "sales"]).succeeded();
    assert_eq!(ids(&project, "sales"), [1, 2]);
    assert_eq!(stand(&project, "sales").1, ["materialized acme...zeta 2"]);
}

#[test]
fn two_dimensions_make_a_slice_of_each_value_and_time() {
    let project = Project::new();
    project.write(
        "in/sales.csv",
        "id,region,at\n1,eu,2024-01-01T10:00:00Z\n2,us,2024-01-01T10:00:00Z\n3,eu,2024-01-02T10:00:00Z\n\
         4,us,2024-01-02T10:00:00Z\n",
    );
    project.asset(
        "sales",
        &sales(
            "{daily: {start: 2024-01-01, end: 2024-01-03, column: at}, static: {keys: [eu, us], column: region}}",
        ),
    );
    // The day over all regions, and the day before.
    project.asset(
        "days",
        &over(
            "{asset: sales}",
            "partitions: {daily: {start: 2024-01-01, end: 2024-01-03, column: at}}",
        ),
    );
    project.asset(
        "yesterdays",
        &over(
            "{asset: days, partitions: {offset: -1}}",
            "partitions: {daily: {start: 2024-01-01, end: 2024-01-03, column: at}}",
        ),
    );
    project.asset(
        "months",
        &over(
            "{asset: days}",
            "partitions: {monthly: {start: 2024-01, end: 2024-02, column: at}}",
        ),
    );
    project.asset("latest", &over("{asset: days, partitions: last}", ""));
    project
        .tidegate(&["run", "sales", "--partition", "us|2024-01-02"])
        .succeeded();
    assert_eq!(ids(&project, "sales"), [4]);
    project
        .tidegate(&["run", "sales", "--partition", "us"])
        .failed(2, "run.partition");
    assert_eq!(
        stand(&project, "sales").1,
        [
            "missing eu|2024-01-01...us|2024-01-01 3",
            "materialized us|2024-01-02...us|2024-01-02 1"
        ]
    );
    project.tidegate(&["run", "--all"]).succeeded();
    assert_eq!(ids(&project, "sales"), [1, 2, 3, 4]);
    assert_eq!(ids(&project, "days"), [1, 2, 3, 4]);
    assert_eq!(ids(&project, "months"), [1, 2, 3, 4]);
    assert_eq!(ids(&project, "latest"), [3, 4]);
    // Of the day before the first there are no rows.
    assert_eq!(ids(&project, "yesterdays"), [1, 2]);
    assert_eq!(stand(&project, "yesterdays").0, json!([2, 2, 0, 0]));
}

#[test]
fn tens_of_thousands_of_slices_are_counted_at_once() {
    let project = Project::new();
    project.write("in/sales.csv", "id,region,at\n1,eu,2010-01-01T00:30:00Z\n");
    project.asset(
        "sales",
        &sales("{hourly: {start: 2010-01-01, end: 2020-01-01, timezone: America/New_York, column: at}}"),
    );
    let (counts, ranges) = stand(&project, "sales");
    assert_eq!(counts, json!([87_648, 0, 0, 87_648]));
    assert_eq!(ranges, ["missing 2010-01-01-00...2019-12-31-23 87648"]);
    let plan = project.tidegate(&["plan", "sales"]).succeeded();
    assert!(plan.stdout.contains("87648 partitions"), "{}", plan.stdout);
}

#[test]
fn what_cannot_be_sliced_so_is_told_with_its_place() {
    for (partitions, code, says) in [
        (
            "{cron: {schedule: \"0 25 * * *\", start: 2024-01-01, column: at}}",
            "schema.invalid_value",
            "is not a cron schedule",
        ),
        (
            "{static: {keys: [eu, \"a|b\"], column: region}}",
            "schema.invalid_value",
            "cannot be a partition key",
        ),
        (
            "{static: {keys: [eu, eu], column: region}}",
            "schema.invalid_value",
            "is there twice",
        ),
        (
            "{static: {keys: [eu], column: at}}",
            "schema.partition_column",
            "must hold texts or whole numbers",
        ),
        (
            "{static: {keys: [eu], column: id}}",
            "schema.partition_column",
            "does not hold `eu`",
        ),
        (
            "{daily: {start: 2024-01-01, column: at}, static: {keys: [eu]}}",
            "schema.partition_source",
            "nothing says which rows",
        ),
        (
            "{static: {keys: [eu], column: region}, dynamic: {name: all, column: region}}",
            "schema.invalid_value",
            "cannot be had together",
        ),
        ("{}", "schema.invalid_value", "nothing says how"),
    ] {
        let project = Project::new();
        project.write("in/sales.csv", "id,region,at\n");
        project.asset("sales", &sales(partitions));
        let answer = project.tidegate(&["check"]).failed(3, code);
        assert!(answer.stderr.contains(says), "{}", answer.stderr);
        assert!(answer.stderr.contains("sales.yaml:"), "{}", answer.stderr);
    }
}
