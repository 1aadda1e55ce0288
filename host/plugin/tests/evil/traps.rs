//! Traps: what is said of them, and that nothing else ends with them.

use tidegate_core::Kind;
use tidegate_core::error::Retry;
use tidegate_core::port::Transform;

use crate::support::{Host, numbers, works};
use crate::{fails, has, named, refused};

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
async fn a_refused_growth_is_not_blamed_for_a_later_trap() {
    let host = Host::new();
    let mut evil = host.bind_evil(&host.evil("first-batch-grows")).await.unwrap();
    evil.process(numbers(10), 0).await.unwrap();
    let error = evil.process(numbers(10), 1).await.unwrap_err();
    has(&error, "plugin.trap", "on the second batch");
}
