//! A source, a transform and a destination in memory, and an attempt that runs over them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use async_trait::async_trait;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;
use tidegate_core::batch::{Processed, Rejects, StepCounts};
use tidegate_core::plan::{
    CheckpointPolicy, DestinationSpec, Digest, Epoch, GrantSpec, OnReject, PartitionTask, RunId, SliceRule,
    SourceSlice, SourceSpec, Step, StepSpec, StreamCheck, TaskReceipt,
};
use tidegate_core::port::{
    ArtifactStore, Check, Checkpoint, Commit, Cursor, Destination, LoadReceipt, Part, Severity, Source,
    SourceBatch, TaskCounts, Transform, Verdict,
};
use tidegate_core::schema::{Column, Contract, Load};
use tidegate_core::{Error, Kind, Result};
use tidegate_flow::{
    BoundStep, Conform, Input, KeyStore, Parts, Progress, StreamBinding, bind_stream_check, run,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Rows of a batch of [`Numbers`].
pub(crate) const BATCH_ROWS: i64 = 10;

/// An error that a part was told to make.
pub(crate) fn broken(what: &str) -> Error {
    Error::new(Kind::Resource, "test.broken", what)
}

/// The columns of [`Numbers`]: `n`, and `key`, which is missing in every eleventh row.
fn columns(required: bool) -> Vec<Column> {
    vec![
        Column::new("n", "int64".parse().unwrap()),
        Column {
            key: required,
            ..Column::new("key", "int64".parse().unwrap())
        },
    ]
}

/// `n` from 0 on; every seventh is refused by the source itself.
pub(crate) struct Numbers {
    next: i64,
    end: i64,
    breaks_at: Option<i64>,
    reads: Arc<AtomicUsize>,
}

fn numbers(values: impl Iterator<Item = i64> + Clone) -> RecordBatch {
    let keys: Int64Array = values.clone().map(|n| (n % 11 != 0).then_some(n % 40)).collect();
    RecordBatch::try_new(
        Column::schema(&columns(false)),
        vec![Arc::new(Int64Array::from_iter_values(values)), Arc::new(keys)],
    )
    .unwrap()
}

fn rejects(rows: RecordBatch, code: &str) -> Option<Rejects> {
    let count = rows.num_rows();
    (count > 0).then(|| Rejects {
        codes: StringArray::from_iter_values(std::iter::repeat_n(code, count)),
        messages: StringArray::from_iter_values(std::iter::repeat_n("as told", count)),
        rows,
    })
}

#[async_trait]
impl Source for Numbers {
    fn schema(&self) -> SchemaRef {
        Column::schema(&columns(false))
    }

    async fn next(&mut self) -> Result<Option<SourceBatch>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let (from, to) = (self.next, self.end.min(self.next + BATCH_ROWS));
        if self.breaks_at.is_some_and(|at| from >= at) {
            return Err(broken("the source"));
        }
        self.next = to;
        Ok((from < to).then(|| SourceBatch {
            batch: numbers((from..to).filter(|n| n % 7 != 0)),
            cursor: Cursor(json!(to)),
            rejects: rejects(numbers((from..to).filter(|n| n % 7 == 0)), "source.seventh"),
        }))
    }
}

/// Keeps the first row of each key, refuses every thirteenth, and remembers.
#[derive(Default)]
pub(crate) struct Firsts(BTreeSet<i64>);

#[async_trait]
impl Transform for Firsts {
    fn name(&self) -> &'static str {
        "firsts@1.0.0"
    }

    fn output_schema(&self) -> SchemaRef {
        Column::schema(&columns(false))
    }

    async fn process(&mut self, batch: RecordBatch, _: u64) -> Result<Processed> {
        let values = batch.column(0).as_primitive::<Int64Type>();
        let keys = batch.column(1).as_primitive::<Int64Type>();
        let refused: BooleanArray = values.values().iter().map(|n| Some(n % 13 == 0)).collect();
        let kept: BooleanArray = (0..batch.num_rows())
            .map(|row| Some(!refused.value(row) && (keys.is_null(row) || self.0.insert(keys.value(row)))))
            .collect();
        let (out, bad) = (
            filter_record_batch(&batch, &kept).unwrap(),
            filter_record_batch(&batch, &refused).unwrap(),
        );
        let (rows_in, kept, rejected) = (batch.num_rows(), out.num_rows(), bad.num_rows());
        Ok(Processed {
            outputs: vec![out],
            rejects: rejects(bad, "firsts.thirteenth"),
            counts: StepCounts {
                rows_in: rows_in as u64,
                kept: kept as u64,
                rejected: rejected as u64,
                filtered: (rows_in - kept - rejected) as u64,
                ..StepCounts::default()
            },
        })
    }

    async fn finish(&mut self) -> Result<Processed> {
        Ok(Processed::default())
    }

    async fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(Some(serde_json::to_vec(&self.0).unwrap()))
    }

    async fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.0 = serde_json::from_slice(state).unwrap();
        Ok(())
    }
}

/// Adds up `n` of what is loaded, and is never content.
struct Sum {
    severity: Severity,
    sum: i64,
}

#[async_trait]
impl Check for Sum {
    async fn observe(&mut self, batch: &RecordBatch, _: u64) -> Result<()> {
        self.sum += batch
            .column(0)
            .as_primitive::<Int64Type>()
            .values()
            .iter()
            .sum::<i64>();
        Ok(())
    }

    async fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(Some(self.sum.to_le_bytes().to_vec()))
    }

    async fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.sum = i64::from_le_bytes(state.try_into().unwrap());
        Ok(())
    }

    async fn verdict(&mut self) -> Result<Verdict> {
        Ok(Verdict {
            check: "sum@1.0.0".into(),
            passed: false,
            severity: self.severity,
            blocking: true,
            message: "never content".into(),
            measures: vec![("sum".into(), self.sum as f64)],
        })
    }
}

/// Which call of the destination fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fails {
    Never,
    Write,
    Stage,
    Commit,
    /// It stages, and says that it cannot.
    CannotStage,
}

/// What lies at the destination.
#[derive(Default)]
pub(crate) struct Place {
    /// Parts by name; they survive the attempt that made them.
    staged: BTreeMap<String, Vec<RecordBatch>>,
    pub(crate) shown: Option<Vec<i64>>,
    pub(crate) aborted: usize,
}

struct Memory {
    place: Arc<Mutex<Place>>,
    fails: Fails,
    attempt: u32,
    gate: Arc<Semaphore>,
    parts: Vec<Part>,
    open: Vec<RecordBatch>,
}

#[async_trait]
impl Destination for Memory {
    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        self.gate.acquire().await.unwrap().forget();
        if self.fails == Fails::Write {
            return Err(broken("writing"));
        }
        self.open.push(batch);
        Ok(())
    }

    async fn stage(&mut self) -> Result<Option<Vec<Part>>> {
        if self.fails == Fails::Stage {
            return Err(broken("staging"));
        }
        let batches = std::mem::take(&mut self.open);
        let part = Part {
            name: format!("{}-{}", self.attempt, self.parts.len()),
            rows: batches.iter().map(|batch| batch.num_rows() as u64).sum(),
            bytes: 1,
            sha256: String::new(),
        };
        self.place
            .lock()
            .unwrap()
            .staged
            .insert(part.name.clone(), batches);
        self.parts.push(part);
        Ok((self.fails != Fails::CannotStage).then(|| self.parts.clone()))
    }

    async fn commit(self: Box<Self>, _: Commit) -> Result<LoadReceipt> {
        if self.fails == Fails::Commit {
            return Err(broken("committing"));
        }
        let mut place = self.place.lock().unwrap();
        let rows: Vec<i64> = self
            .parts
            .iter()
            .flat_map(|part| &place.staged[&part.name])
            .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
            .collect();
        let loaded = rows.len() as u64;
        place.shown = Some(rows);
        Ok(LoadReceipt {
            rows: loaded,
            bytes: 0,
            parts: self.parts.len() as u64,
            location: "memory".into(),
            repeated: false,
        })
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        self.place.lock().unwrap().aborted += 1;
        Ok(())
    }
}

/// Artifacts in memory.
#[derive(Default)]
pub(crate) struct Artifacts(Mutex<BTreeMap<String, Bytes>>);

#[async_trait]
impl ArtifactStore for Artifacts {
    async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        let before = self.0.lock().unwrap().insert(name.to_owned(), bytes);
        assert!(before.is_none(), "{name} was written twice");
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    async fn append(&self, name: &str, _: Bytes) -> Result<()> {
        Err(broken(name))
    }

    async fn list(&self, _: &str) -> Result<Vec<String>> {
        Ok(self.0.lock().unwrap().keys().cloned().collect())
    }

    async fn delete(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn locate(&self, name: &str) -> String {
        name.to_owned()
    }
}

/// Keeps every checkpoint; refuses from some number on, or the last look.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) checkpoints: Mutex<Vec<Checkpoint>>,
    verdicts: Mutex<Vec<Verdict>>,
    refused: Mutex<Vec<Verdict>>,
    refuses_from: Option<usize>,
    refuses_commit: bool,
}

#[async_trait]
impl Progress for Watch {
    async fn checkpoint(&self, checkpoint: Checkpoint) -> Result<()> {
        let mut kept = self.checkpoints.lock().unwrap();
        if self.refuses_from.is_some_and(|from| kept.len() >= from) {
            return Err(Error::new(Kind::State, "attempt.fenced", "taken over"));
        }
        kept.push(checkpoint);
        Ok(())
    }

    async fn confirm(&self) -> Result<()> {
        if self.refuses_commit {
            Err(Error::new(Kind::State, "attempt.fenced", "taken over"))
        } else {
            Ok(())
        }
    }

    fn verdict(&self, verdict: &Verdict) {
        self.verdicts.lock().unwrap().push(verdict.clone());
    }

    async fn refused(&self, verdicts: &[Verdict]) -> Result<()> {
        self.refused.lock().unwrap().extend_from_slice(verdicts);
        Ok(())
    }

    fn counts(&self, _: &TaskCounts) {}
}

/// An attempt to be made, and what it leaves.
pub(crate) struct Attempt {
    pub(crate) task: PartitionTask,
    pub(crate) rows: i64,
    pub(crate) source_breaks_at: Option<i64>,
    pub(crate) fails: Fails,
    pub(crate) refuses_from: Option<usize>,
    pub(crate) refuses_commit: bool,
    /// Checks, each of which fails with this severity.
    pub(crate) checked: Vec<Severity>,
    /// What the checks said.
    pub(crate) verdicts: Mutex<Vec<Verdict>>,
    /// What was kept of it where the load was not shown.
    pub(crate) refused: Mutex<Vec<Verdict>>,
    /// Built-in checks, behind the others.
    pub(crate) built_in: Vec<StreamCheck>,
    /// Nothing is done to the rows.
    pub(crate) no_steps: bool,
    /// The row counts of earlier loads.
    pub(crate) history: Vec<u64>,
    pub(crate) reads: Arc<AtomicUsize>,
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) place: Arc<Mutex<Place>>,
    pub(crate) artifacts: Arc<Artifacts>,
    pub(crate) cancel: CancellationToken,
    pub(crate) instances: Box<dyn Fn() -> Vec<Box<dyn Transform>> + Send + Sync>,
}

impl Attempt {
    /// Reads so many rows, and does all that it should.
    pub(crate) fn new(rows: i64) -> Self {
        Self {
            task: task(),
            rows,
            source_breaks_at: None,
            fails: Fails::Never,
            refuses_from: None,
            refuses_commit: false,
            checked: Vec::new(),
            verdicts: Mutex::default(),
            refused: Mutex::default(),
            built_in: Vec::new(),
            no_steps: false,
            history: Vec::new(),
            reads: Arc::default(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            place: Arc::default(),
            artifacts: Arc::default(),
            cancel: CancellationToken::new(),
            instances: Box::new(|| vec![Box::new(Firsts::default())]),
        }
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self) -> (Result<TaskReceipt>, Vec<Checkpoint>) {
        let resume = self.task.resume.as_ref();
        let watch = Arc::new(Watch {
            refuses_from: self.refuses_from,
            refuses_commit: self.refuses_commit,
            ..Watch::default()
        });
        let parts = Parts {
            input: Input::Read(Box::new(Numbers {
                next: resume.map_or(0, |checkpoint| checkpoint.cursor.0.as_i64().unwrap()),
                end: self.rows,
                breaks_at: self.source_breaks_at,
                reads: self.reads.clone(),
            })),
            transforms: if self.no_steps {
                Vec::new()
            } else {
                vec![BoundStep::Batches((self.instances)())]
            },
            checks: self
                .checked
                .iter()
                .map(|severity| {
                    Box::new(Sum {
                        severity: *severity,
                        sum: 0,
                    }) as Box<dyn Check>
                })
                .chain(self.built_in.iter().enumerate().map(|(index, check)| {
                    bind_stream_check(StreamBinding {
                        check,
                        loaded: &Column::schema(&self.task.columns),
                        now: chrono::DateTime::UNIX_EPOCH,
                        history: &self.history,
                        keys: Some(KeyStore {
                            artifacts: self.artifacts.clone(),
                            prefix: format!("checks/run/{index}-{}", self.task.attempt),
                        }),
                    })
                    .unwrap()
                }))
                .collect(),
            destination: (!self.task.dry_run).then(|| {
                Box::new(Memory {
                    place: self.place.clone(),
                    fails: self.fails,
                    attempt: self.task.attempt,
                    gate: self.gate.clone(),
                    parts: resume.map_or_else(Vec::new, |checkpoint| checkpoint.parts.clone()),
                    open: Vec::new(),
                }) as Box<dyn Destination>
            }),
            conform: Conform::new(
                &Column::schema(&columns(false)),
                &self.task.columns,
                Contract::Strict,
            )
            .unwrap(),
            artifacts: self.artifacts.clone(),
            progress: watch.clone(),
            cancel: self.cancel.clone(),
            at: chrono::DateTime::UNIX_EPOCH,
            task: self.task.clone(),
        };
        let done = run(parts).await;
        let checkpoints = watch.checkpoints.lock().unwrap().clone();
        self.verdicts
            .lock()
            .unwrap()
            .clone_from(&watch.verdicts.lock().unwrap());
        self.refused
            .lock()
            .unwrap()
            .clone_from(&watch.refused.lock().unwrap());
        (done, checkpoints)
    }

    /// The rows shown.
    pub(crate) fn shown(&self) -> Option<Vec<i64>> {
        self.place.lock().unwrap().shown.clone()
    }

    /// The refused rows that a receipt lists, with their codes.
    pub(crate) fn refused(&self, receipt: &TaskReceipt) -> Vec<(String, i64)> {
        let store = self.artifacts.0.lock().unwrap();
        let mut found = Vec::new();
        for entry in &receipt.quarantined {
            let reader = ParquetRecordBatchReaderBuilder::try_new(store[&entry.artifact].clone())
                .unwrap()
                .build()
                .unwrap();
            let before = found.len();
            for batch in reader {
                let batch = batch.unwrap();
                let codes = batch.column_by_name("_code").unwrap().as_string::<i32>().clone();
                let values = batch.column_by_name("n").unwrap().clone();
                let values = values.as_primitive::<Int64Type>();
                found.extend(
                    (0..batch.num_rows()).map(|row| (codes.value(row).to_owned(), values.value(row))),
                );
            }
            assert_eq!((found.len() - before) as u64, entry.rows);
        }
        found.sort();
        found
    }
}

fn task() -> PartitionTask {
    PartitionTask {
        run: RunId(uuid::Uuid::nil()),
        asset: "numbers".parse().unwrap(),
        partition: None,
        attempt: 1,
        epoch: Epoch(1),
        since: None,
        source: SourceSpec {
            cursor: None,
            connector: "memory".into(),
            resource: json!({}),
            config: json!({}),
            columns: columns(false),
        },
        steps: vec![Step::Plugin(StepSpec {
            index: 0,
            plugin: "firsts".into(),
            version: "1.0.0".into(),
            digest: Digest::of(b"firsts"),
            config: json!({}),
            grant: GrantSpec {
                reads: vec!["n".into(), "key".into()],
                writes: Vec::new(),
                memory_bytes: 0,
                time_per_batch_ms: 0,
                output_bytes: 0,
                http: Vec::new(),
            },
            drops: Vec::new(),
            on_reject: OnReject::Quarantine,
            instances: 1,
        })],
        destination: DestinationSpec {
            connector: "memory".into(),
            resource: json!({}),
            config: json!({}),
            load: Load::Replace,
        },
        columns: columns(true),
        contract: Contract::Strict,
        checks: Vec::new(),
        batch_rows: BATCH_ROWS as usize,
        checkpoint: CheckpointPolicy { every_rows: 20 },
        limit_rows: None,
        slice: SliceRule::Trusted,
        source_slice: SourceSlice::Own,
        history: Vec::new(),
        dry_run: false,
        resume: None,
    }
}

/// The task's only step.
pub(crate) fn plugin_step(task: &mut PartitionTask) -> &mut StepSpec {
    match &mut task.steps[0] {
        Step::Plugin(spec) => spec,
        Step::Sql(_) => panic!("the step is a plugin"),
    }
}
