//! Plugins that misbehave: each gets the error that names it and its deed, and the host goes on.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

use tidegate_core::plan::StepSpec;
use tidegate_core::port::Transform;
use tidegate_core::{Error, Kind};

mod lies;
mod limits;
mod reach;
mod time;
mod traps;
mod words;

#[path = "../support/mod.rs"]
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
    // What the plugin does wrong, someone can do something about.
    assert!(error.kind != Kind::Plugin || error.hint.is_some(), "{error}");
}

fn has(error: &Error, code: &str, words: &str) {
    assert_eq!(error.code, code, "{error}");
    assert!(error.message.contains(words), "{error}\nhas not: {words}");
}
