//! A column of floats multiplied by a plugin in each language: rows a second, and native code in the same run.
//!
//! `cargo bench -p tidegate-plugin --bench languages`, after `cargo xtask guests`. `docs/performance.md` holds the figures.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up fails"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use tidegate_core::port::Transform;

#[path = "../tests/support/mod.rs"]
mod support;

const FACTOR: f64 = 1.25;

const PLUGINS: [&str; 2] = ["guest-scale-python", "guest-scale-javascript"];

/// An interpreter needs more than compiled code.
const MEMORY_BYTES: u64 = 256 << 20;

fn languages(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let host = support::Host::new();
    let mut group = criterion.benchmark_group("float map");
    for rows in [8_192, 65_536] {
        let amounts: ArrayRef = Arc::new(Float64Array::from_iter_values(
            (0..rows).map(|row| f64::from(row) / 4.0),
        ));
        let input = RecordBatch::try_from_iter([("amount", amounts)]).unwrap();
        group.throughput(Throughput::Elements(rows as u64));

        let expected = native(&input);
        group.bench_with_input(BenchmarkId::new("native", rows), &input, |bencher, input| {
            bencher.iter(|| black_box(native(black_box(input))));
        });
        for name in PLUGINS {
            let mut step = host.step(name, json!({ "factor": FACTOR }), &["amount"], &["scaled"]);
            step.grant.memory_bytes = MEMORY_BYTES;
            let mut plugin = runtime.block_on(host.bind(&step, &input.schema())).unwrap();
            let done = runtime.block_on(plugin.process(input.clone(), 0)).unwrap();
            assert_eq!(done.outputs[0].column(1).as_primitive::<Float64Type>(), &expected);
            group.bench_with_input(BenchmarkId::new(name, rows), &input, |bencher, input| {
                bencher.iter_custom(|times| {
                    runtime.block_on(async {
                        let start = Instant::now();
                        for sequence in 0..times {
                            black_box(plugin.process(input.clone(), sequence).await.unwrap());
                        }
                        start.elapsed()
                    })
                });
            });
        }
    }
    group.finish();
}

fn native(input: &RecordBatch) -> Float64Array {
    input
        .column(0)
        .as_primitive::<Float64Type>()
        .unary(|amount| amount * FACTOR)
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = languages
}
criterion_main!(benches);
