//! A part that fails, or is slow, or is told to stop.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidegate_core::plan::OnReject;
use tokio::sync::Semaphore;

use crate::doubles::{Attempt, Fails, plugin_step};

#[tokio::test]
async fn every_row_is_accounted_for() {
    let attempt = Attempt::new(200);
    let (done, checkpoints) = attempt.run().await;
    let receipt = done.unwrap();
    let counts = &receipt.counts;
    assert!(counts.adds_up());
    assert_eq!((counts.source.rows_in, counts.source.rejected), (200, 29));
    let names: Vec<&str> = counts.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["firsts@1.0.0", "contract"]);
    assert!(counts.steps.iter().all(|step| step.counts.rejected > 0));
    assert_eq!(counts.loaded, attempt.shown().unwrap().len() as u64);
    assert_eq!(counts.rejected(), attempt.refused(&receipt).len() as u64);
    assert!(!checkpoints.is_empty());
    assert!(checkpoints.iter().all(|checkpoint| checkpoint.counts.adds_up()));
    assert!(
        checkpoints.iter().all(|checkpoint| checkpoint.counts.loaded
            == checkpoint.parts.iter().map(|part| part.rows).sum::<u64>())
    );
}

#[tokio::test]
async fn a_destination_that_fails_shows_nothing() {
    for fails in [Fails::Write, Fails::Stage, Fails::Commit] {
        let mut attempt = Attempt::new(200);
        attempt.fails = fails;
        let error = attempt.run().await.0.unwrap_err();
        assert_eq!(error.code, "test.broken", "{fails:?}");
        assert_eq!(attempt.shown(), None);
        // A commit that fails has taken the destination with it.
        assert_eq!(
            attempt.place.lock().unwrap().aborted,
            usize::from(fails != Fails::Commit)
        );
    }
}

#[tokio::test]
async fn a_source_that_fails_shows_nothing_and_keeps_what_was_checkpointed() {
    let mut attempt = Attempt::new(200);
    attempt.source_breaks_at = Some(100);
    let (done, checkpoints) = attempt.run().await;
    assert_eq!(done.unwrap_err().message, "the source");
    assert_eq!(attempt.shown(), None);
    assert_eq!(attempt.place.lock().unwrap().aborted, 1);
    let last = checkpoints.last().unwrap();
    assert_eq!(last.counts.source.rows_in as i64, last.cursor.0.as_i64().unwrap());
}

#[tokio::test]
async fn an_attempt_that_was_taken_over_shows_nothing() {
    let mut attempt = Attempt::new(200);
    attempt.refuses_from = Some(2);
    let (done, checkpoints) = attempt.run().await;
    assert_eq!(done.unwrap_err().code, "attempt.fenced");
    assert_eq!((attempt.shown(), checkpoints.len()), (None, 2));
    let mut attempt = Attempt::new(200);
    attempt.refuses_commit = true;
    assert_eq!(attempt.run().await.0.unwrap_err().code, "attempt.fenced");
    assert_eq!(attempt.shown(), None);
    assert_eq!(attempt.place.lock().unwrap().aborted, 1);
}

#[tokio::test]
async fn a_slow_destination_holds_the_source_back() {
    let mut attempt = Attempt::new(1_000_000);
    attempt.gate = Arc::new(Semaphore::new(0));
    let attempt = Arc::new(attempt);
    let running = tokio::spawn({
        let attempt = attempt.clone();
        async move { attempt.run().await.0 }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let read = attempt.reads.load(Ordering::SeqCst);
    // Two channels, what each of three parts holds, and rejects and barriers between.
    assert!((2..=12).contains(&read), "{read} batches were read");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(attempt.reads.load(Ordering::SeqCst), read);
    attempt.cancel.cancel();
    attempt.gate.add_permits(1_000);
    assert_eq!(running.await.unwrap().unwrap_err().code, "run.cancelled");
    assert_eq!(attempt.shown(), None);
}

#[tokio::test]
async fn an_attempt_that_is_told_to_stop_shows_nothing() {
    let attempt = Attempt::new(200);
    attempt.cancel.cancel();
    let error = attempt.run().await.0.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.kind.exit_code()),
        ("run.cancelled", 130)
    );
    assert_eq!(attempt.shown(), None);
}

#[tokio::test]
async fn rejects_fail_the_attempt_or_are_forgotten_as_told() {
    let mut attempt = Attempt::new(200);
    plugin_step(&mut attempt.task).on_reject = OnReject::Fail;
    let error = attempt.run().await.0.unwrap_err();
    assert_eq!(error.code, "flow.rejected");
    assert!(error.message.contains("firsts@1.0.0") && error.message.contains("firsts.thirteenth"));
    assert_eq!(attempt.shown(), None);

    let mut attempt = Attempt::new(200);
    plugin_step(&mut attempt.task).on_reject = OnReject::Drop;
    let receipt = attempt.run().await.0.unwrap();
    assert!(receipt.counts.adds_up() && receipt.counts.steps[0].counts.rejected > 0);
    let refused = attempt.refused(&receipt);
    assert!(!refused.is_empty() && refused.iter().all(|(code, _)| code != "firsts.thirteenth"));
}

#[tokio::test]
async fn a_dry_run_counts_and_writes_nothing() {
    let mut attempt = Attempt::new(200);
    attempt.task.dry_run = true;
    let (done, checkpoints) = attempt.run().await;
    let receipt = done.unwrap();
    assert!(receipt.counts.adds_up() && receipt.counts.rejected() > 0);
    assert_eq!(
        (receipt.load, receipt.quarantined.len(), checkpoints.len()),
        (None, 0, 0)
    );
}

#[tokio::test]
async fn a_limit_is_kept_to_the_row() {
    let mut attempt = Attempt::new(200);
    attempt.task.limit_rows = Some(33);
    let receipt = attempt.run().await.0.unwrap();
    assert_eq!(receipt.counts.source.kept, 33);
    assert!(receipt.counts.adds_up());
}
