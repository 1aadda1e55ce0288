//! Runs: inserting, moving, listing.

use std::collections::BTreeMap;

use serde_json::json;
use tidegate_core::Error;
use tidegate_core::plan::{RunId, WorkerId};
use tidegate_core::port::{PartitionState, RunFilter, RunMove, RunRecord, RunState, StateStore};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Place, asset, at, claim, error, key, new_run, run_of};

on_both![
    a_run_is_read_as_it_was_inserted,
    a_move_needs_the_state_it_starts_from,
    one_of_many_movers_wins,
    a_run_is_inserted_whole_or_not_at_all,
    lists_are_filtered_and_paged_newest_first,
    documents_and_keys_of_any_text_are_kept,
    thousands_of_partitions_keep_their_order,
];

const ALL: RunFilter = RunFilter {
    asset: None,
    states: Vec::new(),
    job: None,
    tags: Vec::new(),
    worker: None,
    before: None,
    limit: 100,
};

async fn a_run_is_read_as_it_was_inserted(place: &Place) {
    let run = new_run(&[("orders", "2024-02"), ("orders", "2024-01"), ("shops", "")]);
    place.store.insert_run(&run).await.unwrap();

    let expected = RunRecord {
        id: run.id,
        state: RunState::Queued,
        request: run.request.clone(),
        created_at: at(0),
        updated_at: at(0),
        error: None,
        worker: None,
        priority: 0,
        job: None,
        tags: BTreeMap::new(),
        run_key: None,
        started_at: None,
        finished_at: None,
        recoveries: 0,
        attended: false,
    };
    assert_eq!(place.store.run(run.id).await.unwrap(), Some(expected));
    assert_eq!(place.store.run(RunId(Uuid::now_v7())).await.unwrap(), None);
    let partitions = place.store.run_partitions(run.id).await.unwrap();
    let named: Vec<_> = partitions
        .iter()
        .map(|found| (found.asset.clone(), found.partition.clone()))
        .collect();
    assert_eq!(named, run.partitions);
    assert!(
        partitions
            .iter()
            .all(|found| found.state == PartitionState::Pending && found.attempts.is_empty())
    );
}

/// A move by the worker `mover`, at a time.
fn a_move(run: RunId, [from, to]: [RunState; 2], error: Option<&Error>, seconds: i64) -> RunMove {
    RunMove {
        run,
        from,
        to,
        seen: None,
        holder: None,
        reserved: None,
        error: error.cloned(),
        by: WorkerId("mover".into()),
        at: at(seconds),
    }
}

async fn a_move_needs_the_state_it_starts_from(place: &Place) {
    let run = run_of(place, &[("orders", "")]).await;
    let cause = error("a partition failed");
    let store = &place.store;
    assert!(
        !store
            .move_run(&a_move(
                run,
                [RunState::Running, RunState::Failed],
                Some(&cause),
                1
            ))
            .await
            .unwrap()
    );
    assert_eq!(store.run(run).await.unwrap().unwrap().updated_at, at(0));
    assert!(
        store
            .move_run(&a_move(run, [RunState::Queued, RunState::Running], None, 2))
            .await
            .unwrap()
    );
    assert!(
        store
            .move_run(&a_move(
                run,
                [RunState::Running, RunState::Failed],
                Some(&cause),
                3
            ))
            .await
            .unwrap()
    );

    let record = store.run(run).await.unwrap().unwrap();
    assert_eq!(
        (record.state, record.updated_at, record.error),
        (RunState::Failed, at(3), Some(cause))
    );
    // Each move that was made is an event, and no other.
    let events = store.events(run, 0, 10).await.unwrap();
    let moves: Vec<_> = events
        .iter()
        .map(|stored| {
            (
                stored.event.data["from"].as_str(),
                stored.event.data["to"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        moves,
        [
            (Some("queued"), Some("running")),
            (Some("running"), Some("failed"))
        ]
    );
    assert_eq!(events[1].event.data["worker"], "mover");
    // It has moved since it was looked at, though it may be where it was again.
    for (seen, moved) in [(at(2), false), (at(3), true)] {
        let change = RunMove {
            seen: Some(seen),
            ..a_move(run, [RunState::Failed, RunState::Queued], None, 3)
        };
        assert_eq!(store.move_run(&change).await.unwrap(), moved, "{seen}");
    }
    let back = a_move(
        run,
        [RunState::Queued, RunState::Failed],
        Some(&error("again")),
        3,
    );
    assert!(store.move_run(&back).await.unwrap());
    // A run that is taken up again is not failed any more.
    assert!(
        store
            .move_run(&a_move(run, [RunState::Failed, RunState::Queued], None, 4))
            .await
            .unwrap()
    );
    assert_eq!(store.run(run).await.unwrap().unwrap().error, None);
    let unknown = RunId(Uuid::now_v7());
    assert!(
        !store
            .move_run(&a_move(unknown, [RunState::Queued, RunState::Running], None, 1))
            .await
            .unwrap()
    );
}

async fn one_of_many_movers_wins(place: &Place) {
    let run = run_of(place, &[("orders", "")]).await;
    let mut movers = JoinSet::new();
    for _ in 0..16 {
        let store = place.store.clone();
        movers.spawn(async move {
            store
                .move_run(&a_move(run, [RunState::Queued, RunState::Starting], None, 1))
                .await
        });
    }
    let won = movers
        .join_all()
        .await
        .into_iter()
        .filter(|moved| *moved.as_ref().unwrap())
        .count();
    assert_eq!(won, 1);
}

async fn a_run_is_inserted_whole_or_not_at_all(place: &Place) {
    let store = &place.store;
    let run = new_run(&[("orders", "a")]);
    store.insert_run(&run).await.unwrap();
    let again = store.insert_run(&run).await.unwrap_err();
    assert_eq!(again.code, "state.exists");

    let twice = new_run(&[("orders", "a"), ("orders", "a")]);
    assert_eq!(store.insert_run(&twice).await.unwrap_err().code, "state.exists");
    assert_eq!(store.run(twice.id).await.unwrap(), None);

    let nul = new_run(&[("orders", "a\0b")]);
    assert_eq!(store.insert_run(&nul).await.unwrap_err().code, "state.value");
    assert_eq!(store.run(nul.id).await.unwrap(), None);

    let empty = new_run(&[]);
    store.insert_run(&empty).await.unwrap();
    assert_eq!(store.run_partitions(empty.id).await.unwrap(), []);
}

async fn lists_are_filtered_and_paged_newest_first(place: &Place) {
    let mut runs = Vec::new();
    for index in 0..6 {
        let name = if index % 2 == 0 { "even" } else { "odd" };
        runs.push(run_of(place, &[(name, "a"), (name, "b")]).await);
    }
    place
        .store
        .move_run(&a_move(runs[4], [RunState::Queued, RunState::Running], None, 1))
        .await
        .unwrap();
    place
        .store
        .move_run(&a_move(runs[1], [RunState::Queued, RunState::Running], None, 1))
        .await
        .unwrap();

    let listed = async |filter: RunFilter| -> Vec<usize> {
        let records = place.store.runs(&filter).await.unwrap();
        records
            .iter()
            .map(|record| runs.iter().position(|run| *run == record.id).unwrap())
            .collect()
    };
    let (even, running) = (Some(asset("even")), vec![RunState::Running]);
    assert_eq!(listed(ALL).await, [5, 4, 3, 2, 1, 0]);
    assert_eq!(listed(RunFilter { limit: 2, ..ALL }).await, [5, 4]);
    assert_eq!(
        listed(RunFilter {
            limit: 2,
            before: Some(runs[4]),
            ..ALL
        })
        .await,
        [3, 2]
    );
    assert_eq!(
        listed(RunFilter {
            before: Some(runs[0]),
            ..ALL
        })
        .await,
        [0; 0]
    );
    assert_eq!(listed(RunFilter { limit: 0, ..ALL }).await, [0; 0]);
    assert_eq!(
        listed(RunFilter {
            asset: even.clone(),
            ..ALL
        })
        .await,
        [4, 2, 0]
    );
    assert_eq!(
        listed(RunFilter {
            states: running.clone(),
            ..ALL
        })
        .await,
        [4, 1]
    );
    assert_eq!(
        listed(RunFilter {
            asset: even.clone(),
            states: running.clone(),
            ..ALL
        })
        .await,
        [4]
    );
    assert_eq!(
        listed(RunFilter {
            asset: even,
            before: Some(runs[4]),
            limit: 1,
            ..ALL
        })
        .await,
        [2]
    );
    assert_eq!(
        listed(RunFilter {
            asset: Some(asset("none")),
            ..ALL
        })
        .await,
        [0; 0]
    );
}

async fn documents_and_keys_of_any_text_are_kept(place: &Place) {
    let texts = [
        "Ærø's \"shop\"; DROP TABLE runs; --",
        "日本語/東京 🚲",
        "%_\\ \n\t$1",
        " ",
        "a",
        "A",
    ];
    let mut run = new_run(&texts.map(|text| ("orders", text)));
    let items: Vec<_> = (0..20_000)
        .map(|n| json!({"n": n, "text": "ü".repeat(100), "deep": [[[n]]]}))
        .collect();
    run.request = json!({"items": items, "largest": u64::MAX, "smallest": i64::MIN, "half": 0.5, "": null});
    place.store.insert_run(&run).await.unwrap();
    assert_eq!(
        place.store.run(run.id).await.unwrap().unwrap().request,
        run.request
    );
    for (text, found) in texts
        .into_iter()
        .zip(place.store.run_partitions(run.id).await.unwrap())
    {
        assert_eq!(found.partition, key(text));
        claim(&place.store, run.id, ("orders", text), "arbeiter ü", 0).await;
    }
    let partitions = place.store.run_partitions(run.id).await.unwrap();
    assert!(
        partitions
            .iter()
            .all(|found| found.attempts[0].worker.0 == "arbeiter ü")
    );

    // What an error quotes may hold anything; it must be kept all the same.
    let quoting = error("the value `a\0b` is no number");
    assert!(
        place
            .store
            .move_run(&a_move(
                run.id,
                [RunState::Queued, RunState::Failed],
                Some(&quoting),
                1
            ))
            .await
            .unwrap()
    );
    let kept = place.store.run(run.id).await.unwrap().unwrap().error.unwrap();
    assert_eq!(kept.message, "the value `a\u{fffd}b` is no number");
}

async fn thousands_of_partitions_keep_their_order(place: &Place) {
    let keys: Vec<String> = (0..2_500).map(|n| format!("{}", (n * 7_919) % 2_500)).collect();
    let partitions: Vec<(&str, &str)> = keys.iter().map(|text| ("orders", text.as_str())).collect();
    let run = run_of(place, &partitions).await;
    let found = place.store.run_partitions(run).await.unwrap();
    assert!(found.iter().map(|found| &found.partition.0).eq(&keys));
}
