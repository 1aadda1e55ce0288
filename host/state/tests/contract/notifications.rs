//! Notifications: outcomes that are neither lost nor seen twice, incidents, and deliveries in their order.

use chrono::Duration;
use serde_json::json;
use tidegate_core::plan::FreshnessStatus;
use tidegate_core::port::{
    CheckResult, CheckStore, DeliveryFilter, DeliveryState, DeliveryTry, FreshnessChange, FreshnessRecord,
    FreshnessStore, Incident, Leader, LeaderStore, NewDelivery, Notices, NotificationEvent,
    NotificationStore, Outcome, RunEnd, RunMove, RunState, Severity, StateStore, Subject, Verdict,
};
use uuid::Uuid;

use crate::support::{Place, asset, at, error, key, run_of, worker};

on_both![
    outcomes_are_kept_with_what_they_tell,
    a_look_is_kept_once_and_by_the_leader_alone,
    deliveries_go_in_order_and_end_once,
    a_notification_begins_when_it_is_met_and_ends_with_what_it_had_to_tell,
    old_deliveries_and_outcomes_go,
    an_outcome_that_cannot_be_read_holds_up_no_other,
    many_incidents_are_kept_at_once,
];

async fn leads(place: &Place) -> Leader {
    place.store.lead(&worker("w"), None).await.unwrap().unwrap()
}

fn result(second: i64) -> CheckResult {
    CheckResult {
        run: None,
        asset: asset("orders"),
        partition: key(""),
        attempt: None,
        verdict: Verdict {
            check: "ids".into(),
            passed: false,
            severity: Severity::Error,
            blocking: true,
            message: "two are alike".into(),
            measures: vec![("rows".into(), 2.0)],
        },
        shown: true,
        at: at(second),
    }
}

fn delivery(outcome: i64, event: NotificationEvent) -> NewDelivery {
    NewDelivery {
        id: Uuid::now_v7(),
        notification: asset("on-call"),
        event,
        subject: Subject::Asset(asset("orders")),
        outcome,
        body: json!({"text": "it failed", "number": outcome}),
        at: at(outcome),
    }
}

fn incident(failures: u64) -> Incident {
    Incident {
        notification: asset("on-call"),
        subject: Subject::Check(asset("orders"), "a/b".into()),
        partition: key("ü"),
        failures,
        opened_at: at(1),
        notified_at: at(2),
    }
}

fn all() -> DeliveryFilter {
    DeliveryFilter {
        limit: 100,
        ..DeliveryFilter::default()
    }
}

async fn outcomes_are_kept_with_what_they_tell(place: &Place) {
    let store = &place.store;
    let leader = leads(place).await;
    let run = run_of(place, &[("orders", "")]).await;
    let ends = |from, to, second| RunMove {
        run,
        from,
        to,
        seen: None,
        holder: None,
        reserved: None,
        error: Some(error("no\0thing")),
        by: worker("w"),
        at: at(second),
    };
    let moves = [
        ends(RunState::Queued, RunState::Starting, 1),
        ends(RunState::Starting, RunState::Failed, 2),
    ];
    for change in &moves {
        assert!(store.move_run(change).await.unwrap());
    }
    // One that was not made tells nothing.
    assert!(!store.move_run(&moves[1]).await.unwrap());
    store.keep_check_results(&[result(3)]).await.unwrap();
    let change = FreshnessChange {
        sequence: 0,
        asset: asset("orders"),
        status: FreshnessStatus::Late,
        due_at: Some(at(4)),
        last_at: None,
        at: at(5),
    };
    let record = FreshnessRecord {
        asset: asset("orders"),
        status: FreshnessStatus::Late,
        watched_since: at(0),
        changed_at: at(5),
    };
    store
        .keep_freshness(&leader, &record, Some(&change))
        .await
        .unwrap();
    let outcomes = store.outcomes(9).await.unwrap();
    let found: Vec<Outcome> = outcomes
        .iter()
        .map(|(_, outcome)| outcome.clone().unwrap())
        .collect();
    let end = RunEnd {
        run,
        state: RunState::Failed,
        error: Some(error("no\u{fffd}thing")),
        at: at(2),
    };
    assert_eq!(
        found,
        [
            Outcome::Run(end),
            Outcome::Check(result(3)),
            Outcome::Freshness(change)
        ]
    );
    assert!(outcomes.is_sorted_by_key(|(sequence, _)| *sequence));
    assert_eq!(store.outcomes(1).await.unwrap(), outcomes[..1]);
}

async fn a_look_is_kept_once_and_by_the_leader_alone(place: &Place) {
    let store = &place.store;
    let old = leads(place).await;
    let names = [asset("on-call")];
    assert!(store.meet_notifications(&old, &names, at(0)).await.unwrap());
    store.keep_check_results(&[result(1), result(2)]).await.unwrap();
    let outcomes = store.outcomes(9).await.unwrap();
    let notices = Notices {
        seen: vec![outcomes[0].0],
        open: vec![incident(1)],
        closed: Vec::new(),
        deliveries: vec![delivery(7, NotificationEvent::RunFailed)],
    };
    let leader = store.lead(&worker("new"), Some(&old)).await.unwrap().unwrap();
    assert!(!store.keep_notices(&old, &notices).await.unwrap());
    assert!(!store.meet_notifications(&old, &[], at(0)).await.unwrap());
    assert_eq!(store.outcomes(9).await.unwrap(), outcomes);
    assert_eq!(store.incidents().await.unwrap(), []);
    assert!(store.keep_notices(&leader, &notices).await.unwrap());
    assert_eq!(store.outcomes(9).await.unwrap(), outcomes[1..]);
    assert_eq!(store.incidents().await.unwrap(), [incident(1)]);
    // The same again, as after an answer that was lost: there is one delivery of an outcome, event and subject.
    let again = Notices {
        open: vec![incident(2)],
        deliveries: vec![
            delivery(7, NotificationEvent::RunFailed),
            delivery(7, NotificationEvent::RunRecovered),
        ],
        ..notices.clone()
    };
    assert!(store.keep_notices(&leader, &again).await.unwrap());
    assert_eq!(store.incidents().await.unwrap(), [incident(2)]);
    let kept = store.deliveries(&all()).await.unwrap();
    let events: Vec<_> = kept.iter().map(|each| each.event).collect();
    assert_eq!(
        events,
        [NotificationEvent::RunRecovered, NotificationEvent::RunFailed]
    );
    assert_eq!(kept[1].id, notices.deliveries[0].id);
    assert_eq!(kept[1].body, notices.deliveries[0].body);
    let closed = Notices {
        closed: vec![incident(2)],
        ..Notices::default()
    };
    assert!(store.keep_notices(&leader, &closed).await.unwrap());
    assert_eq!(store.incidents().await.unwrap(), []);
}

async fn deliveries_go_in_order_and_end_once(place: &Place) {
    let store = &place.store;
    let leader = leads(place).await;
    let mut other = delivery(1, NotificationEvent::RunFailed);
    other.notification = asset("other");
    let deliveries = vec![
        delivery(1, NotificationEvent::RunFailed),
        delivery(2, NotificationEvent::RunRecovered),
        other,
    ];
    let ids: Vec<Uuid> = deliveries.iter().map(|each| each.id).collect();
    let notices = Notices {
        deliveries,
        ..Notices::default()
    };
    store.keep_notices(&leader, &notices).await.unwrap();
    let next = || async {
        let next = store.next_deliveries().await.unwrap();
        next.iter().map(|each| each.id).collect::<Vec<_>>()
    };
    assert_eq!(next().await, [ids[0], ids[2]]);
    let tried = |id, state, second| DeliveryTry {
        id,
        state,
        error: (state != DeliveryState::Delivered).then(|| error("down")),
        next_try_at: at(second + 2),
        at: at(second),
    };
    let again = tried(ids[0], DeliveryState::Pending, 10);
    assert!(store.keep_try(&leader, &again).await.unwrap());
    assert_eq!(next().await, [ids[0], ids[2]]);
    let pending = &store.next_deliveries().await.unwrap()[0];
    assert_eq!(
        (pending.attempts, pending.next_try_at, pending.ended_at),
        (1, at(12), None)
    );
    assert_eq!(pending.error, Some(error("down")));
    let well = tried(ids[0], DeliveryState::Delivered, 20);
    assert!(store.keep_try(&leader, &well).await.unwrap());
    assert!(!store.keep_try(&leader, &again).await.unwrap());
    let replaced = store.lead(&worker("new"), Some(&leader)).await.unwrap().unwrap();
    let given_up = tried(ids[2], DeliveryState::Failed, 21);
    assert!(!store.keep_try(&leader, &given_up).await.unwrap());
    assert!(store.keep_try(&replaced, &given_up).await.unwrap());
    assert_eq!(next().await, [ids[1]]);
    let filter = |states: &[DeliveryState], notification: Option<&str>, before| DeliveryFilter {
        notification: notification.map(asset),
        states: states.to_vec(),
        before,
        limit: 9,
    };
    let listed = |filter: DeliveryFilter| async move {
        let found = store.deliveries(&filter).await.unwrap();
        found.iter().map(|each| each.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(filter(&[], None, None)).await, [ids[2], ids[1], ids[0]]);
    assert_eq!(listed(filter(&[], Some("other"), None)).await, [ids[2]]);
    assert_eq!(
        listed(filter(&[DeliveryState::Delivered], None, None)).await,
        [ids[0]]
    );
    let first = store.deliveries(&all()).await.unwrap().pop().unwrap();
    assert_eq!(
        (first.attempts, first.ended_at, first.error),
        (2, Some(at(20)), None)
    );
    let before = Some(first.sequence + 1);
    assert_eq!(listed(filter(&[], None, before)).await, [ids[0]]);
}

async fn a_notification_begins_when_it_is_met_and_ends_with_what_it_had_to_tell(place: &Place) {
    let store = &place.store;
    let leader = leads(place).await;
    store.keep_check_results(&[result(1)]).await.unwrap();
    let names = [asset("on-call"), asset("other")];
    assert!(store.meet_notifications(&leader, &names, at(1)).await.unwrap());
    store.keep_check_results(&[result(2)]).await.unwrap();
    // Those that are known stay as they are.
    assert!(store.meet_notifications(&leader, &names, at(9)).await.unwrap());
    let known = store.notifications().await.unwrap();
    let outcomes = store.outcomes(9).await.unwrap();
    assert_eq!(
        known.iter().map(|each| each.name.clone()).collect::<Vec<_>>(),
        names
    );
    assert!(known.iter().all(|each| each.since == at(1)));
    assert!(known.iter().all(|each| each.after_outcome == outcomes[0].0));
    let notices = Notices {
        open: vec![incident(1)],
        deliveries: vec![delivery(1, NotificationEvent::RunFailed)],
        ..Notices::default()
    };
    store.keep_notices(&leader, &notices).await.unwrap();
    assert!(
        store
            .meet_notifications(&leader, &names[1..], at(10))
            .await
            .unwrap()
    );
    assert_eq!(store.incidents().await.unwrap(), []);
    let gone = &store.deliveries(&all()).await.unwrap()[0];
    assert_eq!((gone.state, gone.ended_at), (DeliveryState::Failed, Some(at(10))));
    assert_eq!(gone.error.as_ref().unwrap().code, "notification.gone");
    assert!(store.meet_notifications(&leader, &[], at(11)).await.unwrap());
    assert_eq!(store.notifications().await.unwrap(), []);
}

async fn old_deliveries_and_outcomes_go(place: &Place) {
    let store = &place.store;
    let leader = leads(place).await;
    let events = [NotificationEvent::RunFailed; 4];
    let deliveries: Vec<NewDelivery> = (1..)
        .zip(events)
        .map(|(number, event)| delivery(number, event))
        .collect();
    let notices = Notices {
        deliveries: deliveries.clone(),
        ..Notices::default()
    };
    store.keep_notices(&leader, &notices).await.unwrap();
    for (second, each) in (1..).zip(&deliveries[..3]) {
        let tried = DeliveryTry {
            id: each.id,
            state: DeliveryState::Delivered,
            error: None,
            next_try_at: at(second),
            at: at(second),
        };
        assert!(store.keep_try(&leader, &tried).await.unwrap());
    }
    let results = [result(1), result(1), result(1), result(9)];
    store.keep_check_results(&results).await.unwrap();
    assert_eq!(store.prunable_deliveries(at(3)).await.unwrap(), 2);
    assert_eq!(store.prune_deliveries(at(3), 1).await.unwrap(), (1, 1));
    assert_eq!(store.prune_deliveries(at(3), 1).await.unwrap(), (1, 1));
    // Outcomes are told of though there is no delivery any more.
    assert_eq!(store.prune_deliveries(at(3), 1).await.unwrap(), (0, 1));
    assert_eq!(store.prune_deliveries(at(3), 1).await.unwrap(), (0, 0));
    assert_eq!(store.outcomes(9).await.unwrap().len(), 1);
    // What is still to be sent stays however old it is.
    let left = store.deliveries(&all()).await.unwrap();
    let later = at(9) + Duration::days(9);
    assert_eq!(left.len(), 2);
    assert_eq!(store.prune_deliveries(later, 9).await.unwrap(), (1, 1));
    let left = store.deliveries(&all()).await.unwrap();
    assert_eq!(
        left.iter().map(|each| each.id).collect::<Vec<_>>(),
        [deliveries[3].id]
    );
}

async fn an_outcome_that_cannot_be_read_holds_up_no_other(place: &Place) {
    let store = &place.store;
    let leader = leads(place).await;
    store.keep_check_results(&[result(1)]).await.unwrap();
    // As a later version may write it.
    place
        .raw("INSERT INTO outcomes (body, at) VALUES ('{\"kind\": \"tide\", \"of\": {}}', '2023-11-14T22:13:20Z')")
        .await;
    store.keep_check_results(&[result(2)]).await.unwrap();
    let outcomes = store.outcomes(9).await.unwrap();
    assert_eq!(outcomes.len(), 3);
    assert_eq!(outcomes[0].1, Ok(Outcome::Check(result(1))));
    let unread = outcomes[1].1.as_ref().unwrap_err();
    assert!(
        unread.message.contains("an outcome: unknown variant `tide`"),
        "{unread}"
    );
    assert_eq!(outcomes[2].1, Ok(Outcome::Check(result(2))));
    let notices = Notices {
        seen: outcomes.iter().map(|(sequence, _)| *sequence).collect(),
        ..Notices::default()
    };
    assert!(store.keep_notices(&leader, &notices).await.unwrap());
    assert_eq!(store.outcomes(9).await.unwrap(), []);
}

/// More than go into one statement.
async fn many_incidents_are_kept_at_once(place: &Place) {
    let store = &place.store;
    let leader = leads(place).await;
    let names = [asset("on-call")];
    store.meet_notifications(&leader, &names, at(0)).await.unwrap();
    let of = |failures| {
        let each = move |number: usize| Incident {
            partition: key(&format!("{number:04}")),
            ..incident(failures)
        };
        (0..2_500).map(each).collect::<Vec<_>>()
    };
    let keep = |open: Vec<Incident>, closed: Vec<Incident>| {
        let notices = Notices {
            open,
            closed,
            ..Notices::default()
        };
        let leader = &leader;
        async move { assert!(store.keep_notices(leader, &notices).await.unwrap()) }
    };
    keep(of(1), Vec::new()).await;
    assert_eq!(store.incidents().await.unwrap(), of(1));
    keep(of(2), vec![incident(1)]).await;
    assert_eq!(store.incidents().await.unwrap(), of(2));
    keep(Vec::new(), of(2).split_off(1)).await;
    assert_eq!(store.incidents().await.unwrap(), of(2)[..1]);
}

/// An outcome whose transaction ends behind that of a later one is seen all the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_is_committed_late_is_not_lost() {
    let place = Place::postgres().await;
    let store = &place.store;
    let leader = leads(&place).await;
    let options = place.address.parse::<sqlx::postgres::PgConnectOptions>().unwrap();
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let mut slow = sqlx::Connection::begin(&mut connection).await.unwrap();
    let body = serde_json::to_string(&Outcome::Check(result(1))).unwrap();
    sqlx::query("INSERT INTO outcomes (body, at) VALUES ($1::jsonb, now())")
        .bind(body)
        .execute(&mut *slow)
        .await
        .unwrap();
    store.keep_check_results(&[result(2)]).await.unwrap();
    let look = || async {
        let outcomes = store.outcomes(9).await.unwrap();
        let notices = Notices {
            seen: outcomes.iter().map(|(sequence, _)| *sequence).collect(),
            ..Notices::default()
        };
        assert!(store.keep_notices(&leader, &notices).await.unwrap());
        outcomes
    };
    let first = look().await;
    slow.commit().await.unwrap();
    let second = look().await;
    assert_eq!(first[0].1, Ok(Outcome::Check(result(2))));
    assert_eq!(second[0].1, Ok(Outcome::Check(result(1))));
    assert!(second[0].0 < first[0].0);
    assert_eq!(look().await, []);
    place.clear().await;
}
