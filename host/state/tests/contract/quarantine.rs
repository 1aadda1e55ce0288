//! The quarantine's index: by asset, by run, newest first.

use tidegate_core::port::{QuarantineEntry, StateStore};

use crate::support::{Place, asset, entry, granted, materialization, run_of};

on_both![entries_are_found_by_asset_and_run_newest_first];

async fn entries_are_found_by_asset_and_run_newest_first(place: &Place) {
    let mut runs = Vec::new();
    let mut expected: Vec<QuarantineEntry> = Vec::new();
    for round in 0..2 {
        let run = run_of(place, &[("orders", "a"), ("shops", "")]).await;
        runs.push(run);
        for what in [("orders", "a"), ("shops", "")] {
            let attempt = granted(place, run, what, "w", 0).await;
            let builtin = QuarantineEntry {
                step: "source".to_owned(),
                digest: None,
                ..entry(&attempt, &format!("{round}/{}/source", what.0))
            };
            let rejects = [builtin, entry(&attempt, &format!("{round}/{}/step", what.0))];
            let done = materialization(&attempt, 1, 1);
            assert!(
                place
                    .store
                    .finish_materialized(&attempt, &done, &rejects, &[])
                    .await
                    .unwrap()
            );
            expected.extend(rejects);
        }
    }
    expected.reverse();
    let orders = asset("orders");
    for (name, run) in [
        (None, None),
        (Some(&orders), None),
        (None, Some(runs[0])),
        (Some(&orders), Some(runs[1])),
    ] {
        let mut wanted = expected.clone();
        wanted.retain(|entry| {
            name.is_none_or(|name| *name == entry.asset) && run.is_none_or(|run| run == entry.run)
        });
        assert!(!wanted.is_empty());
        assert_eq!(place.store.quarantine(name, run).await.unwrap(), wanted);
    }
    assert_eq!(
        place.store.quarantine(Some(&asset("none")), None).await.unwrap(),
        []
    );
}
