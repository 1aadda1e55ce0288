//! Opening a store: made, found again, or refused with a clear error.

use std::fs;
use std::path::Path;

use tidegate_core::port::{RunFilter, StateStore};
use tidegate_core::{Error, Kind, Retry};
use tidegate_state::SqlStateStore;
use tokio::task::JoinSet;

use crate::support::{
    Place, asset, at, checkpoint, entry, error, granted, key, materialization, postgres_url, run_of, soon,
};

on_both![
    a_store_opened_again_has_kept_everything,
    a_store_is_opened_by_many_at_once
];

async fn a_store_opened_again_has_kept_everything(place: &Place) {
    let run = run_of(place, &[("orders", "a"), ("orders", "b"), ("orders", "c")]).await;
    let finishing = granted(place, run, ("orders", "a"), "w", 0).await;
    let done = materialization(&finishing, 1, 1);
    place
        .store
        .finish_materialized(&finishing, &done, &[entry(&finishing, "x")], &[])
        .await
        .unwrap();
    let failing = granted(place, run, ("orders", "b"), "w", 0).await;
    place
        .store
        .put_checkpoint(&failing, &checkpoint(1), at(1))
        .await
        .unwrap();
    place
        .store
        .fail_attempt(&failing, &error("no"), at(2))
        .await
        .unwrap();
    let running = granted(place, run, ("orders", "c"), "w", 0).await;

    let filter = RunFilter {
        limit: 10,
        ..RunFilter::default()
    };
    let (orders, b) = (asset("orders"), key("b"));
    let mut seen = Vec::new();
    for reopened in [false, true, true] {
        let store = if reopened {
            place.open_again().await
        } else {
            place.store.clone()
        };
        seen.push((
            store.runs(&filter).await.unwrap(),
            store.run_partitions(run).await.unwrap(),
            store.checkpoint(run, &orders, &b).await.unwrap(),
            store.materializations(&orders).await.unwrap(),
            store.quarantine(None, None).await.unwrap(),
        ));
        assert!(store.holds(&running).await.unwrap());
        if reopened {
            store.close().await;
        }
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[1], seen[2]);
}

async fn a_store_is_opened_by_many_at_once(place: &Place) {
    let mut opening = JoinSet::new();
    for _ in 0..8 {
        let address = place.address.clone();
        opening.spawn(async move { SqlStateStore::open(&address).await.unwrap().close().await });
    }
    soon(opening.join_all()).await;
}

async fn refused(address: &str) -> Error {
    let refused = soon(SqlStateStore::open(address)).await.unwrap_err();
    assert_eq!(refused.kind, Kind::State);
    assert!(refused.hint.is_some(), "{refused}");
    refused
}

fn address(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

/// The tables are made once, by whoever comes first.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_is_opened_by_many_at_once() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let mut opening = JoinSet::new();
        for _ in 0..8 {
            let address = address(&folder.path().join("state.db"));
            opening.spawn(async move {
                let store = SqlStateStore::open(&address).await.unwrap();
                store.runs(&RunFilter::default()).await.unwrap();
                store.close().await;
            });
        }
        soon(opening.join_all()).await;
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.db");
    let text = "asset: orders\n".repeat(1_000);
    fs::write(&file, &text).unwrap();
    let error = refused(&address(&file)).await;
    assert_eq!(
        (error.code.as_str(), error.retry),
        ("state.corrupt", Retry::Never)
    );
    assert!(error.message.contains("state.db"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.db");
    SqlStateStore::open(&address(&file)).await.unwrap().close().await;
    let mut bytes = fs::read(&file).unwrap();
    let end = bytes.len();
    bytes[100..end].fill(0xa5);
    fs::write(&file, &bytes).unwrap();
    assert_eq!(refused(&address(&file)).await.code, "state.corrupt");
}

/// SQLite takes a file whose header names a newer write version as read-only. Permissions would do the same, but not to
/// root, who may be the one that runs the tests.
#[tokio::test]
async fn a_read_only_file_is_refused() {
    const WRITE_VERSION_AT: usize = 18;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.db");
    SqlStateStore::open(&address(&file)).await.unwrap().close().await;
    let mut bytes = fs::read(&file).unwrap();
    bytes[WRITE_VERSION_AT] = 9;
    fs::write(&file, &bytes).unwrap();
    let error = refused(&address(&file)).await;
    assert_eq!(error.code, "state.read_only");
    assert!(error.message.contains("state.db"), "{error}");
}

#[tokio::test]
async fn a_folder_that_is_missing_or_in_the_way_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        refused(&address(&folder.path().join("none/state.db"))).await.code,
        "state.cannot_open"
    );
    assert_eq!(refused(&address(folder.path())).await.code, "state.cannot_open");
}

#[tokio::test]
async fn tables_of_a_newer_tidegate_are_refused() {
    let place = Place::postgres().await;
    let options = place.address.parse::<sqlx::postgres::PgConnectOptions>().unwrap();
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'newer', TRUE, '', 0)";
    sqlx::query(newer).execute(&mut connection).await.unwrap();
    let error = refused(&place.address).await;
    assert_eq!(error.code, "state.newer");
    place.clear().await;
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    for address in [
        "",
        "state.db",
        "mysql://ann:s3cret@db/x",
        "postgres://ann:s3c/ret@db/x",
        "sqlite:",
    ] {
        let error = refused(address).await;
        assert_eq!(error.code, "state.address");
        assert!(!error.render().contains("s3c"), "{}", error.render());
    }
}

#[tokio::test]
async fn a_server_that_does_not_listen_is_told_at_once_and_without_the_password() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let started = std::time::Instant::now();
    let error = refused(&format!("postgres://ann:s3cret@127.0.0.1:{free}/tidegate")).await;
    assert_eq!(
        (error.code.as_str(), error.retry),
        ("state.connection", Retry::Later)
    );
    assert!(
        error
            .message
            .contains(&format!("postgres://ann@127.0.0.1:{free}/tidegate")),
        "{error}"
    );
    assert!(!error.render().contains("s3cret"), "{}", error.render());
    assert!(started.elapsed().as_secs() < 5);
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_told_without_the_password() {
    let mut url = postgres_url();
    let database = url.rfind('/').unwrap();
    url.truncate(database);
    let with_password = url.replacen('@', ":s3cret@", 1);
    let error = refused(&format!("{with_password}/none")).await;
    assert_eq!(
        (error.code.as_str(), error.retry),
        ("state.no_database", Retry::Never)
    );
    assert!(!error.render().contains("s3cret"), "{}", error.render());
}
