//! CSV in a bucket to Parquet in a bucket, in as much memory whatever the number of rows. A process of its own, since what
//! is looked at is the peak of the process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "the other tests of the connector use the rest")]
#[path = "s3/support.rs"]
mod support;

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use tidegate_connector::s3::S3Connector;
use tidegate_core::port::Connector;
use tidegate_core::schema::{Column, Load};

use support::{Attempt, Lake, asset, columns, commit, open};

const COLUMNS: &str = "id: int64; name: utf8; country: utf8; amount: float64; fx: float64; note: utf8";
const BATCH_ROWS: i64 = 8_192;
const LIMIT_BYTES: u64 = 150 << 20;

fn batch(from: i64) -> RecordBatch {
    let ids = || from..from + BATCH_ROWS;
    let texts =
        |text: &dyn Fn(i64) -> String| Arc::new(StringArray::from_iter_values(ids().map(text))) as ArrayRef;
    let floats =
        |by: f64| Arc::new(Float64Array::from_iter_values(ids().map(|id| id as f64 / by))) as ArrayRef;
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids())),
        texts(&|id| format!("customer {}", id.wrapping_mul(2_654_435_761) % 1_000_003)),
        texts(&|id| format!("country {}", id % 50)),
        floats(7.0),
        floats(3.0),
        texts(&|id| format!("a note that nobody else has, of the order {id}")),
    ];
    RecordBatch::try_new(Column::schema(&columns(COLUMNS)), arrays).unwrap()
}

/// The greatest memory that this process had.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib << 10
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_grow_with_the_rows() {
    let lake = Lake::new();
    for (epoch, batches) in [(1, 20), (2, 150)] {
        let mut text = Attempt::new(&lake, Load::Replace, epoch, "text");
        text.asset = "text";
        let token = format!("text {epoch}");
        text.token = &token;
        text.spec = lake.destination("{format: csv}", Load::Replace);
        let mut destination = text.open(batch(0).schema()).await.unwrap();
        for number in 0..batches {
            destination.write(batch(number * BATCH_ROWS)).await.unwrap();
        }
        let csv = destination.commit(commit()).await.unwrap();

        let spec = S3Connector
            .asset_source(&asset("text"), &text.spec, &columns(COLUMNS))
            .unwrap();
        let mut source = open(&spec, None, None, BATCH_ROWS as usize, None).await.unwrap();
        let token = format!("parquet {epoch}");
        let mut destination = Attempt::new(&lake, Load::Replace, epoch, &token)
            .open(batch(0).schema())
            .await
            .unwrap();
        let mut rows = 0;
        while let Some(read) = source.next().await.unwrap() {
            rows += read.batch.num_rows() as i64;
            destination.write(read.batch).await.unwrap();
        }
        let parquet = destination.commit(commit()).await.unwrap();
        assert_eq!(
            (rows, parquet.rows as i64),
            (batches * BATCH_ROWS, batches * BATCH_ROWS)
        );
        println!("{} bytes of CSV: a peak of {} MiB", csv.bytes, peak_bytes() >> 20);
    }
    assert!(peak_bytes() < LIMIT_BYTES, "{} bytes", peak_bytes());
}
