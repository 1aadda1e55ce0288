//! Checks look at what is loaded and may keep it from being shown; a destination that cannot stage has no checkpoints.

use tidegate_core::Kind;
use tidegate_core::port::Severity;

use crate::doubles::{Attempt, Fails};

#[tokio::test]
async fn a_check_that_fails_keeps_the_load_out_of_sight() {
    let mut attempt = Attempt::new(200);
    attempt.checked = vec![Severity::Warn, Severity::Error];
    let error = attempt.run().await.0.unwrap_err();
    assert_eq!((error.code.as_str(), error.kind), ("check.failed", Kind::Data));
    assert!(
        error.message.starts_with("sum@1.0.0 says: never content (sum: "),
        "{error}"
    );
    assert_eq!(attempt.shown(), None);
    assert_eq!(attempt.place.lock().unwrap().aborted, 1);
    // Both were asked, and both are told.
    assert_eq!(attempt.verdicts.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_warning_is_told_and_blocks_nothing() {
    let mut attempt = Attempt::new(200);
    attempt.checked = vec![Severity::Warn];
    let receipt = attempt.run().await.0.unwrap();
    let sum: i64 = attempt.shown().unwrap().iter().sum();
    assert_eq!(receipt.verdicts[0].measures, [("sum".to_owned(), sum as f64)]);
    assert_eq!(*attempt.verdicts.lock().unwrap(), receipt.verdicts);
}

#[tokio::test]
async fn a_check_goes_on_from_every_checkpoint() {
    let mut whole = Attempt::new(500);
    whole.checked = vec![Severity::Warn];
    let (done, checkpoints) = whole.run().await;
    let reference = done.unwrap();
    assert!(checkpoints.len() >= 15, "{}", checkpoints.len());
    for (number, checkpoint) in checkpoints.into_iter().enumerate() {
        let mut second = Attempt::new(500);
        second.checked = vec![Severity::Warn];
        second.place = whole.place.clone();
        second.artifacts = whole.artifacts.clone();
        second.task.attempt = number as u32 + 2;
        second.task.resume = Some(checkpoint);
        assert_eq!(second.run().await.0.unwrap().verdicts, reference.verdicts);
    }
}

#[tokio::test]
async fn a_checkpoint_of_other_checks_is_refused() {
    let whole = Attempt::new(100);
    let (_, mut checkpoints) = whole.run().await;
    let mut second = Attempt::new(100);
    second.checked = vec![Severity::Warn];
    second.task.resume = Some(checkpoints.remove(0));
    assert_eq!(second.run().await.0.unwrap_err().code, "flow.checkpoint");
}

#[tokio::test]
async fn a_destination_that_cannot_stage_has_no_checkpoints() {
    let mut attempt = Attempt::new(200);
    attempt.fails = Fails::CannotStage;
    let (done, checkpoints) = attempt.run().await;
    assert_eq!(done.unwrap().counts.loaded, attempt.shown().unwrap().len() as u64);
    assert!(checkpoints.is_empty());
}
