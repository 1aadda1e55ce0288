//! Materializations: the newest of each slice, and those of a run.

use tidegate_core::port::StateStore;

use crate::support::{Place, asset, granted, key, materialization, run_of};

on_both![
    the_newest_of_each_slice_counts,
    a_runs_own_are_in_the_order_they_were_made
];

async fn the_newest_of_each_slice_counts(place: &Place) {
    let keys = ["b", "B", "a", "Ö", "10", "9"];
    let mut newest = Vec::new();
    for round in 0..3 {
        let run = run_of(
            place,
            &[
                keys.map(|text| ("orders", text)),
                keys.map(|text| ("shops", text)),
            ]
            .concat(),
        )
        .await;
        newest.clear();
        for text in keys {
            let attempt = granted(place, run, ("orders", text), "w", 100 * round).await;
            // Made later by a clock that runs backwards: the fence tells which one is the newest.
            let done = materialization(&attempt, 10 * round as u64, -round);
            assert!(
                place
                    .store
                    .finish_materialized(&attempt, &done, &[], &[])
                    .await
                    .unwrap()
            );
            newest.push(done);
        }
        let other = granted(place, run, ("shops", "a"), "w", 100 * round).await;
        let done = materialization(&other, 1, 0);
        assert!(
            place
                .store
                .finish_materialized(&other, &done, &[], &[])
                .await
                .unwrap()
        );
    }
    newest.sort_by(|a, b| a.partition.cmp(&b.partition));
    assert_eq!(
        place.store.materializations(&asset("orders")).await.unwrap(),
        newest
    );
    for each in &newest {
        let (name, slice) = (&each.asset, &each.partition);
        let last = place.store.last_materialization(name, slice).await.unwrap();
        assert_eq!(last.as_ref(), Some(each));
    }
    let none = place
        .store
        .last_materialization(&asset("orders"), &key("z"))
        .await;
    assert_eq!(none.unwrap(), None);
    assert_eq!(
        place.store.materializations(&asset("shops")).await.unwrap().len(),
        1
    );
    assert_eq!(place.store.materializations(&asset("none")).await.unwrap(), []);
}

async fn a_runs_own_are_in_the_order_they_were_made(place: &Place) {
    let partitions = [("b", "2"), ("a", "1"), ("c", "")];
    let first = run_of(place, &partitions).await;
    let second = run_of(place, &partitions).await;
    for run in [first, second] {
        let mut made = Vec::new();
        for what in partitions {
            let attempt = granted(place, run, what, "w", 0).await;
            let done = materialization(&attempt, 1, 0);
            assert!(
                place
                    .store
                    .finish_materialized(&attempt, &done, &[], &[])
                    .await
                    .unwrap()
            );
            made.push(done);
        }
        assert_eq!(place.store.run_materializations(run).await.unwrap(), made);
    }
}
