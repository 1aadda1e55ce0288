//! What a batch costs at the sandbox's boundary, beside the same work done natively in the same run.
//!
//! `cargo bench -p tidegate-plugin --bench boundary`, after `cargo xtask guests`. The reference transform: one product
//! of two floats, one text in capitals, one filter, over 8 and 32 columns. `docs/performance.md` holds the figures.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up fails"
)]

use std::hint::black_box;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow_schema::{DataType, Field, Schema};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tidegate_core::port::Transform;

#[path = "../tests/support/mod.rs"]
mod support;

/// 8 columns as in a table of payments, then as many more of numbers as wanted.
fn batch(rows: usize, columns: usize) -> RecordBatch {
    let range = || 0..rows as i64;
    let mut named: Vec<(String, ArrayRef)> = vec![
        ("id".into(), Arc::new(Int64Array::from_iter_values(range()))),
        (
            "user".into(),
            Arc::new(Int64Array::from_iter_values(range().map(|i| i * 7_919 % 100_003))),
        ),
        (
            "name".into(),
            Arc::new(StringArray::from_iter_values(
                range().map(|i| format!("customer{i:06}")),
            )),
        ),
        (
            "country".into(),
            Arc::new(StringArray::from_iter_values(
                range().map(|i| ["GB", "US", "DE", "FR"][i as usize % 4]),
            )),
        ),
        (
            "amount".into(),
            Arc::new(Float64Array::from_iter_values(
                range().map(|i| i as f64 % 1_000.0 - 50.0),
            )),
        ),
        (
            "fx".into(),
            Arc::new(Float64Array::from_iter_values(
                range().map(|i| 1.0 + (i % 13) as f64 / 10.0),
            )),
        ),
        (
            "ts".into(),
            Arc::new(TimestampMillisecondArray::from_iter_values(
                range().map(|i| 1_700_000_000_000 + i),
            )),
        ),
        (
            "active".into(),
            Arc::new(range().map(|i| Some(i % 3 == 0)).collect::<BooleanArray>()),
        ),
    ];
    for index in named.len()..columns {
        named.push((
            format!("extra{index}"),
            Arc::new(Int64Array::from_iter_values(range())),
        ));
    }
    RecordBatch::try_from_iter(named).unwrap()
}

/// The reference transform with arrow-rs alone.
fn native(batch: &RecordBatch) -> RecordBatch {
    let amount: &Float64Array = batch.column(4).as_primitive();
    let fx: &Float64Array = batch.column(5).as_primitive();
    let product: Vec<f64> = amount
        .values()
        .iter()
        .zip(fx.values())
        .map(|(amount, fx)| amount * fx)
        .collect();
    let keep = BooleanArray::from_unary(amount, |amount| amount >= 0.0);
    let (offsets, values, nulls) = batch.column(2).as_string::<i32>().clone().into_parts();
    let mut values = values.to_vec();
    values.make_ascii_uppercase();
    let mut columns = batch.columns().to_vec();
    columns[2] = Arc::new(StringArray::new(offsets, values.into(), nulls));
    columns.push(Arc::new(Float64Array::from(product)));
    let mut fields = batch.schema().fields().to_vec();
    fields.push(Arc::new(Field::new("usd", DataType::Float64, true)));
    let all = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    arrow_select::filter::filter_record_batch(&all, &keep).unwrap()
}

fn boundary(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let host = support::Host::new();
    for columns in [8, 32] {
        let mut group = criterion.benchmark_group(format!("{columns} columns"));
        for rows in [1_024, 8_192, 65_536] {
            let input = batch(rows, columns);
            group.throughput(Throughput::Elements(rows as u64));

            let expected = native(&input);
            group.bench_with_input(BenchmarkId::new("native", rows), &input, |bencher, input| {
                bencher.iter(|| black_box(native(black_box(input))));
            });

            let step = host.step(
                "guest-reference",
                serde_json::json!({}),
                &["amount", "fx", "name"],
                &["usd", "name"],
            );
            let mut plugin = runtime.block_on(host.bind(&step, &input.schema())).unwrap();
            let done = runtime.block_on(plugin.process(input.clone(), 0)).unwrap();
            assert_eq!(
                done.outputs[0].columns(),
                expected.columns(),
                "the guest does what the native code does"
            );
            group.bench_with_input(
                BenchmarkId::new("host-held batch", rows),
                &input,
                |bencher, input| {
                    bencher.iter_custom(|times| {
                        runtime.block_on(async {
                            let start = std::time::Instant::now();
                            for sequence in 0..times {
                                black_box(plugin.process(input.clone(), sequence).await.unwrap());
                            }
                            start.elapsed()
                        })
                    });
                },
            );

            let step = host.step(
                "guest-reference",
                serde_json::json!({"noop": true}),
                &["amount"],
                &[],
            );
            let mut plugin = runtime.block_on(host.bind(&step, &input.schema())).unwrap();
            group.bench_with_input(BenchmarkId::new("no-op", rows), &input, |bencher, input| {
                bencher.iter_custom(|times| {
                    runtime.block_on(async {
                        let start = std::time::Instant::now();
                        for sequence in 0..times {
                            black_box(plugin.process(input.clone(), sequence).await.unwrap());
                        }
                        start.elapsed()
                    })
                });
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).measurement_time(std::time::Duration::from_secs(2)).warm_up_time(std::time::Duration::from_millis(500));
    targets = boundary
}
criterion_main!(benches);
