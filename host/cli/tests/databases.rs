//! The example among servers: Postgres, plugins, ClickHouse, a bucket, and SQL over all of them.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

#[path = "../../connector/tests/clickhouse/login.rs"]
mod login;
mod support;

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;

use login::{engine, new_database};
use support::{Project, repository};

/// A copy of the example with databases and a prefix of its own.
async fn example() -> Project {
    let name = format!("full_{}", std::process::id());
    let mut shop: Url = std::env::var("TIDEGATE_TEST_POSTGRES_URL")
        .expect("`cargo xtask test` sets it")
        .parse()
        .unwrap();
    let mut connection = PgConnection::connect(shop.as_str()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut connection)
        .await
        .unwrap();
    shop.set_path(&name);
    let user = shop.username().to_owned();
    shop.set_username("").unwrap();
    let (warehouse, warehouse_user, password) = engine();
    new_database(&warehouse, &name).await;
    let bucket = std::env::var("TIDEGATE_TEST_S3_URL").expect("`cargo xtask test` sets it");
    let project = Project::empty()
        .with("DEMO_POSTGRES_URL", shop.as_str())
        .with("DEMO_POSTGRES_USER", &user)
        .with("DEMO_CLICKHOUSE_URL", &warehouse)
        .with("DEMO_CLICKHOUSE_USER", &warehouse_user)
        .with("TIDEGATE_SECRET_DEMO_CLICKHOUSE", &password)
        .with("AWS_ENDPOINT_URL", &bucket)
        .with("AWS_REGION", "us-east-1")
        .with("AWS_ACCESS_KEY_ID", "tests")
        .with("AWS_SECRET_ACCESS_KEY", "test-secret");
    let example = Path::new(&repository()).join("examples/databases/schemas");
    for folder in ["", "resources", "assets"] {
        for entry in std::fs::read_dir(example.join(folder)).unwrap().flatten() {
            if entry.path().is_file() {
                let text = std::fs::read_to_string(entry.path())
                    .unwrap()
                    .replace("../..", &repository())
                    .replace("s3://tests/demo", &format!("s3://tests/{name}"))
                    .replace("prefix: demo", &format!("prefix: {name}"))
                    .replace(
                        "\n  user: \"${env:DEMO_CLICK",
                        &format!("\n  database: {name}\n  user: \"${{env:DEMO_CLICK"),
                    );
                let path = Path::new("schemas").join(folder).join(entry.file_name());
                project.write(path.to_str().unwrap(), text);
            }
        }
    }
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_go_from_postgres_through_plugins_into_clickhouse_and_on_to_a_bucket() {
    let project = example().await;
    project.tidegate(&["check"]).succeeded();
    project.tidegate(&["check", "--connect"]).succeeded();
    project.tidegate(&["run", "--all"]).succeeded();
    let ask = |sql: &str| {
        project
            .tidegate(&["query", "--format", "csv", sql])
            .succeeded()
            .stdout
    };
    // All rows that Postgres has are in ClickHouse, but for those that wait in quarantine, in the bucket.
    assert_eq!(ask("SELECT count(*) AS n FROM booked_flights"), "n\n336776\n");
    let counted = ask("SELECT count(*) AS n FROM flights");
    let kept: u64 = counted.lines().nth(1).unwrap().parse().unwrap();
    let listed = project.json(&["quarantine", "list"]);
    let refused: u64 = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["rows"].as_u64().unwrap())
        .sum();
    assert_eq!(kept + refused, 336_776, "{listed}");
    assert!(refused > 0);
    let shown = project
        .tidegate(&["quarantine", "show", "flights", "--limit", "1"])
        .succeeded()
        .stdout;
    assert!(shown.contains("tailnum"), "{shown}");
    let log = project.tidegate(&["runs", "logs", "latest"]).succeeded().stdout;
    assert!(log.contains("loaded 16 rows"), "{log}");
    // Three places in one question.
    let joined = "SELECT count(*) AS n, sum(d.flights) AS flights FROM airline_delays d JOIN airlines a ON a.name = d.airline \
                  WHERE a.carrier IN (SELECT carrier FROM flights WHERE month = 1)";
    let answer = ask(joined);
    assert!(answer.starts_with("n,flights\n"), "{answer}");
    // Again it ends the same.
    project.tidegate(&["run", "--all"]).succeeded();
    assert_eq!(ask("SELECT count(*) AS n FROM flights"), counted);
}
