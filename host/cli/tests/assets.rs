//! Assets from the command line: selected, ordered by `deps`, stale for a reason, traced by column, reported and wiped.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use serde_json::{Value, json};
use support::Project;
use support::server::Server;

const COLUMNS: &str = "columns:
  - {name: id, type: int64, key: true}
  - {name: region, type: utf8}";

/// raw_orders -> orders -> report, and audit, which comes behind report without reading it.
fn shop() -> Project {
    let project = Project::new();
    project.write("in/orders.csv", "id,region\n1,eu\n2,us\n");
    project.asset(
        "raw_orders",
        &format!(
            "group: raw\nowners: [team:ingest]\nsource: {{resource: raw, path: orders.csv}}\n{COLUMNS}\n\
             destination: {{resource: lake}}"
        ),
    );
    project.asset("orders", &orders(""));
    project.asset(
        "report",
        "group: sales\nsource: {asset: orders}\ntransforms:\n  - sql: SELECT region, count(*) AS orders FROM input GROUP BY \
         region\ncolumns:\n  - {name: region, type: utf8}\n  - {name: orders, type: int64}\n\
         destination: {resource: lake}",
    );
    project.asset(
        "audit",
        &format!(
            "deps: [report]\nsource: {{resource: raw, path: orders.csv}}\n{COLUMNS}\ndestination: {{resource: lake}}"
        ),
    );
    project
}

fn orders(more: &str) -> String {
    format!(
        "group: sales\ntags: {{tier: gold}}\ndescription: One row an order.\nsource: {{asset: raw_orders}}\n{COLUMNS}\n\
         {more}destination: {{resource: lake}}"
    )
}

/// The names that a command lists.
fn names(project: &Project, arguments: &[&str]) -> Vec<String> {
    let listed = project.json(&[&["asset", "list"], arguments].concat());
    let each = listed.as_array().unwrap_or_else(|| panic!("{listed}"));
    each.iter()
        .map(|asset| asset["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Each asset with why it is stale, the first reason.
fn stale(project: &Project) -> Vec<(String, String)> {
    let listed = project.json(&["asset", "list"]);
    listed
        .as_array()
        .unwrap()
        .iter()
        .filter(|asset| asset["staleness"]["stale"] == true)
        .map(|asset| {
            let reason = &asset["staleness"]["reasons"][0];
            let upstream = reason["upstream"].as_str().unwrap_or_default();
            let told = format!("{} {upstream}", reason["reason"].as_str().unwrap());
            (
                asset["name"].as_str().unwrap().to_owned(),
                told.trim_end().to_owned(),
            )
        })
        .collect()
}

fn told(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(name, reason)| ((*name).to_owned(), (*reason).to_owned()))
        .collect()
}

/// The assets of the newest run, in the order of work.
fn last_run(project: &Project) -> Vec<String> {
    let shown = project.json(&["runs", "show", "latest"]);
    let each = shown["partitions"].as_array().unwrap();
    each.iter()
        .map(|part| part["asset"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn assets_are_selected_alike_wherever_they_are_named() {
    let project = shop();
    assert_eq!(names(&project, &["+orders"]), ["orders", "raw_orders"]);
    assert_eq!(names(&project, &["orders+1"]), ["orders", "report"]);
    assert_eq!(names(&project, &["2+report"]), ["orders", "raw_orders", "report"]);
    assert_eq!(
        names(&project, &["--select", "group:sales and not tag:tier=gold"]),
        ["report"]
    );
    assert_eq!(
        names(&project, &["-s", "owner:team:ingest", "-a", "audit"]),
        ["audit", "raw_orders"]
    );
    assert_eq!(names(&project, &["kind:sql"]), ["report"]);
    // What only comes behind is below, too.
    assert_eq!(names(&project, &["report+"]), ["audit", "report"]);

    project.tidegate(&["run", "audit", "+orders"]).succeeded();
    assert_eq!(last_run(&project), ["raw_orders", "orders", "audit"]);
    project
        .tidegate(&["asset", "materialize", "--select", "report"])
        .succeeded();
    assert_eq!(last_run(&project), ["report"]);
    project
        .tidegate(&["asset", "materialize", "-a", "orders"])
        .succeeded();
    assert_eq!(last_run(&project), ["orders"]);
    let planned = project.json(&["plan", "-s", "report+"]);
    assert_eq!(planned[1]["asset"], "audit");
    assert_eq!(planned[1]["deps"], json!(["report"]));

    project
        .tidegate(&["run", "+ordres"])
        .failed(2, "run.unknown_asset");
    project
        .tidegate(&["run", "group:nobody"])
        .failed(2, "selection.unknown");
    project
        .tidegate(&["run", "(orders"])
        .failed(2, "selection.syntax");
    project
        .tidegate(&["run", "-a", "group:sales"])
        .failed(2, "run.unknown_asset");
    project
        .tidegate(&["run", "nothing_*"])
        .failed(2, "run.nothing_selected");
    project
        .tidegate(&["backfill", "plan", "+orders", "--all"])
        .failed(2, "run.partition");
}

#[test]
fn what_comes_behind_waits_and_is_skipped_where_what_comes_first_fails() {
    let project = shop();
    project.asset(
        "raw_orders",
        &format!("source: {{resource: raw, path: missing.csv}}\n{COLUMNS}\ndestination: {{resource: lake}}"),
    );
    // It could be made by itself: only that `report` is not there keeps it from it.
    let answer = project.tidegate(&["run", "--all"]);
    assert_ne!(answer.code, Some(0), "{}{}", answer.stdout, answer.stderr);
    assert!(!project.is_loaded("audit"));
    let shown = project.json(&["runs", "show", "latest"]);
    let audit = shown["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|part| part["asset"] == "audit");
    assert_eq!(audit.unwrap()["state"], "skipped");
}

#[test]
fn wrong_dependencies_are_told_where_they_stand() {
    let project = shop();
    let audit = |deps: &str| {
        project.asset(
            "audit",
            &format!(
                "deps: {deps}\nsource: {{resource: raw, path: orders.csv}}\n{COLUMNS}\n\
                 destination: {{resource: lake}}"
            ),
        );
        project.tidegate(&["check"])
    };
    let answer = audit("[reprot]").failed(3, "schema.unknown_asset");
    assert!(
        answer.stderr.contains("audit.yaml:4:8") && answer.stderr.contains("`report`"),
        "{}",
        answer.stderr
    );
    audit("[report, report]").failed(3, "schema.invalid_value");
    let answer = audit("[audit]").failed(3, "schema.cycle");
    assert!(answer.stderr.contains("audit.yaml:4:8"), "{}", answer.stderr);
    project.asset("orders", &orders("deps: [audit]\n"));
    let answer = audit("[report]").failed(3, "schema.cycle");
    assert!(
        answer.stderr.contains("audit <- report <- orders <- audit"),
        "{}",
        answer.stderr
    );
    assert!(answer.stderr.contains("audit.yaml:4:8"), "{}", answer.stderr);
}

#[test]
fn an_asset_is_stale_for_a_reason_until_it_is_made_again() {
    let project = shop();
    let never = ["audit", "orders", "raw_orders", "report"].map(|name| (name, "never_materialized"));
    assert_eq!(stale(&project), told(&never));
    project.tidegate(&["run", "--all"]).succeeded();
    assert_eq!(stale(&project), []);
    assert_eq!(project.json(&["run", "--stale", "--all"]), json!({"stale": []}));

    // Words change nothing; a column does.
    project.asset("orders", &orders("owners: [team:else]\n"));
    assert_eq!(stale(&project), []);
    project.asset("orders", &orders("contract: discard\n"));
    let changed = told(&[
        ("audit", "upstream_stale report"),
        ("orders", "code_changed"),
        ("report", "upstream_stale orders"),
    ]);
    assert_eq!(stale(&project), changed);
    assert_eq!(names(&project, &["--stale", "group:sales"]), ["orders", "report"]);
    project.tidegate(&["run", "--stale", "orders"]).succeeded();
    assert_eq!(
        stale(&project),
        told(&[
            ("audit", "upstream_stale report"),
            ("report", "upstream_newer orders")
        ])
    );
    project.tidegate(&["run", "--stale", "--all"]).succeeded();
    assert_eq!(last_run(&project), ["report", "audit"]);
    assert_eq!(stale(&project), []);

    project.tidegate(&["run", "raw_orders"]).succeeded();
    assert_eq!(
        stale(&project)[1],
        ("orders".into(), "upstream_newer raw_orders".into())
    );
    let shown = project.json(&["asset", "show", "orders"]);
    assert_eq!(shown["staleness"]["reasons"][0]["reason"], "upstream_newer");
    let last = &shown["last_materialization"];
    assert!(last["code_version"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(last["inputs"][0]["asset"], "raw_orders");
    assert_eq!(shown["downstream"], json!(["report"]));
    let text = project.tidegate(&["asset", "show", "orders"]).succeeded().stdout;
    assert!(text.contains("stands: upstream newer: raw_orders"), "{text}");
}

#[test]
fn slices_are_stale_one_by_one() {
    let project = Project::new();
    project.write("in/sales.csv", "id,region\n1,eu\n2,us\n");
    let sliced = "partitions: {static: {keys: [eu, us], column: region}}";
    project.asset(
        "sales",
        &format!(
            "source: {{resource: raw, path: sales.csv}}\n{COLUMNS}\n{sliced}\ndestination: {{resource: lake}}"
        ),
    );
    project.asset(
        "clean",
        &format!("source: {{asset: sales}}\n{COLUMNS}\n{sliced}\ndestination: {{resource: lake}}"),
    );
    project.asset(
        "total",
        &format!("source: {{asset: sales}}\n{COLUMNS}\ndestination: {{resource: lake}}"),
    );
    project
        .tidegate(&["run", "sales", "--partition", "eu"])
        .succeeded();
    project
        .tidegate(&["run", "clean", "--partition", "eu"])
        .succeeded();
    project.tidegate(&["run", "total"]).succeeded();
    let stands_of = |name: &str| {
        let listed = project.json(&["asset", "list", name]);
        listed[0]["staleness"]["reasons"].clone()
    };
    // What is made from all slices does not miss the one that was never made.
    assert_eq!(stands_of("total"), json!([]));
    assert_eq!(
        stands_of("clean"),
        json!([{"reason": "never_materialized", "slices": 1}])
    );
    project
        .tidegate(&["run", "sales", "--partition", "us"])
        .succeeded();
    assert_eq!(
        stands_of("total"),
        json!([{"reason": "upstream_newer", "upstream": "sales", "slices": 1}])
    );
    project
        .tidegate(&["run", "--stale", "clean", "total"])
        .succeeded();
    let made: Vec<Value> = project.json(&["runs", "show", "latest"])["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| json!([part["asset"], part["partition"]]))
        .collect();
    assert_eq!(made, [json!(["clean", "us"]), json!(["total", ""])]);
    assert_eq!(stale(&project), []);
    project
        .tidegate(&["run", "sales", "--partition", "eu"])
        .succeeded();
    assert_eq!(
        stands_of("clean"),
        json!([{"reason": "upstream_newer", "upstream": "sales", "slices": 1}])
    );
}

#[test]
fn columns_are_traced_through_assets_and_steps() {
    let project = shop();
    let traced = project.json(&["asset", "lineage", "report"]);
    let columns = traced["columns"].as_array().unwrap();
    assert_eq!(columns[0]["column"], "region");
    assert_eq!(
        columns[0]["from"],
        json!([{"asset": "orders", "column": "region"}])
    );
    assert_eq!(
        columns[0]["roots"],
        json!([{"asset": "raw_orders", "column": "region"}])
    );
    assert_eq!(columns[0]["made_by"], json!([]));
    assert_eq!(
        (&columns[1]["column"], &columns[1]["made_by"]),
        (&json!("orders"), &json!(["sql"]))
    );
    let one = project.json(&["asset", "lineage", "orders.region"]);
    assert_eq!(
        one["columns"][0]["into"],
        json!([{"asset": "report", "column": "region"}])
    );
    let text = project
        .tidegate(&["asset", "lineage", "report.region"])
        .succeeded()
        .stdout;
    assert_eq!(
        text,
        "report.region\n  orders.region\n    raw_orders.region\n      region of raw\n"
    );
    let answer = project
        .tidegate(&["asset", "lineage", "report.regoin"])
        .failed(2, "asset.unknown_column");
    assert!(answer.stderr.contains("`region`"), "{}", answer.stderr);
}

#[test]
fn what_was_done_elsewhere_is_told_and_what_was_done_here_forgotten() {
    let project = shop();
    project.tidegate(&["run", "--all"]).succeeded();
    let report = [
        "asset",
        "report",
        "raw_orders",
        "--rows",
        "7",
        "--metadata",
        "by=legacy",
        "--metadata",
        "seconds=1.5",
    ];
    project.tidegate(&report).succeeded();
    let shown = project.json(&["asset", "show", "raw_orders"]);
    let last = &shown["last_materialization"];
    assert_eq!(
        (&last["external"], &last["load"]["rows"]),
        (&json!(true), &json!(7))
    );
    assert_eq!(last["metadata"], json!({"by": "legacy", "seconds": 1.5}));
    assert_eq!(
        stale(&project)[1],
        ("orders".into(), "upstream_newer raw_orders".into())
    );
    project
        .tidegate(&[
            "asset",
            "report",
            "orders",
            "--observation",
            "--metadata",
            "rows=2",
        ])
        .succeeded();
    let seen = project.json(&["runs", "show", "latest"]);
    assert_eq!(seen["events"][0]["kind"], "observed");
    assert_eq!(seen["events"][0]["data"]["metadata"]["rows"], 2);
    project
        .tidegate(&["asset", "report", "orders", "--partition", "x"])
        .failed(2, "run.partition");

    // Told first, and done only with --yes.
    let wiped = project.json(&["asset", "wipe", "orders"]);
    assert_eq!(
        (&wiped["wiped"], &wiped["forgotten"]["materializations"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(stale(&project)[1].1, "upstream_newer raw_orders");
    project
        .tidegate(&["asset", "wipe", "orders", "--yes"])
        .succeeded();
    assert_eq!(stale(&project)[1], ("orders".into(), "never_materialized".into()));
    assert!(project.is_loaded("orders"));
    project.tidegate(&["run", "--stale", "+report"]).succeeded();
    assert_eq!(project.lines("orders"), ["1,eu", "2,us"]);
}

#[test]
fn runs_are_listed_and_deleted_by_either_spelling() {
    let project = shop();
    project.tidegate(&["run", "raw_orders"]).succeeded();
    project.tidegate(&["run", "raw_orders", "--queue"]).succeeded();
    let runs = project.json(&["run", "list"]);
    let id = |index: usize| runs[index]["id"].as_str().unwrap().to_owned();
    project
        .tidegate(&["run", "delete", &id(0)])
        .failed(2, "run.not_ended");
    project
        .tidegate(&["runs", "delete", &id(1), &id(0)])
        .failed(2, "run.not_ended");
    project.tidegate(&["runs", "delete", &id(1)]).succeeded();
    let left = project.json(&["runs", "list"]);
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert!(project.is_loaded("raw_orders"));
    let listed = project.json(&["asset", "list", "raw_orders"]);
    assert_eq!(
        (&listed[0]["partitions"], &listed[0]["rows"]),
        (&json!(1), &json!(2))
    );
    project
        .tidegate(&["run", "delete", &id(1)])
        .failed(2, "run.unknown");
}

#[test]
fn the_slices_of_a_job_are_backfilled() {
    let project = Project::new();
    project.write("in/sales.csv", "id,region\n1,eu\n2,us\n");
    project.asset(
        "sales",
        &format!(
            "source: {{resource: raw, path: sales.csv}}\n{COLUMNS}\npartitions: {{static: {{keys: [eu, us], column: \
             region}}}}\ndestination: {{resource: lake}}"
        ),
    );
    project.write(
        "schemas/jobs/nightly.yaml",
        "apiVersion: tidegate/v1\nkind: Job\nname: nightly\nselect: sal*\n",
    );
    let backfill = project.json(&["job", "backfill", "nightly", "--missing"]);
    assert_eq!(backfill["runs"], 2);
    let runs = project.json(&["runs", "list"]);
    assert_eq!(runs.as_array().unwrap().len(), 2);
    project
        .tidegate(&["job", "backfill", "nihgtly", "--all"])
        .failed(2, "job.unknown");
}

#[test]
fn a_run_is_configured_over_what_the_schema_says_and_keeps_that() {
    let project = Project::new();
    project.write("in/delays.csv", "id,delay\n1,5\n2,500\n");
    project.asset(
        "delays",
        "source:\n  resource: raw\n  path: delays.csv\n  columns: [{name: id, type: int64}, {name: delay, type: int32}]\n\
         transforms:\n  - plugin: delay-class@^0.1\n    reads: [delay]\n    writes: [delay_class]\n    config: {classes: \
         [{name: on_time, up_to: 14}], beyond: late}\ncolumns:\n  - {name: id, type: int64}\n  - {name: delay, type: int32}\n  \
         - {name: delay_class, type: utf8}\ndestination: {resource: lake}",
    );
    project.tidegate(&["run", "delays"]).succeeded();
    assert_eq!(project.lines("delays"), ["1,5,on_time", "2,500,late"]);
    let lost = r#"{"assets": {"delays": {"delay-class": {"beyond": "lost"}}}}"#;
    project
        .tidegate(&["run", "delays", "--config-json", lost])
        .succeeded();
    assert_eq!(project.lines("delays"), ["1,5,on_time", "2,500,lost"]);
    assert_eq!(stale(&project), told(&[("delays", "code_changed")]));
    let kept = project.json(&["runs", "list"])[0]["request"]["config"].clone();
    assert_eq!(kept["assets"]["delays"]["delay-class"], json!({"beyond": "lost"}));

    // A worker that takes the run uses the same.
    project.write("other.yaml", "assets:\n  delays:\n    0: {beyond: gone}\n");
    project
        .tidegate(&["run", "delays", "--config", "other.yaml", "--queue"])
        .succeeded();
    let server = Server::start(&project, &[]);
    project.tidegate(&["runs", "wait"]).succeeded();
    server.stop();
    assert_eq!(project.lines("delays"), ["1,5,on_time", "2,500,gone"]);

    let refused = |config: &str, code: &str| {
        let answer = project.tidegate(&["run", "delays", "--config", config]);
        assert!(
            answer.stderr.contains(&format!("error[{code}]")),
            "{config}: {}",
            answer.stderr
        );
        assert_ne!(answer.code, Some(0));
        answer.stderr
    };
    let told = refused(r#"{"assets": {"delays": {"delay-clas": {}}}}"#, "run.config");
    assert!(told.contains("`delay-class`"), "{told}");
    refused(r#"{"assets": {"other": {}}}"#, "run.config");
    refused(
        r#"{"assets": {"delays": {"0": {"beyond": "${secret:X}"}}}}"#,
        "run.config",
    );
    refused(r#"{"asset": {}}"#, "schema.unknown_key");
    refused("nowhere.yaml", "run.config_file");
    // What the plugin does not take is told before anything runs.
    let runs = project.json(&["runs", "list"]).as_array().unwrap().len();
    let answer = project.tidegate(&[
        "run",
        "delays",
        "--config",
        r#"{"assets": {"delays": {"0": {"beyond": 7}}}}"#,
    ]);
    assert_ne!(answer.code, Some(0));
    assert!(
        answer.stderr.contains("with the run's config"),
        "{}",
        answer.stderr
    );
    assert_eq!(project.json(&["runs", "list"]).as_array().unwrap().len(), runs);
}
