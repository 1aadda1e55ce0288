//! What a guest says: to the log, in faults, in reasons of refused rows.

use arrow_array::cast::AsArray;
use serde_json::json;
use tidegate_core::error::Retry;
use tidegate_core::port::Transform;
use tidegate_core::{Kind, Place};
use tidegate_plugin::{LogLevel, MAX_LOG_LINES_PER_CALL};

use crate::support::{Host, numbers};
use crate::{fails, has, refused};

#[tokio::test]
async fn floods_of_lines_are_cut_and_counted() {
    for (deed, first) in [("log-flood", "line 0"), ("print-flood", "line 0")] {
        let host = Host::new();
        let mut evil = host.bind_evil(&host.evil(deed)).await.unwrap();
        for call in 1..=2u64 {
            evil.process(numbers(10), call).await.unwrap();
            let lines = host.messages();
            assert_eq!(lines.len() as u64, call * (MAX_LOG_LINES_PER_CALL + 1), "{deed}");
            assert_eq!(lines[lines.len() - 101], first, "{deed}");
            assert_eq!(
                lines[lines.len() - 1],
                "99900 more lines of this call were dropped",
                "{deed}"
            );
        }
        let lines = host.lines.0.lock().unwrap();
        assert_eq!(lines[0].step, "guest-evil@0.1.0");
        assert_eq!(lines[0].level, LogLevel::Info);
        assert_eq!(lines.last().unwrap().level, LogLevel::Warn);
    }
}

#[tokio::test]
async fn long_lines_are_cut() {
    let host = Host::new();
    for deed in ["log-long", "log-fields", "print-long"] {
        let mut evil = host.bind_evil(&host.evil(deed)).await.unwrap();
        evil.process(numbers(10), 0).await.unwrap();
    }
    let lines = host.lines.0.lock().unwrap();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].message.starts_with('é') && lines[0].message.ends_with('…'));
    let longest = |text: &str| assert!(text.len() <= 2_048 + '…'.len_utf8(), "{} bytes", text.len());
    for line in lines.iter() {
        longest(&line.message);
        assert!(line.fields.len() <= 32);
        line.fields.iter().for_each(|(name, value)| {
            longest(name);
            longest(value);
        });
    }
    assert_eq!(lines[1].fields.len(), 32);
}

#[tokio::test]
async fn a_guest_does_not_write_to_the_readers_terminal() {
    let host = Host::new();
    let mut evil = host.bind_evil(&host.evil("terminal")).await.unwrap();
    evil.process(numbers(10), 0).await.unwrap();
    assert_eq!(host.messages(), [" [2Jgone"]);
}

#[tokio::test]
async fn what_a_guest_says_is_cut_and_sorted_by_whose_fault_it_is() {
    let host = Host::new();
    let error = fails(&host, &host.evil("fault")).await;
    has(&error, "plugin.fatal", "gave up: xxx");
    assert!(error.message.len() < 1_400, "{} bytes", error.message.len());
    let error = fails(&host, &host.evil("fault-data")).await;
    has(&error, "plugin.data", "not such rows; the data is at fault");
    assert_eq!(error.kind, Kind::Data);
    let error = refused(&host, &host.evil("bind-schema"), "bind").await;
    has(&error, "plugin.input", "not these; the schema is at fault");
    assert_eq!(error.kind, Kind::Schema);
    let error = refused(&host, &host.evil("bind-pointer"), "bind").await;
    has(
        &error,
        "plugin.config",
        "the config is refused: wrong; the schema is at fault",
    );
    assert_eq!(error.place, Some(Place::Pointer("/config".into())));
}

#[tokio::test]
async fn what_may_pass_may_be_tried_again() {
    let host = Host::new();
    let error = fails(&host, &host.evil("retryable")).await;
    has(&error, "plugin.retryable", "failed for now: busy");
    assert_eq!((error.kind, error.retry), (Kind::Resource, Retry::Later));
    // The instance is sound: the same batch may be given to it again.
    let mut evil = host.bind_evil(&host.evil("retryable")).await.unwrap();
    for _ in 0..2 {
        assert_eq!(
            evil.process(numbers(10), 0).await.unwrap_err().code,
            "plugin.retryable"
        );
    }
}

#[tokio::test]
async fn secrets_are_taken_out_of_everything_a_guest_says() {
    const SECRET: &str = "hunter2\n\"quoted\"";
    let host = Host::new();
    let schema = numbers(1).schema();
    let secrets = ["hunter2".to_owned(), SECRET.to_owned()];
    let step = |deed: &str| {
        let mut step = host.evil(deed);
        step.config = json!({"deed": deed, "key": SECRET});
        step
    };
    let hidden = |text: &str| {
        assert!(!text.contains("hunter2") && !text.contains("quoted"), "{text}");
        assert!(text.contains("***"), "{text}");
    };
    for deed in ["bind-secret", "shape-secret"] {
        let error = host
            .bind_with_secrets(&step(deed), &schema, &secrets)
            .await
            .err()
            .unwrap();
        hidden(&error.render());
    }
    for deed in ["trap-secret", "fault-secret"] {
        let mut evil = host
            .bind_with_secrets(&step(deed), &schema, &secrets)
            .await
            .unwrap();
        hidden(&evil.process(numbers(10), 0).await.unwrap_err().render());
    }
    let mut evil = host
        .bind_with_secrets(&step("reject-secret"), &schema, &secrets)
        .await
        .unwrap();
    let rejects = evil.process(numbers(10), 0).await.unwrap().rejects.unwrap();
    let message = rejects.messages.value(0);
    hidden(message);
    assert!(
        message.len() < 1_100 && !message.chars().any(char::is_control),
        "{message}"
    );
    assert_eq!(rejects.rows.column(1).as_string::<i32>().value(0), "text 0");
    for deed in ["log-secret", "print-secret"] {
        let mut evil = host
            .bind_with_secrets(&step(deed), &schema, &secrets)
            .await
            .unwrap();
        evil.process(numbers(10), 0).await.unwrap();
    }
    let lines = host.lines.0.lock().unwrap();
    assert!(lines.len() >= 5, "{lines:?}");
    for line in lines.iter() {
        let text = format!("{} {:?}", line.message, line.fields);
        assert!(!text.contains("hunter2") && !text.contains("quoted"), "{text}");
    }
}

#[tokio::test]
async fn floods_of_faults_and_refusals_are_bounded() {
    let host = Host::new();
    for deed in ["fault-huge", "reject-flood"] {
        let mut step = host.evil(deed);
        step.grant.output_bytes = 2 << 20;
        let error = fails(&host, &step).await;
        has(&error, "plugin.output_limit", "comes to more than 2097152 bytes");
    }
    // Each batch anew: the instance stays sound, and says no more the thousandth time than the first.
    let mut evil = host.bind_evil(&host.evil("fault")).await.unwrap();
    let first = evil.process(numbers(10), 0).await.unwrap_err();
    for _ in 0..1_000 {
        assert_eq!(evil.process(numbers(10), 0).await.unwrap_err(), first);
    }
    assert_eq!(host.messages(), [""; 0]);
    // Each row with a reason of a megabyte, of which a line is kept.
    let mut evil = host.bind_evil(&host.evil("reject-each")).await.unwrap();
    let done = evil.process(numbers(10), 0).await.unwrap();
    assert_eq!((done.counts.rejected, done.counts.kept), (10, 0));
    let messages = done.rejects.unwrap().messages;
    assert!(
        messages.value_data().len() < 20_000,
        "{}",
        messages.value_data().len()
    );
}
