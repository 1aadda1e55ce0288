//! What checks said, how fresh assets are, and a migration that comes behind later ones.

use chrono::Duration;
use sqlx::migrate::Migrator;
use tidegate_core::plan::FreshnessStatus;
use tidegate_core::port::{
    AttemptKey, CheckResult, CheckStore, EventKind, FreshnessChange, FreshnessRecord, FreshnessStore,
    LeaderStore, Severity, StateStore, Verdict,
};
use tidegate_state::SqlStateStore;

use crate::support::{Place, asset, at, granted, key, materialization, run_of, worker};

on_both![
    results_are_kept_with_the_load_or_with_its_refusal,
    a_stale_attempt_keeps_no_result,
    the_last_rows_are_those_of_a_slice_or_of_all,
    old_results_go_in_batches,
    freshness_is_kept_under_the_leaders_fence,
];

fn verdict(check: &str, passed: bool) -> Verdict {
    Verdict {
        check: check.to_owned(),
        passed,
        severity: if passed { Severity::Warn } else { Severity::Error },
        blocking: !passed,
        message: format!("{check}\0 says so"),
        measures: vec![("rows".into(), 3.5)],
    }
}

fn result(attempt: &AttemptKey, verdict: Verdict, shown: bool, second: i64) -> CheckResult {
    CheckResult {
        run: Some(attempt.run),
        asset: attempt.asset.clone(),
        partition: attempt.partition.clone(),
        attempt: Some(attempt.attempt),
        verdict: Verdict {
            message: verdict.message.replace('\0', "\u{fffd}"),
            ..verdict
        },
        shown,
        at: at(second),
    }
}

async fn results_are_kept_with_the_load_or_with_its_refusal(place: &Place) {
    let store = &place.store;
    let first = run_of(place, &[("orders", "a")]).await;
    let attempt = granted(place, first, ("orders", "a"), "w", 0).await;
    let said = [verdict("ids", true), verdict("codes", false)];
    assert!(
        store
            .finish_materialized(&attempt, &materialization(&attempt, 1, 1), &[], &said)
            .await
            .unwrap()
    );
    let second = run_of(place, &[("orders", "a")]).await;
    let refused = granted(place, second, ("orders", "a"), "w", 2).await;
    assert!(
        store
            .keep_verdicts(&refused, &[verdict("ids", false)], at(3))
            .await
            .unwrap()
    );
    let ids = [
        result(&refused, verdict("ids", false), false, 3),
        result(&attempt, verdict("ids", true), true, 1),
    ];
    let codes = result(&attempt, verdict("codes", false), true, 1);
    assert_eq!(
        store.check_results(&asset("orders"), "ids", 9).await.unwrap(),
        ids
    );
    assert_eq!(
        store.check_results(&asset("orders"), "ids", 1).await.unwrap(),
        ids[..1]
    );
    assert_eq!(
        store.last_check_results(&asset("orders")).await.unwrap(),
        [codes, ids[0].clone()]
    );
    assert_eq!(store.last_check_results(&asset("shops")).await.unwrap(), []);
    let mut told = Vec::new();
    for run in [first, second] {
        let events = store.events(run, 0, 99).await.unwrap();
        let kinds = events.into_iter().map(|stored| stored.event.kind);
        told.extend(kinds.filter(|kind| matches!(kind, EventKind::Checked | EventKind::CheckFailed)));
    }
    assert_eq!(
        told,
        [EventKind::Checked, EventKind::CheckFailed, EventKind::CheckFailed]
    );
}

async fn a_stale_attempt_keeps_no_result(place: &Place) {
    let run = run_of(place, &[("orders", "a")]).await;
    let old = granted(place, run, ("orders", "a"), "w", 0).await;
    let new = granted(place, run, ("orders", "a"), "v", 100).await;
    let said = [verdict("ids", false)];
    let store = &place.store;
    assert!(!store.keep_verdicts(&old, &said, at(101)).await.unwrap());
    let done = materialization(&old, 1, 101);
    assert!(!store.finish_materialized(&old, &done, &[], &said).await.unwrap());
    assert_eq!(store.last_check_results(&asset("orders")).await.unwrap(), []);
    assert!(store.keep_verdicts(&new, &said, at(102)).await.unwrap());
}

async fn the_last_rows_are_those_of_a_slice_or_of_all(place: &Place) {
    let store = &place.store;
    for (rows, slice) in [(1, "a"), (2, "b"), (3, "a"), (4, "b")] {
        let run = run_of(place, &[("orders", slice)]).await;
        let attempt = granted(place, run, ("orders", slice), "w", 0).await;
        let done = materialization(&attempt, rows, 1);
        assert!(
            store
                .finish_materialized(&attempt, &done, &[], &[])
                .await
                .unwrap()
        );
    }
    let orders = asset("orders");
    assert_eq!(store.recent_rows(&orders, None, 3).await.unwrap(), [4, 3, 2]);
    assert_eq!(
        store.recent_rows(&orders, Some(&key("a")), 9).await.unwrap(),
        [3, 1]
    );
    assert_eq!(
        store.recent_rows(&asset("shops"), None, 9).await.unwrap(),
        Vec::<u64>::new()
    );
}

async fn old_results_go_in_batches(place: &Place) {
    let store = &place.store;
    let results: Vec<CheckResult> = (0..5)
        .map(|second| CheckResult {
            run: None,
            asset: asset("orders"),
            partition: key(""),
            attempt: None,
            verdict: Verdict {
                message: "well".into(),
                ..verdict("ids", true)
            },
            shown: true,
            at: at(second),
        })
        .collect();
    store.keep_check_results(&results).await.unwrap();
    assert_eq!(store.prunable_check_results(at(3)).await.unwrap(), 3);
    assert_eq!(store.prune_check_results(at(3), 2).await.unwrap(), 2);
    assert_eq!(store.prune_check_results(at(3), 2).await.unwrap(), 1);
    let left = store.check_results(&asset("orders"), "ids", 9).await.unwrap();
    assert_eq!(left, [results[4].clone(), results[3].clone()]);
}

async fn freshness_is_kept_under_the_leaders_fence(place: &Place) {
    let store = &place.store;
    let old = store.lead(&worker("old"), None).await.unwrap().unwrap();
    let record = |status, second| FreshnessRecord {
        asset: asset("orders"),
        status,
        watched_since: at(0),
        changed_at: at(second),
    };
    let late = FreshnessChange {
        sequence: 0,
        asset: asset("orders"),
        status: FreshnessStatus::Late,
        due_at: Some(at(1)),
        last_at: None,
        at: at(2),
    };
    let fresh = record(FreshnessStatus::Fresh, 0);
    assert!(store.keep_freshness(&old, &fresh, None).await.unwrap());
    let leader = store.lead(&worker("new"), Some(&old)).await.unwrap().unwrap();
    let overdue = record(FreshnessStatus::Late, 2);
    assert!(!store.keep_freshness(&old, &overdue, Some(&late)).await.unwrap());
    assert_eq!(store.freshness().await.unwrap(), [fresh]);
    assert_eq!(store.freshness_changes(0, 9).await.unwrap(), []);
    assert!(
        store
            .keep_freshness(&leader, &overdue, Some(&late))
            .await
            .unwrap()
    );
    assert_eq!(store.freshness().await.unwrap(), [overdue]);
    let changes = store.freshness_changes(0, 9).await.unwrap();
    let kept = FreshnessChange {
        sequence: changes[0].sequence,
        ..late
    };
    assert_eq!(changes, std::slice::from_ref(&kept));
    assert_eq!(store.freshness_changes(kept.sequence, 9).await.unwrap(), []);
    assert_eq!(store.materialized_at(&asset("orders")).await.unwrap(), None);
    assert_eq!(store.prune_freshness_changes(at(2)).await.unwrap(), 0);
    let later = at(2) + Duration::seconds(1);
    assert_eq!(store.prune_freshness_changes(later).await.unwrap(), 1);
}

/// A number that was left free is filled where the later ones are applied already.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_later_migrations_takes_this_one() {
    const CHECKS: i64 = 6;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let all = Migrator::new(std::path::Path::new("migrations/sqlite"))
        .await
        .unwrap();
    let others: Vec<_> = all
        .iter()
        .filter(|step| step.version != CHECKS)
        .cloned()
        .collect();
    assert!(others.iter().any(|step| step.version > CHECKS));
    let others = Migrator {
        migrations: others.into(),
        ..Migrator::DEFAULT
    };
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    others.run_direct(None, &mut connection, false).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
    let store = SqlStateStore::open(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    assert_eq!(store.last_check_results(&asset("orders")).await.unwrap(), []);
    store.close().await;

    let place = Place::postgres().await;
    let options = place.address.parse::<sqlx::postgres::PgConnectOptions>().unwrap();
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::raw_sql("DO $$ BEGIN EXECUTE 'DROP SCHEMA ' || current_schema() || ' CASCADE; CREATE SCHEMA ' || current_schema(); END $$")
        .execute(&mut connection)
        .await
        .unwrap();
    let all = Migrator::new(std::path::Path::new("migrations/postgres"))
        .await
        .unwrap();
    let others: Vec<_> = all
        .iter()
        .filter(|step| step.version != CHECKS)
        .cloned()
        .collect();
    let others = Migrator {
        migrations: others.into(),
        ..Migrator::DEFAULT
    };
    others.run_direct(None, &mut connection, false).await.unwrap();
    let store = place.open_again().await;
    assert_eq!(store.last_check_results(&asset("orders")).await.unwrap(), []);
    store.close().await;
    place.clear().await;
}
