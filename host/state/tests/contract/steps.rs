//! Steps of jobs: a result and what it leads to are there together, under the attempt's fence.

use serde_json::json;
use tidegate_core::plan::{PartitionKey, StepPlace};
use tidegate_core::port::{
    EventKind, MaintenanceStore as _, PartitionState, RunMove, RunState, StateStore as _, StepEnd,
};

use crate::support::{Place, asset, at, error, granted, new_run, partition_of, state_of, try_claim, worker};

async fn a_step_ends_with_its_result_and_what_it_leads_to(place: &Place) {
    let store = &place.store;
    let mut run = new_run(&[]);
    let whole = PartitionKey::of_step(run.id, StepPlace::Whole);
    let item = |index| {
        (
            asset("each"),
            PartitionKey::of_step(run.id, StepPlace::Item(index)),
        )
    };
    let items = vec![
        item(0),
        item(1),
        (asset("orders"), PartitionKey("2024-01".into())),
    ];
    run.partitions = vec![(asset("find"), whole.clone()), items[2].clone()];
    store.insert_run(&run).await.unwrap();
    let attempt = granted(place, run.id, ("find", &whole.0), "w", 0).await;
    let end = StepEnd {
        result: json!({"files": ["a", "b\0"], "n": 2}),
        items: items.clone(),
        at: at(1),
    };
    assert!(store.finish_step(&attempt, &end).await.unwrap());
    // One that has ended, ends no more.
    assert!(!store.finish_step(&attempt, &end).await.unwrap());
    let found = store.run_partitions(run.id).await.unwrap();
    let order: Vec<_> = found
        .iter()
        .map(|each| (each.asset.clone(), each.partition.clone()))
        .collect();
    let (first, second) = (items[0].clone(), items[1].clone());
    assert_eq!(
        order,
        [(asset("find"), whole.clone()), items[2].clone(), first, second]
    );
    assert_eq!(found[0].state, PartitionState::Succeeded);
    assert_eq!(
        found[0].result,
        Some(json!({"files": ["a", "b\u{fffd}"], "n": 2}))
    );
    assert!(
        found[1..]
            .iter()
            .all(|each| each.state == PartitionState::Pending && each.result.is_none())
    );
    let events = store.events(run.id, 0, 10).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|stored| stored.event.kind).collect();
    assert_eq!(kinds, [EventKind::AttemptStarted, EventKind::StepSucceeded]);
    // What it led to is work like any other.
    granted(place, run.id, ("each", &items[0].1.0), "w", 2).await;
}

async fn a_zombie_ends_no_step_and_leads_to_nothing(place: &Place) {
    let store = &place.store;
    let mut run = new_run(&[]);
    let whole = PartitionKey::of_step(run.id, StepPlace::Whole);
    run.partitions = vec![(asset("find"), whole.clone())];
    store.insert_run(&run).await.unwrap();
    let zombie = granted(place, run.id, ("find", &whole.0), "w", 0).await;
    try_claim(store, run.id, ("find", &whole.0), "other", &["w"], &[], 1)
        .await
        .unwrap();
    let end = StepEnd {
        result: json!(1),
        items: vec![(asset("orders"), PartitionKey::whole())],
        at: at(2),
    };
    assert!(!store.finish_step(&zombie, &end).await.unwrap());
    assert_eq!(store.run_partitions(run.id).await.unwrap().len(), 1);
    assert_eq!(partition_of(place, run.id, ("find", &whole.0)).await.result, None);
    assert_eq!(
        state_of(place, run.id, ("find", &whole.0)).await,
        PartitionState::Running
    );
}

async fn the_fences_of_steps_go_with_their_run_and_those_of_assets_stay(place: &Place) {
    let store = &place.store;
    let mut run = new_run(&[("orders", "a")]);
    let whole = PartitionKey::of_step(run.id, StepPlace::Whole);
    run.partitions.push((asset("find"), whole.clone()));
    store.insert_run(&run).await.unwrap();
    let mut epochs = Vec::new();
    for what in [("find", whole.0.as_str()), ("orders", "a")] {
        let attempt = granted(place, run.id, what, "w", 100).await;
        store.fail_attempt(&attempt, &error("no"), at(101)).await.unwrap();
        epochs.push(attempt.epoch);
    }
    let ended = RunMove {
        run: run.id,
        from: RunState::Queued,
        to: RunState::Failed,
        seen: None,
        holder: None,
        reserved: None,
        error: None,
        by: worker("w"),
        at: at(102),
    };
    assert!(store.move_run(&ended).await.unwrap());
    assert_eq!(store.prune_runs(at(200), 10).await.unwrap(), 1);
    // A fence that is made anew begins at the clock, which stands earlier here; one that stayed rises.
    store.insert_run(&run).await.unwrap();
    let step = granted(place, run.id, ("find", &whole.0), "w", 0).await;
    assert!(step.epoch < epochs[0]);
    let slice = granted(place, run.id, ("orders", "a"), "w", 0).await;
    assert!(slice.epoch > epochs[1]);
}

on_both!(
    a_step_ends_with_its_result_and_what_it_leads_to,
    a_zombie_ends_no_step_and_leads_to_nothing,
    the_fences_of_steps_go_with_their_run_and_those_of_assets_stay,
);
