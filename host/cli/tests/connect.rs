//! `tidegate check --connect` over resources of every kind, well and not.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tidegate_orchestrator::{Found, HealthLimits, Locking, ProjectConfig};
use url::Url;

use support::Project;

const COLUMNS: &str = "columns: [{name: id, type: int64}]";

/// A resource of the project.
fn resource(project: &Project, name: &str, kind: &str, config: &str) {
    project.write(
        &format!("schemas/resources/{name}.yaml"),
        format!("apiVersion: tidegate/v1\nkind: Resource\nname: {name}\ntype: {kind}\nconfig: {config}\n"),
    );
}

fn variable(name: &str) -> String {
    std::env::var(name).expect("`cargo xtask test` sets it")
}

/// A project that reads from folders and loads into a folder, a bucket and a database; a plugin stands by.
fn project() -> Project {
    let project = Project::new().with("TIDEGATE_SECRET_BUCKET", "test-secret");
    let mut shop: Url = variable("TIDEGATE_TEST_POSTGRES_URL").parse().unwrap();
    let user = shop.username().to_owned();
    shop.set_username("").unwrap();
    resource(
        &project,
        "shop",
        "postgres",
        &format!("{{url: \"{shop}\", user: {user}}}"),
    );
    bucket(&project, "tests");
    resource(
        &project,
        "api",
        "plugin",
        "{plugin: rest@^0.1, config: {base_url: \"http://127.0.0.1:1/\", streams: {list: {path: list, fields: {}}}}}",
    );
    project.write("in/rows.csv", "id\n1\n");
    for to in ["lake", "shop", "bucket"] {
        let text = format!(
            "source: {{resource: raw, path: rows.csv}}\n{COLUMNS}\ndestination: {{resource: {to}, load: replace}}"
        );
        project.asset(&format!("into_{to}"), &text);
    }
    project
}

fn bucket(project: &Project, name: &str) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let endpoint = variable("TIDEGATE_TEST_S3_URL");
    let config = format!(
        "{{bucket: {name}, prefix: check-{now}, endpoint: \"{endpoint}\", access_key: tests, secret_key: \"${{secret:BUCKET}}\"}}"
    );
    resource(project, "bucket", "s3", &config);
}

/// Resource and state of each, in order.
fn states(told: &Value) -> Vec<(String, String)> {
    let connections = told["connections"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    connections
        .map(|each| (text(&each["resource"]), text(&each["state"])))
        .collect()
}

#[test]
fn every_resource_is_asked_and_has_a_line() {
    let project = project();
    // Without being told to, nobody is asked.
    let told = project.json(&["check"]);
    assert_eq!(told, json!({"assets": 3, "resources": 5, "transforms": 0}));
    let told = project.json(&["check", "--connect"]);
    let expected = [
        ("api", "not_asked"),
        ("bucket", "ok"),
        ("lake", "ok"),
        ("raw", "ok"),
        ("shop", "ok"),
    ];
    assert_eq!(
        states(&told),
        expected.map(|(name, state)| (name.into(), state.into())),
        "{told}"
    );
    let of = |index: usize| &told["connections"][index];
    assert_eq!(of(4)["type"], "postgres");
    assert!(
        of(4)["about"].as_str().unwrap().starts_with("PostgreSQL "),
        "{told}"
    );
    // What no load has made yet is no fault.
    assert_eq!(of(2)["warnings"].as_array().unwrap().len(), 1, "{told}");
    let answer = project.tidegate(&["check", "--connect"]).succeeded();
    let lines: Vec<&str> = answer.stdout.lines().collect();
    assert_eq!(lines[0], "ok: 3 assets, 5 resources, 0 transforms");
    let words = |line: &str| line.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    let found: Vec<String> = lines[1..].iter().map(|line| words(line)).collect();
    assert_eq!(
        found,
        [
            "resource type state",
            "api plugin not",
            "bucket s3 ok",
            "lake file ok",
            "raw file ok",
            "shop postgres ok"
        ]
    );
    // A destination was written to, and nothing stays.
    assert!(!project.path(".tidegate/data").exists());
}

#[test]
fn all_that_stands_in_the_way_is_told_at_once() {
    let project = project();
    bucket(&project, "nowhere-at-all");
    project.resource("raw", "nowhere");
    resource(
        &project,
        "shop",
        "postgres",
        "{url: \"postgres://no-such-host.invalid:5432/shop\", user: nobody}",
    );
    // What no asset uses is looked at too.
    resource(&project, "spare", "s3", "{bucket: lake, prefix: ../up}");
    let answer = project.tidegate(&["check", "--connect"]);
    for code in [
        "s3.bucket_missing",
        "file.not_found",
        "postgres.network",
        "schema.invalid_value",
    ] {
        assert!(
            answer.stderr.contains(&format!("error[{code}]")),
            "{code}: {}",
            answer.stderr
        );
    }
    for place in ["bucket.yaml:5", "raw.yaml:5", "shop.yaml:5", "spare.yaml:5"] {
        assert!(answer.stderr.contains(place), "{place}: {}", answer.stderr);
    }
    assert_eq!(answer.code, Some(6), "{}", answer.stderr);
    let told = project.json(&["check", "--connect"]);
    let expected = [
        ("api", "not_asked"),
        ("bucket", "failed"),
        ("lake", "ok"),
        ("raw", "failed"),
        ("shop", "failed"),
        ("spare", "failed"),
    ];
    assert_eq!(
        states(&told),
        expected.map(|(name, state)| (name.into(), state.into())),
        "{told}"
    );
    assert_eq!(told["connections"][1]["errors"][0]["code"], "s3.bucket_missing");
}

/// The other side may keep each of its silences short and never be done.
#[tokio::test]
async fn a_resource_has_so_much_time_and_no_more() {
    let project = Project::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let config = format!("{{url: \"postgres://127.0.0.1:{port}/shop\", user: nobody}}");
    resource(&project, "shop", "postgres", &config);
    project.write("in/rows.csv", "id\n1\n");
    let opened = tidegate_orchestrator::Project::open(ProjectConfig {
        schemas: project.path("schemas"),
        target: None,
        connectors: tidegate_connector::all(),
        plugin_cache: project.path("cache"),
        locking: Locking::Write,
        lookup: Arc::new(|_, _| Ok(None)),
    });
    let limits = HealthLimits {
        silence_ms: 600_000,
        whole_ms: 200,
    };
    let found = opened.unwrap().check_health(limits).await;
    let shop = found
        .iter()
        .find(|each| each.resource.as_str() == "shop")
        .unwrap();
    let Found::Failed { errors } = &shop.found else {
        panic!("{shop:?}");
    };
    assert_eq!(errors[0].code, "resource.unfinished");
    // The others have theirs.
    assert!(
        found.iter().any(|each| matches!(each.found, Found::Ok(_))),
        "{found:?}"
    );
}
