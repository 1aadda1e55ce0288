//! Thousands of damaged components: never a crash of the host, always an error or a plugin that is held to its limits.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tidegate_core::Error;
use tidegate_core::port::Transform;
use tidegate_plugin::package::TrustedKeys;
use tidegate_plugin::{Catalog, Plugin, Runtime};

mod support;
use support::{Host, guests, numbers, works};

/// Files that are only read.
const READ: usize = 3_000;

/// Files that are handed to the compiler: each that gets through costs some 25 ms in an unoptimised build.
const BOUND: usize = 400;

/// Cuts, gaps and flipped bits: half of them where the sections' headers and the first types are, the others anywhere.
fn mutated(good: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = good.to_vec();
    let within = if random.random() { 4_096 } else { bytes.len() };
    match random.random_range(0..4) {
        0 => bytes.truncate(random.random_range(0..bytes.len())),
        1 => {
            let start = random.random_range(0..within);
            let end = (start + random.random_range(1..64)).min(bytes.len());
            bytes.drain(start..end);
        }
        _ => {
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..within);
                bytes[at] ^= 1 << random.random_range(0..8);
            }
        }
    }
    bytes
}

fn evil() -> Vec<u8> {
    std::fs::read(guests().join("guest-evil.wasm")).unwrap()
}

/// What every error of a damaged file must be.
#[track_caller]
fn tells(error: &Error) {
    assert!(error.code.starts_with("plugin."), "{error}");
    assert!(
        !error.message.is_empty() && error.message.len() < 10_000,
        "{error}"
    );
    assert!(
        !error.message.chars().any(|c| c.is_control() && c != '\n'),
        "{error:?}"
    );
}

#[test]
fn thousands_of_damaged_files_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guest-evil.wasm");
    let good = evil();
    let mut random = StdRng::seed_from_u64(11);
    let mut refused = 0;
    for _ in 0..READ {
        std::fs::write(&file, mutated(&good, &mut random)).unwrap();
        // What publishing looks at: the manifest, every section, every function.
        let package = tidegate_plugin::package::Package::of_file(&file, None, &TrustedKeys::default());
        if let Err(error) = package {
            refused += 1;
            tells(&Error::from(error));
        }
        if let Err(error) = Plugin::read(&file) {
            tells(&Error::from(error));
        }
    }
    assert!(refused > READ / 2, "{refused} of {READ} were refused");
}

#[tokio::test]
async fn damaged_components_never_bring_the_host_down() {
    let cache = tempfile::tempdir().unwrap();
    let runtime = Runtime::new(cache.path()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guest-evil.wasm");
    let good = evil();
    let mut random = StdRng::seed_from_u64(4);
    let (mut refused, mut ran) = (0, 0);
    for _ in 0..BOUND {
        std::fs::write(&file, mutated(&good, &mut random)).unwrap();
        // Held to its limits, whatever it became: this is far beyond the time and memory that it is granted.
        let done = tokio::time::timeout(Duration::from_secs(30), bind(&runtime, folder.path())).await;
        match done.expect("a damaged plugin held up the host") {
            Ok(()) => ran += 1,
            Err(error) => {
                refused += 1;
                tells(&error);
            }
        }
    }
    assert!(refused > BOUND / 2, "{refused} refused, {ran} ran");
    assert!(ran > 0, "no damaged component ran: {refused} were refused");
    works(&mut Host::new().bind_good().await).await;
}

/// Binds the one file of a folder and gives it a batch, whatever it does.
async fn bind(runtime: &Runtime, folder: &std::path::Path) -> Result<(), Error> {
    let plugin = Plugin::read(&folder.join("guest-evil.wasm"))?;
    let mut host = Host::new();
    host.runtime = runtime.clone();
    let mut step = host.evil("good");
    host.catalog = Catalog::new(vec![folder.to_owned()]);
    step.digest = plugin.digest;
    step.grant.time_per_batch_ms = 200;
    let mut bound = host.bind_evil(&step).await?;
    bound.process(numbers(10), 0).await.map(drop)
}
