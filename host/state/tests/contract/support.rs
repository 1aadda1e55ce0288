//! A new store for each case, and the records that the cases put into it.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;
use tidegate_core::batch::StepCounts;
use tidegate_core::plan::{AssetName, Digest, PartitionKey, RunId, WorkerId};
use tidegate_core::port::{
    AttemptKey, Checkpoint, Claim, Claiming, Cursor, Input, LoadReceipt, Materialization, NewRun, Part,
    PartitionState, PoolLimit, QuarantineEntry, RunPartition, StateStore, StepTotal, TaskCounts, Watermark,
};
use tidegate_core::{Error, Kind};
use tidegate_state::SqlStateStore;
use uuid::Uuid;

/// Makes two tests of each case, one a database. A case takes the place by reference.
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let place = crate::support::Place::sqlite().await;
                    super::$case(&place).await;
                    place.clear().await;
                }
            )+
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let place = crate::support::Place::postgres().await;
                    super::$case(&place).await;
                    place.clear().await;
                }
            )+
        }
    };
}

/// Where a case's store is.
pub(crate) struct Place {
    /// The store, open.
    pub(crate) store: SqlStateStore,
    /// Opens the same store once more, as another process would.
    pub(crate) address: String,
    _folder: Option<TempDir>,
    schema: Option<String>,
}

impl Place {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite:{}", folder.path().join("state.db").display());
        Self {
            store: SqlStateStore::open(&address).await.unwrap(),
            address,
            _folder: Some(folder),
            schema: None,
        }
    }

    /// In a schema of its own, so that cases run side by side on one server.
    pub(crate) async fn postgres() -> Self {
        let schema = format!("case_{}", Uuid::now_v7().simple());
        sql(&format!("CREATE SCHEMA {schema}")).await;
        let url = postgres_url();
        let joint = if url.contains('?') { '&' } else { '?' };
        let address = format!("{url}{joint}options=-csearch_path%3D{schema}");
        let store = SqlStateStore::open(&address).await.unwrap();
        Self {
            store,
            address,
            _folder: None,
            schema: Some(schema),
        }
    }

    pub(crate) async fn open_again(&self) -> SqlStateStore {
        SqlStateStore::open(&self.address).await.unwrap()
    }

    /// Runs statements on the database itself.
    pub(crate) async fn raw(&self, text: &str) {
        if let Some(schema) = &self.schema {
            return sql(&format!("SET search_path TO {schema}; {text}")).await;
        }
        let mut connection = SqliteConnection::connect(&self.address).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(text))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }

    pub(crate) async fn clear(self) {
        self.store.close().await;
        if let Some(schema) = self.schema {
            sql(&format!("DROP SCHEMA {schema} CASCADE")).await;
        }
    }
}

pub(crate) fn postgres_url() -> String {
    std::env::var("TIDEGATE_TEST_POSTGRES_URL").expect(
        "TIDEGATE_TEST_POSTGRES_URL is not set: run `cargo xtask test`, which starts a Postgres for the tests, or set \
         it to the URL of a server that you do not mind",
    )
}

async fn sql(text: &str) {
    let mut connection = PgConnection::connect(&postgres_url()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(text))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// An instant, by its seconds from an arbitrary start; in microseconds, as stores keep them.
pub(crate) fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 123_456_000).unwrap() + TimeDelta::seconds(second)
}

pub(crate) fn asset(name: &str) -> AssetName {
    name.parse().unwrap()
}

pub(crate) fn key(text: &str) -> PartitionKey {
    PartitionKey(text.to_owned())
}

pub(crate) fn worker(name: &str) -> WorkerId {
    WorkerId(name.to_owned())
}

pub(crate) fn error(message: &str) -> Error {
    Error::new(Kind::Data, "data.test", message).hint("mend it")
}

pub(crate) fn new_run(partitions: &[(&str, &str)]) -> NewRun {
    NewRun {
        id: RunId(Uuid::now_v7()),
        request: json!({"assets": ["orders"], "partition": null, "flags": {"limit": 1000, "dry_run": false}}),
        partitions: partitions
            .iter()
            .map(|(name, text)| (asset(name), key(text)))
            .collect(),
        worker: None,
        priority: 0,
        job: None,
        tags: BTreeMap::new(),
        run_key: None,
        at: at(0),
    }
}

/// A run with these partitions, inserted.
pub(crate) async fn run_of(place: &Place, partitions: &[(&str, &str)]) -> RunId {
    let run = new_run(partitions);
    place.store.insert_run(&run).await.unwrap();
    run.id
}

/// A claim at a second, with a lease of ten.
pub(crate) async fn claim(
    store: &SqlStateStore,
    run: RunId,
    what: (&str, &str),
    by: &str,
    second: i64,
) -> Claim {
    try_claim(store, run, what, by, &[], &[], second).await.unwrap()
}

/// A claim with all that it may name; its lease is 10 s.
pub(crate) async fn try_claim(
    store: &SqlStateStore,
    run: RunId,
    (name, text): (&str, &str),
    by: &str,
    dead: &[&str],
    pools: &[PoolLimit],
    second: i64,
) -> tidegate_core::Result<Claim> {
    let dead: Vec<_> = dead.iter().map(|name| worker(name)).collect();
    store
        .claim(&Claiming {
            run,
            asset: &asset(name),
            partition: &key(text),
            place: None,
            worker: &worker(by),
            dead: &dead,
            pools,
            at: at(second),
            lease_until: at(second + 10),
        })
        .await
}

/// The same, which must be granted.
pub(crate) async fn granted(
    place: &Place,
    run: RunId,
    what: (&str, &str),
    by: &str,
    second: i64,
) -> AttemptKey {
    match claim(&place.store, run, what, by, second).await {
        Claim::Granted(attempt) => attempt,
        refused => panic!("{refused:?}"),
    }
}

/// One partition of a run.
pub(crate) async fn partition_of(place: &Place, run: RunId, what: (&str, &str)) -> RunPartition {
    let partitions = place.store.run_partitions(run).await.unwrap();
    let wanted = |found: &RunPartition| found.asset.as_str() == what.0 && found.partition.0 == what.1;
    partitions.into_iter().find(wanted).unwrap()
}

pub(crate) async fn state_of(place: &Place, run: RunId, what: (&str, &str)) -> PartitionState {
    partition_of(place, run, what).await.state
}

fn counts(rows: u64) -> TaskCounts {
    let read = StepCounts {
        rows_in: rows + 3,
        kept: rows,
        filtered: 1,
        rejected: 2,
        ..StepCounts::default()
    };
    let step = StepCounts {
        rows_in: rows,
        kept: rows,
        ..StepCounts::default()
    };
    TaskCounts {
        source: read,
        steps: vec![StepTotal {
            name: "upper@1.0.0".to_owned(),
            counts: step,
        }],
        loaded: rows,
    }
}

pub(crate) fn materialization(attempt: &AttemptKey, rows: u64, second: i64) -> Materialization {
    Materialization {
        run: attempt.run,
        asset: attempt.asset.clone(),
        partition: attempt.partition.clone(),
        epoch: attempt.epoch,
        at: at(second),
        load: LoadReceipt {
            rows,
            bytes: 10 * rows,
            parts: 1,
            location: "warehouse/orders".to_owned(),
            repeated: false,
        },
        counts: counts(rows),
        plugins: vec![("upper@1.0.0".to_owned(), Digest::of(b"upper"))],
        duration_ms: 1_234,
        watermark: rows.is_multiple_of(2).then(|| Watermark(json!({"value": rows}))),
        code_version: rows.is_multiple_of(2).then(|| Digest::of(b"code")),
        inputs: rows.is_multiple_of(2).then(|| {
            vec![Input {
                asset: asset("raw"),
                slices: rows,
                version: Digest::of(b"raw"),
                run: None,
            }]
        }),
        metadata: Map::new(),
        external: false,
    }
}

pub(crate) fn checkpoint(batches: u64) -> Checkpoint {
    Checkpoint {
        fingerprint: tidegate_core::plan::Digest::of(b"a task"),
        cursor: Cursor(json!({"offset": 8_192 * batches})),
        snapshots: vec![None, Some("AAEC".to_owned())],
        parts: vec![Part {
            name: "part-0".to_owned(),
            rows: 1,
            bytes: 2,
            sha256: "ab".to_owned(),
        }],
        counts: counts(batches),
        batches,
        quarantined: vec![],
        checks: vec![Some("AwQF".to_owned()), None],
        watermark: Some(Watermark(json!({"key": batches}))),
    }
}

pub(crate) fn entry(attempt: &AttemptKey, artifact: &str) -> QuarantineEntry {
    QuarantineEntry {
        artifact: artifact.to_owned(),
        run: attempt.run,
        asset: attempt.asset.clone(),
        partition: attempt.partition.clone(),
        step: "upper@1.0.0".to_owned(),
        digest: Some(Digest::of(artifact.as_bytes())),
        rows: 3,
        codes: vec![("not_a_number".to_owned(), 2), ("empty".to_owned(), 1)],
    }
}

/// Fails where a future takes longer than any of these calls may.
pub(crate) async fn soon<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), call)
        .await
        .expect("it ends")
}
