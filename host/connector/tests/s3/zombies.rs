//! Two workers at one task: one wins, and no row comes twice.

use tidegate_core::schema::Load;

use crate::support::{Attempt, Lake, commit, numbers, texts};

const LOADS: [(Load, &str); 3] = [
    (Load::Append, ""),
    (Load::Replace, ""),
    (Load::ReplacePartition, "2013-01"),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_wakes_up_after_another_load_is_refused() {
    for (load, key) in LOADS {
        let lake = Lake::new();
        let attempt = |epoch, token| {
            let mut attempt = Attempt::new(&lake, load, epoch, token);
            attempt.partition = key;
            attempt
        };
        let mut sleeper = attempt(1, "one").begin().await.unwrap();
        sleeper.write(numbers(0..100)).await.unwrap();
        sleeper.stage().await.unwrap();
        sleeper.write(numbers(100..200)).await.unwrap();
        attempt(2, "two").load(0..3).await.unwrap();
        let error = sleeper.commit(commit()).await.unwrap_err();
        assert_eq!(error.code, "attempt.fenced", "{load:?}");
        assert_eq!(lake.seen().await, texts(0..3), "{load:?}");
        let too_late = attempt(1, "one").begin().await.err().unwrap();
        assert_eq!(too_late.code, "attempt.fenced", "{load:?}");
        // Nothing of it stays behind.
        assert!(
            !lake.objects().await.iter().any(|name| name.contains("part-1-")),
            "{load:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_overtaken_attempt_stages_late_goes_with_it() {
    let lake = Lake::new();
    let mut sleeper = Attempt::new(&lake, Load::Append, 1, "one").begin().await.unwrap();
    sleeper.write(numbers(0..100)).await.unwrap();
    Attempt::new(&lake, Load::Append, 2, "two")
        .load(0..3)
        .await
        .unwrap();
    sleeper.stage().await.unwrap();
    let left = async || lake.objects().await.iter().any(|name| name.contains("part-1-"));
    assert!(left().await);
    sleeper.abort().await.unwrap();
    assert!(!left().await);
    assert_eq!(lake.seen().await, texts(0..3));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_attempts_at_one_load_show_it_once() {
    for _ in 0..10 {
        let lake = Lake::new();
        let mut first = Attempt::new(&lake, Load::Append, 1, "load")
            .begin()
            .await
            .unwrap();
        first.write(numbers(0..5)).await.unwrap();
        let staged = first.stage().await.unwrap().unwrap();
        let mut heir = Attempt::new(&lake, Load::Append, 2, "load");
        heir.staged = staged;
        let heir = heir.begin().await.unwrap();
        let (zombie, heir) = tokio::join!(first.commit(commit()), heir.commit(commit()));
        let heir = heir.unwrap();
        match zombie {
            Ok(zombie) => assert!(zombie.repeated != heir.repeated),
            Err(error) => panic!("{error}"),
        }
        assert_eq!(lake.seen().await, texts(0..5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_loads_that_commit_at_once_the_newer_is_seen_last() {
    for load in [Load::Append, Load::Replace] {
        for _ in 0..10 {
            let lake = Lake::new();
            Attempt::new(&lake, load, 1, "base").load(0..1).await.unwrap();
            let mut older = Attempt::new(&lake, load, 2, "older").begin().await.unwrap();
            older.write(numbers(10..12)).await.unwrap();
            older.stage().await.unwrap();
            let mut newer = Attempt::new(&lake, load, 3, "newer").begin().await.unwrap();
            newer.write(numbers(20..22)).await.unwrap();
            newer.stage().await.unwrap();
            let (older, newer) = tokio::join!(older.commit(commit()), newer.commit(commit()));
            newer.unwrap();
            let base: &[i64] = if load == Load::Append { &[0] } else { &[] };
            let older: &[i64] = match (older, load) {
                (Ok(_), Load::Append) => &[10, 11],
                (Ok(_), _) => &[],
                (Err(error), _) => {
                    assert_eq!(error.code, "attempt.fenced");
                    &[]
                }
            };
            let wanted = [base, older, &[20, 21]].concat();
            assert_eq!(lake.seen().await, texts(wanted), "{load:?}");
        }
    }
}
