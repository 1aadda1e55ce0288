//! Partitions set by hand: skipped, or pending again.

use tidegate_core::plan::RunId;
use tidegate_core::port::{PartitionState, StateStore};
use uuid::Uuid;

use crate::support::{Place, asset, at, error, granted, key, run_of, state_of};

on_both![
    a_partition_is_skipped_and_put_back,
    a_partition_under_way_is_left_alone,
    attempts_are_those_of_one_partition,
    only_two_states_are_set_by_hand
];

const WHAT: (&str, &str) = ("orders", "2024-01");

async fn a_partition_is_skipped_and_put_back(place: &Place) {
    let run = run_of(place, &[WHAT, ("orders", "2024-02")]).await;
    for state in [PartitionState::Skipped, PartitionState::Pending] {
        place
            .store
            .set_partition_state(run, &asset(WHAT.0), &key(WHAT.1), state)
            .await
            .unwrap();
        assert_eq!(state_of(place, run, WHAT).await, state);
    }
    assert_eq!(
        state_of(place, run, ("orders", "2024-02")).await,
        PartitionState::Pending
    );

    let attempt = granted(place, run, WHAT, "w", 0).await;
    assert!(
        place
            .store
            .fail_attempt(&attempt, &error("no"), at(1))
            .await
            .unwrap()
    );
    place
        .store
        .set_partition_state(run, &asset(WHAT.0), &key(WHAT.1), PartitionState::Pending)
        .await
        .unwrap();
    assert_eq!(state_of(place, run, WHAT).await, PartitionState::Pending);
}

async fn attempts_are_those_of_one_partition(place: &Place) {
    let run = run_of(place, &[WHAT, ("orders", "2024-02")]).await;
    let first = granted(place, run, WHAT, "w", 0).await;
    place
        .store
        .fail_attempt(&first, &error("no"), at(1))
        .await
        .unwrap();
    let second = granted(place, run, WHAT, "w", 2).await;
    granted(place, run, ("orders", "2024-02"), "w", 2).await;

    let mine = place
        .store
        .attempts(run, &asset(WHAT.0), &key(WHAT.1))
        .await
        .unwrap();
    let epochs: Vec<_> = mine.iter().map(|attempt| attempt.epoch).collect();
    assert_eq!(epochs, [first.epoch, second.epoch]);
    let listed = place.store.run_partitions(run).await.unwrap();
    assert_eq!(mine, listed[0].attempts, "as the run's partitions tell them");
    let elsewhere = place
        .store
        .attempts(run, &asset("others"), &key(WHAT.1))
        .await
        .unwrap();
    assert_eq!(elsewhere, []);
}

async fn a_partition_under_way_is_left_alone(place: &Place) {
    let run = run_of(place, &[WHAT]).await;
    let attempt = granted(place, run, WHAT, "w", 0).await;
    let refused = place
        .store
        .set_partition_state(run, &asset(WHAT.0), &key(WHAT.1), PartitionState::Skipped)
        .await;
    assert_eq!(refused.unwrap_err().code, "state.under_way");
    assert_eq!(state_of(place, run, WHAT).await, PartitionState::Running);
    assert!(place.store.holds(&attempt).await.unwrap());
}

async fn only_two_states_are_set_by_hand(place: &Place) {
    let run = run_of(place, &[WHAT]).await;
    for state in [
        PartitionState::Running,
        PartitionState::Succeeded,
        PartitionState::Failed,
    ] {
        let refused = place
            .store
            .set_partition_state(run, &asset(WHAT.0), &key(WHAT.1), state)
            .await;
        assert_eq!(refused.unwrap_err().code, "state.not_by_hand");
    }
    for (run, text) in [(run, "other"), (RunId(Uuid::now_v7()), WHAT.1)] {
        let unknown = place
            .store
            .set_partition_state(run, &asset(WHAT.0), &key(text), PartitionState::Skipped)
            .await;
        assert_eq!(unknown.unwrap_err().code, "state.no_partition");
    }
}
