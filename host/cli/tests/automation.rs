//! Assets that are materialized by themselves, with servers that carry their runs out and are killed.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use support::Project;
use support::database::{database, sql};
use support::server::Server;

const COLUMNS: &str = "columns: [{name: id, type: int64}]\ndestination: {resource: lake, load: replace}\n";

/// An asset over a file.
fn from_file(project: &Project, name: &str, more: &str) {
    project.asset(
        name,
        &format!("source: {{resource: raw, path: {name}.csv}}\n{COLUMNS}{more}\n"),
    );
}

/// An asset over another.
fn from_asset(project: &Project, name: &str, above: &str, more: &str) {
    project.asset(name, &format!("source: {{asset: {above}}}\n{COLUMNS}{more}\n"));
}

/// A chain: `raw_rows`, which nobody makes by itself, and two that are eager.
fn chain(project: Project) -> Project {
    project.write("in/raw_rows.csv", "id\n1\n2\n");
    from_file(&project, "raw_rows", "");
    from_asset(&project, "cleaned", "raw_rows", "automation: eager");
    from_asset(&project, "report", "cleaned", "automation: eager");
    project
}

fn start(project: &Project, assets: &[&str]) {
    project
        .tidegate(&[&["automation", "start"], assets].concat())
        .succeeded();
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

/// The number of the last evaluation that was kept of an asset; 0 for none.
fn evaluation(project: &Project, asset: &str) -> i64 {
    let shown = project.json(&["automation", "show", asset]);
    shown["evaluations"][0]["sequence"].as_i64().unwrap_or_default()
}

/// Long enough for some evaluations.
fn wait() {
    std::thread::sleep(Duration::from_secs(4));
}

/// The tree of the newest evaluation of an asset that asked for something.
#[track_caller]
fn asked(project: &Project, asset: &str) -> Value {
    let shown = project.json(&["automation", "show", asset]);
    let kept = shown["evaluations"].as_array().unwrap();
    let found = kept.iter().find(|one| one["requested"] != 0);
    let number = found.unwrap_or_else(|| panic!("{shown}"))["sequence"].to_string();
    project.json(&["automation", "explain", asset, "--evaluation", &number])
}

fn goes_down_once(project: &Project) {
    let _server = Server::start(project, &[]);
    project.tidegate(&["run", "raw_rows"]).succeeded();
    wait();
    assert_eq!(runs(project).len(), 0, "nothing is on that nobody started");
    start(project, &["cleaned", "report"]);
    until("both are made", || project.is_loaded("report"));
    wait();
    // Together, or one after the other where an evaluation came between the two starts.
    let before = runs(project).len();
    assert!((1..=2).contains(&before), "{before}");
    assert_eq!(in_state(project, "succeeded"), before);
    project.tidegate(&["run", "raw_rows"]).succeeded();
    until("what was loaded again goes down", || {
        in_state(project, "succeeded") == before + 1
    });
    wait();
    assert_eq!(runs(project).len(), before + 1, "one run for both");
    let tree = asked(project, "cleaned");
    assert!(
        tree["explained"]["condition"]
            .as_str()
            .unwrap()
            .starts_with("eager"),
        "{tree}"
    );
    let run = &runs(project)[0]["id"];
    assert_eq!(tree["runs"][0], *run, "{tree}");
    let number = tree["sequence"].to_string();
    let told = project.tidegate(&["automation", "explain", "cleaned", "--evaluation", &number]);
    let told = told.succeeded().stdout;
    assert!(told.contains("1  any_deps_updated (raw_rows)"), "{told}");
    assert!(
        told.contains(&format!("launched run {}", run.as_str().unwrap())),
        "{told}"
    );
    let list = project.json(&["automation", "list"]);
    assert_eq!(list[0]["asset"], "cleaned");
    assert_eq!(list[0]["standing"]["state"], "running");
}

#[test]
fn eager_follows_what_is_loaded_once() {
    goes_down_once(&chain(Project::new()));
}

#[test]
fn eager_follows_what_is_loaded_once_with_the_state_in_postgres() {
    let schema = format!("automation_{}", std::process::id());
    goes_down_once(&chain(Project::new().with("TIDEGATE_STATE", &database(&schema))));
    sql(&format!("DROP SCHEMA {schema} CASCADE"));
}

#[test]
fn a_failure_is_asked_for_again_only_when_something_changed() {
    for condition in ["on_missing", "missing"] {
        let project = Project::new();
        project.write("in/broken.csv", "id\nnot a number\n");
        from_file(&project, "broken", &format!("automation: {condition}"));
        let _server = Server::start(&project, &[]);
        start(&project, &["broken"]);
        until("it is tried", || in_state(&project, "failed") == 1);
        wait();
        assert_eq!(runs(&project).len(), 1, "it is not tried again and again");
        // What was stopped and started again is met anew.
        let before = evaluation(&project, "broken");
        project.tidegate(&["automation", "stop", "broken"]).succeeded();
        // Whether an evaluation comes between or not.
        if condition == "missing" {
            wait();
        }
        project.write("in/broken.csv", "id\n1\n");
        start(&project, &["broken"]);
        until("it is made", || in_state(&project, "succeeded") == 1);
        assert!(evaluation(&project, "broken") > before);
        wait();
        assert_eq!(runs(&project).len(), 2);
    }
}

/// Two daemons of which the one that leads is killed again and again, while things are loaded: each load goes down once.
fn leaders_are_killed(project: &Project) {
    start(project, &["cleaned", "report"]);
    let daemon = || Server::start(project, &["--roles", "daemon"]);
    let worker = Server::start(project, &["--roles", "worker"]);
    let mut daemons = vec![daemon(), daemon()];
    until("it is evaluated", || evaluation(project, "cleaned") > 0);
    let mut loads = 0;
    for round in 0..6 {
        project.tidegate(&["run", "raw_rows"]).succeeded();
        loads += 1;
        // At different moments of the evaluation and of the run; either may lead.
        std::thread::sleep(Duration::from_millis(300 * round));
        daemons.remove(0).kill();
        daemons.push(daemon());
        until("the load went down", || in_state(project, "succeeded") == loads);
    }
    wait();
    let runs = runs(project);
    let keys: BTreeSet<&str> = runs.iter().map(|run| run["run_key"].as_str().unwrap()).collect();
    assert_eq!((runs.len(), keys.len()), (loads, loads), "{runs:#?}");
    daemons.into_iter().for_each(Server::kill);
    worker.stop();
}

#[test]
fn leaders_that_are_killed_lose_and_double_no_request() {
    leaders_are_killed(&chain(Project::new()));
}

#[test]
fn leaders_that_are_killed_lose_and_double_no_request_on_postgres() {
    let schema = format!("automation_leaders_{}", std::process::id());
    leaders_are_killed(&chain(Project::new().with("TIDEGATE_STATE", &database(&schema))));
    sql(&format!("DROP SCHEMA {schema} CASCADE"));
}

#[test]
fn a_leader_that_was_paused_for_longer_than_its_lease_doubles_nothing() {
    let project = chain(Project::new());
    start(&project, &["cleaned", "report"]);
    let first = Server::start(&project, &["--roles", "daemon"]);
    until("it is evaluated", || evaluation(&project, "cleaned") > 0);
    let second = Server::start(&project, &[]);
    first.tell(Signal::STOP);
    project.tidegate(&["run", "raw_rows"]).succeeded();
    until("the other one leads", || in_state(&project, "succeeded") == 1);
    first.tell(Signal::CONT);
    wait();
    project.tidegate(&["run", "raw_rows"]).succeeded();
    until("it goes on", || in_state(&project, "succeeded") == 2);
    wait();
    assert_eq!(runs(&project).len(), 2);
    first.kill();
    second.kill();
}

#[test]
fn what_a_check_kept_back_is_waited_for() {
    let project = Project::new();
    let check = "checks: [{range: {column: id, min: 1}}]";
    for name in ["left", "right"] {
        project.write(&format!("in/{name}.csv"), "id\n1\n");
        from_file(&project, name, check);
    }
    from_asset(
        &project,
        "joined",
        "left",
        "deps: [right]\nautomation: {and: [{on_update: [left, right]}, all_deps_blocking_checks_passed]}",
    );
    start(&project, &["joined"]);
    let _server = Server::start(&project, &[]);
    until("it is evaluated", || evaluation(&project, "joined") > 0);
    for name in ["left", "right"] {
        project.tidegate(&["run", name]).succeeded();
    }
    until("it is made", || in_state(&project, "succeeded") >= 1);
    wait();
    let before = runs(&project).len();
    project.write("in/right.csv", "id\n0\n");
    assert_ne!(project.tidegate(&["run", "right"]).code, Some(0));
    wait();
    project.tidegate(&["run", "left"]).succeeded();
    wait();
    assert_eq!(runs(&project).len(), before, "the other one is kept back");
    let tree = project
        .tidegate(&["automation", "explain", "joined"])
        .succeeded()
        .stdout;
    assert!(
        tree.contains("0  all_deps_blocking_checks_passed (kept back: right)"),
        "{tree}"
    );
    project.write("in/right.csv", "id\n2\n");
    project.tidegate(&["run", "right"]).succeeded();
    until("it is made with both", || {
        in_state(&project, "succeeded") == before + 1
    });
}

#[test]
fn what_is_late_and_what_has_other_code_is_asked_for_once() {
    let project = Project::new();
    for name in ["aged", "coded"] {
        project.write(&format!("in/{name}.csv"), "id\n1\n");
    }
    from_file(
        &project,
        "aged",
        "freshness: {within: 10s}\nautomation: freshness_failed",
    );
    from_file(&project, "coded", "automation: code_version_changed");
    for name in ["aged", "coded"] {
        project.tidegate(&["run", name]).succeeded();
    }
    start(&project, &["aged", "coded"]);
    let server = Server::start(&project, &[]);
    let of = |name: &str| {
        let runs = project.json(&[
            "runs",
            "list",
            "--tag",
            "tidegate/automation=true",
            "--limit",
            "1000",
        ]);
        let runs = runs.as_array().unwrap().clone();
        runs.iter()
            .filter(|run| run["request"]["assets"][0] == name)
            .count()
    };
    until("it is late", || of("aged") >= 1);
    until("and late again", || of("aged") >= 2);
    assert_eq!(of("coded"), 0);
    let runs = runs(&project);
    let mut times: Vec<chrono::DateTime<chrono::Utc>> = runs
        .iter()
        .map(|run| run["created_at"].as_str().unwrap().parse().unwrap())
        .collect();
    times.sort_unstable();
    assert!(times[1] - times[0] >= chrono::TimeDelta::seconds(10), "{times:?}");
    project.tidegate(&["automation", "stop", "aged"]).succeeded();
    server.stop();
    from_file(
        &project,
        "coded",
        "contract: evolve\nautomation: code_version_changed",
    );
    let _server = Server::start(&project, &[]);
    until("its code is another", || of("coded") == 1);
    wait();
    assert_eq!(of("coded"), 1);
}

/// The slices of the runs of an asset that automation launched, oldest first: one, or from the first to the last.
fn slices(project: &Project, asset: &str) -> Vec<String> {
    let mut slices: Vec<String> = runs(project)
        .iter()
        .filter(|run| run["request"]["assets"][0] == asset)
        .map(|run| {
            let one = run["request"]["partition"].as_str();
            let range = run["request"]["partition_range"].as_str();
            one.or(range).unwrap().to_owned()
        })
        .collect();
    slices.reverse();
    slices
}

#[test]
fn slices_that_follow_each_other_are_a_run_and_what_was_wiped_is_made_again() {
    let project = Project::new();
    project.write(
        "in/sales.csv",
        "id,region,at\n1,eu,2024-10-26T10:00:00Z\n2,us,2024-10-27T10:00:00Z\n3,eu,2024-10-28T10:00:00Z\n",
    );
    let columns = "columns: [{name: id, type: int64}, {name: region, type: utf8}, {name: at, type: \"timestamp(s, UTC)\"}]\n\
                   destination: {resource: lake}";
    let days = "partitions: {daily: {start: 2024-10-26, end: 2024-10-29, column: at}}";
    let regions = "partitions: {static: {keys: [eu, us], column: region}}";
    let file = "source: {resource: raw, path: sales.csv}";
    for (name, source, cut, when) in [
        ("by_day", file, days, "missing"),
        ("by_region", file, regions, "on_missing"),
        (
            "followed",
            "source: {asset: by_day}",
            days,
            "{on_update: [by_day]}",
        ),
        ("latest", "source: {asset: by_day}", days, "eager"),
    ] {
        project.asset(name, &format!("{source}\n{columns}\n{cut}\nautomation: {when}\n"));
    }
    // Together those that are made from each other slice by slice would be one run.
    start(&project, &["by_day", "by_region"]);
    let _server = Server::start(&project, &[]);
    until("all are made", || in_state(&project, "succeeded") == 3);
    assert_eq!(slices(&project, "by_day"), ["2024-10-26...2024-10-28"]);
    let mut values = slices(&project, "by_region");
    values.sort();
    assert_eq!(values, ["eu", "us"]);
    start(&project, &["followed", "latest"]);
    until("the day that ended last is made", || {
        in_state(&project, "succeeded") == 4
    });
    assert_eq!(slices(&project, "latest"), ["2024-10-28"]);
    wait();
    assert_eq!(
        slices(&project, "followed"),
        [""; 0],
        "nothing was loaded since it was started"
    );
    project
        .tidegate(&["asset", "wipe", "by_day", "--partition", "2024-10-27", "--yes"])
        .succeeded();
    until("it is seen, made again, and goes down", || {
        slices(&project, "by_day").len() == 2 && in_state(&project, "succeeded") >= 5
    });
    assert_eq!(slices(&project, "by_day")[1], "2024-10-27");
    wait();
    let last = &runs(&project)[0]["request"];
    assert_eq!(last["partition"], "2024-10-27", "{last}");
    assert!(
        last["assets"].as_array().unwrap().contains(&"followed".into()),
        "{last}"
    );
    assert_eq!(slices(&project, "latest"), ["2024-10-28"]);
}

#[test]
fn what_is_wrong_with_one_asset_holds_up_no_other() {
    let project = chain(Project::new());
    project.write("in/odd.csv", "id\n1\n");
    from_file(&project, "odd", "automation: on_missing");
    // With an evaluation that is kept, and what it remembers spoilt.
    start(&project, &["odd"]);
    let server = Server::start(&project, &[]);
    until("it is made", || in_state(&project, "succeeded") == 1);
    wait();
    server.stop();
    spoil_memory(&project, "odd");
    start(&project, &["cleaned", "report"]);
    let _server = Server::start(&project, &[]);
    until("the fault is told", || {
        let last = project.json(&["automation", "show", "odd"]);
        last["evaluations"][0]["error"]["code"] == "state.record"
    });
    project.tidegate(&["run", "raw_rows"]).succeeded();
    until("the others go on", || project.is_loaded("report"));
    let told = project
        .tidegate(&["automation", "explain", "odd"])
        .succeeded()
        .stdout;
    assert!(
        told.contains("not evaluated") && told.contains("automation stop odd"),
        "{told}"
    );
    project.tidegate(&["automation", "stop", "odd"]).succeeded();
    start(&project, &["odd"]);
    until("it is evaluated again", || {
        let last = project.json(&["automation", "show", "odd"]);
        last["evaluations"][0]["explained"].is_object()
    });
}

fn spoil_memory(project: &Project, asset: &str) {
    use sqlx::Connection;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let address = format!("sqlite:{}", project.path(".tidegate/state.db").display());
        let mut connection = sqlx::SqliteConnection::connect(&address).await.unwrap();
        let changed = sqlx::query("UPDATE automation_memory SET body = '{}' WHERE asset = $1")
            .bind(asset)
            .execute(&mut connection)
            .await
            .unwrap();
        assert_eq!(changed.rows_affected(), 1);
        connection.close().await.unwrap();
    });
}

#[test]
fn what_is_wrong_with_a_condition_is_told_with_its_place() {
    let wrong = [
        (
            "{or: [missing, {cron_tick_passed: {cron: \"61 * * * *\"}}]}",
            "schema.automation",
        ),
        ("{cron: \"0 6 * * *\", zone: UTC}", "schema.unknown_key"),
        ("{on_update: [report]}", "schema.automation"),
        ("freshness_failed", "schema.automation"),
        ("{not: eagre}", "schema.invalid_value"),
    ];
    let project = chain(Project::new());
    for (condition, code) in wrong {
        from_asset(&project, "report", "cleaned", &format!("automation: {condition}"));
        let answer = project.tidegate(&["check"]).failed(3, code);
        assert!(
            answer.stderr.contains("report.yaml:7"),
            "{condition}: {}",
            answer.stderr
        );
    }
}
