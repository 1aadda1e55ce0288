//! The queue: each run to one worker, in order, within the limits; and workers that are heard of.

use std::collections::BTreeSet;

use tidegate_core::plan::RunId;
use tidegate_core::port::{
    EventKind, Inserted, NewRun, PartitionState, QueueStore, RunFilter, RunMove, RunState, StateStore,
    TagLimit, TakeRuns,
};
use tokio::task::JoinSet;

use crate::support::{Place, at, new_run, soon, worker};

on_both![
    runs_are_taken_by_priority_and_age,
    a_reserved_run_goes_to_its_worker,
    no_limit_is_passed_and_nothing_hides_behind_one,
    each_run_is_taken_once,
    a_run_key_makes_one_run,
    a_worker_that_was_given_up_moves_nothing,
    a_worker_hears_what_is_to_stop,
    what_was_not_tried_is_skipped_and_tried_again,
    runs_are_found_by_job_and_tags,
];

async fn put(place: &Place, change: impl FnOnce(&mut NewRun)) -> RunId {
    let mut run = new_run(&[("orders", "1"), ("orders", "2")]);
    change(&mut run);
    assert_eq!(place.store.insert_run(&run).await.unwrap(), Inserted::New);
    run.id
}

async fn take(place: &Place, by: &str, most: u32, limit: Option<u32>, tags: &[TagLimit]) -> Vec<RunId> {
    let wish = TakeRuns {
        worker: &worker(by),
        most,
        limit,
        tag_limits: tags,
        at: at(5),
    };
    let taken = place.store.take_runs(&wish).await.unwrap();
    for run in &taken {
        assert_eq!(run.state, RunState::Starting);
        assert_eq!(place.store.run(run.id).await.unwrap().as_ref(), Some(run));
        let events = place.store.events(run.id, 0, 10).await.unwrap();
        assert_eq!(events[0].event.kind, EventKind::RunState);
        assert_eq!(events[0].event.data["to"], "starting");
    }
    taken.into_iter().map(|run| run.id).collect()
}

fn change(run: RunId, from: RunState, to: RunState, by: &str) -> RunMove {
    RunMove {
        run,
        from,
        to,
        seen: None,
        holder: None,
        reserved: None,
        error: None,
        by: worker(by),
        at: at(9),
    }
}

async fn runs_are_taken_by_priority_and_age(place: &Place) {
    let first = put(place, |_| {}).await;
    let second = put(place, |_| {}).await;
    let urgent = put(place, |run| run.priority = 5).await;
    let lazy = put(place, |run| run.priority = -5).await;
    assert_eq!(take(place, "w", 2, None, &[]).await, [urgent, first]);
    assert_eq!(take(place, "w", 9, None, &[]).await, [second, lazy]);
    assert_eq!(take(place, "w", 9, None, &[]).await, []);
}

async fn a_reserved_run_goes_to_its_worker(place: &Place) {
    let reserved = put(place, |run| run.worker = Some(worker("mine"))).await;
    assert_eq!(take(place, "other", 9, None, &[]).await, []);
    assert_eq!(take(place, "mine", 9, None, &[]).await, [reserved]);
}

async fn no_limit_is_passed_and_nothing_hides_behind_one(place: &Place) {
    let tagged = |team: &'static str| {
        move |run: &mut NewRun| {
            run.tags.insert("team".into(), team.into());
        }
    };
    let mut sales = Vec::new();
    for _ in 0..5 {
        sales.push(put(place, tagged("sales")).await);
    }
    let other = put(place, tagged("other")).await;
    let plain = put(place, |_| {}).await;
    let limits = [TagLimit {
        key: "team".into(),
        value: None,
        limit: 2,
    }];
    assert_eq!(
        take(place, "w", 9, None, &limits).await,
        [sales[0], sales[1], other, plain]
    );
    assert_eq!(take(place, "w", 9, None, &limits).await, []);
    // A limit on one value, and one on all runs.
    let one = [TagLimit {
        key: "team".into(),
        value: Some("sales".into()),
        limit: 4,
    }];
    assert_eq!(take(place, "w", 9, Some(5), &one).await, [sales[2]]);
    assert_eq!(take(place, "w", 9, Some(5), &one).await, []);
    assert_eq!(take(place, "w", 9, Some(9), &one).await, [sales[3]]);
    assert_eq!(take(place, "w", 9, Some(9), &one).await, []);
    assert_eq!(take(place, "w", 9, None, &[]).await, [sales[4]]);
}

/// Through two stores, as of two processes.
async fn each_run_is_taken_once(place: &Place) {
    let mut put_in = BTreeSet::new();
    for _ in 0..40 {
        put_in.insert(put(place, |_| {}).await);
    }
    let stores = [place.store.clone(), place.open_again().await];
    let mut takers = JoinSet::new();
    for index in 0..8 {
        let store = stores[index % 2].clone();
        takers.spawn(async move {
            let by = worker(&format!("w{index}"));
            let mut mine = Vec::new();
            loop {
                let wish = TakeRuns {
                    worker: &by,
                    most: 3,
                    limit: None,
                    tag_limits: &[],
                    at: at(1),
                };
                let taken = store.take_runs(&wish).await.unwrap();
                if taken.is_empty() {
                    return mine;
                }
                mine.extend(taken.into_iter().map(|run| run.id));
            }
        });
    }
    let taken: Vec<RunId> = soon(takers.join_all()).await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 40);
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>(), put_in);
}

async fn a_run_key_makes_one_run(place: &Place) {
    let stores = [place.store.clone(), place.open_again().await];
    let mut inserts = JoinSet::new();
    for index in 0..8 {
        let store = stores[index % 2].clone();
        inserts.spawn(async move {
            let mut run = new_run(&[("orders", "")]);
            run.run_key = Some("sensor:files:a.csv".into());
            (run.id, store.insert_run(&run).await.unwrap())
        });
    }
    let answers = soon(inserts.join_all()).await;
    let made: Vec<RunId> = answers
        .iter()
        .filter(|(_, inserted)| *inserted == Inserted::New)
        .map(|(id, _)| *id)
        .collect();
    let [made] = made.as_slice() else {
        panic!("{made:?}")
    };
    for (id, inserted) in &answers {
        assert!(id == made || *inserted == Inserted::Known(*made));
    }
    let all = RunFilter {
        limit: 100,
        ..RunFilter::default()
    };
    assert_eq!(place.store.runs(&all).await.unwrap().len(), 1);
}

async fn a_worker_that_was_given_up_moves_nothing(place: &Place) {
    let run = put(place, |_| {}).await;
    assert_eq!(take(place, "zombie", 1, None, &[]).await, [run]);
    let requeue = change(run, RunState::Starting, RunState::Queued, "monitor");
    assert!(place.store.move_run(&requeue).await.unwrap());
    let queued = place.store.run(run).await.unwrap().unwrap();
    assert_eq!((queued.worker, queued.recoveries), (None, 1));
    assert_eq!(take(place, "second", 1, None, &[]).await, [run]);

    let by = |name: &str| RunMove {
        holder: Some(worker(name)),
        ..change(run, RunState::Starting, RunState::Running, name)
    };
    assert!(!place.store.move_run(&by("zombie")).await.unwrap());
    assert!(place.store.move_run(&by("second")).await.unwrap());
    // A worker that hands its own run over has lost nothing.
    let handed = RunMove {
        holder: Some(worker("second")),
        ..change(run, RunState::Running, RunState::Queued, "second")
    };
    assert!(place.store.move_run(&handed).await.unwrap());
    assert_eq!(place.store.run(run).await.unwrap().unwrap().recoveries, 1);
}

async fn a_worker_hears_what_is_to_stop(place: &Place) {
    let store = &place.store;
    let me = worker("me");
    assert_eq!(store.beat(&me, at(0)).await.unwrap(), None);
    store.join_worker(&me, at(0)).await.unwrap();
    store.join_worker(&me, at(0)).await.unwrap();
    assert_eq!(store.beat(&me, at(1)).await.unwrap(), Some(Vec::new()));
    let run = put(place, |_| {}).await;
    take(place, "me", 1, None, &[]).await;
    let cancel = change(run, RunState::Starting, RunState::Cancelling, "someone");
    assert!(store.move_run(&cancel).await.unwrap());
    assert_eq!(store.beat(&me, at(2)).await.unwrap(), Some(vec![run]));
    let known = store.workers().await.unwrap();
    assert_eq!((known[0].id.clone(), known[0].beats), (me.clone(), 2));
    store.forget_worker(&me).await.unwrap();
    assert_eq!(store.beat(&me, at(3)).await.unwrap(), None);
    assert!(store.workers().await.unwrap().is_empty());
}

async fn what_was_not_tried_is_skipped_and_tried_again(place: &Place) {
    let run = put(place, |_| {}).await;
    let states = async || {
        let partitions = place.store.run_partitions(run).await.unwrap();
        partitions
            .into_iter()
            .map(|partition| partition.state)
            .collect::<Vec<_>>()
    };
    let cancelled = change(run, RunState::Queued, RunState::Cancelled, "someone");
    assert!(place.store.move_run(&cancelled).await.unwrap());
    assert_eq!(states().await, [PartitionState::Skipped; 2]);
    assert!(place.store.run(run).await.unwrap().unwrap().finished_at.is_some());
    let again = change(run, RunState::Cancelled, RunState::Queued, "someone");
    assert!(place.store.move_run(&again).await.unwrap());
    assert_eq!(states().await, [PartitionState::Pending; 2]);
    let queued = place.store.run(run).await.unwrap().unwrap();
    assert_eq!((queued.finished_at, queued.recoveries), (None, 0));
}

async fn runs_are_found_by_job_and_tags(place: &Place) {
    let first = put(place, |run| {
        run.job = Some("nightly".into());
        run.tags = [("team", "sales"), ("tier", "gold")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
    })
    .await;
    let second = put(place, |run| {
        run.tags.insert("team".into(), "sales".into());
    })
    .await;
    let found = async |job: Option<&str>, tags: &[(&str, &str)]| {
        let filter = RunFilter {
            job: job.map(str::to_owned),
            tags: tags
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            limit: 10,
            ..RunFilter::default()
        };
        let runs = place.store.runs(&filter).await.unwrap();
        runs.into_iter().map(|run| run.id).collect::<Vec<_>>()
    };
    assert_eq!(found(Some("nightly"), &[]).await, [first]);
    assert_eq!(found(None, &[("team", "sales")]).await, [second, first]);
    assert_eq!(found(None, &[("team", "sales"), ("tier", "gold")]).await, [first]);
    assert_eq!(found(None, &[("team", "gold")]).await, []);
    // A NUL is refused before anything is kept.
    let mut wrong = new_run(&[("orders", "")]);
    wrong.tags.insert("a".into(), "b\0".into());
    assert_eq!(
        place.store.insert_run(&wrong).await.unwrap_err().code,
        "state.value"
    );
}
