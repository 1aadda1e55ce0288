//! Servers that die and connections that end or fall silent: nothing is lost, nothing comes twice.

use std::sync::Arc;

use crate::loads::{LOADS, asset, attempt};
use crate::proxy::{Fate, Proxy};
use crate::server::{PASSWORD, Server};
use crate::support::{Attempt, Warehouse, commit, orders, rows};

const ALL: &str = "(SELECT count(*)::text FROM orders), (SELECT sum(id)::text FROM orders)";

/// A load of 30,000 rows, staged in the middle where it can be.
async fn load(
    warehouse: &Warehouse,
    asset: &tidegate_core::schema::Asset,
    whole: bool,
    epoch: i64,
) -> tidegate_core::Result<u64> {
    let mut attempt = attempt(warehouse, asset, epoch, "one");
    attempt.resumable = !whole;
    let mut destination = attempt.open().await?;
    destination.write(rows(0..15_000, 3, 1)).await?;
    destination.stage().await?;
    destination.write(rows(15_000..30_000, 3, 1)).await?;
    destination.stage().await?;
    Ok(commit(destination).await?.rows)
}

#[tokio::test]
async fn a_commit_that_nobody_heard_of_is_found_out() {
    for (kind, rest) in LOADS {
        for whole in [false, true] {
            for fate in [Fate::CutBefore, Fate::CutAfter] {
                let warehouse = Warehouse::new().await;
                let asset = asset(kind, rest);
                // The last statement that ends a transaction shows the load.
                let direct = whole && ["append", "replace"].contains(&kind);
                let nth = if direct { 1 } else { 3 };
                let proxy = Proxy::start(warehouse.port(), "COMMIT\0", nth, fate);
                let there = load(&warehouse.through(proxy.port), &asset, whole, 1).await;
                assert!(proxy.is_done(), "{kind} {whole}");
                match there {
                    Ok(rows) => assert_eq!(rows, 30_000),
                    // A transaction that was undone has taken the rows that went straight in with it.
                    Err(error) => {
                        assert!(
                            direct && fate == Fate::CutBefore,
                            "{kind} {whole} {fate:?}: {error}"
                        );
                        assert_eq!(error.code, "postgres.network");
                        assert_eq!(warehouse.rows("SELECT count(*)::text FROM orders").await, ["0"]);
                        load(&warehouse, &asset, whole, 2).await.unwrap();
                    }
                }
                assert_eq!(
                    warehouse.text(ALL).await,
                    "30000|449985000",
                    "{kind} {whole} {fate:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_statement_that_is_lost_while_rows_are_shown_is_done_again() {
    for (kind, rest) in LOADS {
        for words in [
            "FOR UPDATE",
            "INSERT INTO \"public\".\"orders\"",
            "_tidegate_loads\" VALUES",
            "_tidegate_loads VALUES",
            "DROP TABLE",
        ] {
            for fate in [Fate::CutBefore, Fate::CutAfter] {
                let warehouse = Warehouse::new().await;
                let asset = asset(kind, rest);
                let proxy = Proxy::start(warehouse.port(), words, 1, fate);
                let rows = load(&warehouse.through(proxy.port), &asset, false, 1)
                    .await
                    .unwrap();
                assert_eq!(rows, 30_000);
                assert_eq!(
                    warehouse.text(ALL).await,
                    "30000|449985000",
                    "{kind} {words} {fate:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_connection_that_ends_in_the_middle_of_the_rows_leaves_nothing_behind() {
    for (kind, rest) in LOADS {
        for whole in [false, true] {
            let warehouse = Warehouse::new().await;
            let asset = asset(kind, rest);
            // Words that stand in the rows themselves.
            let proxy = Proxy::start(warehouse.port(), "name 3", 2, Fate::CutBefore);
            let error = load(&warehouse.through(proxy.port), &asset, whole, 1)
                .await
                .unwrap_err();
            assert_eq!(error.code, "postgres.network", "{kind}: {error}");
            assert_eq!(error.retry, tidegate_core::error::Retry::Later);
            load(&warehouse, &asset, whole, 2).await.unwrap();
            assert_eq!(warehouse.text(ALL).await, "30000|449985000", "{kind} {whole}");
        }
    }
}

#[tokio::test]
async fn silence_is_not_waited_for_forever() {
    let warehouse = Warehouse::new().await;
    let asset = orders("destination: {resource: w, load: append}");
    for words in ["COPY", "name 3", "_tidegate_loads VALUES"] {
        let proxy = Proxy::start(warehouse.port(), words, 1, Fate::Stall);
        let through = warehouse.through(proxy.port).with("timeout", "300ms");
        let error = load(&through, &asset, true, 1).await.unwrap_err();
        assert_eq!(error.code, "postgres.timeout", "{words}: {error}");
    }
    load(&warehouse, &asset, true, 2).await.unwrap();
    assert_eq!(warehouse.text(ALL).await, "30000|449985000");
    let proxy = Proxy::start(warehouse.port(), "COPY", 1, Fate::Stall);
    let through = warehouse.through(proxy.port).with("timeout", "300ms");
    let error = through.read(&asset, None).await.unwrap_err();
    assert_eq!(error.code, "postgres.timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_in_the_middle_loses_nothing_that_was_staged() {
    let server = Arc::new(Server::start());
    for (kind, rest) in LOADS {
        let warehouse = Warehouse::on(&server.url(), PASSWORD).await;
        let asset = asset(kind, rest);
        let mut destination = attempt(&warehouse, &asset, 1, "one").open().await.unwrap();
        destination.write(rows(0..15_000, 3, 1)).await.unwrap();
        let parts = destination.stage().await.unwrap().unwrap();
        destination.write(rows(15_000..20_000, 3, 1)).await.unwrap();
        server.kill();
        let error = match destination.write(rows(20_000..30_000, 3, 1)).await {
            Err(error) => error,
            Ok(()) => destination.stage().await.unwrap_err(),
        };
        assert_eq!(error.code, "postgres.network", "{kind}: {error}");
        drop(destination);
        // The next attempt waits for the server.
        let starting = server.clone();
        let start = tokio::task::spawn_blocking(move || {
            std::thread::sleep(std::time::Duration::from_millis(300));
            starting.restart();
        });
        let second = attempt(&warehouse, &asset, 2, "one").resuming(parts);
        let receipt = second.load(&[rows(15_000..30_000, 3, 1)]).await.unwrap();
        start.await.unwrap();
        assert_eq!(receipt.rows, 30_000);
        assert_eq!(warehouse.text(ALL).await, "30000|449985000", "{kind}");
    }
}

#[tokio::test]
async fn a_source_whose_server_goes_away_says_so() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute(
            "CREATE TABLE many AS SELECT n AS id, repeat('x', 100) AS pad FROM generate_series(1, 200000) n",
        )
        .await;
    let spec = warehouse.source(
        "{table: many}",
        "[{name: id, type: int64}, {name: pad, type: utf8}]",
    );
    let mut source = warehouse.open_source(&spec, None, None).await.unwrap();
    source.next().await.unwrap().unwrap();
    warehouse
        .execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tidegate source' AND datname = current_database()")
        .await;
    let error = loop {
        match source.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended as if all had come"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code, "postgres.network");
    assert_eq!(error.retry, tidegate_core::error::Retry::Later);
}

#[tokio::test]
async fn a_reader_that_is_slow_holds_the_server_back_and_loses_nothing() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute(
            "CREATE TABLE many AS SELECT n AS id, repeat('x', 1000) AS pad FROM generate_series(1, 50000) n",
        )
        .await;
    let spec = warehouse.source(
        "{table: many}",
        "[{name: id, type: int64}, {name: pad, type: utf8}]",
    );
    let mut source = warehouse.open_source(&spec, None, None).await.unwrap();
    let mut count = 0;
    while let Some(batch) = source.next().await.unwrap() {
        count += batch.batch.num_rows();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(count, 50_000);
}

#[tokio::test]
async fn a_key_that_comes_twice_and_a_rule_that_is_broken_fail_the_load_and_nothing_else() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute("CREATE TABLE orders (id bigint PRIMARY KEY, name text, at timestamptz NOT NULL, amount bigint CHECK (amount < 100))")
        .await;
    let asset = orders("destination: {resource: w, load: append}");
    for (epoch, whole, batch, code) in [
        (1, true, rows(0..10, 3, 1), None),
        (2, true, rows(5..15, 3, 1), Some("postgres.key")),
        (3, false, rows(5..15, 3, 1), Some("postgres.key")),
        (4, true, rows(20..30, 3, 100), Some("postgres.rule")),
        (5, false, rows(20..30, 3, 100), Some("postgres.rule")),
        (6, true, rows(10..20, 3, 99), None),
    ] {
        let token = format!("{epoch}");
        let mut attempt = Attempt::new(&warehouse, &asset, epoch, &token);
        attempt.resumable = !whole;
        let loaded = attempt.load(&[batch]).await;
        assert_eq!(loaded.err().map(|error| error.code).as_deref(), code, "{epoch}");
    }
    assert_eq!(warehouse.text(ALL).await, "20|190");
}
