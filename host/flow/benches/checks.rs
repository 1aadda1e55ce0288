//! What built-in checks cost a load: the same rows, encoded as Parquet, without checks and with each of them.
//!
//! `cargo bench -p tidegate-flow --bench checks`. Prints the time of the load with a check as a multiple of that without; the
//! least of five each.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up fails"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use serde_json::json;
use tidegate_core::Result;
use tidegate_core::plan::{
    CheckpointPolicy, DestinationSpec, Epoch, PartitionTask, RunId, SliceRule, SourceSlice, SourceSpec,
    StreamCheck,
};
use tidegate_core::port::{
    ArtifactStore, Checkpoint, Commit, Cursor, Destination, LoadReceipt, Part, Source, SourceBatch,
    TaskCounts, Verdict,
};
use tidegate_core::schema::{Column, Contract, Load};
use tidegate_flow::{Conform, Input, Parts, Progress, StreamBinding, bind_stream_check, run};
use tokio_util::sync::CancellationToken;

const BATCH_ROWS: i64 = 8_192;
const BATCHES: i64 = 128;
const ROUNDS: usize = 5;

fn columns() -> Vec<Column> {
    [
        ("id", "int64"),
        ("user", "int64"),
        ("state", "utf8"),
        ("amount", "float64"),
    ]
    .into_iter()
    .map(|(name, data_type)| Column::new(name, data_type.parse().unwrap()))
    .collect()
}

fn batch(number: i64) -> RecordBatch {
    let ids = || number * BATCH_ROWS..(number + 1) * BATCH_ROWS;
    let state = |id: i64| ["open", "paid", "sent"][(id % 3) as usize];
    let values: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids())),
        Arc::new(Int64Array::from_iter_values(ids().map(|id| id * 7_919 % 100_003))),
        Arc::new(StringArray::from_iter_values(ids().map(state))),
        Arc::new(Float64Array::from_iter_values(
            ids().map(|id| id as f64 % 1_000.0),
        )),
    ];
    RecordBatch::try_new(Column::schema(&columns()), values).unwrap()
}

struct Batches(std::vec::IntoIter<RecordBatch>);

#[async_trait]
impl Source for Batches {
    fn schema(&self) -> SchemaRef {
        Column::schema(&columns())
    }

    async fn next(&mut self) -> Result<Option<SourceBatch>> {
        Ok(self.0.next().map(|batch| SourceBatch {
            batch,
            cursor: Cursor(json!(null)),
            rejects: None,
        }))
    }
}

struct Encoder(ArrowWriter<Vec<u8>>);

#[async_trait]
impl Destination for Encoder {
    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        self.0.write(&batch).unwrap();
        Ok(())
    }

    async fn stage(&mut self) -> Result<Option<Vec<Part>>> {
        Ok(None)
    }

    async fn commit(self: Box<Self>, _: Commit) -> Result<LoadReceipt> {
        let bytes = self.0.into_inner().unwrap().len() as u64;
        Ok(LoadReceipt {
            rows: (BATCHES * BATCH_ROWS) as u64,
            bytes,
            parts: 1,
            location: String::new(),
            repeated: false,
        })
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

/// Nothing is kept: there are no checkpoints and no refused rows.
struct Nowhere;

#[async_trait]
impl ArtifactStore for Nowhere {
    async fn put(&self, _: &str, _: Bytes) -> Result<()> {
        Ok(())
    }

    async fn get(&self, _: &str) -> Result<Option<Bytes>> {
        Ok(None)
    }

    async fn append(&self, _: &str, _: Bytes) -> Result<()> {
        Ok(())
    }

    async fn list(&self, _: &str) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn delete(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn locate(&self, name: &str) -> String {
        name.to_owned()
    }
}

#[async_trait]
impl Progress for Nowhere {
    async fn checkpoint(&self, _: Checkpoint) -> Result<()> {
        Ok(())
    }

    async fn confirm(&self) -> Result<()> {
        Ok(())
    }

    fn verdict(&self, _: &Verdict) {}

    async fn refused(&self, _: &[Verdict]) -> Result<()> {
        Ok(())
    }

    fn counts(&self, _: &TaskCounts) {}
}

fn task() -> PartitionTask {
    let nothing = json!({});
    PartitionTask {
        run: RunId(uuid::Uuid::nil()),
        asset: "payments".parse().unwrap(),
        partition: None,
        attempt: 1,
        epoch: Epoch(1),
        source: SourceSpec {
            connector: "memory".into(),
            resource: nothing.clone(),
            config: nothing.clone(),
            columns: columns(),
            cursor: None,
        },
        steps: Vec::new(),
        destination: DestinationSpec {
            connector: "memory".into(),
            resource: nothing.clone(),
            config: nothing,
            load: Load::Replace,
        },
        columns: columns(),
        contract: Contract::Strict,
        checks: Vec::new(),
        batch_rows: BATCH_ROWS as usize,
        checkpoint: CheckpointPolicy { every_rows: u64::MAX },
        limit_rows: None,
        slice: SliceRule::Trusted,
        source_slice: SourceSlice::Own,
        since: None,
        history: Vec::new(),
        dry_run: false,
        resume: None,
    }
}

async fn load(batches: Vec<RecordBatch>, checks: &[StreamCheck]) -> Duration {
    let schema = Column::schema(&columns());
    let bound = checks.iter().map(|check| {
        bind_stream_check(StreamBinding {
            check,
            loaded: &schema,
            now: chrono::DateTime::UNIX_EPOCH,
            history: &[],
            keys: None,
        })
        .unwrap()
    });
    let parts = Parts {
        task: task(),
        input: Input::Read(Box::new(Batches(batches.into_iter()))),
        transforms: Vec::new(),
        checks: bound.collect(),
        destination: Some(Box::new(Encoder(
            ArrowWriter::try_new(Vec::new(), schema.clone(), None).unwrap(),
        ))),
        conform: Conform::new(&schema, &columns(), Contract::Strict).unwrap(),
        artifacts: Arc::new(Nowhere),
        progress: Arc::new(Nowhere),
        cancel: CancellationToken::new(),
        at: chrono::DateTime::UNIX_EPOCH,
    };
    let began = Instant::now();
    let receipt = run(parts).await.unwrap();
    let took = began.elapsed();
    assert!(receipt.verdicts.iter().all(|verdict| verdict.passed));
    took
}

async fn least(batches: &[RecordBatch], checks: &[StreamCheck]) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..ROUNDS {
        least = least.min(load(batches.to_vec(), checks).await);
    }
    least
}

#[tokio::main]
async fn main() {
    let batches: Vec<RecordBatch> = (0..BATCHES).map(batch).collect();
    let checks = [
        StreamCheck::NotNull {
            columns: vec!["id".into(), "user".into()],
        },
        StreamCheck::AcceptedValues {
            column: "state".into(),
            values: vec![json!("open"), json!("paid"), json!("sent")],
        },
        StreamCheck::Range {
            column: "amount".into(),
            min: Some(json!(0)),
            max: Some(json!(1_000)),
        },
        StreamCheck::Regex {
            column: "state".into(),
            pattern: "^[a-z]+$".into(),
        },
        StreamCheck::RowCount {
            min: Some(1),
            max: None,
        },
        StreamCheck::Unique {
            columns: vec!["id".into()],
            memory_bytes: 256 << 20,
        },
    ];
    let plain = least(&batches, &[]).await;
    let rows = (BATCHES * BATCH_ROWS) as f64;
    println!("without checks: {:.0} rows/s", rows / plain.as_secs_f64());
    for check in &checks {
        let took = least(&batches, std::slice::from_ref(check)).await;
        let name = format!("{check:?}");
        let name = name.split(' ').next().unwrap_or_default();
        println!("{name}: {:.2} times", took.as_secs_f64() / plain.as_secs_f64());
    }
    let took = least(&batches, &checks).await;
    println!("all: {:.2} times", took.as_secs_f64() / plain.as_secs_f64());
}
