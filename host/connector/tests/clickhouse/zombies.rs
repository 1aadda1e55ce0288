//! Two workers at one task: one wins, and no row comes twice.

use crate::support::{Attempt, Warehouse, commit, month, orders, rows};

const ALL: &str = "SELECT count(), sum(id) FROM orders FINAL";

/// Every load, with its slice if it has one.
const LOADS: [(&str, &str); 4] = [
    ("append, engine: ReplacingMergeTree", ""),
    ("upsert", ""),
    ("replace, engine: ReplacingMergeTree", ""),
    (
        "replace_partition, engine: ReplacingMergeTree",
        "partitions: {monthly: {column: at, start: 2013-01}}",
    ),
];

#[tokio::test]
async fn an_attempt_that_wakes_up_after_another_took_over_is_refused() {
    for (load, rest) in LOADS {
        let warehouse = Warehouse::new().await;
        let asset = orders(&format!("destination: {{resource: w, load: {load}}}\n{rest}"));
        let attempt = |epoch| {
            let attempt = Attempt::new(&warehouse, &asset, epoch, "one");
            if rest.is_empty() {
                attempt
            } else {
                attempt.of(month("2013-01"))
            }
        };
        let mut sleeper = attempt(1).open().await.unwrap();
        sleeper.write(rows(0..100, 3, 1)).await.unwrap();
        let parts = sleeper.stage().await.unwrap().unwrap();
        sleeper.write(rows(100..200, 3, 1)).await.unwrap();
        let mut second = attempt(2).resuming(parts).open().await.unwrap();
        // It writes on, and then commits: both fail, whichever comes first.
        sleeper.write(rows(200..300, 3, 1)).await.unwrap();
        let error = commit(sleeper).await.unwrap_err();
        assert_eq!(error.code, "clickhouse.fenced", "{load}: {error}");
        second.write(rows(100..300, 3, 1)).await.unwrap();
        commit(second).await.unwrap();
        assert_eq!(warehouse.text(ALL).await, "300\t44850", "{load}");
    }
}

#[tokio::test]
async fn an_attempt_that_wakes_up_after_the_load_is_refused() {
    for (load, rest) in LOADS {
        let warehouse = Warehouse::new().await;
        let asset = orders(&format!("destination: {{resource: w, load: {load}}}\n{rest}"));
        let attempt = |epoch, token| {
            let attempt = Attempt::new(&warehouse, &asset, epoch, token);
            if rest.is_empty() {
                attempt
            } else {
                attempt.of(month("2013-01"))
            }
        };
        let mut sleeper = attempt(1, "one").open().await.unwrap();
        sleeper.write(rows(0..100, 3, 1)).await.unwrap();
        attempt(2, "two").load(&[rows(0..10, 3, 1)]).await.unwrap();
        let error = commit(sleeper).await.unwrap_err();
        assert_eq!(error.code, "clickhouse.fenced", "{load}: {error}");
        assert_eq!(warehouse.text(ALL).await, "10\t45", "{load}");
        let late = attempt(1, "one").open().await.err().unwrap();
        assert_eq!(late.code, "clickhouse.fenced", "{load}");
    }
}
