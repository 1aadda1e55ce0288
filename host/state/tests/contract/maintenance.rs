//! Maintenance: what is old goes, in batches, and what must outlive it stays.

use chrono::{DateTime, Datelike, Months, TimeDelta, Utc};
use serde_json::json;
use sqlx::migrate::Migrator;
use tidegate_core::plan::RunId;
use tidegate_core::port::{
    Event, EventKind, Inserted, MaintenanceStore, NewRun, Pruned, RunMove, RunState, StateStore,
};

use crate::support::{Place, asset, at, entry, granted, materialization, new_run, worker};

on_both![
    ended_runs_go_and_what_they_loaded_stays,
    events_go_by_kind_and_in_batches,
    sizes_name_the_tables,
];

async fn end(place: &Place, run: RunId, second: i64) {
    let ended = RunMove {
        run,
        from: RunState::Queued,
        to: RunState::Failed,
        seen: None,
        holder: None,
        reserved: None,
        error: None,
        by: worker("w"),
        at: at(second),
    };
    assert!(place.store.move_run(&ended).await.unwrap());
}

fn event(run: RunId, kind: EventKind, when: DateTime<Utc>) -> Event {
    Event {
        run,
        asset: None,
        partition: None,
        attempt: None,
        kind,
        data: json!({}),
        at: when,
    }
}

async fn ended_runs_go_and_what_they_loaded_stays(place: &Place) {
    let store = &place.store;
    let keyed = NewRun {
        run_key: Some("once".into()),
        ..new_run(&[("orders", "a")])
    };
    store.insert_run(&keyed).await.unwrap();
    let attempt = granted(place, keyed.id, ("orders", "a"), "w", 0).await;
    let done = materialization(&attempt, 2, 1);
    store
        .finish_materialized(&attempt, &done, &[entry(&attempt, "x")], &[])
        .await
        .unwrap();
    // More events than go at once.
    let many: Vec<_> = (0..6_000)
        .map(|_| event(keyed.id, EventKind::Checkpoint, at(1)))
        .collect();
    store.append_events(&many).await.unwrap();
    end(place, keyed.id, 10).await;
    let younger = new_run(&[("orders", "a")]);
    store.insert_run(&younger).await.unwrap();
    end(place, younger.id, 20).await;
    let waiting = new_run(&[("orders", "a")]);
    store.insert_run(&waiting).await.unwrap();

    assert_eq!(store.prune_runs(at(10), 10).await.unwrap(), 0);
    assert_eq!(store.prunable_runs(at(11)).await.unwrap(), 1);
    assert_eq!(store.prune_runs(at(11), 10).await.unwrap(), 1);
    assert_eq!(store.run(keyed.id).await.unwrap(), None);
    assert_eq!(store.run_partitions(keyed.id).await.unwrap(), []);
    assert_eq!(store.events(keyed.id, 0, 10).await.unwrap(), []);
    assert_eq!(store.materializations(&asset("orders")).await.unwrap(), [done]);
    assert_eq!(store.quarantine(None, Some(keyed.id)).await.unwrap().len(), 1);
    let again = NewRun {
        run_key: Some("once".into()),
        ..new_run(&[])
    };
    assert_eq!(store.insert_run(&again).await.unwrap(), Inserted::Known(keyed.id));
    let next = granted(place, waiting.id, ("orders", "a"), "w", 30).await;
    assert!(next.epoch > attempt.epoch);
    assert_eq!(store.prune_runs(at(1_000), 10).await.unwrap(), 1);
    assert!(store.run(waiting.id).await.unwrap().is_some());
}

async fn events_go_by_kind_and_in_batches(place: &Place) {
    let store = &place.store;
    let run = new_run(&[]);
    store.insert_run(&run).await.unwrap();
    let checkpoint = |second| event(run.id, EventKind::Checkpoint, at(second));
    // The first is of a clock that went ahead.
    let mut events = vec![checkpoint(500), event(run.id, EventKind::Resumed, at(1))];
    events.extend((1..=5).map(checkpoint));
    store.append_events(&events).await.unwrap();
    assert_eq!(
        store.prunable_events(EventKind::Checkpoint, at(4)).await.unwrap(),
        3
    );
    let mut removed = Vec::new();
    let mut after = Some(0);
    while let Some(from) = after {
        let Pruned { rows, next } = store
            .prune_events(EventKind::Checkpoint, at(4), from, 2)
            .await
            .unwrap();
        removed.push(rows);
        after = next;
    }
    // One of the first two, two of the next two, none of the rest.
    assert_eq!(removed, [1, 2, 0]);
    let left = store.events(run.id, 0, 10).await.unwrap();
    let left: Vec<_> = left.iter().map(|stored| stored.event.at).collect();
    assert_eq!(left, [at(500), at(1), at(4), at(5)]);
}

async fn sizes_name_the_tables(place: &Place) {
    place.store.insert_run(&new_run(&[])).await.unwrap();
    let sizes = place.store.sizes().await.unwrap();
    assert!(sizes.is_sorted_by(|a, b| a.table < b.table));
    for table in ["runs", "materializations", "fences"] {
        assert!(sizes.iter().any(|size| size.table == table), "{sizes:?}");
    }
    assert!(sizes.iter().all(|size| !size.table.contains("sqlx")), "{sizes:?}");
}

async fn events_in(place: &Place, table: &str) -> i64 {
    let options = place.address.parse::<sqlx::postgres::PgConnectOptions>().unwrap();
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

/// A store of the version before months, with events in it, goes on with all of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_months_keeps_its_events() {
    let place = Place::postgres().await;
    let name = place.address.clone();
    let options = name.parse::<sqlx::postgres::PgConnectOptions>().unwrap();
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::raw_sql("DO $$ BEGIN EXECUTE 'DROP SCHEMA ' || current_schema() || ' CASCADE; CREATE SCHEMA ' || current_schema(); END $$")
        .execute(&mut connection)
        .await
        .unwrap();
    let all = Migrator::new(std::path::Path::new("migrations/postgres"))
        .await
        .unwrap();
    let old: Vec<_> = all.iter().filter(|step| step.version < 8).cloned().collect();
    let old = Migrator {
        migrations: old.into(),
        ..Migrator::DEFAULT
    };
    old.run_direct(None, &mut connection, false).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO runs (id, state, request, created_at, updated_at)
         VALUES ('00000000-0000-7000-8000-000000000001', 'queued', '{}', now(), now());
         INSERT INTO events (run, kind, data, at)
         SELECT '00000000-0000-7000-8000-000000000001', 'checkpoint', '{}', at
         FROM (VALUES (now() - interval '2 years'), (now()), (now() + interval '3 months')) v (at)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let store = place.open_again().await;
    assert_eq!(events_in(&place, "events_before").await, 2);
    assert_eq!(events_in(&place, "events_default").await, 1);
    store.cut_months(Utc::now()).await.unwrap();
    assert_eq!(events_in(&place, "events_default").await, 0);
    let run = RunId("00000000-0000-7000-8000-000000000001".parse().unwrap());
    assert_eq!(store.events(run, 0, 10).await.unwrap().len(), 3);
    store.close().await;
    place.clear().await;
}

/// A month is a table of its own: cut before it comes, filled by its events, and dropped whole.
#[tokio::test(flavor = "multi_thread")]
async fn months_are_cut_ahead_and_dropped_when_they_are_over() {
    let place = Place::postgres().await;
    let store = &place.store;
    let now = Utc::now();
    store.cut_months(now).await.unwrap();
    store.cut_months(now).await.unwrap();
    let run = new_run(&[]);
    store.insert_run(&run).await.unwrap();
    let next = now.with_day(2).unwrap() + Months::new(1);
    let table = format!("events_{}", next.format("%Y_%m"));
    let events = [
        event(run.id, EventKind::Resumed, now),
        event(run.id, EventKind::Resumed, next),
    ];
    store.append_events(&events).await.unwrap();
    assert_eq!(events_in(&place, &table).await, 1);
    assert_eq!(events_in(&place, "events_default").await, 0);
    assert_eq!(store.drop_months(now).await.unwrap(), Vec::<String>::new());
    let over = next + Months::new(1);
    assert_eq!(
        store.drop_months(over + TimeDelta::days(1)).await.unwrap(),
        ["events_before".to_owned(), table]
    );
    assert_eq!(store.events(run.id, 0, 10).await.unwrap(), []);
    store.append_events(&events).await.unwrap();
    assert_eq!(events_in(&place, "events_default").await, 2);
    place.clear().await;
}
