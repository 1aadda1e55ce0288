//! Several plugins: a chain of five beside one, two instances beside one, and the start of ten.
//!
//! `cargo bench -p tidegate-plugin --bench several`, after `cargo xtask guests`. `docs/performance.md` holds the figures.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up fails"
)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use tidegate_core::port::Transform;
use tidegate_plugin::{Catalog, PluginTransform, Runtime};

#[path = "../tests/support/mod.rs"]
mod support;

const ROWS: usize = 8_192;

/// Batches that an iteration puts through; shared among instances.
const BATCHES: u64 = 64;

/// What the reference transform reads, and `usd`, which it writes, so that one can follow another.
fn batch() -> RecordBatch {
    let range = || 0..ROWS as i64;
    let floats =
        |of: fn(i64) -> f64| -> ArrayRef { Arc::new(Float64Array::from_iter_values(range().map(of))) };
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(
        range().map(|i| format!("customer{i:06}")),
    ));
    RecordBatch::try_from_iter([
        ("amount", floats(|i| i as f64 % 1_000.0)),
        ("fx", floats(|i| 1.0 + (i % 13) as f64 / 10.0)),
        ("name", names),
        ("usd", floats(|_| 0.0)),
    ])
    .unwrap()
}

async fn reference(host: &support::Host, input: &RecordBatch) -> PluginTransform {
    let step = host.step(
        "guest-reference",
        json!({}),
        &["amount", "fx", "name"],
        &["usd", "name"],
    );
    host.bind(&step, &input.schema()).await.unwrap()
}

fn runtime(threads: usize) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .unwrap()
}

/// Batches through plugins that stand one behind the other.
fn chain(criterion: &mut Criterion) {
    let runtime = runtime(1);
    let host = support::Host::new();
    let input = batch();
    let mut group = criterion.benchmark_group("chain");
    group.throughput(Throughput::Elements(ROWS as u64));
    for length in [1, 5] {
        let mut plugins = runtime.block_on(async {
            let mut plugins = Vec::new();
            for _ in 0..length {
                plugins.push(reference(&host, &input).await);
            }
            plugins
        });
        group.bench_function(format!("of {length}"), |bencher| {
            bencher.iter_custom(|times| {
                runtime.block_on(async {
                    let start = Instant::now();
                    for sequence in 0..times {
                        let mut batch = input.clone();
                        for plugin in &mut plugins {
                            let mut done = plugin.process(batch, sequence).await.unwrap();
                            batch = done.outputs.remove(0);
                        }
                        black_box(batch);
                    }
                    start.elapsed()
                })
            });
        });
    }
    group.finish();
}

/// The same batches shared among instances, each in a task of its own, on two threads.
fn instances(criterion: &mut Criterion) {
    let runtime = runtime(2);
    let host = support::Host::new();
    let input = batch();
    let mut group = criterion.benchmark_group("instances");
    group.throughput(Throughput::Elements(ROWS as u64 * BATCHES));
    for count in [1, 2] {
        group.bench_function(format!("{count}"), |bencher| {
            bencher.iter_custom(|times| {
                runtime.block_on(async {
                    let mut plugins = Vec::new();
                    for _ in 0..count {
                        plugins.push(reference(&host, &input).await);
                    }
                    let start = Instant::now();
                    let share = times * BATCHES / count;
                    let tasks: Vec<_> = plugins
                        .into_iter()
                        .map(|mut plugin| {
                            let input = input.clone();
                            tokio::spawn(async move {
                                for sequence in 0..share {
                                    black_box(plugin.process(input.clone(), sequence).await.unwrap());
                                }
                            })
                        })
                        .collect();
                    for task in tasks {
                        task.await.unwrap();
                    }
                    start.elapsed()
                })
            });
        });
    }
    group.finish();
}

/// Ten components, different to the cache, each named by its digest.
fn ten(folder: &Path) -> Vec<tidegate_core::plan::StepSpec> {
    let host = support::Host::new();
    let one = host.step(
        "guest-reference",
        json!({}),
        &["amount", "fx", "name"],
        &["usd", "name"],
    );
    let wasm = std::fs::read(support::guests().join("guest-reference.wasm")).unwrap();
    (0..10_u8)
        .map(|copy| {
            // A custom section of one byte: id, length, the name's length, name, content.
            let mut wasm = wasm.clone();
            wasm.extend([0, 6, 4, b'c', b'o', b'p', b'y', copy]);
            std::fs::write(folder.join(format!("guest-reference-{copy}.wasm")), &wasm).unwrap();
            let mut step = one.clone();
            step.digest = tidegate_core::plan::Digest::of(&wasm);
            step
        })
        .collect()
}

/// What a process does before the first batch of an asset with ten plugins: engine, components from the cache, instances,
/// `bind` and `shape`.
fn start(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let steps = ten(folder.path());
    let input = batch();
    let runtime = runtime(1);
    let begin = || async {
        let host = support::Host {
            runtime: Runtime::new(&support::cache()).unwrap(),
            catalog: Catalog::new(vec![folder.path().to_owned()]),
            lines: Arc::default(),
        };
        for step in &steps {
            black_box(host.bind(step, &input.schema()).await.unwrap());
        }
    };
    // Once before, so that all ten are compiled.
    runtime.block_on(begin());
    criterion.bench_function("start of ten", |bencher| {
        bencher.iter(|| runtime.block_on(begin()));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = chain, instances, start
}
criterion_main!(benches);
