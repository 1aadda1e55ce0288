//! Loads of all four kinds: what is shown, when, and that again changes nothing.

use std::sync::Arc;

use arrow_array::RecordBatch;
use tidegate_core::port::LogLevel;
use tidegate_core::schema::{Asset, Column};

use crate::support::{Attempt, Heard, Warehouse, commit, month, month_of, orders, rows};

const ALL: &str = "SELECT count(), sum(id), ifNull(sum(amount), 0), uniqExact(id) FROM orders";

/// Tables of a database that a load leaves behind it.
const STAGED: &str =
    "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name LIKE '%stage%'";

#[tokio::test]
async fn rows_are_shown_by_the_commit_and_no_sooner() {
    let warehouse = Warehouse::new().await;
    let asset = orders("destination: {resource: w, load: append, block: 64KiB}");
    let attempt = Attempt::new(&warehouse, &asset, 1, "one");
    let mut destination = attempt.open().await.unwrap();
    for start in 0..10 {
        destination
            .write(rows(start * 1_000..(start + 1) * 1_000, 3, 1))
            .await
            .unwrap();
    }
    let parts = destination.stage().await.unwrap().unwrap();
    assert_eq!(parts.iter().map(|part| part.rows).sum::<u64>(), 10_000);
    assert!(parts[0].bytes > 0 && parts[0].sha256.len() == 64);
    assert_eq!(warehouse.text(ALL).await, "0\t0\t0\t0");
    let receipt = commit(destination).await.unwrap();
    assert_eq!((receipt.rows, receipt.repeated), (10_000, false));
    assert_eq!(warehouse.text(ALL).await, "10000\t49995000\t10000\t10000");
    assert_eq!(warehouse.text(STAGED).await, "0");
    assert_eq!(
        warehouse.text("SELECT asset, partition, epoch, rows, load = (SELECT any(_tidegate_load) FROM orders) FROM _tidegate_loads").await,
        "orders\t\t1\t10000\t1"
    );
}

#[tokio::test]
async fn appended_rows_add_up_and_a_load_that_is_made_again_is_not() {
    let warehouse = Warehouse::new().await;
    let asset = orders("destination: {resource: w, load: append}");
    for (epoch, token) in [(1, "one"), (2, "two")] {
        Attempt::new(&warehouse, &asset, epoch, token)
            .load(&[rows(0..100, 1, 1)])
            .await
            .unwrap();
    }
    let again = Attempt::new(&warehouse, &asset, 3, "one")
        .load(&[rows(0..100, 1, 1)])
        .await
        .unwrap();
    assert!(again.repeated);
    assert_eq!(again.rows, 100);
    assert_eq!(warehouse.text(ALL).await, "200\t9900\t200\t100");
}

#[tokio::test]
async fn compressed_blocks_have_the_same_rows() {
    let warehouse = Warehouse::new().await.compressed();
    let asset = orders("destination: {resource: w, load: append, block: 1MiB}");
    let batches: Vec<_> = (0..20).map(|n| rows(n * 5_000..(n + 1) * 5_000, 1, 1)).collect();
    Attempt::new(&warehouse, &asset, 1, "one")
        .load(&batches)
        .await
        .unwrap();
    assert_eq!(warehouse.text(ALL).await, "100000\t4999950000\t100000\t100000");
    assert_eq!(warehouse.read(&asset, None).await.unwrap().len(), 100_000);
}

#[tokio::test]
async fn an_upsert_hides_the_older_row_of_a_key() {
    let warehouse = Warehouse::new().await;
    let asset = orders("destination: {resource: w, load: upsert}");
    // Of two rows of a key in one load, the later one counts, over blocks too.
    let first = [rows(0..100, 1, 1), rows(0..50, 1, 2)];
    Attempt::new(&warehouse, &asset, 1, "one")
        .load(&first)
        .await
        .unwrap();
    let merged = "SELECT count(), sum(amount) FROM orders FINAL";
    assert_eq!(warehouse.text(merged).await, "100\t150");
    Attempt::new(&warehouse, &asset, 2, "two")
        .load(&[rows(90..110, 1, 5)])
        .await
        .unwrap();
    assert_eq!(warehouse.text(merged).await, "110\t240");
    assert_eq!(warehouse.read(&asset, None).await.unwrap().len(), 110);
}

#[tokio::test]
async fn with_a_version_the_greatest_counts_whenever_it_comes() {
    let warehouse = Warehouse::new().await;
    let asset = orders("destination: {resource: w, load: upsert, version: at}");
    for (epoch, day, amount) in [(1, 2, 2), (2, 1, 1)] {
        let token = epoch.to_string();
        let attempt = Attempt::new(&warehouse, &asset, epoch, &token);
        attempt.load(&[rows(0..10, day, amount)]).await.unwrap();
    }
    assert_eq!(
        warehouse
            .text("SELECT count(), sum(amount) FROM orders FINAL")
            .await,
        "10\t20"
    );
}

#[tokio::test]
async fn a_replacement_takes_the_place_of_everything() {
    let warehouse = Warehouse::new().await;
    let asset = orders("destination: {resource: w, load: replace}");
    Attempt::new(&warehouse, &asset, 1, "one")
        .load(&[rows(0..100, 1, 1), rows(100..200, 60, 1)])
        .await
        .unwrap();
    Attempt::new(&warehouse, &asset, 2, "two")
        .load(&[rows(500..503, 1, 7)])
        .await
        .unwrap();
    assert_eq!(warehouse.text(ALL).await, "3\t1503\t21\t3");
    let nothing = Attempt::new(&warehouse, &asset, 3, "three")
        .load(&[])
        .await
        .unwrap();
    assert_eq!(
        (nothing.rows, warehouse.text(ALL).await.as_str()),
        (0, "0\t0\t0\t0")
    );
    assert_eq!(warehouse.text(STAGED).await, "0");
}

const MONTHS: &str = "destination: {resource: w, load: replace_partition}
partitions: {monthly: {column: at, start: 2013-01}}";

#[tokio::test]
async fn a_slice_is_replaced_and_its_neighbours_stay() {
    let warehouse = Warehouse::new().await;
    let asset = orders(MONTHS);
    for (epoch, key, day) in [(1, "2013-01", 10), (1, "2013-02", 40), (1, "2013-03", 70)] {
        let attempt = Attempt::new(&warehouse, &asset, epoch, key).of(month(key));
        attempt.load(&[rows(0..100, day, 1)]).await.unwrap();
    }
    let attempt = Attempt::new(&warehouse, &asset, 2, "again").of(month("2013-02"));
    attempt.load(&[rows(0..7, 41, 9)]).await.unwrap();
    let by_month = "SELECT toYYYYMM(at), count(), sum(amount) FROM orders GROUP BY 1 ORDER BY 1";
    assert_eq!(
        warehouse.text(by_month).await,
        "201301\t100\t100\n201302\t7\t63\n201303\t100\t100"
    );
    // A slice without rows is empty afterwards.
    let attempt = Attempt::new(&warehouse, &asset, 2, "none").of(month("2013-01"));
    attempt.load(&[]).await.unwrap();
    assert_eq!(warehouse.text(by_month).await, "201302\t7\t63\n201303\t100\t100");
    let read = warehouse.read(&asset, Some(&month("2013-02"))).await.unwrap();
    assert_eq!(read.len(), 7);
}

/// A batch with the asset's own columns, of which fewer may be missing.
fn as_asset(asset: &Asset, batch: &RecordBatch) -> RecordBatch {
    RecordBatch::try_new(Column::schema(&asset.columns), batch.columns().to_vec()).unwrap()
}

#[tokio::test]
async fn a_slice_of_a_value_and_a_time_is_replaced_and_its_neighbours_stay() {
    let warehouse = Warehouse::new().await;
    let mut asset = orders(
        "destination: {resource: w, load: replace_partition}
partitions: {monthly: {column: at, start: 2013-01}, static: {keys: [\"1\", \"2\"], column: amount}}",
    );
    for column in &mut asset.columns {
        column.nullable &= column.name != "amount";
    }
    for (amount, key, day) in [(1, "2013-01", 10), (2, "2013-01", 10), (1, "2013-02", 40)] {
        let slice = month_of(&amount.to_string(), key);
        let token = format!("{amount} {key}");
        let attempt = Attempt::new(&warehouse, &asset, 1, &token).of(slice);
        attempt
            .load(&[as_asset(&asset, &rows(0..100, day, amount))])
            .await
            .unwrap();
    }
    let slice = month_of("1", "2013-01");
    let attempt = Attempt::new(&warehouse, &asset, 2, "again").of(slice.clone());
    attempt
        .load(&[as_asset(&asset, &rows(0..7, 10, 1))])
        .await
        .unwrap();
    let by_slice = "SELECT amount, toYYYYMM(at), count() FROM orders GROUP BY 1, 2 ORDER BY 1, 2";
    assert_eq!(
        warehouse.text(by_slice).await,
        "1\t201301\t7\n1\t201302\t100\n2\t201301\t100"
    );
    assert_eq!(warehouse.read(&asset, Some(&slice)).await.unwrap().len(), 7);
    let attempt = Attempt::new(&warehouse, &asset, 3, "other").of(slice);
    let error = attempt
        .load(&[as_asset(&asset, &rows(0..7, 10, 2))])
        .await
        .unwrap_err();
    assert_eq!(error.code, "clickhouse.outside_partition");
}

#[tokio::test]
async fn a_row_of_another_slice_is_refused_and_nothing_changes() {
    let warehouse = Warehouse::new().await;
    let asset = orders(MONTHS);
    let attempt = Attempt::new(&warehouse, &asset, 1, "one").of(month("2013-01"));
    let error = attempt
        .load(&[rows(0..100, 10, 1), rows(0..3, 40, 1)])
        .await
        .unwrap_err();
    assert_eq!(error.code, "clickhouse.outside_partition");
    assert_eq!(
        error.message,
        "3 rows have a value of `at` that is outside the partition `2013-01`"
    );
    assert_eq!(warehouse.text(ALL).await, "0\t0\t0\t0");
}

#[tokio::test]
async fn what_was_staged_is_loaded_once_by_whoever_goes_on() {
    for (load, rest, expected) in [
        ("append", "", "400\t79800\t400\t400"),
        ("upsert", "", "400\t79800\t400\t400"),
        ("replace", "", "400\t79800\t400\t400"),
        (
            "replace_partition",
            "partitions: {monthly: {column: at, start: 2013-01}}",
            "400\t79800\t400\t400",
        ),
    ] {
        let warehouse = Warehouse::new().await;
        let asset = orders(&format!("destination: {{resource: w, load: {load}}}\n{rest}"));
        let slice = (load == "replace_partition").then(|| month("2013-01"));
        let attempt = |epoch| {
            let attempt = Attempt::new(&warehouse, &asset, epoch, load);
            match &slice {
                Some(slice) => attempt.of(slice.clone()),
                None => attempt,
            }
        };
        let mut destination = attempt(1).open().await.unwrap();
        let mut parts = Vec::new();
        for start in [0, 100] {
            destination.write(rows(start..start + 100, 3, 1)).await.unwrap();
            parts = destination.stage().await.unwrap().unwrap();
        }
        // Written and not staged: lost with the attempt.
        destination.write(rows(200..300, 3, 1)).await.unwrap();
        drop(destination);
        let mut destination = attempt(2).resuming(parts).open().await.unwrap();
        destination.write(rows(200..300, 3, 1)).await.unwrap();
        let parts = destination.stage().await.unwrap().unwrap();
        drop(destination);
        let mut destination = attempt(3).resuming(parts).open().await.unwrap();
        destination.write(rows(300..400, 3, 1)).await.unwrap();
        let receipt = commit(destination).await.unwrap();
        assert_eq!(receipt.rows, 400, "{load}");
        assert_eq!(warehouse.text(ALL).await, expected, "{load}");
        assert_eq!(warehouse.text(STAGED).await, "0", "{load}");
    }
}

#[tokio::test]
async fn an_abandoned_attempt_leaves_nothing_that_was_not_staged() {
    let warehouse = Warehouse::new().await;
    let asset = orders("destination: {resource: w, load: append, block: 64KiB}");
    let mut destination = Attempt::new(&warehouse, &asset, 1, "one").open().await.unwrap();
    destination.write(rows(0..5_000, 3, 1)).await.unwrap();
    destination.abort().await.unwrap();
    assert_eq!(warehouse.text(STAGED).await, "0");
    // Nor does one that died, once the next begins.
    let mut destination = Attempt::new(&warehouse, &asset, 2, "one").open().await.unwrap();
    destination.write(rows(0..5_000, 3, 1)).await.unwrap();
    destination.stage().await.unwrap();
    drop(destination);
    assert_eq!(warehouse.text(STAGED).await, "1");
    let destination = Attempt::new(&warehouse, &asset, 3, "two").open().await.unwrap();
    assert_eq!(warehouse.text(STAGED).await, "0");
    drop(destination);
}

#[tokio::test]
async fn half_of_the_partitions_that_may_be_there_are_worth_a_warning() {
    let warehouse = Warehouse::new().await;
    let asset =
        orders("destination: {resource: w, load: append, partition: day, time: at, max_partitions: 6}");
    for (epoch, day, warned) in [(1, 0, 0), (2, 1, 0), (3, 2, 0), (4, 3, 1)] {
        let heard = Arc::new(Heard::default());
        let token = format!("load {epoch}");
        let attempt = Attempt::new(&warehouse, &asset, epoch, &token).told(heard.clone());
        attempt.load(&[rows(0..10, day, 1)]).await.unwrap();
        let lines = heard.lines();
        assert_eq!(lines.len(), warned, "{lines:?}");
        for line in lines {
            assert_eq!(line.level, LogLevel::Warn);
            assert!(line.message.contains("4 partitions; past 6"), "{}", line.message);
        }
    }
}

#[tokio::test]
async fn too_many_partitions_are_refused_before_one_is_shown() {
    let warehouse = Warehouse::new().await;
    let asset =
        orders("destination: {resource: w, load: append, partition: day, time: at, max_partitions: 5}");
    let days = |count: u32| (0..count).map(|day| rows(0..10, day, 1)).collect::<Vec<_>>();
    Attempt::new(&warehouse, &asset, 1, "one")
        .load(&days(5))
        .await
        .unwrap();
    let error = Attempt::new(&warehouse, &asset, 2, "two")
        .load(&days(7))
        .await
        .unwrap_err();
    assert_eq!(error.code, "clickhouse.too_many_partitions");
    assert!(
        error.message.contains("with 7 partitions, and 5 are allowed"),
        "{error}"
    );
    assert_eq!(warehouse.text(ALL).await, "50\t225\t50\t10");
}
