//! Runs into a real ClickHouse engine, killed at every step of a load, and taken up again: the rows are those of a run that
//! was not.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

#[path = "../../connector/tests/clickhouse/login.rs"]
mod login;
#[path = "../../connector/tests/clickhouse/proxy.rs"]
#[allow(dead_code, reason = "the tests of the connector use the rest")]
mod proxy;
mod support;
#[path = "clickhouse/trial.rs"]
mod trial;

use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use clickhouse::Client;

use login::engine;
use proxy::Fate;
use support::server::Server;
use support::ticks::{schedule, ticks, until};
use support::{Project, repository};
use trial::{ROWS, Trial};

/// A moment of a load: at the statement with this in it, the so-manieth, before or after the engine does it.
struct Moment {
    name: &'static str,
    pattern: &'static str,
    nth: usize,
    fate: Fate,
}

const MOMENTS: [Moment; 7] = [
    Moment {
        name: "in the middle of a block",
        pattern: "FORMAT ArrowStream",
        nth: 4,
        fate: Fate::CutInside,
    },
    Moment {
        name: "after a block",
        pattern: "FORMAT ArrowStream",
        nth: 4,
        fate: Fate::CutAfter,
    },
    Moment {
        name: "after a stage",
        pattern: "SELECT sum(bytes_on_disk)",
        nth: 2,
        fate: Fate::CutAfter,
    },
    Moment {
        name: "before the commit",
        pattern: "<move>",
        nth: 1,
        fate: Fate::CutBefore,
    },
    Moment {
        name: "in the middle of the commit",
        pattern: "<move>",
        nth: 1,
        fate: Fate::CutAfter,
    },
    Moment {
        name: "after the commit",
        pattern: "INSERT INTO _tidegate_loads",
        nth: 1,
        fate: Fate::CutAfter,
    },
    Moment {
        name: "while it sweeps",
        pattern: "DROP TABLE IF EXISTS",
        nth: 1,
        fate: Fate::CutAfter,
    },
];

/// What moves rows into the target.
fn moves(statement: &str) -> bool {
    statement.starts_with("EXCHANGE")
        || statement.contains("REPLACE PARTITION")
        || (statement.contains("ATTACH PARTITION") && statement.starts_with("ALTER TABLE `orders`"))
}

/// What an undisturbed load leaves, after the one before it.
async fn reference(load: &str, rest: &str) -> String {
    let trial = Trial::new(&engine().0, load, rest).await;
    trial
        .project
        .tidegate(&["run", "orders", "--jobs", "1"])
        .succeeded();
    trial.give(2);
    trial
        .project
        .tidegate(&["run", "orders", "--jobs", "1"])
        .succeeded();
    trial.content().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_killed_at_any_step_ends_with_the_same_rows() {
    killed_at_every_moment("append", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_killed_at_any_step_ends_with_the_same_rows() {
    killed_at_every_moment("upsert", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_killed_at_any_step_ends_with_the_same_rows() {
    killed_at_every_moment("replace", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_of_a_partition_killed_at_any_step_ends_with_the_same_rows() {
    let months = "partitions: {monthly: {column: at, start: 2024-01, end: 2024-03}}";
    killed_at_every_moment("replace_partition", months).await;
}

async fn killed_at_every_moment(load: &str, rest: &str) {
    let expected = reference(load, rest).await;
    for moment in &MOMENTS {
        let victim: Arc<Mutex<Option<Child>>> = Arc::default();
        let armed = Arc::new(AtomicUsize::new(usize::MAX));
        let (counting, killing) = (armed.clone(), victim.clone());
        let (pattern, fate) = (moment.pattern, moment.fate);
        let url = proxy::start_told(
            &engine().0,
            move |statement| {
                let hit = match pattern {
                    "<move>" => moves(statement),
                    pattern => statement.contains(pattern),
                };
                let left = counting.load(Ordering::SeqCst);
                if !hit || left == usize::MAX || left == 0 {
                    return Fate::Pass;
                }
                counting.store(left - 1, Ordering::SeqCst);
                if left == 1 { fate } else { Fate::Pass }
            },
            move || {
                if let Some(child) = killing.lock().unwrap().as_mut() {
                    child.kill().unwrap();
                    child.wait().unwrap();
                }
            },
        );
        let told = format!("{load}, {}", moment.name);
        let trial = Trial::new(&url, load, rest).await;
        trial
            .project
            .tidegate(&["run", "orders", "--jobs", "1"])
            .succeeded();
        trial.give(2);
        armed.store(moment.nth, Ordering::SeqCst);
        let child = trial
            .project
            .command(&["run", "orders", "--jobs", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        *victim.lock().unwrap() = Some(child);
        wait_for(&victim).await;
        assert_eq!(armed.load(Ordering::SeqCst), 0, "{told}: the moment never came");
        let runs = trial.project.json(&["runs", "list"]);
        assert_eq!(runs[0]["state"], "failed", "{told}");
        trial.project.tidegate(&["runs", "retry", "latest"]).succeeded();
        assert_eq!(trial.content().await, expected, "{told}");
        let left =
            "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name LIKE '%stage%'";
        assert_eq!(trial.text(left).await, "0", "{told}");
    }
}

/// Until the process has ended.
async fn wait_for(child: &Arc<Mutex<Option<Child>>>) {
    loop {
        if child
            .lock()
            .unwrap()
            .as_mut()
            .unwrap()
            .try_wait()
            .unwrap()
            .is_some()
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_shows_what_would_change_and_apply_makes_it() {
    let trial = Trial::new(&engine().0, "append", "").await;
    let plan = trial.project.tidegate(&["plan", "orders"]).succeeded().stdout;
    assert!(
        plan.contains("change       the table `orders` is new (a run makes it, and so does --apply)"),
        "{plan}"
    );
    assert!(
        plan.contains("ENGINE = MergeTree\n               PARTITION BY toYYYYMM(`at`)")
            || plan.contains("ENGINE = MergeTree\n               ORDER BY"),
        "{plan}"
    );
    trial.project.tidegate(&["plan", "orders", "--apply"]).succeeded();
    assert_eq!(trial.text("SELECT count() FROM orders").await, "0");
    let plan = trial.project.tidegate(&["plan", "orders"]).succeeded().stdout;
    assert!(!plan.contains("change"), "{plan}");
    trial
        .client
        .query_raw("ALTER TABLE orders MODIFY COLUMN amount Nullable(String)")
        .execute()
        .await
        .unwrap();
    let plan = trial
        .project
        .tidegate(&["plan", "orders", "--apply"])
        .succeeded()
        .stdout;
    assert!(
        plan.contains("column `amount` is Nullable(String), and the schema says Nullable(Int64) (by hand"),
        "{plan}"
    );
    trial
        .project
        .tidegate(&["run", "orders"])
        .failed(3, "clickhouse.table_differs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_never_shown_and_a_wrong_one_is_told() {
    let trial = Trial::new(&engine().0, "append", "").await;
    let (_, _, password) = engine();
    let planned = trial.project.tidegate(&["plan", "orders", "--json"]).succeeded();
    let ran = trial.project.tidegate(&["run", "orders", "--json"]).succeeded();
    let logged = trial.project.tidegate(&["runs", "logs", "latest"]).succeeded();
    for answer in [planned, ran, logged] {
        assert!(!answer.stdout.contains(&password) && !answer.stderr.contains(&password));
    }
    let state = std::fs::read(trial.project.path(".tidegate/state.db")).unwrap();
    assert!(
        !state
            .windows(password.len())
            .any(|bytes| bytes == password.as_bytes())
    );
    let wrong = trial
        .project
        .with("TIDEGATE_SECRET_WAREHOUSE", "not-the-password");
    let failed = wrong.tidegate(&["run", "orders"]).failed(6, "clickhouse.login");
    assert!(!failed.stderr.contains("not-the-password"), "{}", failed.stderr);
}

/// A copy of the example whose `warehouse` is a database of the tests' engine.
async fn example() -> (Project, Client) {
    let trial = Trial::new(&engine().0, "append", "").await;
    let project = Project::empty().with("TIDEGATE_SECRET_WAREHOUSE", &engine().2);
    copy(
        Path::new(&format!("{}/schemas", repository())),
        &project.path("schemas"),
    );
    let warehouse = std::fs::read(trial.project.path("schemas/resources/warehouse.yaml")).unwrap();
    project.write("schemas/resources/warehouse.yaml", warehouse);
    let declared = std::fs::read_to_string(project.path("schemas/project.yaml")).unwrap();
    let plugins = format!("plugins: [{}/plugins/dist]", repository());
    project.write(
        "schemas/project.yaml",
        declared.replace("plugins: [plugins/dist]", &plugins),
    );
    (project, trial.client)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

async fn text(client: &Client, query: &str) -> String {
    let mut cursor = client.query_raw(query).fetch_bytes("TabSeparated").unwrap();
    String::from_utf8(cursor.collect().await.unwrap().to_vec())
        .unwrap()
        .trim_end()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_goes_into_a_warehouse() {
    let (project, client) = example().await;
    let assets = |arguments: &[&str]| -> Vec<String> {
        let listed = project.json(arguments);
        let names = listed.as_array().unwrap().iter();
        names
            .map(|asset| asset["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(!assets(&["asset", "list"]).contains(&"daily_delays".to_owned()));
    assert!(assets(&["asset", "list", "--target", "warehouse"]).contains(&"daily_delays".to_owned()));
    project
        .tidegate(&["check", "--target", "nowhere"])
        .failed(2, "schema.unknown_target");
    project
        .tidegate(&["run", "--all", "--target", "warehouse"])
        .succeeded();
    let shown = project.json(&["runs", "show", "latest", "--target", "warehouse"]);
    let loaded = |asset: &str| -> u64 {
        let done = shown["materializations"].as_array().unwrap().iter();
        done.filter(|each| each["asset"] == asset)
            .map(|each| each["load"]["rows"].as_u64().unwrap())
            .sum()
    };
    for asset in [
        "airlines",
        "airports",
        "planes",
        "weather",
        "flights",
        "departures",
        "daily_delays",
    ] {
        let rows = text(&client, &format!("SELECT count() FROM {asset}")).await;
        assert_eq!(rows, loaded(asset).to_string(), "{asset}");
    }
    assert!(loaded("flights") > 300_000 && loaded("daily_delays") > 5_000);
    let engines = "SELECT name, engine, partition_key FROM system.tables WHERE database = currentDatabase() \
        AND name IN ('flights', 'planes', 'daily_delays') ORDER BY name";
    assert_eq!(
        text(&client, engines).await,
        "daily_delays\tSummingMergeTree\t\n\
         flights\tMergeTree\ttoYYYYMM(time_hour, \\'America/New_York\\')\n\
         planes\tReplacingMergeTree"
    );
    // The metric is that of its rows, and a second run changes nothing.
    let sums = "SELECT (SELECT (count(), countIf(dep_delay >= 15)) FROM departures) = (SELECT (sum(departures), sum(late)) FROM daily_delays)";
    assert_eq!(text(&client, sums).await, "1");
    let content = "SELECT count(), sum(cityHash64(*)) FROM flights";
    let before = text(&client, content).await;
    project
        .tidegate(&["run", "--all", "--target", "warehouse"])
        .succeeded();
    assert_eq!(text(&client, content).await, before);
    assert_eq!(text(&client, sums).await, "1");
    project.tidegate(&["plan", "--target", "warehouse"]).succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_partitions_sizes_and_the_servers_health() {
    let months = "partitions: {monthly: {column: at, start: 2024-01, end: 2024-03}}";
    let trial = Trial::new(&engine().0, "replace_partition", months).await;
    let project = &trial.project;
    project
        .tidegate(&["clickhouse", "size", "orders"])
        .failed(6, "clickhouse.not_loaded");
    project.tidegate(&["run", "orders"]).succeeded();
    let partitions = project.json(&["clickhouse", "partitions", "orders"]);
    let told: Vec<_> = partitions
        .as_array()
        .unwrap()
        .iter()
        .map(|each| (each["partition"].clone(), each["rows"].clone()))
        .collect();
    assert_eq!(
        told,
        [("202401".into(), ROWS.into()), ("202402".into(), ROWS.into())]
    );
    assert_eq!(project.json(&["clickhouse", "size", "orders"])["rows"], ROWS * 2);
    assert!(project.json(&["clickhouse", "merges", "orders"]).is_array());
    project
        .tidegate(&["clickhouse", "optimize", "orders", "--only", "202499"])
        .failed(2, "clickhouse.no_partition");
    project
        .tidegate(&["clickhouse", "optimize", "orders", "--only", "202401"])
        .succeeded();
    let merged = project.json(&["clickhouse", "optimize", "orders"]);
    assert!(
        merged.as_array().unwrap().iter().all(|each| each["parts"] == 1),
        "{merged}"
    );
    let health = project.json(&["clickhouse", "health", "orders"]);
    assert_eq!(health["missing_grants"], serde_json::json!([]));
    assert!(health["clock_ahead_ms"].as_i64().unwrap().abs() < 60_000);
    for words in ["partitions", "merges", "size", "health"] {
        project.tidegate(&["clickhouse", words, "orders"]).succeeded();
    }
    project.asset("aside", "source: {resource: raw, path: orders.csv}\ncolumns: [{name: id, type: int64}]\ndestination: {resource: lake}");
    project
        .tidegate(&["clickhouse", "size", "aside"])
        .failed(2, "cli.not_clickhouse");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_merges_the_parts_of_a_table() {
    // What the engine merges by itself is kept out of the way.
    let apart = "append, time: at, settings: {max_bytes_to_merge_at_max_space_in_pool: 1}";
    let trial = Trial::new(&engine().0, apart, "").await;
    let project = &trial.project;
    project.asset("aside", "source: {resource: raw, path: orders.csv}\ncolumns: [{name: id, type: int64}]\ndestination: {resource: lake}");
    project.tidegate(&["run", "orders"]).succeeded();
    let parts =
        "SELECT count() FROM system.parts WHERE database = currentDatabase() AND table = 'orders' AND active";
    let count = async || trial.text(parts).await.parse::<u32>().unwrap();
    assert!(count().await > 2, "there is nothing to merge");
    let before = trial.content().await;
    schedule(project, "merges", "every: 1s\nmaintenance: {optimize: [orders]}");
    schedule(
        project,
        "wrong",
        "every: 1s\nenabled: true\nmaintenance: {optimize: [aside]}",
    );
    let server = Server::start(project, &[]);
    let failed = until("an asset without parts is told", || ticks(project, "wrong").pop());
    assert_eq!(failed["outcome"], "failed");
    assert_eq!(failed["error"]["code"], "schedule.optimize");
    // A schedule that is off leaves the table as it is.
    assert!(ticks(project, "merges").is_empty());
    assert!(count().await > 2);
    project.tidegate(&["schedule", "start", "merges"]).succeeded();
    let done = until("a tick merges", || ticks(project, "merges").pop());
    assert_eq!(done["outcome"], "launched", "{done:#}");
    let left = serde_json::json!({"orders": {"partitions": 2, "parts": 2}});
    assert_eq!(done["result"], left);
    assert_eq!(count().await, 2);
    assert_eq!(trial.content().await, before);
    // What is loaded meanwhile is merged at a later tick.
    trial.give(2);
    project.tidegate(&["run", "orders"]).succeeded();
    let rows = trial.content().await;
    assert!(rows.starts_with(&format!("{}\t", ROWS * 4)), "{rows}");
    let loaded = chrono::Utc::now();
    until("a tick behind the load is done", || {
        let last = ticks(project, "merges").pop()?;
        (support::ticks::instant(&last) > loaded).then_some(())
    });
    assert_eq!(count().await, 2);
    assert_eq!(trial.content().await, rows);
    server.stop();
    // The same by hand is a tick too.
    let by_hand = project.json(&["schedule", "trigger", "merges"]);
    assert_eq!(by_hand, left);
    let last = ticks(project, "merges").pop().unwrap();
    assert_eq!((&last["by_hand"], &last["result"]), (&true.into(), &left));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_over_assets_runs_inside_the_warehouse() {
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = heard.clone();
    let judge = move |statement: &str| {
        told.lock().unwrap().push(statement.to_owned());
        Fate::Pass
    };
    let trial = Trial::new(&proxy::start_told(&engine().0, judge, || ()), "upsert", "").await;
    let project = &trial.project;
    let sums = |sql: &str| {
        format!(
            "source: {{sql: \"{sql}\"}}
columns:
  - {{name: day, type: date32, key: true}}
  - {{name: orders, type: int64, nullable: false}}
destination: {{resource: warehouse, load: replace, role: metric}}"
        )
    };
    project.asset(
        "daily",
        &sums("SELECT toDate(at) AS day, count() AS orders FROM {orders} GROUP BY day"),
    );
    let plan = project.tidegate(&["plan", "daily"]).succeeded().stdout;
    assert!(plan.contains("source       SQL over orders"), "{plan}");
    for generation in [1, 2] {
        trial.give(generation);
        project.tidegate(&["run", "--all"]).succeeded();
    }
    // No row of it passes through the host.
    let filled = |what: &str| {
        let statements = heard.lock().unwrap();
        statements
            .iter()
            .any(|told| told.starts_with("INSERT INTO `_tidegate_stage_") && told.contains(what))
    };
    assert!(filled("SELECT toDate(at) AS day"));
    assert!(
        !heard
            .lock()
            .unwrap()
            .iter()
            .any(|told| told.starts_with("SELECT") && told.contains("AS orders FROM"))
    );
    // Older rows of a key do not count: the query reads what an upsert means.
    assert_eq!(
        trial.text("SELECT day, orders FROM daily ORDER BY day").await,
        "2024-01-15\t6050\n2024-02-15\t6050"
    );
    let shown = project.json(&["runs", "show", "latest"]);
    let counted = shown["materializations"]
        .as_array()
        .unwrap()
        .iter()
        .find(|each| each["asset"] == "daily")
        .unwrap();
    assert_eq!(
        (
            counted["counts"]["source"]["rows_in"].clone(),
            counted["load"]["rows"].clone()
        ),
        (2.into(), 2.into())
    );
    project.asset(
        "daily",
        &sums("SELECT toDate(at) AS day, if(rand() < 0, NULL, NULL) AS orders FROM {orders} GROUP BY day"),
    );
    project.tidegate(&["run", "daily"]).failed(4, "clickhouse.value");
    project.asset("daily", &sums("SELECT today() AS day, 1 AS orders"));
    project.tidegate(&["check"]).failed(3, "schema.source");
    project.asset("daily", &sums("SELECT today() AS day, 1 AS orders FROM {order}"));
    project.tidegate(&["check"]).failed(3, "schema.unknown_asset");
    project.asset("aside", "source: {resource: raw, path: orders.csv}\ncolumns: [{name: id, type: int64}]\ndestination: {resource: lake}");
    project.asset("daily", &sums("SELECT today() AS day, 1 AS orders FROM {aside}"));
    project.tidegate(&["check"]).failed(3, "schema.sql");
    project.asset(
        "daily",
        &sums("SELECT today() AS day, 1 AS orders FROM {orders}, {aside}"),
    );
    project.tidegate(&["check"]).failed(3, "schema.sql");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_the_table_cannot_hold_is_refused_by_row() {
    let trial = Trial::new(&engine().0, "append", "").await;
    let project = &trial.project;
    project.write(
        "in/odd.csv",
        "id,ref,kind,size,day,host\n\
         1,61f0c404-5cb3-11e7-907b-a6006ad3dba0,a,127,2024-01-01,10.0.0.1\n\
         2,61f0c404,a,1,2024-01-01,10.0.0.1\n\
         3,,z,1,2024-01-01,10.0.0.1\n\
         4,,b,128,2024-01-01,10.0.0.1\n\
         5,,b,1,1969-12-31,10.0.0.1\n\
         6,,b,1,2024-01-01,10.0.0.300\n\
         7,,,,,\n",
    );
    project.asset(
        "odd",
        "source: {resource: raw, path: odd.csv}
columns:
  - {name: id, type: int64, key: true}
  - {name: ref, type: utf8}
  - {name: kind, type: utf8}
  - {name: size, type: int64}
  - {name: day, type: date32}
  - {name: host, type: utf8}
destination:
  resource: warehouse
  columns:
    ref: {type: UUID}
    kind: {type: \"Enum8('a' = 1, 'b' = 2)\"}
    size: {type: Int8}
    day: {type: Date}
    host: {type: IPv4}",
    );
    project.tidegate(&["run", "odd"]).succeeded();
    assert_eq!(
        trial.text("SELECT * FROM odd ORDER BY id").await,
        "1\t61f0c404-5cb3-11e7-907b-a6006ad3dba0\ta\t127\t2024-01-01\t10.0.0.1\n7\t\\N\t\\N\t\\N\t\\N\t\\N"
    );
    let shown = project
        .tidegate(&["quarantine", "show", "odd"])
        .succeeded()
        .stdout;
    for told in [
        "`ref` is 61f0c404, which the destination cannot hold",
        "`kind` is z, which",
        "`size` is 128, which",
        "`day` is 1969-12-31, which",
        "`host` is 10.0.0.300, which",
    ] {
        assert!(shown.contains(told), "{told}:\n{shown}");
    }
    assert!(shown.contains("contract.out_of_range"), "{shown}");
    project.asset(
        "odd",
        "source: {resource: raw, path: odd.csv}
columns: [{name: id, type: int64, key: true}]
destination: {resource: warehouse, columns: {id: {type: Float32}}}",
    );
    project.tidegate(&["check"]).failed(3, "schema.type_unsupported");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_the_table_cannot_hold_is_refused_with_its_row() {
    let trial = Trial::new(&engine().0, "append", "").await;
    let project = &trial.project;
    project.write(
        "in/nested.jsonl",
        // Days from 1970 on: as texts those outside could not be read.
        r#"{"id": 1, "days": [19723, null], "seen": {"first": 19723}}
{"id": 2, "days": [19723, 3000000], "seen": {"first": 19723}}
{"id": 3, "days": [], "seen": {"first": -800000}}
"#,
    );
    project.asset(
        "nested",
        "source: {resource: raw, path: nested.jsonl}
columns:
  - {name: id, type: int64, key: true}
  - {name: days, type: list(date32), nullable: false}
  - {name: seen, type: \"struct(first: date32)\", nullable: false}
destination: {resource: warehouse}",
    );
    project.tidegate(&["run", "nested"]).succeeded();
    assert_eq!(
        trial.text("SELECT * FROM nested").await,
        "1\t['2024-01-01',NULL]\t('2024-01-01')"
    );
    let shown = project
        .tidegate(&["quarantine", "show", "nested"])
        .succeeded()
        .stdout;
    assert!(
        shown.contains("`days` is [") && shown.contains("`seen` is {"),
        "{shown}"
    );
    // A table is one asset's.
    project.asset(
        "other",
        "source: {resource: raw, path: nested.jsonl}
columns: [{name: id, type: int64, key: true}]
destination: {resource: warehouse, table: nested}",
    );
    project.tidegate(&["check"]).failed(3, "schema.same_place");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_new_is_read_and_nothing_is_missed() {
    let trial = Trial::new(&engine().0, "append", "").await;
    let project = &trial.project;
    let execute = async |statement: &str| trial.client.query_raw(statement).execute().await.unwrap();
    execute("CREATE TABLE shop (id Int64, amount Int64, changed DateTime64(3, 'Europe/London')) ENGINE = MergeTree ORDER BY id").await;
    execute("INSERT INTO shop SELECT number, 1, toDateTime64('2024-01-01 00:00:00', 3, 'UTC') + number FROM numbers(1000)").await;
    let copy = |cursor: &str, load: &str| {
        format!(
            "source: {{resource: warehouse, table: shop, {cursor}}}
columns:
  - {{name: id, type: int64, key: true}}
  - {{name: amount, type: int64}}
  - {{name: changed, type: \"timestamp(ms, UTC)\", nullable: false}}
destination: {{resource: warehouse, load: {load}}}"
        )
    };
    project.asset("copy", &copy("cursor: {column: changed, lag: 1m}", "upsert"));
    let read = |arguments: &[&str]| -> u64 {
        project.tidegate(arguments).succeeded();
        let shown = project.json(&["runs", "show", "latest"]);
        shown["materializations"][0]["counts"]["source"]["rows_in"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(read(&["run", "copy"]), 1_000);
    // The last minute is read again, both ends of it among it.
    assert_eq!(read(&["run", "copy"]), 61);
    execute("INSERT INTO shop SELECT number, 2, toDateTime64('2024-01-02 00:00:00', 3, 'UTC') + number FROM numbers(990, 20)").await;
    // One that comes late, within the lag.
    execute("INSERT INTO shop VALUES (5000, 3, toDateTime64('2024-01-01 00:16:00', 3, 'UTC'))").await;
    assert_eq!(read(&["run", "copy"]), 61 + 20 + 1);
    let same = "SELECT (SELECT (count(), sum(amount)) FROM copy FINAL) = (SELECT (uniqExact(id), sum(greatest)) FROM (SELECT id, max(amount) AS greatest FROM shop GROUP BY id))";
    assert_eq!(trial.text(same).await, "1");
    // A limit cuts something off: the next run begins where that one did.
    assert_eq!(read(&["run", "copy", "--limit", "5"]), 5);
    let behind = read(&["run", "copy"]);
    assert_eq!(behind, 20);
    assert_eq!(read(&["run", "copy", "--full-refresh"]), 1_021);
    assert_eq!(trial.text(same).await, "1");
    let plan = project.tidegate(&["plan", "copy"]).succeeded().stdout;
    assert!(plan.contains("only what is new by changed"), "{plan}");
    project.asset("copy", &copy("cursor: {column: changed}", "append"));
    project.tidegate(&["check"]).failed(3, "schema.cursor");
    project.asset("copy", "source: {resource: raw, path: orders.csv, cursor: {column: id}}\ncolumns: [{name: id, type: int64, key: true}]\ndestination: {resource: warehouse, load: upsert}");
    project.tidegate(&["check"]).failed(3, "schema.cursor");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_without_a_time_is_in_no_slice_and_waits_in_quarantine() {
    let trial = Trial::new(&engine().0, "append", "").await;
    let project = &trial.project;
    for statement in [
        "CREATE TABLE shop (id Int64, at Nullable(DateTime64(3, 'UTC'))) ENGINE = MergeTree ORDER BY id",
        "INSERT INTO shop VALUES (1, '2024-01-31 23:59:59'), (2, NULL), (3, '2024-02-01 00:00:00'), (4, '2023-12-31 00:00:00')",
    ] {
        trial.client.query_raw(statement).execute().await.unwrap();
    }
    project.asset(
        "sliced",
        "source: {resource: warehouse, table: shop}
columns:
  - {name: id, type: int64, key: true}
  - {name: at, type: \"timestamp(ms, UTC)\", nullable: false}
destination: {resource: warehouse, load: replace_partition}
partitions: {monthly: {column: at, start: 2024-01, end: 2024-03}}",
    );
    project.tidegate(&["run", "sliced"]).succeeded();
    assert_eq!(trial.text("SELECT id FROM sliced ORDER BY id").await, "1\n3");
    let shown = project
        .tidegate(&["quarantine", "show", "sliced"])
        .succeeded()
        .stdout;
    assert!(shown.contains("partition.missing"), "{shown}");
}
