//! Attempts that die at each of their requests, before the server hears of it or after it has done it: what is seen is the
//! old load or the new, and the next attempt ends as one that nobody disturbed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tidegate_core::port::Part;
use tidegate_core::schema::Load;
use tidegate_core::{Error, Retry};

use crate::proxy::{self, Fate};
use crate::support::{Attempt, Lake, commit, numbers, server, texts};

/// Loads two parts with a checkpoint between them; answers what was staged at the checkpoint, however it ended.
async fn load(lake: &Lake, load: Load, epoch: i64, staged: Vec<Part>) -> (Vec<Part>, Result<(), Error>) {
    let mut attempt = Attempt::new(lake, load, epoch, "new");
    attempt.staged.clone_from(&staged);
    let mut kept = staged;
    let mut work = async || {
        let mut destination = attempt.begin().await?;
        if kept.is_empty() {
            destination.write(numbers(10..13)).await?;
            kept = destination.stage().await?.unwrap_or_default();
        }
        destination.write(numbers(13..15)).await?;
        destination.commit(commit()).await?;
        Ok(())
    };
    let ended = work().await;
    (kept, ended)
}

/// How many are tried side by side: each waits for a server that is gone.
const SIDE_BY_SIDE: usize = 8;

async fn dies_everywhere(mode: Load, fate: Fate) {
    let mut from = 0;
    loop {
        let tries = (from..from + SIDE_BY_SIDE).map(|at| tokio::spawn(dies_at(mode, fate, at)));
        let mut undisturbed = false;
        for tried in tries.collect::<Vec<_>>() {
            undisturbed |= tried.await.unwrap();
        }
        from += SIDE_BY_SIDE;
        if undisturbed {
            break;
        }
    }
    assert!(from > 10, "only {from} requests were tried");
}

/// Answers whether the load was through before.
async fn dies_at(mode: Load, fate: Fate, died_at: usize) -> bool {
    let lake = Lake::new();
    // What an earlier load left, and one that died.
    Attempt::new(&lake, mode, 1, "old").load(0..3).await.unwrap();
    let mut dead = Attempt::new(&lake, mode, 2, "dead").begin().await.unwrap();
    dead.write(numbers(90..95)).await.unwrap();
    dead.stage().await.unwrap();
    drop(dead);
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = seen.clone();
    // From some request on the server is gone for this attempt: for the first only it may have been done.
    let url = proxy::start(&server(), move |_| match counted.fetch_add(1, Ordering::SeqCst) {
        at if at < died_at => Fate::Pass,
        at if at == died_at => fate,
        _ => Fate::CutBefore,
    });
    let (staged, ended) = load(&lake.through(&url), mode, 3, Vec::new()).await;
    let old = texts(0..3);
    let new = match mode {
        Load::Append => texts((0..3).chain(10..15)),
        _ => texts(10..15),
    };
    let found = lake.seen().await;
    assert!(
        found == old || found == new,
        "{mode:?}, {fate:?} at {died_at}: {found:?}"
    );
    let undisturbed = ended.is_ok() && seen.load(Ordering::SeqCst) <= died_at;
    if let Err(error) = &ended {
        assert_eq!(
            (error.code.as_str(), error.retry),
            ("s3.network", Retry::Later),
            "{error}"
        );
    } else {
        assert_eq!(found, new);
    }
    // The next attempt goes on from what the checkpoint kept.
    let (_, again) = load(&lake, mode, 4, staged).await;
    again.unwrap();
    assert_eq!(lake.seen().await, new, "{mode:?}, {fate:?} at {died_at}");
    let parts = lake
        .objects()
        .await
        .into_iter()
        .filter(|name| name.contains("part-"))
        .count();
    assert_eq!(
        parts,
        if mode == Load::Append { 3 } else { 2 },
        "{mode:?}, {fate:?} at {died_at}"
    );
    assert_eq!(lake.uploads().await, 0);
    undisturbed
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_dies_before_a_request() {
    dies_everywhere(Load::Append, Fate::CutBefore).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_dies_behind_a_request() {
    dies_everywhere(Load::Append, Fate::CutAfter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replace_that_dies_before_a_request() {
    dies_everywhere(Load::Replace, Fate::CutBefore).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replace_that_dies_behind_a_request() {
    dies_everywhere(Load::Replace, Fate::CutAfter).await;
}

/// An answer is lost once at each request in turn; the attempt itself gets over it.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_is_asked_for_again_and_nothing_is_done_twice() {
    let mut lost_at = 0;
    loop {
        let lake = Lake::new();
        Attempt::new(&lake, Load::Append, 1, "old")
            .load(0..3)
            .await
            .unwrap();
        let seen = Arc::new(AtomicUsize::new(0));
        let counted = seen.clone();
        let url = proxy::start(&server(), move |_| match counted.fetch_add(1, Ordering::SeqCst) {
            at if at == lost_at => Fate::CutAfter,
            _ => Fate::Pass,
        });
        let receipt = Attempt::new(&lake.through(&url), Load::Append, 2, "new")
            .load(10..15)
            .await
            .unwrap();
        assert_eq!((receipt.rows, receipt.repeated), (5, false), "at {lost_at}");
        assert_eq!(lake.seen().await, texts((0..3).chain(10..15)), "at {lost_at}");
        if seen.load(Ordering::SeqCst) <= lost_at {
            break;
        }
        lost_at += 1;
    }
    assert!(lost_at >= 10, "only {lost_at} requests were tried");
}
