//! The leader: one at a time, each with a higher epoch.

use tidegate_core::port::LeaderStore;
use tokio::task::JoinSet;

use crate::support::{Place, soon, worker};

on_both![one_of_many_leads, a_leader_that_was_replaced_keeps_nothing];

async fn one_of_many_leads(place: &Place) {
    let stores = [place.store.clone(), place.open_again().await];
    let mut candidates = JoinSet::new();
    for index in 0..12 {
        let store = stores[index % 2].clone();
        candidates.spawn(async move { store.lead(&worker(&format!("w{index}")), None).await.unwrap() });
    }
    let won: Vec<_> = soon(candidates.join_all()).await.into_iter().flatten().collect();
    assert_eq!(won.len(), 1);
    assert_eq!(place.store.leader().await.unwrap(), won.first().cloned());
}

async fn a_leader_that_was_replaced_keeps_nothing(place: &Place) {
    let store = &place.store;
    assert_eq!(store.leader().await.unwrap(), None);
    let first = store.lead(&worker("w1"), None).await.unwrap().unwrap();
    let kept = store.keep_lead(&first).await.unwrap().unwrap();
    assert_eq!(kept.beats, first.beats + 1);
    // Seen before its last beat: it is alive.
    assert_eq!(store.lead(&worker("w2"), Some(&first)).await.unwrap(), None);
    assert_eq!(store.lead(&worker("w2"), None).await.unwrap(), None);
    let second = store.lead(&worker("w2"), Some(&kept)).await.unwrap().unwrap();
    assert!(second.epoch > first.epoch);
    assert_eq!(store.keep_lead(&kept).await.unwrap(), None);
    store.resign(&kept).await.unwrap();
    assert_eq!(store.leader().await.unwrap(), Some(second.clone()));
    store.resign(&second).await.unwrap();
    assert_eq!(store.leader().await.unwrap(), None);
    let third = store.lead(&worker("w1"), None).await.unwrap().unwrap();
    assert!(third.epoch > second.epoch);
}
