//! Plugins that misbehave: each gets the error that names it and its deed, and the host goes on.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use serde_json::json;
use tidegate_core::error::Retry;
use tidegate_core::plan::StepSpec;
use tidegate_core::port::Transform;
use tidegate_core::{Error, Kind, Place};
use tidegate_plugin::{LogLevel, MAX_LOG_LINES_PER_CALL};

mod support;
use support::{Host, numbers, works};

/// The error of a deed that goes wrong with the first batch, which is the attempt's eighth.
async fn fails(host: &Host, step: &StepSpec) -> Error {
    let mut good = host.bind_good().await;
    let mut evil = host.bind_evil(step).await.unwrap();
    let error = evil.process(numbers(10), 7).await.unwrap_err();
    drop(evil);
    named(host, &error, "process, batch 7");
    works(&mut good).await;
    works(&mut host.bind_good().await).await;
    error
}

/// The error of a deed that goes wrong before any data flows.
async fn refused(host: &Host, step: &StepSpec, call: &str) -> Error {
    let error = host.bind_evil(step).await.err().unwrap();
    named(host, &error, call);
    works(&mut host.bind_good().await).await;
    error
}

/// Says plugin, version, digest, step, call and batch, and whose fault it is; and is fit to be shown.
fn named(host: &Host, error: &Error, call: &str) {
    let digest = host.evil("").digest;
    let start = format!("plugin guest-evil@0.1.0 ({}), step 3, {call}: ", digest.short());
    assert!(error.message.starts_with(&start), "{error}");
    let (_, blame) = error.message.rsplit_once("; ").unwrap();
    assert!(
        blame.ends_with("at fault") || blame == "the plugin says that it may pass",
        "{error}"
    );
    assert!(error.message.len() < 5_000, "{} bytes", error.message.len());
    assert!(
        !error.message.chars().any(char::is_control),
        "{:?}",
        error.message
    );
}

fn has(error: &Error, code: &str, words: &str) {
    assert_eq!(error.code, code, "{error}");
    assert!(error.message.contains(words), "{error}\nhas not: {words}");
}

#[tokio::test]
async fn a_trap_says_what_the_panic_said() {
    let host = Host::new();
    let error = fails(&host, &host.evil("trap")).await;
    has(&error, "plugin.trap", "lib.rs");
    has(&error, "plugin.trap", ": on purpose; the plugin is at fault");
    assert_eq!((error.kind, error.retry), (Kind::Plugin, Retry::Never));
    assert!(error.hint.unwrap().contains("author"));
    // The panic is in the log too.
    assert!(
        host.messages().iter().any(|line| line == "on purpose"),
        "{:?}",
        host.messages()
    );
}

#[tokio::test]
async fn a_trap_in_a_later_batch_names_that_batch_and_ends_the_instance() {
    let host = Host::new();
    let mut evil = host.bind_evil(&host.evil("second-batch-trap")).await.unwrap();
    evil.process(numbers(10), 0).await.unwrap();
    let error = evil.process(numbers(10), 1).await.unwrap_err();
    named(&host, &error, "process, batch 1");
    has(&error, "plugin.trap", "on the second batch");
    // Nobody may call it again; doing so is an error of the host's, and no panic.
    let error = evil.process(numbers(10), 2).await.unwrap_err();
    has(&error, "plugin.host", "again");
    assert_eq!(evil.finish().await.unwrap_err().code, "plugin.host");
}

#[tokio::test]
async fn traps_of_every_call_are_named() {
    let host = Host::new();
    let error = refused(&host, &host.evil("bind-trap"), "bind").await;
    has(&error, "plugin.trap", "on purpose");
    let error = refused(&host, &host.evil("shape-trap"), "shape").await;
    has(&error, "plugin.trap", "in the shape");
    let mut evil = host.bind_evil(&host.evil("finish-trap")).await.unwrap();
    let error = evil.finish().await.unwrap_err();
    named(&host, &error, "finish");
    has(&error, "plugin.trap", "at the end");
    let mut evil = host.bind_evil(&host.evil("snapshot-trap")).await.unwrap();
    let error = evil.snapshot().await.unwrap_err();
    named(&host, &error, "snapshot");
    has(&error, "plugin.trap", "while saving");
    let mut evil = host.bind_evil(&host.evil("restore-trap")).await.unwrap();
    let error = evil.restore(b"state").await.unwrap_err();
    named(&host, &error, "restore");
    has(&error, "plugin.trap", "while restoring");
    works(&mut host.bind_good().await).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_loop_ends_at_the_limit_and_gives_way_meanwhile() {
    let host = Host::new();
    let mut step = host.evil("spin");
    step.grant.time_per_batch_ms = 400;
    let mut good = host.bind_good().await;
    let mut evil = host.bind_evil(&step).await.unwrap();
    let started = Instant::now();
    let (error, progress) = tokio::join!(evil.process(numbers(10), 7), async {
        // One thread for both: each of these only gets its turn because the loop gives way.
        let mut batches = 0;
        while started.elapsed() < Duration::from_millis(250) {
            works(&mut good).await;
            batches += 1;
            tokio::task::yield_now().await;
        }
        batches
    });
    let error = error.unwrap_err();
    named(&host, &error, "process, batch 7");
    has(
        &error,
        "plugin.time_limit",
        "ran for more than 400 ms in one call",
    );
    assert!(error.hint.unwrap().contains("time_per_batch: 800ms"));
    assert!(progress > 3, "{progress} batches beside the loop");
    assert!(
        started.elapsed() >= Duration::from_millis(380),
        "{:?}",
        started.elapsed()
    );
    works(&mut good).await;
}

#[tokio::test]
async fn a_loop_before_any_data_ends_too() {
    let host = Host::new();
    let mut step = host.evil("bind-spin");
    step.grant.time_per_batch_ms = 50;
    let error = refused(&host, &step, "bind").await;
    has(&error, "plugin.time_limit", "50 ms");
}

#[tokio::test]
async fn sleep_counts_as_time_of_the_call() {
    let host = Host::new();
    let mut step = host.evil("sleep");
    step.grant.time_per_batch_ms = 100;
    let started = Instant::now();
    let error = fails(&host, &step).await;
    has(&error, "plugin.time_limit", "100 ms");
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn short_sleeps_add_up() {
    let host = Host::new();
    let mut step = host.evil("naps");
    step.grant.time_per_batch_ms = 200;
    let error = fails(&host, &step).await;
    has(&error, "plugin.time_limit", "200 ms");
    step.grant.time_per_batch_ms = 60_000;
    let mut patient = host.bind_evil(&step).await.unwrap();
    patient.process(numbers(10), 0).await.unwrap();
}

#[tokio::test]
async fn a_plugin_cannot_end_the_process() {
    let host = Host::new();
    let error = fails(&host, &host.evil("exit")).await;
    has(&error, "plugin.trap", "called `exit(0)`");
}

#[tokio::test]
async fn deep_recursion_ends_with_the_stack() {
    let host = Host::new();
    let error = fails(&host, &host.evil("recurse-lean")).await;
    has(&error, "plugin.trap", "call stack exhausted");
    // Large frames fill the stack that compilers keep in the guest's memory, which lies at its start.
    let error = fails(&host, &host.evil("recurse")).await;
    has(&error, "plugin.trap", "out of bounds memory access");
}

#[tokio::test]
async fn memory_ends_at_the_limit() {
    let host = Host::new();
    let mut step = host.evil("memory");
    step.grant.memory_bytes = 8 << 20;
    let error = fails(&host, &step).await;
    has(&error, "plugin.memory_limit", "8388608 are allowed");
    assert!(error.hint.unwrap().contains("memory: 16MiB"));
    // So little that it cannot even start.
    step.grant.memory_bytes = 64 << 10;
    let error = refused(&host, &step, "instantiate").await;
    has(&error, "plugin.memory_limit", "65536 are allowed");
}

#[tokio::test]
async fn a_refused_growth_is_not_blamed_for_a_later_trap() {
    let host = Host::new();
    let mut evil = host.bind_evil(&host.evil("first-batch-grows")).await.unwrap();
    evil.process(numbers(10), 0).await.unwrap();
    let error = evil.process(numbers(10), 1).await.unwrap_err();
    has(&error, "plugin.trap", "on the second batch");
}

#[tokio::test]
async fn output_ends_at_the_limit() {
    let host = Host::new();
    for deed in ["huge-output", "alias-output", "many-columns", "log-huge"] {
        let mut step = host.evil(deed);
        step.grant.output_bytes = 2 << 20;
        let error = fails(&host, &step).await;
        has(&error, "plugin.output_limit", "comes to more than 2097152 bytes");
        assert!(error.hint.unwrap().contains("output: 4MiB"));
    }
}

#[tokio::test]
async fn a_thousand_names_for_one_buffer_do_not_fill_the_host() {
    let host = Host::new();
    let before = resident_bytes();
    // A thousand times a megabyte, under the usual limit of 64 MiB.
    let error = fails(&host, &host.evil("alias-output")).await;
    has(&error, "plugin.output_limit", "67108864");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 300 << 20, "{grown} bytes more");
}

/// What this process holds in memory; nothing where the system does not say.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|line| line.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or_default() * 4_096
}

#[tokio::test]
async fn a_selection_cannot_multiply_the_stream() {
    let host = Host::new();
    let rows = Int64Array::from(vec![Some(1), Some(2)]);
    let text = StringArray::from(vec!["x".repeat(1 << 20), "y".into()]);
    let columns: [(&str, ArrayRef); 2] = [("n", Arc::new(rows)), ("text", Arc::new(text))];
    let large = RecordBatch::try_from_iter_with_nullable(columns.map(|(n, a)| (n, a, true))).unwrap();
    // A million times a row of a megabyte: a terabyte, asked for with four megabytes.
    let mut evil = host.bind(&host.evil("take-bomb"), &large.schema()).await.unwrap();
    let error = evil.process(large.clone(), 7).await.unwrap_err();
    named(&host, &error, "process, batch 7");
    has(&error, "plugin.output_limit", "67108864");
    let mut evil = host.bind(&host.evil("repeat"), &large.schema()).await.unwrap();
    let error = evil.process(large, 7).await.unwrap_err();
    has(&error, "plugin.output_limit", "67108864");
    let error = fails(&host, &host.evil("outputs")).await;
    has(&error, "plugin.contract", "50000 outputs");
}

#[tokio::test]
async fn handles_are_bounded() {
    let host = Host::new();
    let error = fails(&host, &host.evil("handles")).await;
    has(&error, "plugin.trap", "handle limit");
}

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
async fn only_granted_columns_are_there() {
    let host = Host::new();
    let error = fails(&host, &host.evil("ungranted")).await;
    has(&error, "plugin.contract", "asks for column 1, and 1 are granted");
}

#[tokio::test]
async fn environment_and_files_are_not_there() {
    let host = Host::new();
    let mut evil = host.bind_evil(&host.evil("environment")).await.unwrap();
    evil.process(numbers(10), 0).await.unwrap();
}

#[tokio::test]
async fn every_lie_about_a_column_is_found() {
    let host = Host::new();
    for (deed, words) in [
        ("short", "it has 9 values and must have 10"),
        ("no-node", "its node is missing"),
        ("no-buffers", "its validity bits are missing"),
        ("extra-buffer", "0 nodes and 1 buffers too many"),
        ("falling-offsets", "its offsets fall"),
        ("negative-offsets", "its offsets begin at -1"),
        ("long-offsets", "its bytes have 10 bytes and must have 2147483647"),
        ("utf8", "its text is not UTF-8"),
        ("split-character", "an offset splits a character"),
        (
            "null-count",
            "3 values are said to be missing, and no bits say which",
        ),
        ("short-bitmap", "its validity bits have 1 bytes for 10 values"),
        ("not-null", "10 values are missing, and none may be"),
        ("decimal", "value 0 has more than 3 digits"),
    ] {
        let error = fails(&host, &host.evil(deed)).await;
        has(&error, "plugin.contract", "broke the contract: column `made`: ");
        has(&error, "plugin.contract", words);
        assert_eq!(error.kind, Kind::Plugin);
    }
}

#[tokio::test]
async fn every_lie_about_rows_is_found() {
    let host = Host::new();
    for (deed, words) in [
        ("selection-short", "its selection has 0 bytes of bits for 10 rows"),
        ("selection-beyond", "its selection takes row 10 of 10"),
        (
            "made-rows",
            "its output makes rows, and its shape carries the stream's columns",
        ),
        ("columns", "its output has 0 columns, and its shape has 1"),
        (
            "passed",
            "its output passes the column `made`, which its shape makes",
        ),
        ("reject-beyond", "it rejects row 10 of 10"),
        ("reject-kept", "it rejects row 0 and keeps it"),
        ("reject-twice", "it rejects row 0 twice"),
        (
            "reject-code",
            "it rejects row 0 with the code `NOT A CODE\\u{1b}[2J`, which is none",
        ),
    ] {
        let error = fails(&host, &host.evil(deed)).await;
        has(&error, "plugin.contract", words);
    }
}

#[tokio::test]
async fn every_lie_about_the_shape_is_found_before_data_moves() {
    let host = Host::new();
    for (deed, words) in [
        ("shape-loop", "a type of its shape holds itself"),
        ("shape-beyond", "its shape names field 7, and there are 1"),
        ("shape-field", "its shape names field 9, and there are 1"),
        ("shape-input", "its shape names input column 9, and 1 are granted"),
        ("shape-from", "its shape names input column 9, and 1 are granted"),
        ("shape-twice", "its shape writes the column `made` twice"),
        ("shape-bomb", "its shape has more than 10000 fields"),
        ("shape-many", "its shape has more than 10000 fields"),
        ("shape-deep", "its types nest deeper than 32 levels"),
        ("shape-hollow", "a struct of its shape has no members"),
        (
            "shape-member",
            "a member of its shape has the name `\\u{1b}[2J`, which is none",
        ),
        ("shape-members", "a struct of its shape has the member `x` twice"),
        ("shape-zone", "a time zone `Mars/\\u{1b}[2JBase` that is none"),
        ("shape-decimal", "its shape has a decimal(39,0)"),
        ("shape-scale", "its shape has a decimal(5,-1)"),
        ("shape-time", "neither microseconds nor nanoseconds"),
        ("shape-fixed", "its shape has a fixed-binary(0)"),
        ("shape-nothing", "its shape leaves no column"),
    ] {
        let error = refused(&host, &host.evil(deed), "shape").await;
        has(&error, "plugin.contract", words);
    }
}

#[tokio::test]
async fn what_is_not_granted_is_not_written() {
    let host = Host::new();
    let error = refused(&host, &host.evil("shape-ungranted"), "shape").await;
    has(
        &error,
        "plugin.ungranted_column",
        "writes the column `other`, which is not granted",
    );
    assert_eq!(error.kind, Kind::Schema);
    assert_eq!(error.hint.as_deref(), Some("add `other` to `writes` of the step"));
    let error = refused(&host, &host.evil("shape-terminal"), "shape").await;
    assert_eq!(error.code, "plugin.ungranted_column");
    let hint = error.hint.unwrap_or_default();
    assert!(
        hint.len() < 5_000 && !hint.chars().any(char::is_control),
        "{hint:?}"
    );
}

#[tokio::test]
async fn lies_at_the_end_and_in_the_state_are_found() {
    let host = Host::new();
    for (deed, words) in [
        ("finish-selects", "selects rows of an input that is gone"),
        (
            "finish-makes",
            "its output makes rows, and its shape carries the stream's columns",
        ),
        (
            "finish-passes",
            "passes the column `made` on from an input that is gone",
        ),
    ] {
        let mut evil = host.bind_evil(&host.evil(deed)).await.unwrap();
        let error = evil.finish().await.unwrap_err();
        named(&host, &error, "finish");
        has(&error, "plugin.contract", words);
    }
    let mut evil = host.bind_evil(&host.evil("snapshot-huge")).await.unwrap();
    let error = evil.snapshot().await.unwrap_err();
    named(&host, &error, "snapshot");
    has(
        &error,
        "plugin.contract",
        "its snapshot has 20971520 bytes; 16777216 are allowed",
    );
    let mut evil = host.bind_evil(&host.evil("restore-refuses")).await.unwrap();
    let error = evil.restore(b"what").await.unwrap_err();
    named(&host, &error, "restore");
    has(&error, "plugin.data", "no state of mine");
    works(&mut host.bind_good().await).await;
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
async fn more_plugins_than_fit_is_not_the_plugins_fault() {
    let host = Host::new();
    let mut bound = Vec::new();
    let error = loop {
        match host.bind_evil(&host.evil("good")).await {
            Ok(good) => bound.push(good),
            Err(error) => break error,
        }
        assert!(bound.len() < 1_000, "no end of instances");
    };
    assert!(bound.len() >= 60, "{} instances", bound.len());
    assert_eq!((error.code.as_str(), error.retry), ("plugin.busy", Retry::Later));
    bound.pop();
    works(&mut host.bind_good().await).await;
}
