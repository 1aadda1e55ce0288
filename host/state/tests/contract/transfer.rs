//! Export and import: a store's whole content, and that it goes on from there.

use tidegate_core::port::{
    DeliveryFilter, Event, EventKind, Incident, LeaderStore, NewDelivery, NewRun, Notices, NotificationEvent,
    NotificationStore, QueueStore, RunFilter, RunMove, RunState, StateStore, Subject,
};
use tidegate_state::SqlStateStore;

use crate::support::{
    Place, asset, at, checkpoint, entry, error, granted, key, materialization, new_run, run_of, worker,
};

async fn filled(place: &Place) {
    let store = &place.store;
    let run = NewRun {
        tags: [("team".to_owned(), "sales".to_owned())].into(),
        run_key: Some("once".into()),
        job: Some("nightly".into()),
        ..new_run(&[("orders", "a"), ("orders", "b"), ("orders", "ü")])
    };
    store.insert_run(&run).await.unwrap();
    let done = granted(place, run.id, ("orders", "a"), "w", 0).await;
    for rows in [1, 2] {
        let attempt = match rows {
            1 => done.clone(),
            _ => granted(place, run.id, ("orders", "b"), "w", 0).await,
        };
        let artifact = format!("quarantine/{rows}");
        store
            .finish_materialized(
                &attempt,
                &materialization(&attempt, rows, 1),
                &[entry(&attempt, &artifact)],
                &[],
            )
            .await
            .unwrap();
    }
    let failing = granted(place, run.id, ("orders", "ü"), "w", 2).await;
    store
        .put_checkpoint(&failing, &checkpoint(3), at(3))
        .await
        .unwrap();
    store.fail_attempt(&failing, &error("no"), at(4)).await.unwrap();
    store.join_worker(&worker("w"), at(0)).await.unwrap();
    let leader = store.lead(&worker("w"), None).await.unwrap().unwrap();
    let told = notices();
    let name = told.open[0].notification.clone();
    store.meet_notifications(&leader, &[name], at(5)).await.unwrap();
    store.keep_notices(&leader, &told).await.unwrap();
    let ends = RunMove {
        run: run_of(place, &[]).await,
        from: RunState::Queued,
        to: RunState::Cancelled,
        seen: None,
        holder: None,
        reserved: None,
        error: None,
        by: worker("w"),
        at: at(6),
    };
    store.move_run(&ends).await.unwrap();
    // More than go in at once.
    let events: Vec<_> = (0..1_200)
        .map(|number| Event {
            run: run.id,
            asset: None,
            partition: None,
            attempt: None,
            kind: EventKind::Resumed,
            data: serde_json::json!({"number": number, "nothing": null}),
            at: at(number),
        })
        .collect();
    store.append_events(&events).await.unwrap();
}

fn notices() -> Notices {
    let (notification, subject) = (asset("on-call"), Subject::Job(asset("nightly")));
    Notices {
        open: vec![Incident {
            notification: notification.clone(),
            subject: subject.clone(),
            partition: key("ü"),
            failures: 3,
            opened_at: at(1),
            notified_at: at(2),
        }],
        deliveries: vec![NewDelivery {
            id: uuid::Uuid::now_v7(),
            notification,
            event: NotificationEvent::RunFailed,
            subject,
            outcome: 1,
            body: serde_json::json!({"type": "run_failed"}),
            at: at(2),
        }],
        ..Notices::default()
    }
}

async fn exported(store: &SqlStateStore) -> String {
    let mut text = Vec::new();
    store.export(&mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

/// The lines; Postgres keeps the members of a document in an order of its own.
fn values(text: &str) -> Vec<serde_json::Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn moves(from: Place, to: Place) {
    filled(&from).await;
    let text = exported(&from.store).await;
    let rows = to.store.import(&mut text.as_bytes()).await.unwrap();
    assert_eq!(rows as usize, text.lines().count() - 2);
    assert!(values(&exported(&to.store).await) == values(&text));

    let (orders, a) = (asset("orders"), key("a"));
    let all = RunFilter {
        tags: vec![("team".into(), "sales".into())],
        limit: 10,
        ..RunFilter::default()
    };
    let runs = from.store.runs(&all).await.unwrap();
    assert_eq!(to.store.runs(&all).await.unwrap(), runs);
    let run = runs[0].id;
    assert_eq!(
        to.store.run_partitions(run).await.unwrap(),
        from.store.run_partitions(run).await.unwrap()
    );
    let events = from.store.events(run, 0, 10_000).await.unwrap();
    assert_eq!(to.store.events(run, 0, 10_000).await.unwrap(), events);
    let loaded = from.store.materializations(&orders).await.unwrap();
    assert_eq!(to.store.materializations(&orders).await.unwrap(), loaded);
    assert_eq!(
        to.store.checkpoint(run, &orders, &key("ü")).await.unwrap(),
        Some(checkpoint(3))
    );

    assert_eq!(to.store.incidents().await.unwrap(), notices().open);
    let messages = DeliveryFilter {
        limit: 9,
        ..DeliveryFilter::default()
    };
    let told = from.store.deliveries(&messages).await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(to.store.deliveries(&messages).await.unwrap(), told);
    assert_eq!(
        to.store.outcomes(9).await.unwrap(),
        from.store.outcomes(9).await.unwrap()
    );

    // It goes on where the other stood.
    let next = run_of(&to, &[("orders", "a")]).await;
    let attempt = granted(&to, next, ("orders", "a"), "w", 50).await;
    let newest = loaded.iter().find(|one| one.partition == a).unwrap();
    assert!(attempt.epoch > newest.epoch);
    let begun = to.store.events(next, 0, 1).await.unwrap();
    assert!(begun[0].sequence > events.last().unwrap().sequence);
    let led = from.store.leader().await.unwrap().unwrap();
    let leads = to.store.lead(&worker("x"), None).await.unwrap().unwrap();
    assert!(leads.epoch > led.epoch);

    let refused = to.store.import(&mut text.as_bytes()).await.unwrap_err();
    assert_eq!(refused.code, "state.not_empty");
    from.clear().await;
    to.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_moves_from_sqlite_to_postgres() {
    moves(Place::sqlite().await, Place::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_moves_from_postgres_to_sqlite() {
    moves(Place::postgres().await, Place::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_off_or_something_else_leaves_the_store_empty() {
    let (from, to) = (Place::sqlite().await, Place::sqlite().await);
    filled(&from).await;
    let text = exported(&from.store).await;
    let mut lines: Vec<&str> = text.lines().collect();
    let end = lines.pop().unwrap();
    let short = [&lines[..lines.len() - 1], &[end]].concat().join("\n");
    let broken = text.replacen("\"asset\":\"orders\"", "\"asset\":7", 1);
    for wrong in ["", "{}", &lines.join("\n"), &short, &broken] {
        let refused = to.store.import(&mut wrong.as_bytes()).await.unwrap_err();
        assert_eq!(refused.code, "state.transfer", "{refused}");
    }
    assert_eq!(exported(&to.store).await.lines().count(), 2);
    from.clear().await;
    to.clear().await;
}
