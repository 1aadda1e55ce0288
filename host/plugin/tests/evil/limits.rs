//! Memory, output, handles, instances: each ends at its limit.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use tidegate_core::error::Retry;
use tidegate_core::port::Transform;

use crate::support::{Host, works};
use crate::{fails, has, named, refused};

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
    // It asks for a little more than 1 MiB: twice what it has would not do.
    assert!(error.hint.unwrap().contains("memory: 2MiB"));
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

#[tokio::test]
async fn timers_are_bounded() {
    let host = Host::new();
    let before = resident_bytes();
    let error = fails(&host, &host.evil("timers")).await;
    has(
        &error,
        "plugin.trap",
        "held more than 100000 timers, streams and requests",
    );
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 100 << 20, "{grown} bytes more");
}

#[tokio::test]
async fn what_the_host_makes_for_a_guest_is_bounded() {
    let host = Host::new();
    let error = fails(&host, &host.evil("random-huge")).await;
    has(
        &error,
        "plugin.trap",
        "18446744073709551615 exceeds limit 1048576",
    );
    let error = fails(&host, &host.evil("zeroes")).await;
    has(&error, "plugin.trap", "more zeroes than");
    let error = fails(&host, &host.evil("poll-nothing")).await;
    has(&error, "plugin.trap", "empty poll list");
}
