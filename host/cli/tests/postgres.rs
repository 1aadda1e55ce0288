//! Runs between a real Postgres, files and ClickHouse, killed at every step of a load and taken up again: the rows are those
//! of a run that was not.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

#[path = "../../connector/tests/postgres/proxy.rs"]
#[allow(dead_code, reason = "the tests of the connector use the rest")]
mod proxy;
mod support;

use std::fmt::Write as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use url::Url;

use proxy::{Fate, Proxy};
use support::Project;

/// Rows of a month; a checkpoint comes every 2,000.
const ROWS: u32 = 6_000;

/// A database of its own.
struct Database {
    url: Url,
}

impl Database {
    async fn new() -> Self {
        let mut url: Url = std::env::var("TIDEGATE_TEST_POSTGRES_URL")
            .expect("`cargo xtask test` sets it")
            .parse()
            .unwrap();
        let name = format!("cli_{}", uuid());
        Self { url: url.clone() }
            .execute(&format!("CREATE DATABASE {name}"))
            .await;
        url.set_path(&name);
        Self { url }
    }

    /// The URL that a schema has, by another port.
    fn address(&self, port: Option<u16>) -> String {
        let mut url = self.url.clone();
        url.set_username("").unwrap();
        url.set_port(port.or(self.url.port())).unwrap();
        url.to_string()
    }

    async fn execute(&self, statement: &str) {
        let mut connection = PgConnection::connect(self.url.as_str()).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
        connection.close().await.unwrap();
    }

    async fn text(&self, query: &str) -> String {
        let mut connection = PgConnection::connect(self.url.as_str()).await.unwrap();
        let rows = sqlx::raw_sql(AssertSqlSafe(query))
            .fetch_all(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}"));
        connection.close().await.unwrap();
        let texts = rows
            .iter()
            .map(|row| row.get::<Option<String>, _>(0).unwrap_or_else(|| "-".into()));
        texts.collect::<Vec<_>>().join("\n")
    }
}

/// A name that no other test has.
fn uuid() -> String {
    let at = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    format!("{}_{at}", std::process::id())
}

/// A project whose resource `mart` is the database.
fn project(database: &Database, port: Option<u16>) -> Project {
    let project = Project::new();
    project.write(
        "schemas/project.yaml",
        "apiVersion: tidegate/v1\nkind: Project\nname: trial\nbatch_rows: 500\n",
    );
    project.write(
        "schemas/resources/mart.yaml",
        format!(
            "apiVersion: tidegate/v1\nkind: Resource\nname: mart\ntype: postgres\n\
             config: {{url: \"{}\", user: postgres}}\n",
            database.address(port)
        ),
    );
    project
}

/// The asset `orders`, from a file.
fn orders(project: &Project, load: &str, rest: &str) {
    project.asset(
        "orders",
        &format!(
            "source: {{resource: raw, path: orders.csv}}
columns:
  - {{name: id, type: int64, key: true}}
  - {{name: name, type: utf8}}
  - {{name: at, type: \"timestamp(ms, UTC)\", nullable: false}}
  - {{name: amount, type: \"decimal(12,2)\"}}
destination: {{resource: mart, load: {load}}}
checkpoint: {{every_rows: 2000}}
{rest}"
        ),
    );
    give(project, 1);
}

/// Rows of two months; most keys are those of before, each with a new amount.
fn give(project: &Project, generation: u32) {
    let mut text = String::from("id,name,at,amount\n");
    for row in 0..ROWS * 2 {
        let id = row + generation * 100;
        let month = row % 2 + 1;
        // Writing into text does not fail.
        let _ = writeln!(
            text,
            "{id},name of order {id} in words,2024-0{month}-15T00:00:00Z,{generation}.25"
        );
    }
    project.write("in/orders.csv", text);
}

const CONTENT: &str = "SELECT count(*) || ' ' || sum(amount) || ' ' || sum(hashtextextended(row(id, name, at, amount)::text, 0)) FROM orders";

/// A moment of a load: at the so-manieth statement with these words, before or after the server does it.
const MOMENTS: [(&str, &str, usize, Fate); 8] = [
    ("in the middle of a part", "name of order 3", 2, Fate::CutBefore),
    ("before a stage", "COMMIT\0", 2, Fate::CutBefore),
    ("after a stage", "COMMIT\0", 2, Fate::CutAfter),
    ("before the commit", "FOR UPDATE", 1, Fate::CutBefore),
    (
        "in the middle of the commit",
        "INSERT INTO \"public\".\"orders\"",
        1,
        Fate::CutAfter,
    ),
    (
        "before it is written down",
        "_tidegate_loads VALUES",
        1,
        Fate::CutBefore,
    ),
    ("before the end of the commit", "DROP TABLE", 1, Fate::CutAfter),
    ("after the commit", "COMMIT\0", 7, Fate::CutAfter),
];

async fn killed_at_every_moment(load: &str, rest: &str) {
    let run = ["run", "orders", "--jobs", "1"];
    let quiet = Database::new().await;
    let reference = project(&quiet, None);
    orders(&reference, load, rest);
    reference.tidegate(&run).succeeded();
    give(&reference, 2);
    reference.tidegate(&run).succeeded();
    let expected = quiet.text(CONTENT).await;
    for (name, words, nth, fate) in MOMENTS {
        let told = format!("{load}, {name}");
        let database = Database::new().await;
        let proxy = Proxy::start(database.url.port().unwrap(), words, 0, fate);
        let project = project(&database, Some(proxy.port));
        orders(&project, load, rest);
        project.tidegate(&run).succeeded();
        give(&project, 2);
        let child = project
            .command(&run)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let victim = Arc::new(Mutex::new(child.unwrap()));
        let killing = victim.clone();
        // With partitions a load has fewer parts, and the last commit comes sooner.
        let nth = if nth == 7 && !rest.is_empty() { 4 } else { nth };
        proxy.arm(nth, move || {
            let mut child = killing.lock().unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
        });
        loop {
            if victim.lock().unwrap().try_wait().unwrap().is_some() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert!(proxy.is_done(), "{told}: the moment never came");
        assert_eq!(project.json(&["runs", "list"])[0]["state"], "failed", "{told}");
        project.tidegate(&["runs", "retry", "latest"]).succeeded();
        assert_eq!(database.text(CONTENT).await, expected, "{told}");
        let left = "SELECT count(*)::text FROM pg_class WHERE relname LIKE '%stage%' AND relkind = 'r'";
        assert_eq!(database.text(left).await, "0", "{told}");
    }
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

/// Rows straight from a table into a table: nothing is staged, and the transaction is all there is.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_between_tables_killed_at_any_step_ends_with_the_same_rows() {
    for load in ["append", "replace", "upsert"] {
        for (name, words, fate) in [
            ("in the middle of the rows", "name 7", Fate::CutBefore),
            (
                "before it is written down",
                "_tidegate_loads VALUES",
                Fate::CutBefore,
            ),
            ("before the commit", "COMMIT\0", Fate::CutBefore),
            ("after the commit", "COMMIT\0", Fate::CutAfter),
        ] {
            let database = Database::new().await;
            let proxy = Proxy::start(database.url.port().unwrap(), words, 0, fate);
            let project = project(&database, Some(proxy.port));
            database
                .execute(
                    "CREATE TABLE shop AS SELECT n::bigint AS id, 'name ' || n AS name FROM generate_series(1, 50000) n",
                )
                .await;
            project.asset(
                "orders",
                &format!(
                    "source: {{resource: mart, table: shop}}
columns: [{{name: id, type: int64, key: true}}, {{name: name, type: utf8}}]
destination: {{resource: mart, load: {load}}}"
                ),
            );
            let child = project
                .command(&["run", "orders"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let victim = Arc::new(Mutex::new(child.unwrap()));
            let killing = victim.clone();
            proxy.arm(1, move || {
                let mut child = killing.lock().unwrap();
                child.kill().unwrap();
                child.wait().unwrap();
            });
            loop {
                if victim.lock().unwrap().try_wait().unwrap().is_some() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            assert!(proxy.is_done(), "{load}, {name}: the moment never came");
            project.tidegate(&["runs", "retry", "latest"]).succeeded();
            assert_eq!(
                database
                    .text("SELECT count(*) || ' ' || sum(id) || ' ' || count(DISTINCT name) FROM orders")
                    .await,
                "50000 1250025000 50000",
                "{load}, {name}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_becomes_a_project_that_runs() {
    let database = Database::new().await;
    database
        .execute(
            "CREATE TABLE \"Big Orders\" (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, \"yes\" text, paid timestamptz);
             COMMENT ON TABLE \"Big Orders\" IS 'One row: an order.';
             INSERT INTO \"Big Orders\" SELECT n, n + 0.5, 'it''s', now() FROM generate_series(1, 100) n;
             CREATE TABLE empty (n integer)",
        )
        .await;
    let project = Project::empty();
    let from = database.url.to_string();
    let said = project
        .tidegate(&["init", "shop", "--from", &from])
        .succeeded()
        .stdout;
    assert!(said.contains("schemas/assets/big_orders.yaml"), "{said}");
    project.tidegate(&["check"]).succeeded();
    project.tidegate(&["run", "--all"]).succeeded();
    let lines = project.json(&["asset", "list"]);
    assert_eq!(lines.as_array().unwrap().len(), 2, "{lines}");
    // Again it changes nothing.
    let again = project.json(&["init", "shop", "--from", &from]);
    assert_eq!(again["files"].as_array().unwrap().len(), 0, "{again}");
    for (url, exit, code) in [
        ("mysql://u@h/db", 2, "init.url"),
        ("postgres://127.0.0.1/db", 2, "init.url"),
        ("no url", 2, "init.url"),
    ] {
        project.tidegate(&["init", "--from", url]).failed(exit, code);
    }
    project
        .tidegate(&["init", "--from", &from, "--schema", "nowhere"])
        .failed(2, "init.nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_table_cannot_hold_is_refused_by_row() {
    let database = Database::new().await;
    let project = project(&database, None);
    project.write(
        "in/odd.jsonl",
        "{\"id\": 1, \"ref\": \"61f0c404-5cb3-11e7-907b-a6006ad3dba0\", \"body\": \"{}\", \"size\": 1, \"name\": \"ok\", \"tags\": [\"a\"]}\n\
         {\"id\": 2, \"ref\": \"61f0c404\"}\n\
         {\"id\": 3, \"body\": \"{\"}\n\
         {\"id\": 4, \"size\": 40000}\n\
         {\"id\": 5, \"name\": \"a\\u0000b\"}\n\
         {\"id\": 6, \"tags\": [\"a\\u0000b\"]}\n\
         {\"id\": 7, \"name\": \"too long\"}\n",
    );
    project.asset(
        "odd",
        "source: {resource: raw, path: odd.jsonl}
columns:
  - {name: id, type: int64, key: true}
  - {name: ref, type: utf8}
  - {name: body, type: utf8}
  - {name: size, type: int64}
  - {name: name, type: utf8}
  - {name: tags, type: list(utf8)}
destination:
  resource: mart
  load: upsert
  columns: {ref: {type: uuid}, body: {type: jsonb}, size: {type: smallint}, name: {type: varchar(4)}}",
    );
    project.tidegate(&["run", "odd"]).succeeded();
    assert_eq!(
        database.text("SELECT row(odd.*)::text FROM odd").await,
        "(1,61f0c404-5cb3-11e7-907b-a6006ad3dba0,{},1,ok,{a})"
    );
    let shown = project
        .tidegate(&["quarantine", "show", "odd"])
        .succeeded()
        .stdout;
    assert_eq!(shown.matches("contract.out_of_range").count(), 6, "{shown}");
    let plan = project.tidegate(&["plan", "odd"]).succeeded().stdout;
    assert!(!plan.contains("change"), "{plan}");
    database.execute("ALTER TABLE odd DROP COLUMN tags").await;
    let plan = project.tidegate(&["plan", "odd"]).succeeded().stdout;
    assert!(plan.contains("column `tags` is new"), "{plan}");
    project
        .tidegate(&["run", "odd"])
        .failed(3, "postgres.table_differs");
}
