//! Ticks of schedules and sensors: kept once, with their runs, by the leader alone.

use serde_json::json;
use tidegate_core::plan::RunId;
use tidegate_core::port::{
    Inserted, Instigator, InstigatorKind, Leader, LeaderStore, NewRun, NewTick, RunFilter, RunMove, RunState,
    StateStore, TICKS_KEPT, TickFilter, TickOutcome, TickStore, Ticked,
};
use tokio::task::JoinSet;

use crate::support::{Place, at, error, new_run, soon, worker};

on_both![
    a_tick_is_kept_once_with_its_runs,
    a_schedule_is_never_due_again_and_a_sensor_looks_when_it_looks,
    a_leader_that_was_replaced_ticks_no_more,
    of_many_that_tick_one_does,
    runs_of_known_keys_are_not_made_again,
    a_buffered_tick_is_released_once,
    what_a_tick_cancels_and_launches_is_one_transaction,
    a_tick_by_hand_is_beside_those_that_are_due,
    starting_and_stopping_by_hand_is_kept,
    a_cursor_set_by_hand_stands_over_a_look_under_way,
    ticks_are_listed_in_pages_and_bounded,
    what_is_wiped_is_forgotten,
];

fn schedule(name: &str) -> Instigator {
    Instigator {
        kind: InstigatorKind::Schedule,
        name: name.parse().unwrap(),
    }
}

fn sensor(name: &str) -> Instigator {
    Instigator {
        kind: InstigatorKind::Sensor,
        name: name.parse().unwrap(),
    }
}

fn run(key: &str) -> NewRun {
    NewRun {
        run_key: Some(key.to_owned()),
        ..new_run(&[("orders", "2024-01")])
    }
}

fn tick(which: &Instigator, seen: i64, second: i64, runs: Vec<NewRun>) -> NewTick {
    NewTick {
        instigator: which.clone(),
        seen,
        scheduled_at: at(second),
        at: at(second + 1),
        outcome: TickOutcome::Launched,
        reason: None,
        runs,
        cancels: Vec::new(),
        cursor: None,
        result: None,
        error: None,
    }
}

async fn leads(place: &Place) -> Leader {
    place.store.lead(&worker("w1"), None).await.unwrap().unwrap()
}

/// An instigator that is known; its sequence number is 0.
async fn met(place: &Place, leader: &Leader, which: &Instigator) {
    assert!(place.store.meet_instigator(leader, which, at(0)).await.unwrap());
}

async fn runs(place: &Place) -> Vec<RunId> {
    let filter = RunFilter {
        limit: 1_000,
        ..RunFilter::default()
    };
    let found = place.store.runs(&filter).await.unwrap();
    found.into_iter().map(|run| run.id).collect()
}

fn all() -> TickFilter {
    TickFilter {
        limit: 10_000,
        ..TickFilter::default()
    }
}

async fn a_tick_is_kept_once_with_its_runs(place: &Place) {
    let leader = leads(place).await;
    let which = schedule("nightly");
    met(place, &leader, &which).await;
    let made = run("schedule:nightly:1");
    let mut first = tick(&which, 0, 10, vec![made.clone()]);
    first.result = Some(json!({"parts": 3}));
    first.cursor = Some("here".to_owned());
    let kept = place.store.keep_tick(&leader, &first).await.unwrap();
    assert_eq!(kept, Ticked::Kept(vec![(made.id, Inserted::New)]));
    let again = place.store.keep_tick(&leader, &first).await.unwrap();
    assert_eq!(again, Ticked::Stale);
    assert_eq!(runs(place).await, [made.id]);
    assert_eq!(
        place.store.run(made.id).await.unwrap().unwrap().state,
        RunState::Queued
    );
    let record = place.store.instigator(&which).await.unwrap().unwrap();
    assert_eq!((record.sequence, record.failures), (1, 0));
    assert_eq!(record.last_tick_at, Some(at(10)));
    assert_eq!(record.cursor.as_deref(), Some("here"));
    assert_eq!(record.since, at(0));
    let ticks = place.store.ticks(&which, &all()).await.unwrap();
    assert_eq!(ticks.len(), 1);
    assert_eq!((ticks[0].scheduled_at, ticks[0].at), (at(10), at(11)));
    assert_eq!(ticks[0].runs, [made.id]);
    assert_eq!(ticks[0].result, Some(json!({"parts": 3})));

    let mut failed = tick(&which, 1, 20, vec![]);
    failed.outcome = TickOutcome::Failed;
    failed.error = Some(error("no such table"));
    failed.reason = Some("a\0b".to_owned());
    place.store.keep_tick(&leader, &failed).await.unwrap();
    let record = place.store.instigator(&which).await.unwrap().unwrap();
    assert_eq!((record.failures, record.cursor.as_deref()), (1, Some("here")));
    let ticks = place.store.ticks(&which, &all()).await.unwrap();
    assert_eq!(ticks[0].error, failed.error);
    assert_eq!(ticks[0].reason.as_deref(), Some("a\u{fffd}b"));
}

async fn a_schedule_is_never_due_again_and_a_sensor_looks_when_it_looks(place: &Place) {
    let leader = leads(place).await;
    for (which, back) in [
        (schedule("both"), Ticked::Stale),
        (sensor("both"), Ticked::Kept(vec![])),
    ] {
        met(place, &leader, &which).await;
        let kept = place
            .store
            .keep_tick(&leader, &tick(&which, 0, 100, vec![]))
            .await;
        assert_eq!(kept.unwrap(), Ticked::Kept(vec![]));
        let mut seen = 1;
        for second in [100, 40] {
            let earlier = tick(&which, seen, second, vec![]);
            assert_eq!(place.store.keep_tick(&leader, &earlier).await.unwrap(), back);
            seen += i64::from(back != Ticked::Stale);
        }
    }
}

async fn a_leader_that_was_replaced_ticks_no_more(place: &Place) {
    let first = leads(place).await;
    let which = schedule("nightly");
    met(place, &first, &which).await;
    let second = place
        .store
        .lead(&worker("w2"), Some(&first))
        .await
        .unwrap()
        .unwrap();
    let due = tick(&which, 0, 10, vec![run("k")]);
    assert_eq!(
        place.store.keep_tick(&first, &due).await.unwrap(),
        Ticked::NotLeading
    );
    let paused = place.store.pause_instigator(&first, &which, 0, "why").await;
    assert!(!paused.unwrap());
    assert!(
        !place
            .store
            .meet_instigator(&first, &schedule("other"), at(0))
            .await
            .unwrap()
    );
    assert_eq!(runs(place).await, []);
    let kept = place.store.keep_tick(&second, &due).await.unwrap();
    assert!(matches!(kept, Ticked::Kept(_)));
}

async fn of_many_that_tick_one_does(place: &Place) {
    let leader = leads(place).await;
    let which = schedule("nightly");
    met(place, &leader, &which).await;
    let stores = [place.store.clone(), place.open_again().await];
    let mut ticking = JoinSet::new();
    for index in 0..12 {
        let (store, leader) = (stores[index % 2].clone(), leader.clone());
        let due = tick(&which, 0, 10, vec![run("k")]);
        ticking.spawn(async move { store.keep_tick(&leader, &due).await.unwrap() });
    }
    let done = soon(ticking.join_all()).await;
    let kept = done.iter().filter(|done| matches!(done, Ticked::Kept(_)));
    assert_eq!(kept.count(), 1);
    assert_eq!(runs(place).await.len(), 1);
}

async fn runs_of_known_keys_are_not_made_again(place: &Place) {
    let leader = leads(place).await;
    let which = sensor("files");
    met(place, &leader, &which).await;
    let first = run("sensor:files:a");
    place
        .store
        .keep_tick(&leader, &tick(&which, 0, 1, vec![first.clone()]))
        .await
        .unwrap();
    let both = vec![run("sensor:files:a"), run("sensor:files:b")];
    let kept = place
        .store
        .keep_tick(&leader, &tick(&which, 1, 2, both.clone()))
        .await
        .unwrap();
    let expected = vec![
        (both[0].id, Inserted::Known(first.id)),
        (both[1].id, Inserted::New),
    ];
    assert_eq!(kept, Ticked::Kept(expected));
    let ticks = place.store.ticks(&which, &all()).await.unwrap();
    assert_eq!(ticks[0].runs, [both[1].id]);
    assert_eq!(runs(place).await.len(), 2);
}

async fn a_buffered_tick_is_released_once(place: &Place) {
    let leader = leads(place).await;
    let which = schedule("nightly");
    met(place, &leader, &which).await;
    for (seen, second) in [(0, 10), (1, 20)] {
        let mut waits = tick(&which, seen, second, vec![]);
        waits.outcome = TickOutcome::Buffered;
        place.store.keep_tick(&leader, &waits).await.unwrap();
    }
    let buffered = TickFilter {
        outcomes: vec![TickOutcome::Buffered],
        ..all()
    };
    assert_eq!(place.store.ticks(&which, &buffered).await.unwrap().len(), 2);
    let made = [run("schedule:nightly:10")];
    let released = place.store.release_tick(&leader, &which, 1, &made).await.unwrap();
    assert_eq!(released, Ticked::Kept(vec![(made[0].id, Inserted::New)]));
    let other = [run("schedule:nightly:other")];
    let again = place
        .store
        .release_tick(&leader, &which, 1, &other)
        .await
        .unwrap();
    assert_eq!(again, Ticked::Stale);
    assert_eq!(runs(place).await, [made[0].id]);
    // The one that still waits goes with the schedule.
    place
        .store
        .enable_instigator(&which, false, at(30))
        .await
        .unwrap();
    assert_eq!(place.store.ticks(&which, &buffered).await.unwrap(), []);
    let released = place
        .store
        .release_tick(&leader, &which, 2, &other)
        .await
        .unwrap();
    assert_eq!(released, Ticked::Stale);
}

async fn what_a_tick_cancels_and_launches_is_one_transaction(place: &Place) {
    let leader = leads(place).await;
    let which = schedule("nightly");
    met(place, &leader, &which).await;
    let old = [run("schedule:nightly:1"), run("schedule:nightly:2")];
    let first = tick(&which, 0, 1, old.to_vec());
    place.store.keep_tick(&leader, &first).await.unwrap();
    let moves = |to| {
        move |of: &NewRun| RunMove {
            run: of.id,
            from: RunState::Queued,
            to,
            seen: None,
            holder: None,
            reserved: None,
            error: None,
            by: worker("w1"),
            at: at(9),
        }
    };
    let state = async |of: &NewRun| place.store.run(of.id).await.unwrap().unwrap().state;
    // One of them is taken meanwhile: neither is cancelled, and none is launched.
    let taken = moves(RunState::Starting)(&old[1]);
    assert!(place.store.move_run(&taken).await.unwrap());
    let new = run("schedule:nightly:3");
    let mut second = tick(&which, 1, 2, vec![new.clone()]);
    second.cancels = old.iter().map(moves(RunState::Cancelled)).collect();
    let kept = place.store.keep_tick(&leader, &second).await.unwrap();
    assert_eq!(kept, Ticked::Stale);
    assert_eq!(state(&old[0]).await, RunState::Queued);
    assert_eq!(place.store.run(new.id).await.unwrap(), None);
    assert_eq!(place.store.instigator(&which).await.unwrap().unwrap().sequence, 1);
    // As it stands, both are.
    second.cancels[1].from = RunState::Starting;
    second.cancels[1].to = RunState::Cancelling;
    let kept = place.store.keep_tick(&leader, &second).await.unwrap();
    assert_eq!(kept, Ticked::Kept(vec![(new.id, Inserted::New)]));
    assert_eq!(state(&old[0]).await, RunState::Cancelled);
    assert_eq!(state(&old[1]).await, RunState::Cancelling);
    assert_eq!(state(&new).await, RunState::Queued);
    let told = place.store.events(old[0].id, 0, 10).await.unwrap();
    assert_eq!(told.last().unwrap().event.data["to"], "cancelled");
}

async fn a_tick_by_hand_is_beside_those_that_are_due(place: &Place) {
    let leader = leads(place).await;
    let which = schedule("nightly");
    let mut asked = tick(&which, 0, 10, vec![run("a")]);
    let kept = place.store.keep_tick_by_hand(&asked).await.unwrap();
    assert_eq!(kept, [(asked.runs[0].id, Inserted::New)]);
    let record = place.store.instigator(&which).await.unwrap().unwrap();
    assert_eq!((record.enabled, record.since), (None, at(11)));
    assert_eq!((record.sequence, record.last_tick_at), (1, None));
    // What is due at that instant still is, and what was seen before is not the newest any more.
    let due = |seen| tick(&which, seen, 10, vec![run("b")]);
    let kept = place.store.keep_tick(&leader, &due(0)).await.unwrap();
    assert_eq!(kept, Ticked::Stale);
    let kept = place.store.keep_tick(&leader, &due(1)).await.unwrap();
    assert!(matches!(kept, Ticked::Kept(_)));
    asked.runs = Vec::new();
    asked.outcome = TickOutcome::Failed;
    asked.error = Some(error("no such table"));
    assert_eq!(place.store.keep_tick_by_hand(&asked).await.unwrap(), []);
    let record = place.store.instigator(&which).await.unwrap().unwrap();
    assert_eq!((record.sequence, record.failures), (3, 0));
    assert_eq!(record.last_tick_at, Some(at(10)));
    let ticks = place.store.ticks(&which, &all()).await.unwrap();
    let short: Vec<_> = ticks.iter().map(|tick| (tick.sequence, tick.by_hand)).collect();
    assert_eq!(short, [(3, true), (2, false), (1, true)]);
    assert_eq!(ticks[0].error, asked.error);
}

async fn starting_and_stopping_by_hand_is_kept(place: &Place) {
    let leader = leads(place).await;
    let which = schedule("nightly");
    let started = place.store.enable_instigator(&which, true, at(5)).await.unwrap();
    assert_eq!((started.enabled, started.since), (Some(true), at(5)));
    assert!(
        place
            .store
            .pause_instigator(&leader, &which, started.sequence, "run x failed")
            .await
            .unwrap()
    );
    assert!(
        !place
            .store
            .pause_instigator(&leader, &which, started.sequence, "twice")
            .await
            .unwrap()
    );
    let record = place.store.instigator(&which).await.unwrap().unwrap();
    assert_eq!(record.paused.as_deref(), Some("run x failed"));
    let stopped = place.store.enable_instigator(&which, false, at(6)).await.unwrap();
    assert_eq!((stopped.enabled, stopped.since), (Some(false), at(5)));
    let again = place.store.enable_instigator(&which, true, at(9)).await.unwrap();
    assert_eq!(
        (again.enabled, again.since, again.paused.clone()),
        (Some(true), at(9), None)
    );
    // Met by a leader, it stays as it is.
    met(place, &leader, &which).await;
    assert_eq!(place.store.instigators().await.unwrap(), [again]);
}

async fn a_cursor_set_by_hand_stands_over_a_look_under_way(place: &Place) {
    let leader = leads(place).await;
    let which = sensor("files");
    met(place, &leader, &which).await;
    place.store.set_cursor(&which, Some("mine"), at(1)).await.unwrap();
    let mut look = tick(&which, 0, 2, vec![run("k")]);
    look.cursor = Some("theirs".to_owned());
    assert_eq!(
        place.store.keep_tick(&leader, &look).await.unwrap(),
        Ticked::Stale
    );
    assert_eq!(runs(place).await, []);
    let record = place.store.instigator(&which).await.unwrap().unwrap();
    assert_eq!(record.cursor.as_deref(), Some("mine"));
    place.store.set_cursor(&which, None, at(3)).await.unwrap();
    let record = place.store.instigator(&which).await.unwrap().unwrap();
    assert_eq!(record.cursor, None);
    let refused = place.store.set_cursor(&which, Some("a\0"), at(3)).await;
    assert_eq!(refused.unwrap_err().code, "state.value");
}

async fn ticks_are_listed_in_pages_and_bounded(place: &Place) {
    let leader = leads(place).await;
    let which = sensor("files");
    met(place, &leader, &which).await;
    let over = 5;
    for seen in 0..TICKS_KEPT + over {
        let mut look = tick(&which, seen, seen, vec![]);
        look.outcome = match seen {
            2 => TickOutcome::Buffered,
            _ => TickOutcome::Skipped,
        };
        let kept = place.store.keep_tick(&leader, &look).await.unwrap();
        assert_eq!(kept, Ticked::Kept(vec![]));
    }
    let mut page = TickFilter {
        limit: 300,
        ..TickFilter::default()
    };
    let mut seen = Vec::new();
    loop {
        let ticks = place.store.ticks(&which, &page).await.unwrap();
        let Some(last) = ticks.last() else { break };
        page.before = Some(last.sequence);
        seen.extend(ticks.iter().map(|tick| tick.sequence));
    }
    // What still waits is not among the forgotten.
    let mut expected: Vec<i64> = (over + 1..=TICKS_KEPT + over).rev().collect();
    expected.push(3);
    assert_eq!(seen, expected);
}

async fn what_is_wiped_is_forgotten(place: &Place) {
    let leader = leads(place).await;
    let which = sensor("files");
    met(place, &leader, &which).await;
    met(place, &leader, &schedule("files")).await;
    let first = tick(&which, 0, 1, vec![run("sensor:files:a")]);
    place.store.keep_tick(&leader, &first).await.unwrap();
    place.store.wipe_instigator(&which).await.unwrap();
    assert_eq!(place.store.instigator(&which).await.unwrap(), None);
    assert_eq!(place.store.ticks(&which, &all()).await.unwrap(), []);
    assert_eq!(place.store.instigators().await.unwrap().len(), 1);
    met(place, &leader, &which).await;
    let kept = place
        .store
        .keep_tick(&leader, &tick(&which, 0, 2, vec![run("sensor:files:a")]))
        .await
        .unwrap();
    let Ticked::Kept(launched) = kept else { panic!() };
    assert!(matches!(launched[..], [(_, Inserted::Known(_))]));
}
