//! How the databases carry the store's own queries out: on 100,000 runs none reads a big table from end to end.

use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, SqlitePool};
use tidegate_core::plan::WorkerId;
use tidegate_core::port::{RunFilter, RunState};

use crate::pool::Pool;
use crate::queue::{GOING, GOING_BY_TAG, queued};
use crate::run_list::listing;
use crate::{SqlStateStore, events, materializations, prune, versions};

/// A hundred thousand runs of a year and two million events: most have ended, a few go on, a few wait.
const POSTGRES: &str = "
INSERT INTO runs (id, state, request, created_at, updated_at, worker, priority, job, tags)
SELECT (lpad(to_hex(1700000000000 + n * 315000::bigint), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
       CASE WHEN n > 99990 THEN 'queued' WHEN n > 99980 THEN 'running' WHEN n % 50 = 0 THEN 'failed' ELSE 'succeeded' END,
       '{}', to_timestamp(1700000000 + n * 315), to_timestamp(1700000000 + n * 315), 'w' || n % 20, n % 3,
       'job' || n % 100, '{}'
FROM generate_series(1, 100000) n;
INSERT INTO run_tags SELECT id, 'team', 't' || row_number() OVER () % 100 FROM runs;
INSERT INTO run_partitions (run, asset, partition_key, position, state)
SELECT id, 'asset' || row_number() OVER () % 100, '', 0, 'succeeded' FROM runs;
INSERT INTO events (run, kind, data, at)
SELECT r.id, CASE WHEN n = 1 THEN 'run_state' ELSE 'checkpoint' END, '{}', r.created_at
FROM runs r, generate_series(1, 20) n;
INSERT INTO materializations (run, asset, partition_key, epoch, at, load, counts, plugins, duration_ms)
SELECT id, 'asset' || row_number() OVER () % 100, '', row_number() OVER (), created_at, '{}', '{}', '[]', 1 FROM runs;
INSERT INTO newest_materializations SELECT asset, '', MAX(epoch) FROM materializations GROUP BY asset;
ANALYZE";

/// The same with a tenth of the events: of SQLite's plans none depends on how many there are.
const SQLITE: &str = "
CREATE TEMP TABLE n AS WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100000) SELECT n FROM n;
INSERT INTO runs (id, state, request, created_at, updated_at, worker, priority, job, tags)
SELECT unhex(printf('%012x70008000%012x', 1700000000000 + n * 315000, n)),
       CASE WHEN n > 99990 THEN 'queued' WHEN n > 99980 THEN 'running' WHEN n % 50 = 0 THEN 'failed' ELSE 'succeeded' END,
       '{}', '2024-01-01T00:00:00+00:00', '2024-01-01T00:00:00+00:00', 'w' || (n % 20), n % 3, 'job' || (n % 100), '{}'
FROM n;
INSERT INTO run_tags SELECT id, 'team', 't' || (rowid % 100) FROM runs;
INSERT INTO run_partitions (run, asset, partition_key, position, state)
SELECT id, 'asset' || (rowid % 100), '', 0, 'succeeded' FROM runs;
INSERT INTO events (run, kind, data, at)
SELECT id, 'run_state', '{}', created_at FROM runs UNION ALL SELECT id, 'checkpoint', '{}', created_at FROM runs;
INSERT INTO materializations (run, asset, partition_key, epoch, at, load, counts, plugins, duration_ms)
SELECT id, 'asset' || (rowid % 100), '', rowid, created_at, '{}', '{}', '[]', 1 FROM runs;
INSERT INTO newest_materializations SELECT asset, '', MAX(epoch) FROM materializations GROUP BY asset";

/// What the pages of runs ask for.
fn filters() -> Vec<(&'static str, RunFilter)> {
    let page = RunFilter {
        limit: 50,
        ..RunFilter::default()
    };
    let states = |states: &[RunState]| RunFilter {
        states: states.to_vec(),
        ..page.clone()
    };
    let tagged = RunFilter {
        tags: vec![("team".into(), "t7".into())],
        ..page.clone()
    };
    let asset = RunFilter {
        asset: "asset7".parse().ok(),
        ..page.clone()
    };
    vec![
        ("all", page.clone()),
        ("queued", states(&[RunState::Queued])),
        ("failed", states(&[RunState::Failed])),
        ("succeeded", states(&[RunState::Succeeded])),
        (
            "going",
            states(&[RunState::Starting, RunState::Running, RunState::Cancelling]),
        ),
        (
            "tag and state",
            RunFilter {
                states: vec![RunState::Failed],
                ..tagged.clone()
            },
        ),
        ("tag", tagged),
        (
            "job",
            RunFilter {
                job: Some("job7".into()),
                ..page.clone()
            },
        ),
        (
            "worker",
            RunFilter {
                worker: Some(WorkerId("w7".into())),
                ..page
            },
        ),
        ("asset", asset),
    ]
}

/// The plans of all queries, each a text.
macro_rules! plans {
    ($db:expr, $explain:literal, $line:expr) => {{
        let db = $db;
        let mut plans: Vec<(&str, String)> = Vec::new();
        let run: Uuid = sqlx::query_scalar("SELECT id FROM runs ORDER BY id LIMIT 1 OFFSET 50000")
            .fetch_one(db)
            .await
            .unwrap();
        macro_rules! keep {
            ($name:expr, $query:expr) => {{
                let rows = $query.fetch_all(db).await.unwrap();
                let lines: Vec<String> = rows.iter().map($line).collect();
                plans.push(($name, lines.join("\n")));
            }};
        }
        macro_rules! explained {
            ($text:expr) => {
                sqlx::query(AssertSqlSafe(format!(concat!($explain, "{}"), $text)))
            };
        }
        for (name, filter) in &filters() {
            keep!(name, listing!($explain, filter).build());
        }
        let worker = WorkerId("w7".into());
        let full = [("team".to_owned(), "t7".to_owned())];
        keep!("take", queued!($explain, &full, worker, 10_i64, "").build());
        keep!("going", explained!(GOING));
        keep!(
            "going by tag",
            explained!(GOING_BY_TAG).bind("team").bind(None::<&str>)
        );
        keep!(
            "events of a run",
            explained!(events::AFTER).bind(run).bind(10_i64).bind(100_i64)
        );
        keep!("newest", explained!(materializations::NEWEST).bind("asset7"));
        keep!(
            "last",
            explained!(materializations::LAST).bind("asset7").bind("1")
        );
        let newest = format!("{} IN ($1, $2)", versions::NEWEST);
        keep!(
            "how assets stand",
            explained!(newest).bind("asset7").bind("asset8")
        );
        let old = chrono::DateTime::from_timestamp(1_700_100_000, 0).unwrap();
        keep!("ended", explained!(prune::ENDED).bind(old).bind(100_i64));
        keep!(
            "events of a kind",
            explained!(prune::LAST_OF_KIND)
                .bind("checkpoint")
                .bind(0_i64)
                .bind(5_000_i64)
        );
        keep!(
            "delete of a kind",
            explained!(prune::DELETE_OF_KIND)
                .bind("checkpoint")
                .bind(0_i64)
                .bind(5_000_i64)
                .bind(old)
        );
        plans
    }};
}

async fn of_postgres(db: &PgPool) -> Vec<(&'static str, String)> {
    use sqlx::Row;
    sqlx::raw_sql(POSTGRES).execute(db).await.unwrap();
    plans!(db, "EXPLAIN ", |row| row.get::<String, _>(0))
}

async fn of_sqlite(db: &SqlitePool) -> Vec<(&'static str, String)> {
    use sqlx::Row;
    sqlx::raw_sql(SQLITE).execute(db).await.unwrap();
    plans!(db, "EXPLAIN QUERY PLAN ", |row| row.get::<String, _>(3))
}

const BIG: [&str; 5] = ["runs", "run_tags", "run_partitions", "events", "materializations"];

#[tokio::test]
async fn postgres_reads_no_big_table_from_end_to_end() {
    let url = std::env::var("TIDEGATE_TEST_POSTGRES_URL").expect("`cargo xtask test` sets it");
    let schema = format!("plans_{}", std::process::id());
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let make = format!("CREATE SCHEMA {schema}");
    sqlx::raw_sql(AssertSqlSafe(make))
        .execute(&mut connection)
        .await
        .unwrap();
    let joint = if url.contains('?') { '&' } else { '?' };
    let address = format!("{url}{joint}options=-csearch_path%3D{schema}");
    let store = SqlStateStore::open(&address).await.unwrap();
    let Pool::Postgres(db) = &store.pool else {
        unreachable!("it is a server")
    };
    let plans = of_postgres(db).await;
    store.close().await;
    sqlx::raw_sql(AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE")))
        .execute(&mut connection)
        .await
        .unwrap();
    let wrong: Vec<_> = plans
        .iter()
        .filter(|(_, plan)| {
            plan.lines().any(|line| {
                let table = line
                    .split("Seq Scan on ")
                    .nth(1)
                    .and_then(|rest| rest.split(' ').next());
                // The months that come and the default are empty.
                table.is_some_and(|table| BIG.contains(&table) || table == "events_before")
            })
        })
        .map(|(name, plan)| format!("{name}:\n{plan}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(plans.len(), 20);
}

#[tokio::test]
async fn sqlite_reads_no_big_table_from_end_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", folder.path().join("kept").display());
    let store = SqlStateStore::open(&address).await.unwrap();
    let Pool::Sqlite(db) = &store.pool else {
        unreachable!("it is a file")
    };
    let plans = of_sqlite(db).await;
    let wrong: Vec<_> = plans
        .iter()
        // `SCAN r USING INDEX` is in the order of the index, up to the limit.
        .filter(|(_, plan)| {
            plan.lines().any(|line| {
                line.starts_with("SCAN ")
                    && !line.contains("USING")
                    && !line.ends_with(" page")
                    && !line.ends_with("newest")
            })
        })
        .map(|(name, plan)| format!("{name}:\n{plan}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(plans.len(), 20);
    store.close().await;
}
