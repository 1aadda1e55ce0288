//! Loads of all four kinds: what is shown, when, and that again changes nothing.

use arrow_array::RecordBatch;
use tidegate_core::schema::{Asset, Column};

use crate::support::{Attempt, Warehouse, commit, month, month_of, orders, rows};

const ALL: &str = "(SELECT count(*)::text FROM orders), (SELECT sum(id)::text FROM orders), \
                   (SELECT sum(amount)::text FROM orders)";

/// Tables of a database that a load leaves behind it.
const STAGED: &str = "SELECT count(*)::text FROM pg_class WHERE relname LIKE '%stage%' AND relkind = 'r'";

/// Every load, with its slice if it has one.
pub(crate) const LOADS: [(&str, &str); 4] = [
    ("append", ""),
    ("upsert", ""),
    ("replace", ""),
    (
        "replace_partition",
        "partitions: {monthly: {column: at, start: 2013-01}}",
    ),
];

/// An attempt of one of [`LOADS`].
pub(crate) fn attempt<'a>(
    warehouse: &'a Warehouse,
    asset: &'a tidegate_core::schema::Asset,
    epoch: i64,
    token: &'a str,
) -> Attempt<'a> {
    let attempt = Attempt::new(warehouse, asset, epoch, token);
    if asset.partitions.is_some() {
        attempt.of(month("2013-01"))
    } else {
        attempt
    }
}

pub(crate) fn asset(load: &str, rest: &str) -> tidegate_core::schema::Asset {
    orders(&format!("destination: {{resource: w, load: {load}}}\n{rest}"))
}

#[tokio::test]
async fn rows_are_shown_by_the_commit_and_no_sooner() {
    for (load, rest) in LOADS {
        for whole in [false, true] {
            let warehouse = Warehouse::new().await;
            let asset = asset(load, rest);
            let mut attempt = attempt(&warehouse, &asset, 1, "one");
            attempt.resumable = !whole;
            let mut destination = attempt.open().await.unwrap();
            for start in 0..10 {
                destination
                    .write(rows(start * 1_000..(start + 1) * 1_000, 3, 1))
                    .await
                    .unwrap();
            }
            assert_eq!(warehouse.text(ALL).await, "0|-|-", "{load}");
            let receipt = commit(destination).await.unwrap();
            assert_eq!((receipt.rows, receipt.repeated), (10_000, false));
            assert_eq!(warehouse.text(ALL).await, "10000|49995000|10000", "{load}");
            assert_eq!(warehouse.rows(STAGED).await, ["0"], "{load}");
            let written = "SELECT asset || ' ' || rows || ' ' || token FROM _tidegate_loads";
            assert_eq!(warehouse.rows(written).await, ["orders 10000 one"]);
        }
    }
}

#[tokio::test]
async fn a_load_that_is_there_already_is_not_made_again() {
    for (load, rest) in LOADS {
        for whole in [false, true] {
            let warehouse = Warehouse::new().await;
            let asset = asset(load, rest);
            for epoch in 1..4 {
                let mut attempt = attempt(&warehouse, &asset, epoch, "one");
                attempt.resumable = !whole;
                let receipt = attempt.load(&[rows(0..100, 3, 1)]).await.unwrap();
                assert_eq!((receipt.rows, receipt.repeated), (100, epoch > 1), "{load}");
            }
            assert_eq!(warehouse.text(ALL).await, "100|4950|100", "{load}");
        }
    }
}

#[tokio::test]
async fn what_was_staged_is_gone_on_from() {
    for (load, rest) in LOADS {
        let warehouse = Warehouse::new().await;
        let asset = asset(load, rest);
        let mut first = attempt(&warehouse, &asset, 1, "one").open().await.unwrap();
        first.write(rows(0..5_000, 3, 1)).await.unwrap();
        first.stage().await.unwrap();
        first.write(rows(5_000..6_000, 3, 1)).await.unwrap();
        let parts = first.stage().await.unwrap().unwrap();
        assert_eq!(
            parts.iter().map(|part| part.rows).collect::<Vec<_>>(),
            [5_000, 1_000]
        );
        // Written and not staged: lost with the attempt.
        first.write(rows(6_000..7_000, 3, 9)).await.unwrap();
        drop(first);
        let second = attempt(&warehouse, &asset, 2, "one").resuming(parts.clone());
        let receipt = second.load(&[rows(6_000..8_000, 3, 1)]).await.unwrap();
        assert_eq!((receipt.rows, receipt.parts), (8_000, 3), "{load}");
        assert_eq!(warehouse.text(ALL).await, "8000|31996000|8000", "{load}");
        assert_eq!(warehouse.rows(STAGED).await, ["0"]);
        // What is not as it was left is not gone on from.
        let lost = attempt(&warehouse, &asset, 3, "two").resuming(parts).open().await;
        assert_eq!(lost.err().unwrap().code, "postgres.staged_lost");
    }
}

#[tokio::test]
async fn what_a_dead_attempt_left_is_swept_by_the_next() {
    let warehouse = Warehouse::new().await;
    let asset = asset("append", "");
    let mut destination = Attempt::new(&warehouse, &asset, 1, "one").open().await.unwrap();
    destination.write(rows(0..5_000, 3, 1)).await.unwrap();
    destination.stage().await.unwrap();
    drop(destination);
    assert_eq!(warehouse.rows(STAGED).await, ["1"]);
    drop(Attempt::new(&warehouse, &asset, 2, "two").open().await.unwrap());
    assert_eq!(warehouse.rows(STAGED).await, ["0"]);
}

#[tokio::test]
async fn of_rows_of_one_key_the_last_counts() {
    let warehouse = Warehouse::new().await;
    let asset = asset("upsert", "");
    let first = Attempt::new(&warehouse, &asset, 1, "one");
    first
        .load(&[rows(0..100, 3, 1), rows(50..100, 3, 2)])
        .await
        .unwrap();
    assert_eq!(warehouse.text(ALL).await, "100|4950|150");
    // Over parts too.
    let mut second = Attempt::new(&warehouse, &asset, 2, "two").open().await.unwrap();
    second.write(rows(90..110, 3, 3)).await.unwrap();
    second.stage().await.unwrap();
    second.write(rows(95..100, 3, 4)).await.unwrap();
    second.write(rows(95..96, 3, 5)).await.unwrap();
    commit(second).await.unwrap();
    let amounts = "SELECT amount::text || 'x' || count(*) FROM orders GROUP BY amount ORDER BY amount";
    assert_eq!(
        warehouse.rows(amounts).await,
        ["1x50", "2x40", "3x15", "4x4", "5x1"]
    );
}

#[tokio::test]
async fn the_place_of_what_was_there_is_taken() {
    for whole in [false, true] {
        let warehouse = Warehouse::new().await;
        let asset = asset("replace", "");
        for (epoch, token, rows) in [
            (1, "one", Some(rows(0..100, 3, 1))),
            (2, "two", Some(rows(0..3, 3, 1))),
            (3, "three", None),
        ] {
            let mut attempt = Attempt::new(&warehouse, &asset, epoch, token);
            attempt.resumable = !whole;
            let count = rows.as_ref().map_or(0, arrow_array::RecordBatch::num_rows);
            attempt.load(&rows.into_iter().collect::<Vec<_>>()).await.unwrap();
            assert_eq!(
                warehouse.rows("SELECT count(*)::text FROM orders").await,
                [count.to_string()]
            );
        }
    }
}

#[tokio::test]
async fn a_partition_takes_its_own_place_and_no_other() {
    let warehouse = Warehouse::new().await;
    let asset = asset(LOADS[3].0, LOADS[3].1);
    let load = async |epoch, key: &str, batch| {
        let token = format!("{epoch}");
        let attempt = Attempt::new(&warehouse, &asset, epoch, &token).of(month(key));
        attempt.load(&[batch]).await
    };
    load(1, "2013-01", rows(0..100, 3, 1)).await.unwrap();
    load(2, "2013-02", rows(100..200, 40, 1)).await.unwrap();
    load(3, "2013-01", rows(0..10, 3, 2)).await.unwrap();
    assert_eq!(warehouse.text(ALL).await, "110|14995|120");
    let error = load(4, "2013-01", rows(0..10, 40, 2)).await.unwrap_err();
    assert_eq!(error.code, "postgres.outside_partition");
    assert!(
        error.message.starts_with("10 rows have a value of `at`"),
        "{error}"
    );
    assert_eq!(warehouse.text(ALL).await, "110|14995|120");
    assert_eq!(
        warehouse
            .read(&asset, Some(&month("2013-02")))
            .await
            .unwrap()
            .len(),
        100
    );
    assert_eq!(warehouse.read(&asset, None).await.unwrap().len(), 110);
}

/// A batch with the asset's own columns, of which fewer may be missing.
fn as_asset(asset: &Asset, batch: &RecordBatch) -> RecordBatch {
    RecordBatch::try_new(Column::schema(&asset.columns), batch.columns().to_vec()).unwrap()
}

#[tokio::test]
async fn a_partition_of_a_value_and_a_time_takes_its_own_place() {
    let warehouse = Warehouse::new().await;
    let mut asset = orders(
        "destination: {resource: w, load: replace_partition}
partitions: {monthly: {column: at, start: 2013-01}, static: {keys: [\"1\", \"2\"], column: amount}}",
    );
    asset.columns[3].nullable = false;
    let load = async |epoch, value: &str, key: &str, batch: RecordBatch| {
        let token = format!("{epoch}");
        let slice = month_of("amount", value, key);
        let attempt = Attempt::new(&warehouse, &asset, epoch, &token).of(slice);
        attempt.load(&[as_asset(&asset, &batch)]).await
    };
    load(1, "1", "2013-01", rows(0..100, 3, 1)).await.unwrap();
    load(2, "2", "2013-01", rows(100..200, 3, 2)).await.unwrap();
    load(3, "1", "2013-02", rows(200..300, 40, 1)).await.unwrap();
    assert_eq!(warehouse.text(ALL).await, "300|44850|400");
    load(4, "1", "2013-01", rows(0..10, 3, 1)).await.unwrap();
    assert_eq!(warehouse.text(ALL).await, "210|39945|310");
    let error = load(5, "1", "2013-01", rows(0..10, 3, 2)).await.unwrap_err();
    assert_eq!(error.code, "postgres.outside_partition");
    let slice = month_of("amount", "2", "2013-01");
    assert_eq!(warehouse.read(&asset, Some(&slice)).await.unwrap().len(), 100);
}

#[tokio::test]
async fn readers_see_the_old_rows_until_the_new_ones_are_whole() {
    let warehouse = Warehouse::new().await;
    let asset = asset("replace", "");
    Attempt::new(&warehouse, &asset, 1, "one")
        .load(&[rows(0..100, 3, 1)])
        .await
        .unwrap();
    let mut second = Attempt::new(&warehouse, &asset, 2, "two")
        .whole()
        .open()
        .await
        .unwrap();
    // More than is kept back, so that the table has it.
    for start in 0..20 {
        second
            .write(rows(start * 1_000..(start + 1) * 1_000, 3, 1))
            .await
            .unwrap();
    }
    assert_eq!(warehouse.rows("SELECT count(*)::text FROM orders").await, ["100"]);
    commit(second).await.unwrap();
    assert_eq!(
        warehouse.rows("SELECT count(*)::text FROM orders").await,
        ["20000"]
    );
}
