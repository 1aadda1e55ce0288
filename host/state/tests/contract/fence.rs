//! What an attempt may write: everything while it holds, nothing after.

use tidegate_core::plan::Epoch;
use tidegate_core::port::{AttemptKey, PartitionState, StateStore};

use crate::support::{
    Place, asset, at, checkpoint, claim, entry, error, granted, key, materialization, partition_of, run_of,
    soon, state_of,
};

on_both![
    a_holder_may_write,
    a_zombie_is_refused_every_write,
    an_ended_attempt_is_refused_every_write,
    a_made_up_key_is_refused_every_write,
    a_failed_attempt_is_told_with_its_error,
    a_finish_is_whole_or_nothing,
    an_end_and_a_takeover_at_once_agree,
];

const WHAT: (&str, &str) = ("orders", "2024-01");

/// Tries every fenced write, and asserts that each is refused and that nothing has changed.
async fn assert_refused(place: &Place, attempt: &AttemptKey) {
    let (name, text) = (asset(WHAT.0), key(WHAT.1));
    let seen = async || {
        (
            place.store.run_partitions(attempt.run).await.unwrap(),
            place.store.checkpoint(attempt.run, &name, &text).await.unwrap(),
            place.store.materializations(&name).await.unwrap(),
            place.store.quarantine(None, None).await.unwrap(),
        )
    };
    let before = seen().await;
    let store = &place.store;
    assert!(!store.holds(attempt).await.unwrap());
    assert!(!store.renew(attempt, at(1_000)).await.unwrap());
    assert!(
        !store
            .put_checkpoint(attempt, &checkpoint(9), at(1_000))
            .await
            .unwrap()
    );
    assert!(
        !store
            .fail_attempt(attempt, &error("late"), at(1_000))
            .await
            .unwrap()
    );
    let (done, rejects) = (materialization(attempt, 9, 1_000), [entry(attempt, "late")]);
    assert!(
        !store
            .finish_materialized(attempt, &done, &rejects, &[])
            .await
            .unwrap()
    );
    assert_eq!(seen().await, before);
}

async fn a_holder_may_write(place: &Place) {
    let run = run_of(place, &[WHAT]).await;
    let attempt = granted(place, run, WHAT, "w", 0).await;
    assert!(place.store.holds(&attempt).await.unwrap());
    assert!(place.store.renew(&attempt, at(50)).await.unwrap());
    assert_eq!(
        partition_of(place, run, WHAT).await.attempts[0].lease_until,
        at(50)
    );
    assert!(
        place
            .store
            .put_checkpoint(&attempt, &checkpoint(1), at(3))
            .await
            .unwrap()
    );
    let done = materialization(&attempt, 7, 4);
    assert!(
        place
            .store
            .finish_materialized(&attempt, &done, &[entry(&attempt, "a")], &[])
            .await
            .unwrap()
    );

    let partition = partition_of(place, run, WHAT).await;
    let ended = &partition.attempts[0];
    assert_eq!(
        (partition.state, ended.state),
        (PartitionState::Succeeded, PartitionState::Succeeded)
    );
    assert_eq!((ended.finished_at, &ended.error), (Some(at(4)), &None));
    assert_eq!(
        place.store.materializations(&asset(WHAT.0)).await.unwrap(),
        [done]
    );
    assert_eq!(
        place.store.quarantine(None, None).await.unwrap(),
        [entry(&attempt, "a")]
    );
    assert_eq!(
        place
            .store
            .checkpoint(run, &asset(WHAT.0), &key(WHAT.1))
            .await
            .unwrap(),
        None
    );
}

async fn a_zombie_is_refused_every_write(place: &Place) {
    let first = run_of(place, &[WHAT]).await;
    let second = run_of(place, &[WHAT]).await;
    let zombie = granted(place, first, WHAT, "w1", 0).await;
    assert!(
        place
            .store
            .put_checkpoint(&zombie, &checkpoint(1), at(1))
            .await
            .unwrap()
    );
    let sibling = granted(place, first, WHAT, "w2", 10).await;
    assert_refused(place, &zombie).await;
    let stranger = granted(place, second, WHAT, "w3", 20).await;
    assert_refused(place, &zombie).await;
    assert_refused(place, &sibling).await;
    assert!(place.store.holds(&stranger).await.unwrap());
    // A lease that ran out is no reason to refuse while nobody else has come.
    assert!(place.store.renew(&stranger, at(500)).await.unwrap());
}

async fn an_ended_attempt_is_refused_every_write(place: &Place) {
    let run = run_of(place, &[WHAT]).await;
    let failed = granted(place, run, WHAT, "w", 0).await;
    assert!(
        place
            .store
            .fail_attempt(&failed, &error("no"), at(1))
            .await
            .unwrap()
    );
    assert_refused(place, &failed).await;
    let finished = granted(place, run, WHAT, "w", 2).await;
    let done = materialization(&finished, 1, 3);
    assert!(
        place
            .store
            .finish_materialized(&finished, &done, &[], &[])
            .await
            .unwrap()
    );
    assert_refused(place, &finished).await;
    assert_refused(place, &failed).await;
}

async fn a_made_up_key_is_refused_every_write(place: &Place) {
    let run = run_of(place, &[WHAT]).await;
    let other = run_of(place, &[WHAT]).await;
    let attempt = granted(place, run, WHAT, "w", 0).await;
    assert_refused(
        place,
        &AttemptKey {
            epoch: Epoch(2),
            ..attempt.clone()
        },
    )
    .await;
    assert_refused(
        place,
        &AttemptKey {
            epoch: Epoch(0),
            ..attempt.clone()
        },
    )
    .await;
    assert_refused(
        place,
        &AttemptKey {
            attempt: 2,
            ..attempt.clone()
        },
    )
    .await;
    assert_refused(
        place,
        &AttemptKey {
            run: other,
            ..attempt.clone()
        },
    )
    .await;
    assert_refused(
        place,
        &AttemptKey {
            partition: key("2024-02"),
            ..attempt.clone()
        },
    )
    .await;
    assert_refused(
        place,
        &AttemptKey {
            asset: asset("shops"),
            ..attempt.clone()
        },
    )
    .await;
    assert!(place.store.holds(&attempt).await.unwrap());
}

async fn a_failed_attempt_is_told_with_its_error(place: &Place) {
    let run = run_of(place, &[WHAT]).await;
    let attempt = granted(place, run, WHAT, "w", 0).await;
    let cause = error("`x\0` is no number").later();
    assert!(place.store.fail_attempt(&attempt, &cause, at(3)).await.unwrap());
    let partition = partition_of(place, run, WHAT).await;
    let ended = &partition.attempts[0];
    assert_eq!(
        (partition.state, ended.state),
        (PartitionState::Failed, PartitionState::Failed)
    );
    assert_eq!(ended.finished_at, Some(at(3)));
    let kept = ended.error.clone().unwrap();
    assert_eq!(
        kept,
        tidegate_core::Error {
            message: "`x\u{fffd}` is no number".to_owned(),
            ..cause
        }
    );
}

/// An entry that is there already fails the whole call; the attempt goes on.
async fn a_finish_is_whole_or_nothing(place: &Place) {
    let run = run_of(place, &[WHAT, ("orders", "2024-02")]).await;
    let before = granted(place, run, ("orders", "2024-02"), "w", 0).await;
    let done = materialization(&before, 1, 1);
    assert!(
        place
            .store
            .finish_materialized(&before, &done, &[entry(&before, "taken")], &[])
            .await
            .unwrap()
    );

    let attempt = granted(place, run, WHAT, "w", 0).await;
    assert!(
        place
            .store
            .put_checkpoint(&attempt, &checkpoint(2), at(1))
            .await
            .unwrap()
    );
    let done = materialization(&attempt, 1, 2);
    let rejects = [entry(&attempt, "new"), entry(&attempt, "taken")];
    let refused = place
        .store
        .finish_materialized(&attempt, &done, &rejects, &[])
        .await
        .unwrap_err();
    assert_eq!(refused.code, "state.exists");
    assert_eq!(state_of(place, run, WHAT).await, PartitionState::Running);
    assert_eq!(place.store.run_materializations(run).await.unwrap().len(), 1);
    assert_eq!(place.store.quarantine(None, None).await.unwrap().len(), 1);
    let kept = place
        .store
        .checkpoint(run, &asset(WHAT.0), &key(WHAT.1))
        .await
        .unwrap();
    assert_eq!(kept, Some(checkpoint(2)));
    assert!(
        place
            .store
            .finish_materialized(&attempt, &done, &[entry(&attempt, "new")], &[])
            .await
            .unwrap()
    );
}

/// An attempt whose lease has run out ends while it is taken over: either it ended first and counts, or it was lost and
/// left nothing.
async fn an_end_and_a_takeover_at_once_agree(place: &Place) {
    let other = place.open_again().await;
    for round in 0..20 {
        let text = format!("k{round}");
        let run = run_of(place, &[("orders", &text)]).await;
        let attempt = granted(place, run, ("orders", &text), "w1", 0).await;
        let done = materialization(&attempt, 1, 20);
        let rejects = [entry(&attempt, &text)];
        let cause = error("no");
        let (finished, _, failed) = soon(async {
            tokio::join!(
                place.store.finish_materialized(&attempt, &done, &rejects, &[]),
                claim(&other, run, ("orders", &text), "w2", 20),
                other.fail_attempt(&attempt, &cause, at(20)),
            )
        })
        .await;
        let (finished, failed) = (finished.unwrap(), failed.unwrap());
        assert!(!(finished && failed));

        let partition = partition_of(place, run, ("orders", &text)).await;
        assert_eq!(
            (partition.state, partition.attempts.len()),
            (PartitionState::Running, 2)
        );
        let ended = if finished {
            PartitionState::Succeeded
        } else {
            PartitionState::Failed
        };
        assert_eq!(partition.attempts[0].state, ended);
        let code = partition.attempts[0]
            .error
            .as_ref()
            .map(|error| error.code.as_str());
        let expected = if finished {
            None
        } else {
            Some(if failed { "data.test" } else { "attempt.lost" })
        };
        assert_eq!(code, expected);
        let counted = usize::from(finished);
        assert_eq!(
            place.store.run_materializations(run).await.unwrap().len(),
            counted
        );
        assert_eq!(
            place.store.quarantine(None, Some(run)).await.unwrap().len(),
            counted
        );
    }
    other.close().await;
}
