//! Built-in checks on the data path: what they say, where they go on from, and what they do not decide.

use serde_json::json;
use tidegate_core::plan::StreamCheck;
use tidegate_core::port::Verdict;

use crate::doubles::Attempt;

fn all() -> Vec<StreamCheck> {
    vec![
        StreamCheck::NotNull {
            columns: vec!["n".into()],
        },
        StreamCheck::Unique {
            columns: vec!["key".into()],
            memory_bytes: 1 << 20,
        },
        StreamCheck::AcceptedValues {
            column: "key".into(),
            values: (0..40).map(|value| json!(value)).collect(),
        },
        StreamCheck::Range {
            column: "n".into(),
            min: Some(json!(0)),
            max: Some(json!(1_000)),
        },
        StreamCheck::RowCount {
            min: Some(1),
            max: None,
        },
        StreamCheck::RowCountAnomaly {
            history: 20,
            tolerance: 5.0,
        },
    ]
}

fn measure(verdict: &Verdict, name: &str) -> f64 {
    let found = verdict.measures.iter().find(|(each, _)| each == name);
    found.unwrap_or_else(|| panic!("{verdict:?}")).1
}

#[tokio::test]
async fn what_is_right_passes_and_every_loaded_row_was_seen() {
    let mut attempt = Attempt::new(500);
    attempt.built_in = all();
    let receipt = attempt.run().await.0.unwrap();
    let rows = attempt.shown().unwrap().len() as f64;
    assert_eq!(receipt.verdicts.len(), 6);
    for verdict in &receipt.verdicts {
        assert!(verdict.passed, "{verdict:?}");
        assert!((measure(verdict, "rows") - rows).abs() < f64::EPSILON);
    }
    assert!(attempt.refused.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_wrong_is_counted_and_nothing_is_shown() {
    let mut attempt = Attempt::new(500);
    attempt.built_in = vec![
        StreamCheck::Range {
            column: "n".into(),
            min: Some(json!(10)),
            max: Some(json!(1_000)),
        },
        StreamCheck::AcceptedValues {
            column: "key".into(),
            values: vec![json!(1)],
        },
        StreamCheck::RowCountAnomaly {
            history: 20,
            tolerance: 5.0,
        },
    ];
    attempt.history = vec![10_000; 8];
    let error = attempt.run().await.0.unwrap_err();
    assert_eq!(error.code, "check.failed");
    assert_eq!(attempt.shown(), None);
    // All were asked, all are kept.
    let refused = attempt.refused.lock().unwrap().clone();
    assert_eq!(refused, *attempt.verdicts.lock().unwrap());
    assert_eq!(refused.len(), 3);
    assert!(refused.iter().all(|verdict| !verdict.passed));
    let rows = measure(&refused[0], "rows");
    assert!(measure(&refused[0], "failed") > 0.0 && measure(&refused[0], "failed") < rows);
    assert!((measure(&refused[1], "failed") - (rows - 1.0)).abs() < f64::EPSILON);
}

#[tokio::test]
async fn built_in_checks_go_on_from_every_checkpoint() {
    let mut whole = Attempt::new(500);
    whole.built_in = all();
    let (done, checkpoints) = whole.run().await;
    let reference = done.unwrap();
    assert!(checkpoints.len() >= 15, "{}", checkpoints.len());
    for (number, checkpoint) in checkpoints.into_iter().enumerate() {
        // A checkpoint holds the names of what `unique` remembers, not all of it.
        let unique = checkpoint.checks[1].as_ref().unwrap();
        assert!(unique.len() < 2_000, "{}", unique.len());
        let mut second = Attempt::new(500);
        second.built_in = all();
        second.place = whole.place.clone();
        second.artifacts = whole.artifacts.clone();
        second.task.attempt = number as u32 + 2;
        second.task.resume = Some(checkpoint);
        assert_eq!(second.run().await.0.unwrap().verdicts, reference.verdicts);
    }
}

#[tokio::test]
async fn a_repeat_is_found_wherever_the_first_was_seen() {
    // `key` repeats every forty rows, and no transform takes the repeats away.
    let mut attempt = Attempt::new(500);
    attempt.built_in = vec![StreamCheck::Unique {
        columns: vec!["key".into()],
        memory_bytes: 1 << 20,
    }];
    attempt.task.steps.clear();
    attempt.no_steps = true;
    let error = attempt.run().await.0.unwrap_err();
    assert_eq!(error.code, "check.failed");
    let refused = attempt.refused.lock().unwrap().clone();
    let distinct = 40.0;
    let (rows, failed) = (measure(&refused[0], "rows"), measure(&refused[0], "failed"));
    assert!((rows - failed - distinct).abs() < f64::EPSILON, "{rows} {failed}");
}

#[tokio::test]
async fn what_does_not_fit_the_memory_is_not_decided() {
    let mut attempt = Attempt::new(500);
    attempt.built_in = vec![StreamCheck::Unique {
        columns: vec!["n".into()],
        memory_bytes: 320,
    }];
    let error = attempt.run().await.0.unwrap_err();
    assert!(error.message.contains("more than 10 rows"), "{error}");
    assert_eq!(attempt.shown(), None);
}
