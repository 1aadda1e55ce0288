//! Events: in order, and each seen once by whoever reads on from the last.

use std::collections::HashMap;

use serde_json::json;
use tidegate_core::plan::RunId;
use tidegate_core::port::{Event, EventKind, StateStore};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Place, asset, at, checkpoint, granted, key, run_of, soon};

on_both![
    events_come_in_order_and_in_pages,
    a_batch_of_events_is_kept_whole_or_not_at_all,
    a_reader_misses_none_while_many_write,
    an_attempt_that_has_ended_tells_no_more,
];

fn event(run: RunId, number: i64) -> Event {
    Event {
        run,
        asset: Some(asset("orders")),
        partition: Some(key("")),
        attempt: None,
        kind: EventKind::Checkpoint,
        data: json!({"number": number, "text": "ü"}),
        at: at(number),
    }
}

async fn events_come_in_order_and_in_pages(place: &Place) {
    let run = run_of(place, &[("orders", "")]).await;
    let other = run_of(place, &[("orders", "")]).await;
    let bare = Event {
        asset: None,
        partition: None,
        attempt: None,
        kind: EventKind::RunState,
        ..event(run, 0)
    };
    // More than one INSERT takes, told backwards: the order is that of the list, not of the clock.
    let mut events: Vec<_> = (1..2_300).rev().map(|number| event(run, number)).collect();
    events.insert(0, bare);
    place.store.append_events(&[event(other, 1)]).await.unwrap();
    place.store.append_events(&events).await.unwrap();
    place.store.append_events(&[]).await.unwrap();
    place.store.append_events(&[event(other, 2)]).await.unwrap();

    let mut read = Vec::new();
    let mut after = 0;
    loop {
        let page = place.store.events(run, after, 1_000).await.unwrap();
        let Some(newest) = page.last() else { break };
        assert!(page.len() <= 1_000 && page[0].sequence > after);
        assert!(page.is_sorted_by(|a, b| a.sequence < b.sequence));
        after = newest.sequence;
        read.extend(page.into_iter().map(|stored| stored.event));
    }
    assert!(read == events);
    assert_eq!(place.store.events(other, 0, 10).await.unwrap().len(), 2);
    assert_eq!(place.store.events(other, 0, 0).await.unwrap(), []);
    assert_eq!(
        place.store.events(RunId(Uuid::now_v7()), 0, 10).await.unwrap(),
        []
    );
}

async fn a_batch_of_events_is_kept_whole_or_not_at_all(place: &Place) {
    let run = run_of(place, &[]).await;
    let refused = place
        .store
        .append_events(&[event(run, 1), event(RunId(Uuid::now_v7()), 2)])
        .await
        .unwrap_err();
    assert_eq!(refused.code, "state.missing");
    assert_eq!(place.store.events(run, 0, 10).await.unwrap(), []);
}

/// Writers of two runs each, in either order, through two stores; the reader follows as a live log would.
async fn a_reader_misses_none_while_many_write(place: &Place) {
    const WRITERS: i64 = 8;
    const EACH: i64 = 20;
    let runs = [run_of(place, &[]).await, run_of(place, &[]).await];
    let other = place.open_again().await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = if writer % 2 == 0 {
            place.store.clone()
        } else {
            other.clone()
        };
        writers.spawn(async move {
            for number in 0..EACH {
                let mut events = [event(runs[0], writer * EACH + number), event(runs[1], 0)];
                if writer % 3 == 0 {
                    events.reverse();
                }
                store.append_events(&events).await.unwrap();
            }
        });
    }
    let read = soon(async {
        let (mut read, mut after) = (HashMap::new(), 0);
        while read.len() < (WRITERS * EACH) as usize {
            for stored in place.store.events(runs[0], after, 7).await.unwrap() {
                after = stored.sequence;
                let number = stored.event.data["number"].as_i64().unwrap();
                assert_eq!(read.insert(number, after), None);
            }
        }
        read
    })
    .await;
    writers.join_all().await;
    // Each writer's own events stand in the order in which it wrote them.
    for number in 1..WRITERS * EACH {
        assert!(number % EACH == 0 || read[&(number - 1)] < read[&number]);
    }
    other.close().await;
}

/// The events of a run.
async fn told(place: &Place, run: RunId) -> Vec<Event> {
    let events = place.store.events(run, 0, 100).await.unwrap();
    events.into_iter().map(|stored| stored.event).collect()
}

async fn an_attempt_that_has_ended_tells_no_more(place: &Place) {
    let what = ("orders", "a");
    let run = run_of(place, &[what]).await;
    let zombie = granted(place, run, what, "w1", 0).await;
    let of = |attempt: u32| Event {
        partition: Some(key("a")),
        attempt: Some(attempt),
        kind: EventKind::Checked,
        ..event(run, i64::from(attempt))
    };
    assert!(place.store.append_events(&[of(1)]).await.unwrap());
    assert_eq!(told(place, run).await.last(), Some(&of(1)));
    let next = granted(place, run, what, "w2", 10).await;
    assert_eq!((zombie.attempt, next.attempt), (1, 2));
    let before = told(place, run).await;
    // All or none: what the living one tells in the same breath is not kept either.
    for late in [vec![of(1)], vec![of(2), of(1)], vec![of(3)]] {
        assert!(!place.store.append_events(&late).await.unwrap());
        assert_eq!(told(place, run).await, before);
    }
    assert!(place.store.append_events(&[of(2)]).await.unwrap());
    // A checkpoint is told by the transaction that keeps it.
    let kept = place.store.put_checkpoint(&next, &checkpoint(7), at(11)).await;
    assert!(kept.unwrap());
    let last = told(place, run).await.pop().unwrap();
    assert_eq!((last.kind, last.attempt), (EventKind::Checkpoint, Some(2)));
    let late = place.store.put_checkpoint(&zombie, &checkpoint(8), at(12)).await;
    assert!(!late.unwrap());
    assert_eq!(told(place, run).await.pop(), Some(last));
}
