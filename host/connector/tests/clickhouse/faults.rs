//! Connections that end or stall at every statement of a load, and servers that have had enough: the rows are the same.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::engine::Engine;
use crate::proxy::{self, Fate};
use crate::support::{Attempt, Warehouse, commit, engine, month, orders, rows};

const ALL: &str = "SELECT count(), sum(id), sum(amount) FROM orders";

/// Every load, with its slice if it has one.
const LOADS: [(&str, &str); 4] = [
    ("append", ""),
    ("upsert", ""),
    ("replace", ""),
    (
        "replace_partition",
        "partitions: {monthly: {column: at, start: 2013-01}}",
    ),
];

/// What a statement does, without names: two of one kind meet their fate once.
fn kind(statement: &str) -> String {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let verbs = ["ATTACH", "REPLACE", "DROP", "MODIFY", "DELETE"];
    let verb = words.iter().skip(1).find(|word| verbs.contains(*word));
    let place = if statement.contains("_tidegate_loads") {
        " loads"
    } else {
        ""
    };
    format!("{} {}{place}", words[0], verb.unwrap_or(&""))
}

/// A proxy at which the first statement of each kind that writes meets a fate; and the kinds that did.
fn unlucky(fate: Fate) -> (String, Arc<Mutex<HashSet<String>>>) {
    let met: Arc<Mutex<HashSet<String>>> = Arc::default();
    let seen = met.clone();
    let url = proxy::start(&engine().0, move |statement| {
        let reads = statement.starts_with("SELECT") || statement.starts_with("DESCRIBE");
        if !reads && seen.lock().unwrap().insert(kind(statement)) {
            fate
        } else {
            Fate::Pass
        }
    });
    (url, met)
}

async fn load_twice(warehouse: &Warehouse, load: &str, rest: &str) {
    let asset = orders(&format!("destination: {{resource: w, load: {load}}}\n{rest}"));
    let attempt = |epoch| {
        let attempt = Attempt::new(warehouse, &asset, epoch, load);
        if rest.is_empty() {
            attempt
        } else {
            attempt.of(month("2013-01"))
        }
    };
    let mut destination = attempt(1).open().await.unwrap();
    destination.write(rows(0..100, 3, 1)).await.unwrap();
    let parts = destination.stage().await.unwrap().unwrap();
    drop(destination);
    let mut destination = attempt(2).resuming(parts).open().await.unwrap();
    destination.write(rows(100..200, 4, 1)).await.unwrap();
    destination.stage().await.unwrap();
    destination.write(rows(200..300, 5, 1)).await.unwrap();
    assert_eq!(commit(destination).await.unwrap().rows, 300, "{load}");
}

async fn through_bad_luck(fate: Fate) {
    for (load, rest) in LOADS {
        let warehouse = Warehouse::new().await;
        let (url, met) = unlucky(fate);
        load_twice(&warehouse.through(&url), load, rest).await;
        assert_eq!(warehouse.text(ALL).await, "300\t44850\t300", "{load}");
        let met = met.lock().unwrap();
        let moved = match load {
            "replace" => "EXCHANGE ",
            "replace_partition" => "ALTER REPLACE",
            _ => "ALTER ATTACH",
        };
        for kind in ["INSERT ", "INSERT  loads", "RENAME ", "CREATE ", moved] {
            assert!(met.contains(kind), "{load}: {kind} of {met:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_not_loaded_twice() {
    through_bad_luck(Fate::CutAfter).await;
}

#[tokio::test]
async fn a_statement_that_is_lost_is_made_again() {
    through_bad_luck(Fate::CutBefore).await;
}

#[tokio::test]
async fn half_a_block_is_sent_whole_again() {
    let warehouse = Warehouse::new().await;
    let lost = Mutex::new(3);
    let url = proxy::start(&engine().0, move |statement| {
        let mut lost = lost.lock().unwrap();
        if statement.contains("FORMAT ArrowStream") && *lost > 0 {
            *lost -= 1;
            return Fate::CutInside;
        }
        Fate::Pass
    });
    load_twice(&warehouse.through(&url), "append", "").await;
    assert_eq!(warehouse.text(ALL).await, "300\t44850\t300");
}

#[tokio::test]
async fn a_server_that_keeps_silent_is_asked_again() {
    for pattern in ["FORMAT ArrowStream", "ATTACH PARTITION", "SELECT count()"] {
        let warehouse = Warehouse::new().await;
        let once = Mutex::new(true);
        let url = proxy::start(&engine().0, move |statement| {
            if statement.contains(pattern) && std::mem::take(&mut *once.lock().unwrap()) {
                return Fate::Stall;
            }
            Fate::Pass
        });
        load_twice(&warehouse.through(&url).patient("1s"), "append", "").await;
        assert_eq!(warehouse.text(ALL).await, "300\t44850\t300", "{pattern}");
    }
}

#[tokio::test]
async fn a_server_that_stays_silent_is_an_error_in_the_end() {
    let warehouse = Warehouse::new().await;
    let url = proxy::start(&engine().0, |statement| {
        if statement.contains("CREATE TABLE") {
            Fate::Stall
        } else {
            Fate::Pass
        }
    });
    let asset = orders("destination: {resource: w, load: append}");
    let silent = warehouse.through(&url).patient("100ms");
    let error = Attempt::new(&silent, &asset, 1, "one")
        .open()
        .await
        .err()
        .unwrap();
    assert_eq!(error.code, "clickhouse.timeout");
    assert!(error.message.contains("did not answer within 100 ms"), "{error}");
}

#[tokio::test]
async fn rows_that_came_only_in_part_are_taken_back_and_come_whole() {
    // As a server leaves it that dies while it moves the parts of a partition.
    let warehouse = Warehouse::new().await;
    let asset = orders("destination: {resource: w, load: append}");
    Attempt::new(&warehouse, &asset, 1, "before")
        .load(&[rows(1_000..1_010, 3, 1)])
        .await
        .unwrap();
    let attempt = Attempt::new(&warehouse, &asset, 2, "one");
    let mut destination = attempt.open().await.unwrap();
    destination.write(rows(0..300, 3, 1)).await.unwrap();
    let parts = destination.stage().await.unwrap().unwrap();
    let load = warehouse
        .text(&format!("SELECT any(_tidegate_load) FROM {}_h2", parts[0].name))
        .await;
    warehouse
        .execute(&format!(
            "INSERT INTO orders (id, name, at, amount, _tidegate_load) SELECT id, name, at, amount, {load} \
             FROM {}_h2 WHERE id < 10 SETTINGS insert_allow_materialized_columns = 1",
            parts[0].name
        ))
        .await;
    assert_eq!(warehouse.text(ALL).await, "20\t10090\t20");
    commit(destination).await.unwrap();
    assert_eq!(warehouse.text(ALL).await, "310\t54895\t310");
}

#[tokio::test]
async fn too_many_parts_slow_the_load_down_and_do_not_fail_it() {
    let warehouse = Warehouse::new().await;
    let asset = orders(
        "destination: {resource: w, load: append, block: 64KiB, \
         settings: {parts_to_throw_insert: 8, parts_to_delay_insert: 8}}",
    );
    let inserts = Arc::new(AtomicUsize::new(0));
    let seen = inserts.clone();
    let url = proxy::start(&engine().0, move |statement| {
        seen.fetch_add(
            usize::from(statement.contains("FORMAT ArrowStream")),
            Ordering::Relaxed,
        );
        Fate::Pass
    });
    let slow = warehouse.through(&url);
    let batches: Vec<_> = (0..40).map(|n| rows(n * 2_000..(n + 1) * 2_000, 3, 1)).collect();
    let attempt = Attempt::new(&slow, &asset, 1, "one");
    let mut destination = attempt.open().await.unwrap();
    // Merges rest until the table has had too many, so that it surely has.
    destination.write(batches[0].clone()).await.unwrap();
    let stage = "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE '%stage%'";
    let stage = warehouse.text(stage).await;
    warehouse.execute(&format!("SYSTEM STOP MERGES {stage}")).await;
    let load = async {
        for batch in &batches[1..] {
            destination.write(batch.clone()).await.unwrap();
        }
        commit(destination).await.unwrap()
    };
    let merge = async {
        let parts = format!(
            "SELECT count() FROM system.parts WHERE database = currentDatabase() AND table = '{stage}' AND active"
        );
        while warehouse.text(&parts).await.parse::<u32>().unwrap() < 8 || inserts.load(Ordering::Relaxed) < 12
        {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        warehouse.execute(&format!("SYSTEM START MERGES {stage}")).await;
    };
    let (receipt, ()) = tokio::join!(load, merge);
    assert_eq!(receipt.rows, 80_000);
    assert_eq!(warehouse.text(ALL).await, "80000\t3199960000\t80000");
    // Each batch is a block at most, so more than that were refused and came again.
    assert!(
        inserts.load(Ordering::Relaxed) > 40,
        "the engine never had too many"
    );
}

#[tokio::test]
async fn a_server_without_memory_is_an_error_that_may_pass() {
    let warehouse = Warehouse::new().await.with_setting("max_memory_usage", 1_000_000);
    let asset = orders("destination: {resource: w, load: append}");
    let error = Attempt::new(&warehouse, &asset, 1, "one")
        .load(&[rows(0..300_000, 3, 1)])
        .await
        .unwrap_err();
    assert_eq!(error.code, "clickhouse.memory");
    assert_eq!(error.retry, tidegate_core::error::Retry::Later);
    assert_eq!(warehouse.text(ALL).await, "0\t0\t\\N");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_killed_and_comes_back_has_the_same_rows() {
    let mut server = Engine::start();
    for (load, rest) in LOADS {
        let warehouse = Warehouse::on(&server.url()).await;
        let asset = orders(&format!(
            "destination: {{resource: w, load: {load}, block: 64KiB}}\n{rest}"
        ));
        let attempt = Attempt::new(&warehouse, &asset, 1, load);
        let attempt = if rest.is_empty() {
            attempt
        } else {
            attempt.of(month("2013-01"))
        };
        let mut destination = attempt.open().await.unwrap();
        destination.write(rows(0..5_000, 3, 1)).await.unwrap();
        destination.stage().await.unwrap();
        // Blocks are on their way when it dies, and when it comes back.
        destination.write(rows(5_000..10_000, 4, 1)).await.unwrap();
        server.kill();
        let back = comes_back(server);
        destination.write(rows(10_000..15_000, 5, 1)).await.unwrap();
        server = back.await.unwrap();
        destination.stage().await.unwrap();
        server.kill();
        let back = comes_back(server);
        assert_eq!(commit(destination).await.unwrap().rows, 15_000, "{load}");
        server = back.await.unwrap();
        server.kill();
        server = comes_back(server).await.unwrap();
        assert_eq!(warehouse.text(ALL).await, "15000\t112492500\t15000", "{load}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_disk_is_full_shows_nothing_and_goes_on_once_there_is_room() {
    let Some(server) = Engine::on_small_disk(12) else {
        println!("passed over: mounting a file system needs root");
        return;
    };
    let warehouse = Warehouse::on(&server.url()).await;
    let asset = orders("destination: {resource: w, load: append}");
    // What does not compress takes room.
    let batch = || rows((0..2_000_000).map(|id| id * 0x9E37_79B9 % 0x1_0000_000F), 3, 1);
    let mut destination = Attempt::new(&warehouse, &asset, 1, "one").open().await.unwrap();
    destination.write(rows(0..100, 3, 1)).await.unwrap();
    destination.stage().await.unwrap();
    let failed = match destination.write(batch()).await {
        Ok(()) => destination.stage().await.map(drop),
        failed => failed,
    };
    let error = failed.unwrap_err();
    assert_eq!(error.code, "clickhouse.disk_full", "{error}");
    destination.abort().await.unwrap();
    let random = "SELECT toInt64(rand64()) AS id, NULL AS name, toDateTime64(0, 3, 'UTC') AS at, 1 AS amount FROM numbers(3000000)";
    let mut destination = Attempt::new(&warehouse, &asset, 2, "two").open().await.unwrap();
    let source = warehouse.source(&format!("{{query: \"{random}\"}}"), asset.columns.clone());
    assert!(destination.pulls(&source, None));
    let error = destination.pull(&source, None).await.unwrap_err();
    assert_eq!(error.code, "clickhouse.disk_full", "{error}");
    destination.abort().await.unwrap();
    assert_eq!(warehouse.text("SELECT count() FROM orders").await, "0");
    server.make_room();
    let attempt = Attempt::new(&warehouse, &asset, 3, "three");
    assert_eq!(attempt.load(&[batch()]).await.unwrap().rows, 2_000_000);
    assert_eq!(warehouse.text("SELECT count() FROM orders").await, "2000000");
}

/// Starts an engine again while others go on.
fn comes_back(mut server: Engine) -> tokio::task::JoinHandle<Engine> {
    tokio::task::spawn_blocking(move || {
        server.restart();
        server
    })
}
