//! Time of a call: whatever a guest does with it, running or waiting, it ends.

use std::time::{Duration, Instant};

use tidegate_core::port::Transform;
use tidegate_plugin::Surroundings;

use crate::support::{Host, numbers, works};
use crate::{fails, has, named, refused};

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
async fn waiting_through_timers_counts_as_time_of_the_call() {
    for surroundings in [Surroundings::Real, Surroundings::Virtual { seed: 7 }] {
        let mut host = Host::new();
        host.runtime = host.runtime.within(surroundings);
        for deed in [
            "wait-long",
            "wait-late",
            "wait-for-nothing",
            "wait-by-naps",
            "clock-spin",
            "timers-polled",
            "sleep",
        ] {
            let mut step = host.evil(deed);
            step.grant.time_per_batch_ms = 100;
            let started = Instant::now();
            let error = fails(&host, &step).await;
            has(&error, "plugin.time_limit", "ran for more than 100 ms");
            let taken = started.elapsed();
            assert!(taken < Duration::from_secs(10), "{deed}: {taken:?}");
        }
    }
}

#[tokio::test]
async fn a_virtual_clock_moves_when_it_is_read() {
    let mut host = Host::new();
    host.runtime = host.runtime.within(Surroundings::Virtual { seed: 7 });
    let mut evil = host.bind_evil(&host.evil("clock-short")).await.unwrap();
    evil.process(numbers(10), 0).await.unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn long_calls_to_the_host_do_not_stretch_the_time() {
    let host = Host::new();
    let mut step = host.evil("random-flood");
    step.grant.time_per_batch_ms = 100;
    let started = Instant::now();
    let error = fails(&host, &step).await;
    has(&error, "plugin.time_limit", "100 ms");
    let taken = started.elapsed();
    assert!(taken < Duration::from_secs(10), "{taken:?}");
}
