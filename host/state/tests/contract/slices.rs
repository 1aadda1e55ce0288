//! Dynamic keys, and how slices stand as ranges.

use tidegate_core::plan::{Digest, PartitionRange, RangeState};
use tidegate_core::port::{AttemptKey, Claim, Claiming, PartitionPlace, PartitionStore, StateStore};

use crate::support::{Place, asset, at, error, key, materialization, run_of, worker};

on_both![
    dynamic_keys_are_added_once_and_listed_in_order,
    many_dynamic_keys_come_in_pages,
    an_end_moves_its_slice,
    a_lost_attempt_leaves_its_slice_failed,
    another_cut_takes_ranges_away,
    what_was_taken_away_was_never_tried,
    random_moves_agree_with_a_list,
    ends_at_once_make_one_range,
];

/// So many slices has the asset of the random moves.
const KEYS: usize = 10_000;

fn number(number: usize) -> String {
    format!("{number:05}")
}

fn place_of(cut: &str, index: usize) -> PartitionPlace {
    PartitionPlace {
        cut: Digest::of(cut.as_bytes()),
        previous: index.checked_sub(1).map(|before| key(&number(before))),
        next: Some(index + 1)
            .filter(|next| *next < KEYS)
            .map(|next| key(&number(next))),
    }
}

async fn ranges(place: &Place, cut: &str) -> Vec<(RangeState, String, String)> {
    let cut = Digest::of(cut.as_bytes());
    let found = place
        .store
        .partition_ranges(&asset("orders"), &cut)
        .await
        .unwrap();
    found
        .into_iter()
        .map(|PartitionRange { state, first, last }| (state, first.0, last.0))
        .collect()
}

/// A claim of a slice by its number, in a run of its own.
async fn claimed(place: &Place, cut: &str, index: usize, second: i64) -> AttemptKey {
    let text = number(index);
    let run = run_of(place, &[("orders", &text)]).await;
    let claim = place
        .store
        .claim(&Claiming {
            run,
            asset: &asset("orders"),
            partition: &key(&text),
            place: Some(&place_of(cut, index)),
            worker: &worker("w"),
            dead: &[],
            pools: &[],
            at: at(second),
            lease_until: at(second + 10),
        })
        .await
        .unwrap();
    let Claim::Granted(attempt) = claim else {
        panic!("{claim:?}")
    };
    attempt
}

async fn load(place: &Place, cut: &str, index: usize) {
    let attempt = claimed(place, cut, index, 0).await;
    let done = materialization(&attempt, 1, 1);
    assert!(
        place
            .store
            .finish_materialized(&attempt, &done, &[], &[])
            .await
            .unwrap()
    );
}

async fn dynamic_keys_are_added_once_and_listed_in_order(place: &Place) {
    let (store, name) = (&place.store, asset("customers"));
    let keys = |list: &[&str]| list.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    // The order is that of bytes: capitals first, `é` last.
    let some = keys(&["zeta", "é", "Zeta", "acme", "acme"]);
    assert_eq!(store.add_dynamic_keys(&name, &some, at(0)).await.unwrap(), 4);
    assert_eq!(
        store
            .add_dynamic_keys(&name, &keys(&["acme", "beta"]), at(1))
            .await
            .unwrap(),
        1
    );
    assert_eq!(store.add_dynamic_keys(&name, &[], at(1)).await.unwrap(), 0);
    assert_eq!(
        store.dynamic_keys(&name, None, 10).await.unwrap(),
        ["Zeta", "acme", "beta", "zeta", "é"]
    );
    assert_eq!(
        store.dynamic_keys(&name, Some("acme"), 2).await.unwrap(),
        ["beta", "zeta"]
    );
    assert_eq!(
        store.dynamic_keys(&asset("shops"), None, 10).await.unwrap(),
        [""; 0]
    );
    assert_eq!(
        store
            .remove_dynamic_keys(&name, &keys(&["beta", "nobody"]))
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        store.remove_dynamic_keys(&name, &keys(&["beta"])).await.unwrap(),
        0
    );
    assert_eq!(store.remove_dynamic_keys(&name, &[]).await.unwrap(), 0);
    assert_eq!(store.dynamic_keys(&name, None, 10).await.unwrap().len(), 4);
    let refused = store
        .add_dynamic_keys(&name, &keys(&["a\0b"]), at(0))
        .await
        .unwrap_err();
    assert_eq!(refused.code, "state.value");
}

async fn many_dynamic_keys_come_in_pages(place: &Place) {
    let (store, name) = (&place.store, asset("customers"));
    let all: Vec<String> = (0..45_000).map(number).collect();
    assert_eq!(store.add_dynamic_keys(&name, &all, at(0)).await.unwrap(), 45_000);
    let mut found: Vec<String> = Vec::new();
    loop {
        let after = found.last().map(String::as_str);
        let page = store.dynamic_keys(&name, after, 10_000).await.unwrap();
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found, all);
    assert_eq!(store.remove_dynamic_keys(&name, &all).await.unwrap(), 45_000);
}

async fn an_end_moves_its_slice(place: &Place) {
    use RangeState::{Failed, Materialized};
    for index in [3, 5, 4] {
        load(place, "days", index).await;
    }
    let all = (Materialized, number(3), number(5));
    assert_eq!(ranges(place, "days").await, std::slice::from_ref(&all));
    let attempt = claimed(place, "days", 4, 0).await;
    // Under way, it stands as it stood.
    assert_eq!(ranges(place, "days").await, std::slice::from_ref(&all));
    assert!(
        place
            .store
            .fail_attempt(&attempt, &error("no"), at(1))
            .await
            .unwrap()
    );
    let split = [
        (Materialized, number(3), number(3)),
        (Failed, number(4), number(4)),
        (Materialized, number(5), number(5)),
    ];
    assert_eq!(ranges(place, "days").await, split);
    // A stale end is refused, and leaves no mark.
    let done = materialization(&attempt, 1, 2);
    assert!(
        !place
            .store
            .finish_materialized(&attempt, &done, &[], &[])
            .await
            .unwrap()
    );
    assert_eq!(ranges(place, "days").await, split);
    load(place, "days", 4).await;
    assert_eq!(ranges(place, "days").await, [all]);
}

async fn a_lost_attempt_leaves_its_slice_failed(place: &Place) {
    claimed(place, "days", 7, 0).await;
    // Its lease has run out.
    let second = claimed(place, "days", 7, 100).await;
    let failed = (RangeState::Failed, number(7), number(7));
    assert_eq!(ranges(place, "days").await, [failed]);
    let done = materialization(&second, 1, 101);
    assert!(
        place
            .store
            .finish_materialized(&second, &done, &[], &[])
            .await
            .unwrap()
    );
    assert_eq!(
        ranges(place, "days").await,
        [(RangeState::Materialized, number(7), number(7))]
    );
}

async fn another_cut_takes_ranges_away(place: &Place) {
    load(place, "days", 1).await;
    let late = claimed(place, "days", 2, 0).await;
    load(place, "hours", 8).await;
    assert_eq!(ranges(place, "days").await, []);
    let done = materialization(&late, 1, 1);
    assert!(
        place
            .store
            .finish_materialized(&late, &done, &[], &[])
            .await
            .unwrap()
    );
    assert_eq!(ranges(place, "days").await, []);
    assert_eq!(
        ranges(place, "hours").await,
        [(RangeState::Materialized, number(8), number(8))]
    );
}

async fn what_was_taken_away_was_never_tried(place: &Place) {
    for index in 0..5 {
        load(place, "days", index).await;
    }
    let store = &place.store;
    store
        .set_partition(&asset("orders"), &key(&number(2)), &place_of("days", 2), None)
        .await
        .unwrap();
    let materialized = |first, last| (RangeState::Materialized, number(first), number(last));
    assert_eq!(
        ranges(place, "days").await,
        [materialized(0, 1), materialized(3, 4)]
    );
    store.clear_partitions(&asset("shops")).await.unwrap();
    assert_eq!(ranges(place, "days").await.len(), 2);
    let late = claimed(place, "days", 2, 0).await;
    store.clear_partitions(&asset("orders")).await.unwrap();
    assert_eq!(ranges(place, "days").await, []);
    let done = materialization(&late, 1, 1);
    assert!(store.finish_materialized(&late, &done, &[], &[]).await.unwrap());
    assert_eq!(ranges(place, "days").await, [materialized(2, 2)]);
}

async fn random_moves_agree_with_a_list(place: &Place) {
    let name = asset("orders");
    let mut states: Vec<Option<RangeState>> = vec![None; KEYS];
    // A fixed sequence of Lehmer's generator: a failure is one again.
    let mut seed: u64 = 7;
    let mut random = |below: usize| {
        seed = seed * 48_271 % 2_147_483_647;
        seed as usize % below
    };
    for step in 0..1_500 {
        // Most moves in a corner, where ranges meet.
        let index = random(if step % 4 == 0 { KEYS } else { 40 });
        let state = [
            Some(RangeState::Materialized),
            Some(RangeState::Materialized),
            Some(RangeState::Failed),
            None,
        ][random(4)];
        states[index] = state;
        place
            .store
            .set_partition(&name, &key(&number(index)), &place_of("days", index), state)
            .await
            .unwrap();
    }
    let mut expected: Vec<(RangeState, String, String)> = Vec::new();
    for (index, state) in states.iter().enumerate() {
        let Some(state) = *state else { continue };
        match expected.last_mut() {
            Some((before, _, last)) if *before == state && index > 0 && *last == number(index - 1) => {
                *last = number(index);
            }
            _ => expected.push((state, number(index), number(index))),
        }
    }
    assert_eq!(ranges(place, "days").await, expected);
}

async fn ends_at_once_make_one_range(place: &Place) {
    let mut attempts = Vec::new();
    for index in 0..16 {
        attempts.push(claimed(place, "days", index, 0).await);
    }
    let mut ends = tokio::task::JoinSet::new();
    for attempt in attempts {
        let store = place.store.clone();
        ends.spawn(async move {
            let done = materialization(&attempt, 1, 1);
            store
                .finish_materialized(&attempt, &done, &[], &[])
                .await
                .unwrap()
        });
    }
    for ended in ends.join_all().await {
        assert!(ended);
    }
    assert_eq!(
        ranges(place, "days").await,
        [(RangeState::Materialized, number(0), number(15))]
    );
}
