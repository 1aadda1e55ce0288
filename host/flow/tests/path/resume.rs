//! An attempt that goes on from a checkpoint ends like one that began at the beginning.

use tidegate_core::plan::Digest;

use crate::doubles::{Attempt, plugin_step};

#[tokio::test]
async fn every_checkpoint_leads_to_the_same_end() {
    let whole = Attempt::new(500);
    let (done, checkpoints) = whole.run().await;
    let reference = done.unwrap();
    assert!(checkpoints.len() >= 15, "{}", checkpoints.len());
    for (number, checkpoint) in checkpoints.into_iter().enumerate() {
        // As if the first attempt had died right behind it: what it staged and quarantined is still there.
        let mut second = Attempt::new(500);
        second.place = whole.place.clone();
        second.artifacts = whole.artifacts.clone();
        second.place.lock().unwrap().shown = None;
        second.task.attempt = number as u32 + 2;
        second.task.resume = Some(checkpoint);
        let receipt = second.run().await.0.unwrap();
        assert_eq!(receipt.counts, reference.counts);
        assert_eq!(receipt.load.as_ref().unwrap().rows, reference.counts.loaded);
        assert_eq!(second.refused(&receipt), whole.refused(&reference));
    }
}

#[tokio::test]
async fn rows_are_the_same_and_in_the_same_order() {
    let whole = Attempt::new(500);
    whole.run().await.0.unwrap();
    let expected = whole.shown().unwrap();
    // Dies again and again, each time a little further on.
    let mut attempt = Attempt::new(500);
    let mut resume = None;
    for stop in (60..500).step_by(60) {
        let mut next = Attempt::new(500);
        next.place = attempt.place.clone();
        next.artifacts = attempt.artifacts.clone();
        next.task.attempt = attempt.task.attempt + 1;
        next.task.resume = resume;
        next.source_breaks_at = Some(stop);
        let (done, checkpoints) = next.run().await;
        assert!(done.is_err());
        assert_eq!(next.shown(), None);
        resume = checkpoints.last().cloned().or(next.task.resume.clone());
        attempt = next;
    }
    attempt.task.attempt += 1;
    attempt.task.resume = resume;
    attempt.source_breaks_at = None;
    let receipt = attempt.run().await.0.unwrap();
    assert_eq!(attempt.shown().unwrap(), expected);
    assert_eq!(receipt.counts.rejected(), attempt.refused(&receipt).len() as u64);
}

#[tokio::test]
async fn a_checkpoint_of_other_steps_is_refused() {
    let whole = Attempt::new(100);
    let (_, mut checkpoints) = whole.run().await;
    let mut second = Attempt::new(100);
    plugin_step(&mut second.task).digest = Digest::of(b"another build");
    second.task.resume = Some(checkpoints.remove(0));
    assert_eq!(second.run().await.0.unwrap_err().code, "flow.checkpoint");
    assert_eq!(second.shown(), None);
}
