//! How slices of assets stand, what is told of them from outside, and what is forgotten.

use serde_json::{Map, json};
use tidegate_core::plan::{Digest, PartitionRange, RangeState};
use tidegate_core::port::{
    AssetStore, AttemptKey, EventKind, Forgotten, Kept, PartitionPlace, PartitionStore, Report, Reported,
    RunState, SliceVersion, StateStore,
};
use tidegate_state::SqlStateStore;

use crate::support::{Place, asset, at, checkpoint, error, granted, key, materialization, new_run, run_of};

on_both![
    the_newest_of_every_slice_is_told_in_short,
    slices_are_told_by_their_keys_however_many,
    a_report_is_the_newest_and_leaves_where_a_source_reads_on,
    a_report_is_kept_once_under_a_key,
    nothing_is_told_or_forgotten_under_an_attempt,
    an_asset_is_forgotten_whole_or_by_the_slice,
    a_run_is_deleted_once_it_has_ended,
    an_older_export_learns_which_materializations_are_the_newest,
    an_older_store_learns_the_same_beside_later_migrations,
];

/// Materializes a slice with so many rows.
async fn load(place: &Place, what: (&str, &str), rows: u64) -> AttemptKey {
    let run = run_of(place, &[what]).await;
    let attempt = granted(place, run, what, "w", 0).await;
    let done = materialization(&attempt, rows, 1);
    assert!(
        place
            .store
            .finish_materialized(&attempt, &done, &[], &[])
            .await
            .unwrap()
    );
    attempt
}

fn told(name: &str, slice: &str, what: Reported) -> Report {
    let partitions: &[(&str, &str)] = match what {
        Reported::Materialization { .. } => &[(name, slice)],
        Reported::Observation => &[],
    };
    Report {
        run: new_run(partitions),
        asset: asset(name),
        partition: key(slice),
        place: None,
        what,
        metadata: Map::from_iter([("by".to_owned(), json!("legacy"))]),
    }
}

fn place_of(previous: Option<&str>, next: Option<&str>) -> PartitionPlace {
    PartitionPlace {
        cut: Digest::of(b"days"),
        previous: previous.map(key),
        next: next.map(key),
    }
}

async fn ranges(store: &SqlStateStore) -> Vec<PartitionRange> {
    store
        .partition_ranges(&asset("orders"), &Digest::of(b"days"))
        .await
        .unwrap()
}

async fn the_newest_of_every_slice_is_told_in_short(place: &Place) {
    load(place, ("orders", "b"), 2).await;
    load(place, ("orders", "a"), 3).await;
    let newest = load(place, ("orders", "b"), 4).await;
    load(place, ("shops", ""), 6).await;
    load(place, ("other", ""), 8).await;
    let names = [asset("shops"), asset("orders"), asset("none")];
    let found = place.store.slice_versions(&names).await.unwrap();
    let short: Vec<_> = found
        .iter()
        .map(|each| {
            (
                each.asset.as_str(),
                each.partition.0.as_str(),
                each.rows,
                each.bytes,
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            ("orders", "a", 3, 30),
            ("orders", "b", 4, 40),
            ("shops", "", 6, 60)
        ]
    );
    assert_eq!((found[1].epoch, found[1].run), (newest.epoch, newest.run));
    assert_eq!(found[1].code_version, Some(Digest::of(b"code")));
    assert_eq!(found[1].inputs.as_ref().unwrap()[0].asset, asset("raw"));
    // Odd rows are kept without: nobody told.
    assert_eq!((&found[0].code_version, &found[0].inputs), (&None, &None));
    assert_eq!(of(place, "orders", &["b"]).await, [found[1].clone()]);
    assert_eq!(of(place, "orders", &["c"]).await, []);
    assert_eq!(place.store.slice_versions(&[]).await.unwrap(), []);
}

async fn of(place: &Place, name: &str, keys: &[&str]) -> Vec<SliceVersion> {
    let keys: Vec<_> = keys.iter().copied().map(key).collect();
    place.store.slice_versions_of(&asset(name), &keys).await.unwrap()
}

async fn slices_are_told_by_their_keys_however_many(place: &Place) {
    // More than one statement takes.
    let keys: Vec<String> = (0..2_500).map(|number| format!("{number:04}")).collect();
    let loaded = ["0000", "1000", "2499"];
    for slice in loaded {
        load(place, ("orders", slice), 1).await;
        load(place, ("orders", slice), 2).await;
    }
    load(place, ("orders", "beside"), 3).await;
    load(place, ("shops", "0001"), 4).await;
    let mut asked: Vec<&str> = keys.iter().map(String::as_str).rev().collect();
    asked.push("0000");
    let found = of(place, "orders", &asked).await;
    let short: Vec<_> = found
        .iter()
        .map(|each| (each.partition.0.as_str(), each.rows))
        .collect();
    assert_eq!(short, loaded.map(|slice| (slice, 2)));
    assert_eq!(of(place, "orders", &[]).await, []);
}

async fn a_report_is_the_newest_and_leaves_where_a_source_reads_on(place: &Place) {
    let before = load(place, ("orders", "a"), 2).await;
    let report = Report {
        place: Some(place_of(None, Some("b"))),
        ..told("orders", "a", Reported::Materialization { rows: 7, bytes: 70 })
    };
    let run = report.run.id;
    assert_eq!(place.store.report(&report).await.unwrap(), Kept::Done(run));
    let last = place
        .store
        .last_materialization(&asset("orders"), &key("a"))
        .await;
    let last = last.unwrap().unwrap();
    assert!(last.external && last.epoch > before.epoch && last.run == run);
    assert_eq!((last.load.rows, last.load.bytes), (7, 70));
    assert_eq!(last.metadata["by"], "legacy");
    assert_eq!(last.watermark.unwrap().0, json!({"value": 2}));
    assert_eq!(last.code_version, None);
    let found = place.store.run(run).await.unwrap().unwrap();
    assert_eq!(found.state, RunState::Succeeded);
    assert!(found.finished_at.is_some());
    let events = place.store.events(run, 0, 10).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event.kind, EventKind::Materialized);
    assert_eq!(events[0].event.data["external"], true);
    let standing = ranges(&place.store).await;
    assert_eq!(standing.len(), 1);
    assert_eq!(
        (&standing[0].first, standing[0].state),
        (&key("a"), RangeState::Materialized)
    );
    // The next attempt comes behind it.
    let next = load(place, ("orders", "a"), 2).await;
    assert!(next.epoch > last.epoch);

    let seen = told("orders", "a", Reported::Observation);
    assert_eq!(place.store.report(&seen).await.unwrap(), Kept::Done(seen.run.id));
    let events = place.store.events(seen.run.id, 0, 10).await.unwrap();
    assert_eq!(events[0].event.kind, EventKind::Observed);
    let last = place
        .store
        .last_materialization(&asset("orders"), &key("a"))
        .await;
    assert_eq!(last.unwrap().unwrap().epoch, next.epoch);
}

async fn a_report_is_kept_once_under_a_key(place: &Place) {
    let mut first = told("orders", "", Reported::Materialization { rows: 1, bytes: 1 });
    first.run.run_key = Some("once".into());
    let mut again = told("orders", "", Reported::Materialization { rows: 2, bytes: 2 });
    again.run.run_key = Some("once".into());
    for report in [&first, &again] {
        assert_eq!(
            place.store.report(report).await.unwrap(),
            Kept::Done(first.run.id)
        );
    }
    let found = place.store.materializations(&asset("orders")).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].load.rows, 1);
}

async fn nothing_is_told_or_forgotten_under_an_attempt(place: &Place) {
    load(place, ("orders", "a"), 2).await;
    let run = run_of(place, &[("orders", "b")]).await;
    let attempt = granted(place, run, ("orders", "b"), "w", 0).await;
    let report = told("orders", "b", Reported::Materialization { rows: 7, bytes: 70 });
    let refused = place.store.report(&report).await.unwrap();
    assert!(matches!(refused, Kept::Held { run: holder, .. } if holder == run));
    assert_eq!(place.store.run(report.run.id).await.unwrap(), None);
    let wipe = |slice: Option<&str>| tidegate_core::port::Wipe {
        asset: asset("orders"),
        slice: slice.map(|slice| (key(slice), None)),
        dry_run: false,
        at: at(1),
    };
    for slice in [None, Some("b")] {
        let refused = place.store.wipe(&wipe(slice)).await.unwrap();
        assert!(matches!(refused, Kept::Held { ref partition, .. } if *partition == key("b")));
    }
    // The attempt still holds, and another slice can be forgotten.
    assert!(place.store.holds(&attempt).await.unwrap());
    let done = place.store.wipe(&wipe(Some("a"))).await.unwrap();
    assert!(matches!(done, Kept::Done(Forgotten { slices: 1, .. })));
    // One of which the lease has ended is lost: it holds nothing up, and is refused when it comes back.
    let late = tidegate_core::port::Wipe {
        at: at(100_000),
        ..wipe(Some("b"))
    };
    assert!(matches!(place.store.wipe(&late).await.unwrap(), Kept::Done(_)));
    assert!(!place.store.holds(&attempt).await.unwrap());
}

async fn an_asset_is_forgotten_whole_or_by_the_slice(place: &Place) {
    for slice in ["a", "b", "a"] {
        load(place, ("orders", slice), 2).await;
    }
    let other = load(place, ("shops", "a"), 2).await;
    for slice in ["a", "b"] {
        let place_of = if slice == "a" {
            place_of(None, Some("b"))
        } else {
            place_of(Some("a"), None)
        };
        let state = Some(RangeState::Materialized);
        place
            .store
            .set_partition(&asset("orders"), &key(slice), &place_of, state)
            .await
            .unwrap();
    }
    let failed = run_of(place, &[("orders", "a")]).await;
    let attempt = granted(place, failed, ("orders", "a"), "w", 0).await;
    place
        .store
        .put_checkpoint(&attempt, &checkpoint(1), at(1))
        .await
        .unwrap();
    place
        .store
        .fail_attempt(&attempt, &error("no"), at(2))
        .await
        .unwrap();
    let mut wipe = tidegate_core::port::Wipe {
        asset: asset("orders"),
        slice: Some((key("a"), Some(place_of(None, Some("b"))))),
        dry_run: true,
        at: at(3),
    };
    let expected = Forgotten {
        slices: 1,
        materializations: 2,
        checkpoints: 1,
    };
    // A rehearsal tells the same, and changes nothing.
    for dry_run in [true, true, false] {
        wipe.dry_run = dry_run;
        assert_eq!(place.store.wipe(&wipe).await.unwrap(), Kept::Done(expected));
    }
    assert_eq!(
        place.store.wipe(&wipe).await.unwrap(),
        Kept::Done(Forgotten::default())
    );
    let left = place.store.materializations(&asset("orders")).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].partition, key("b"));
    let standing = ranges(&place.store).await;
    assert_eq!((standing.len(), &standing[0].first), (1, &key("b")));
    let next = load(place, ("orders", "a"), 2).await;
    assert!(next.epoch > attempt.epoch);

    wipe.slice = None;
    let forgotten = place.store.wipe(&wipe).await.unwrap();
    assert!(matches!(
        forgotten,
        Kept::Done(Forgotten {
            slices: 2,
            materializations: 2,
            ..
        })
    ));
    assert_eq!(ranges(&place.store).await, []);
    assert_eq!(place.store.slice_versions(&[asset("orders")]).await.unwrap(), []);
    let kept = of(place, "shops", &["a"]).await;
    assert_eq!(kept[0].epoch, other.epoch);
}

async fn a_run_is_deleted_once_it_has_ended(place: &Place) {
    let seen = told("orders", "", Reported::Materialization { rows: 1, bytes: 1 });
    place.store.report(&seen).await.unwrap();
    let waiting = run_of(place, &[("orders", "")]).await;
    assert!(!place.store.delete_run(waiting).await.unwrap());
    assert!(place.store.run(waiting).await.unwrap().is_some());
    assert!(place.store.delete_run(seen.run.id).await.unwrap());
    assert!(!place.store.delete_run(seen.run.id).await.unwrap());
    assert_eq!(place.store.run(seen.run.id).await.unwrap(), None);
    assert_eq!(place.store.events(seen.run.id, 0, 10).await.unwrap(), []);
    assert_eq!(
        place
            .store
            .materializations(&asset("orders"))
            .await
            .unwrap()
            .len(),
        1
    );
}

/// What a store of before the table of the newest holds, exported, and read by this one.
async fn an_older_export_learns_which_materializations_are_the_newest(place: &Place) {
    load(place, ("orders", "a"), 2).await;
    let newest = load(place, ("orders", "a"), 4).await;
    let mut text = Vec::new();
    place.store.export(&mut text).await.unwrap();
    let text = String::from_utf8(text).unwrap();
    let old = |line: &&str| !line.contains("\"newest_materializations\"") || line.contains("\"sequences\"");
    // Nor does it know the columns that later migrations added.
    let later = [
        "attended",
        "result",
        "code_version",
        "inputs",
        "metadata",
        "external",
    ];
    let before = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(row) = line.get_mut("row").and_then(serde_json::Value::as_object_mut) {
            row.retain(|name, _| !later.contains(&name.as_str()));
        }
        line.to_string()
    };
    let mut lines: Vec<String> = text.lines().filter(old).map(before).collect();
    let mut end: serde_json::Value = serde_json::from_str(&lines.pop().unwrap()).unwrap();
    end["rows"] = (lines.len() - 1).into();
    lines.push(end.to_string());
    let other = Place::sqlite().await;
    other
        .store
        .import(&mut lines.join("\n").as_bytes())
        .await
        .unwrap();
    let found = other.store.slice_versions(&[asset("orders")]).await.unwrap();
    assert_eq!((found.len(), found[0].epoch), (1, newest.epoch));
    other.clear().await;
}

/// A store that was made when migrations behind this one were there, and this one was not.
async fn an_older_store_learns_the_same_beside_later_migrations(place: &Place) {
    load(place, ("orders", "a"), 2).await;
    let newest = load(place, ("orders", "a"), 4).await;
    place
        .raw(
            "DROP TABLE newest_materializations;
             ALTER TABLE materializations DROP COLUMN code_version;
             ALTER TABLE materializations DROP COLUMN inputs;
             ALTER TABLE materializations DROP COLUMN metadata;
             ALTER TABLE materializations DROP COLUMN external;
             DELETE FROM _sqlx_migrations WHERE version = 5",
        )
        .await;
    let store = place.open_again().await;
    let found = store.slice_versions(&[asset("orders")]).await.unwrap();
    assert_eq!((found.len(), found[0].epoch), (1, newest.epoch));
    assert_eq!((&found[0].code_version, &found[0].inputs), (&None, &None));
    store.close().await;
}
