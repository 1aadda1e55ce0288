//! Two workers at one task: one wins, and no row comes twice.

use crate::loads::{LOADS, asset, attempt};
use crate::support::{Warehouse, commit, rows};

const ALL: &str = "(SELECT count(*)::text FROM orders), (SELECT sum(id)::text FROM orders)";

#[tokio::test]
async fn an_attempt_that_wakes_up_after_another_took_over_is_refused() {
    for (load, rest) in LOADS {
        for whole in [false, true] {
            let warehouse = Warehouse::new().await;
            let asset = asset(load, rest);
            let one = |epoch| {
                let mut attempt = attempt(&warehouse, &asset, epoch, "one");
                attempt.resumable = !whole;
                attempt
            };
            let mut sleeper = one(1).open().await.unwrap();
            // So much that it holds locks on what it wrote.
            sleeper.write(rows(0..20_000, 3, 1)).await.unwrap();
            let parts = sleeper.stage().await.unwrap().unwrap_or_default();
            let written = sleeper.write(rows(20_000..40_000, 3, 1)).await;
            written.unwrap();
            let taken: u64 = parts.iter().map(|part| part.rows).sum();
            // Nobody waits for its locks: its session is ended.
            let mut second = one(2).resuming(parts).open().await.unwrap();
            let more = sleeper.write(rows(40_000..60_000, 3, 1)).await;
            let error = match more {
                Err(error) => error,
                Ok(()) => commit(sleeper).await.unwrap_err(),
            };
            assert!(
                ["postgres.fenced", "postgres.network"].contains(&error.code.as_str()),
                "{load}: {error}"
            );
            second.write(rows(taken as i64..60_000, 3, 1)).await.unwrap();
            commit(second).await.unwrap();
            assert_eq!(warehouse.text(ALL).await, "60000|1799970000", "{load} {whole}");
        }
    }
}

#[tokio::test]
async fn an_attempt_that_wakes_up_after_the_load_is_refused() {
    for (load, rest) in LOADS {
        let warehouse = Warehouse::new().await;
        let asset = asset(load, rest);
        let mut sleeper = attempt(&warehouse, &asset, 1, "one").open().await.unwrap();
        sleeper.write(rows(0..100, 3, 1)).await.unwrap();
        attempt(&warehouse, &asset, 2, "two")
            .load(&[rows(0..10, 3, 1)])
            .await
            .unwrap();
        let error = commit(sleeper).await.unwrap_err();
        assert!(
            ["postgres.fenced", "postgres.network"].contains(&error.code.as_str()),
            "{load}: {error}"
        );
        assert_eq!(warehouse.text(ALL).await, "10|45", "{load}");
        let late = attempt(&warehouse, &asset, 1, "one").open().await.err().unwrap();
        assert_eq!(late.code, "postgres.fenced", "{load}");
    }
}

#[tokio::test]
async fn loads_of_other_partitions_and_assets_go_on_side_by_side() {
    let warehouse = Warehouse::new().await;
    let mut loads = Vec::new();
    for number in 0..6 {
        let warehouse = warehouse.through(warehouse.port());
        loads.push(tokio::spawn(async move {
            // One table, six assets: each has its own fence, and all make what is not there.
            let mut asset = asset("append", "");
            asset.name = format!("orders_{number}").parse().unwrap();
            asset.destination.config.insert("table".into(), "orders".into());
            let token = format!("{number}");
            let first = number * 1_000;
            attempt(&warehouse, &asset, 1, &token)
                .load(&[rows(first..first + 1_000, 3, 1)])
                .await
        }));
    }
    for load in loads {
        load.await.unwrap().unwrap();
    }
    assert_eq!(warehouse.text(ALL).await, "6000|17997000");
}
