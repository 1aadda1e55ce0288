//! Deeds against what WASI gives: clocks, timers, random numbers, output streams.

use wasip2::cli::stdout::get_stdout;
use wasip2::clocks::monotonic_clock::{now, subscribe_duration, subscribe_instant};
use wasip2::io::poll::{Pollable, poll};
use wasip2::random::random::get_random_bytes;

const MILLISECOND: u64 = 1_000_000;
const HOUR: u64 = 3_600_000 * MILLISECOND;

/// Does a deed, if it is one of these. All but the last of them must not come back.
pub fn does(deed: &str) {
    match deed {
        "wait-long" => subscribe_duration(u64::MAX).block(),
        "wait-late" => subscribe_instant(u64::MAX).block(),
        "wait-for-nothing" => loop {
            subscribe_duration(0).block();
        },
        "wait-by-naps" => {
            let end = now() + HOUR;
            while now() < end {
                subscribe_duration(MILLISECOND).block();
            }
        }
        "clock-spin" => {
            let end = now() + HOUR;
            while now() < end {}
        }
        "timers" => loop {
            std::mem::forget(subscribe_duration(u64::MAX));
        },
        "timers-polled" => {
            let timers: Vec<Pollable> = (0..10_000).map(|_| subscribe_duration(u64::MAX)).collect();
            loop {
                let soon = subscribe_duration(MILLISECOND);
                let all: Vec<&Pollable> = timers.iter().chain([&soon]).collect();
                poll(&all);
            }
        }
        "poll-nothing" => drop(poll(&[])),
        "random-huge" => drop(get_random_bytes(u64::MAX)),
        "random-flood" => loop {
            std::hint::black_box(get_random_bytes(1 << 20));
        },
        "zeroes" => drop(get_stdout().write_zeroes(u64::MAX)),
        "clock-short" => {
            let end = now() + MILLISECOND;
            while now() < end {}
        }
        _ => {}
    }
}
