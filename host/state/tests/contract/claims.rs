//! Claims: one holder at a time, rising epochs, and attempts that are taken over.

use tidegate_core::Retry;
use tidegate_core::plan::{Epoch, RunId};
use tidegate_core::port::{AttemptRecord, Claim, PartitionState, RunState, StateStore};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{
    Place, at, claim, error, granted, materialization, partition_of, run_of, soon, state_of, try_claim,
    worker,
};

on_both![
    a_claim_begins_an_attempt,
    a_lease_that_runs_holds_over_all_runs,
    an_expired_attempt_is_taken_over,
    a_dead_workers_attempt_is_taken_over_at_once,
    epochs_rise_over_runs_and_ends,
    a_partition_that_is_not_in_the_run_is_refused,
    one_of_many_claims_is_granted,
    many_takeovers_at_once_make_one_holder,
];

const WHAT: (&str, &str) = ("orders", "2024-01");

/// The nth epoch of an asset partition first claimed at second 0.
fn nth(number: i64) -> Epoch {
    Epoch(at(0).timestamp() + number)
}

async fn a_claim_begins_an_attempt(place: &Place) {
    let run = run_of(place, &[WHAT, ("orders", "2024-02")]).await;
    let attempt = granted(place, run, WHAT, "w1", 5).await;
    assert_eq!((attempt.run, attempt.attempt, attempt.epoch), (run, 1, nth(6)));
    assert_eq!((attempt.asset.as_str(), attempt.partition.0.as_str()), WHAT);

    let partition = partition_of(place, run, WHAT).await;
    assert_eq!(partition.state, PartitionState::Running);
    let expected = AttemptRecord {
        attempt: 1,
        epoch: nth(6),
        worker: worker("w1"),
        state: PartitionState::Running,
        started_at: at(5),
        lease_until: at(15),
        finished_at: None,
        error: None,
    };
    assert_eq!(partition.attempts, [expected]);
    assert_eq!(
        state_of(place, run, ("orders", "2024-02")).await,
        PartitionState::Pending
    );
    // The run is moved by the orchestrator alone.
    assert_eq!(
        place.store.run(run).await.unwrap().unwrap().state,
        RunState::Queued
    );
}

async fn a_lease_that_runs_holds_over_all_runs(place: &Place) {
    let first = run_of(place, &[WHAT]).await;
    let second = run_of(place, &[WHAT, ("orders", "2024-02"), ("shops", WHAT.1)]).await;
    let attempt = granted(place, first, WHAT, "w1", 0).await;
    let held = Claim::Held {
        run: first,
        worker: worker("w1"),
        lease_until: at(10),
    };
    assert_eq!(claim(&place.store, first, WHAT, "w2", 9).await, held);
    assert_eq!(claim(&place.store, second, WHAT, "w1", 9).await, held);
    assert_eq!(state_of(place, second, WHAT).await, PartitionState::Pending);
    assert!(place.store.renew(&attempt, at(30)).await.unwrap());
    let renewed = Claim::Held {
        run: first,
        worker: worker("w1"),
        lease_until: at(30),
    };
    assert_eq!(claim(&place.store, second, WHAT, "w2", 20).await, renewed);
    // Other slices and other assets are others' business.
    assert_eq!(
        granted(place, second, ("orders", "2024-02"), "w2", 0).await.epoch,
        nth(1)
    );
    assert_eq!(
        granted(place, second, ("shops", WHAT.1), "w2", 0).await.epoch,
        nth(1)
    );
}

async fn an_expired_attempt_is_taken_over(place: &Place) {
    let first = run_of(place, &[WHAT]).await;
    let second = run_of(place, &[WHAT]).await;
    let zombie = granted(place, first, WHAT, "w1", 0).await;
    let attempt = granted(place, second, WHAT, "w2", 10).await;
    assert_eq!((attempt.attempt, attempt.epoch), (1, nth(2)));
    assert!(!place.store.holds(&zombie).await.unwrap());
    assert!(place.store.holds(&attempt).await.unwrap());

    let lost = partition_of(place, first, WHAT).await;
    assert_eq!(
        (lost.state, lost.attempts[0].state),
        (PartitionState::Failed, PartitionState::Failed)
    );
    assert_eq!(lost.attempts[0].finished_at, Some(at(10)));
    let cause = lost.attempts[0].error.clone().unwrap();
    assert_eq!((cause.code.as_str(), cause.retry), ("attempt.lost", Retry::Later));
    assert!(cause.message.contains("w1"), "{cause}");
    assert_eq!(state_of(place, second, WHAT).await, PartitionState::Running);
}

async fn a_dead_workers_attempt_is_taken_over_at_once(place: &Place) {
    let run = run_of(place, &[WHAT]).await;
    granted(place, run, WHAT, "w1", 0).await;
    let take = async |dead: &[&str]| {
        try_claim(&place.store, run, WHAT, "w2", dead, &[], 1)
            .await
            .unwrap()
    };
    assert!(matches!(take(&["w0", "w2"]).await, Claim::Held { .. }));
    let Claim::Granted(attempt) = take(&["w0", "w1"]).await else {
        panic!("held")
    };
    assert_eq!((attempt.attempt, attempt.epoch), (2, nth(2)));

    let partition = partition_of(place, run, WHAT).await;
    assert_eq!(partition.state, PartitionState::Running);
    assert_eq!(
        partition
            .attempts
            .iter()
            .map(|found| found.attempt)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(partition.attempts[0].error.as_ref().unwrap().code, "attempt.lost");
}

async fn epochs_rise_over_runs_and_ends(place: &Place) {
    let mut epoch = 0;
    for round in 0..3 {
        let run = run_of(place, &[WHAT]).await;
        let failing = granted(place, run, WHAT, "w", round * 100).await;
        assert!(
            place
                .store
                .fail_attempt(&failing, &error("no"), at(1))
                .await
                .unwrap()
        );
        let finishing = granted(place, run, WHAT, "w", round * 100).await;
        let done = materialization(&finishing, 1, 2);
        assert!(
            place
                .store
                .finish_materialized(&finishing, &done, &[], &[])
                .await
                .unwrap()
        );
        assert_eq!((failing.attempt, failing.epoch), (1, nth(epoch + 1)));
        assert_eq!((finishing.attempt, finishing.epoch), (2, nth(epoch + 2)));
        epoch += 2;
    }
}

async fn a_partition_that_is_not_in_the_run_is_refused(place: &Place) {
    let run = run_of(place, &[WHAT]).await;
    let refused = try_claim(&place.store, run, (WHAT.0, "other"), "w", &[], &[], 0)
        .await
        .unwrap_err();
    assert_eq!(refused.code, "state.no_partition");
    let unknown = RunId(Uuid::now_v7());
    let refused = try_claim(&place.store, unknown, WHAT, "w", &[], &[], 0)
        .await
        .unwrap_err();
    assert_eq!(refused.code, "state.no_partition");
    assert_eq!(granted(place, run, WHAT, "w", 0).await.epoch, nth(1));
}

/// Through two stores, as of two processes; half of the claims for another run.
async fn one_of_many_claims_is_granted(place: &Place) {
    let runs = [run_of(place, &[WHAT]).await, run_of(place, &[WHAT]).await];
    let stores = [place.store.clone(), place.open_again().await];
    let mut claims = JoinSet::new();
    for index in 0..16 {
        let (store, run) = (stores[index % 2].clone(), runs[(index / 2) % 2]);
        claims.spawn(async move { claim(&store, run, WHAT, &format!("w{index}"), 0).await });
    }
    let answers = soon(claims.join_all()).await;
    let granted: Vec<_> = answers
        .iter()
        .filter(|answer| matches!(answer, Claim::Granted(_)))
        .collect();
    assert_eq!(granted.len(), 1, "{answers:?}");
    let Claim::Granted(attempt) = granted[0] else {
        unreachable!()
    };
    assert_eq!(attempt.epoch, nth(1));
    stores[1].close().await;
}

/// All see the same expired attempt, and the holder writes meanwhile.
async fn many_takeovers_at_once_make_one_holder(place: &Place) {
    let run = run_of(place, &[WHAT]).await;
    let other = place.open_again().await;
    let mut holder = granted(place, run, WHAT, "w", 0).await;
    for round in 1..=10 {
        let mut claims = JoinSet::new();
        for index in 0..8 {
            let store = if index % 2 == 0 {
                place.store.clone()
            } else {
                other.clone()
            };
            claims.spawn(async move { claim(&store, run, WHAT, &format!("w{index}"), round * 10).await });
        }
        let (store, old) = (place.store.clone(), holder.clone());
        // Its lease stays expired, so it changes nothing for the claims, whoever comes first.
        let renewed = tokio::spawn(async move { store.renew(&old, at(round * 10)).await });
        let mut granted = soon(claims.join_all()).await;
        granted.retain(|answer| matches!(answer, Claim::Granted(_)));
        renewed.await.unwrap().unwrap();
        let [Claim::Granted(attempt)] = &granted[..] else {
            panic!("{granted:?}")
        };
        assert_eq!(attempt.epoch, nth(round + 1));
        assert!(!place.store.holds(&holder).await.unwrap());
        assert!(place.store.holds(attempt).await.unwrap());
        holder = attempt.clone();
    }
    other.close().await;
}
