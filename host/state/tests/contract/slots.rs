//! Limits on attempts: counted over all runs and stores, and free again when an attempt ends or its lease does.

use tidegate_core::port::{AttemptKey, Claim, PoolLimit, StateStore};
use tokio::task::JoinSet;

use crate::support::{Place, at, error, materialization, run_of, soon, try_claim};

on_both![
    a_pool_takes_as_many_as_its_limit,
    an_ended_attempt_frees_its_slots,
    an_attempt_whose_lease_ended_frees_its_slots,
    many_claims_at_once_do_not_pass_a_limit,
];

fn pool(name: &str, limit: u32) -> PoolLimit {
    PoolLimit {
        pool: name.into(),
        limit,
    }
}

fn key_of(claim: Claim) -> AttemptKey {
    match claim {
        Claim::Granted(key) => key,
        other => panic!("{other:?}"),
    }
}

async fn a_pool_takes_as_many_as_its_limit(place: &Place) {
    let run = run_of(place, &[("a", ""), ("b", ""), ("c", "")]).await;
    let pools = [pool("pool:x", 2), pool("resource:y", 1)];
    let claim = async |asset, pools: &[PoolLimit]| {
        try_claim(&place.store, run, (asset, ""), "w", &[], pools, 0)
            .await
            .unwrap()
    };
    key_of(claim("a", &pools).await);
    let Claim::Full { pool } = claim("b", &pools).await else {
        panic!("granted")
    };
    assert_eq!(pool, "resource:y");
    key_of(claim("b", &pools[..1]).await);
    let Claim::Full { pool } = claim("c", &pools).await else {
        panic!("granted")
    };
    assert_eq!(pool, "pool:x");
    // What was refused has begun nothing.
    let partitions = place.store.run_partitions(run).await.unwrap();
    assert!(partitions[2].attempts.is_empty());
    key_of(claim("c", &[]).await);
}

async fn an_ended_attempt_frees_its_slots(place: &Place) {
    let run = run_of(place, &[("a", ""), ("b", "")]).await;
    let pools = [pool("pool:x", 1)];
    for second in 0..3 {
        let failing = key_of(
            try_claim(&place.store, run, ("a", ""), "w", &[], &pools, second)
                .await
                .unwrap(),
        );
        assert!(
            place
                .store
                .fail_attempt(&failing, &error("no"), at(1))
                .await
                .unwrap()
        );
        let done = key_of(
            try_claim(&place.store, run, ("b", ""), "w", &[], &pools, second)
                .await
                .unwrap(),
        );
        let loaded = materialization(&done, 1, 2);
        assert!(
            place
                .store
                .finish_materialized(&done, &loaded, &[], &[])
                .await
                .unwrap()
        );
    }
}

async fn an_attempt_whose_lease_ended_frees_its_slots(place: &Place) {
    let run = run_of(place, &[("a", ""), ("b", "")]).await;
    let pools = [pool("pool:x", 1)];
    let claim = async |asset, second| {
        try_claim(&place.store, run, (asset, ""), "w", &[], &pools, second)
            .await
            .unwrap()
    };
    key_of(claim("a", 0).await);
    assert!(matches!(claim("b", 9).await, Claim::Full { .. }));
    key_of(claim("b", 11).await);
}

async fn many_claims_at_once_do_not_pass_a_limit(place: &Place) {
    let names: Vec<String> = (0..24).map(|index| format!("a{index}")).collect();
    let partitions: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let run = run_of(place, &partitions).await;
    let stores = [place.store.clone(), place.open_again().await];
    let mut claims = JoinSet::new();
    for (index, name) in names.into_iter().enumerate() {
        let store = stores[index % 2].clone();
        claims.spawn(async move {
            let pools = [pool("pool:x", 5), pool("pool:a", 7)];
            try_claim(&store, run, (&name, ""), "w", &[], &pools, 0)
                .await
                .unwrap()
        });
    }
    let answers = soon(claims.join_all()).await;
    let granted = answers
        .iter()
        .filter(|answer| matches!(answer, Claim::Granted(_)))
        .count();
    assert_eq!(granted, 5);
}
