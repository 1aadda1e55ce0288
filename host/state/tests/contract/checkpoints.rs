//! Checkpoints: replaced by the next, kept for the next attempt, forgotten at the end.

use serde_json::json;
use tidegate_core::plan::RunId;
use tidegate_core::port::{Checkpoint, Cursor, StateStore};

use crate::support::{Place, asset, at, checkpoint, entry, error, granted, key, materialization, run_of};

on_both![
    the_last_checkpoint_replaces_the_one_before,
    the_next_attempt_resumes_from_the_last,
    a_run_never_sees_anothers_checkpoint,
    a_checkpoint_comes_back_as_it_went_in,
];

const WHAT: (&str, &str) = ("orders", "2024-01");

async fn last(place: &Place, run: RunId) -> Option<Checkpoint> {
    place
        .store
        .checkpoint(run, &asset(WHAT.0), &key(WHAT.1))
        .await
        .unwrap()
}

async fn the_last_checkpoint_replaces_the_one_before(place: &Place) {
    let run = run_of(place, &[WHAT]).await;
    assert_eq!(last(place, run).await, None);
    let attempt = granted(place, run, WHAT, "w", 0).await;
    for batches in 1..4 {
        assert!(
            place
                .store
                .put_checkpoint(&attempt, &checkpoint(batches), at(1))
                .await
                .unwrap()
        );
        assert_eq!(last(place, run).await, Some(checkpoint(batches)));
    }
}

async fn the_next_attempt_resumes_from_the_last(place: &Place) {
    let run = run_of(place, &[WHAT]).await;
    let failing = granted(place, run, WHAT, "w1", 0).await;
    assert!(
        place
            .store
            .put_checkpoint(&failing, &checkpoint(1), at(1))
            .await
            .unwrap()
    );
    assert!(
        place
            .store
            .fail_attempt(&failing, &error("no"), at(2))
            .await
            .unwrap()
    );
    assert_eq!(last(place, run).await, Some(checkpoint(1)));

    let lost = granted(place, run, WHAT, "w1", 3).await;
    assert_eq!(last(place, run).await, Some(checkpoint(1)));
    assert!(
        place
            .store
            .put_checkpoint(&lost, &checkpoint(2), at(4))
            .await
            .unwrap()
    );

    let finishing = granted(place, run, WHAT, "w2", 100).await;
    assert_eq!(last(place, run).await, Some(checkpoint(2)));
    assert!(
        !place
            .store
            .put_checkpoint(&lost, &checkpoint(3), at(101))
            .await
            .unwrap()
    );
    assert_eq!(last(place, run).await, Some(checkpoint(2)));
    let done = materialization(&finishing, 1, 102);
    assert!(
        place
            .store
            .finish_materialized(&finishing, &done, &[], &[])
            .await
            .unwrap()
    );
    assert_eq!(last(place, run).await, None);
}

async fn a_run_never_sees_anothers_checkpoint(place: &Place) {
    let first = run_of(place, &[WHAT]).await;
    let second = run_of(place, &[WHAT]).await;
    let lost = granted(place, first, WHAT, "w1", 0).await;
    assert!(
        place
            .store
            .put_checkpoint(&lost, &checkpoint(1), at(1))
            .await
            .unwrap()
    );
    let finishing = granted(place, second, WHAT, "w2", 10).await;
    assert_eq!(last(place, second).await, None);
    let done = materialization(&finishing, 1, 12);
    assert!(
        place
            .store
            .finish_materialized(&finishing, &done, &[], &[])
            .await
            .unwrap()
    );
    assert_eq!(last(place, first).await, Some(checkpoint(1)));
}

/// Whatever a source may put into its cursor, and however large the snapshots are.
async fn a_checkpoint_comes_back_as_it_went_in(place: &Place) {
    let run = run_of(place, &[WHAT]).await;
    let attempt = granted(place, run, WHAT, "w", 0).await;
    let kept = Checkpoint {
        cursor: Cursor(json!({"z": "a\0b", "a": [u64::MAX, i64::MIN, 0.1, 1e16, null], "ü": "🚲"})),
        snapshots: vec![Some("A".repeat(8 << 20)), None],
        quarantined: vec![entry(&attempt, "one"), entry(&attempt, "two")],
        ..checkpoint(u64::MAX >> 16)
    };
    assert!(place.store.put_checkpoint(&attempt, &kept, at(1)).await.unwrap());
    let found = last(place, run).await.unwrap();
    assert!(found == kept);
    // The order of a document's members is part of it.
    assert_eq!(found.cursor.0.to_string(), kept.cursor.0.to_string());
}
