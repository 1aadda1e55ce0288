//! Refused rows, kept aside as Parquet in the artifact store.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use tidegate_core::batch::Rejects;
use tidegate_core::plan::{Digest, PartitionTask, Step};
use tidegate_core::port::{ArtifactStore, QuarantineEntry};
use tidegate_core::{Error, Result};

use crate::error::FlowError;
use crate::message::StepAt;

/// Refused rows of a step held in memory before they become a file.
const BUFFER_BYTES: usize = 8 << 20;

/// Takes refused rows and makes files of them; the index is handed over with the next checkpoint or commit.
pub(crate) struct Quarantine {
    artifacts: Arc<dyn ArtifactStore>,
    task: Arc<PartitionTask>,
    held: BTreeMap<StepAt, Held>,
    entries: Vec<QuarantineEntry>,
    files: usize,
}

#[derive(Default)]
struct Held {
    batches: Vec<RecordBatch>,
    bytes: usize,
    codes: BTreeMap<String, u64>,
}

impl Quarantine {
    /// The quarantine of an attempt; `entries` are those of the checkpoint that it resumes.
    pub(crate) fn new(
        artifacts: Arc<dyn ArtifactStore>,
        task: Arc<PartitionTask>,
        entries: Vec<QuarantineEntry>,
    ) -> Self {
        Self {
            artifacts,
            task,
            held: BTreeMap::new(),
            entries,
            files: 0,
        }
    }

    /// Takes refused rows.
    pub(crate) async fn take(&mut self, step: StepAt, rejects: Rejects) -> Result<()> {
        let (label, digest) = self.step(step);
        let held = self.held.entry(step).or_default();
        for code in rejects.codes.iter().flatten() {
            *held.codes.entry(code.to_owned()).or_default() += 1;
        }
        let batch = annotated(rejects, &label, digest.as_ref(), &self.task)?;
        held.bytes += batch.get_array_memory_size();
        held.batches.push(batch);
        if held.bytes > BUFFER_BYTES {
            self.flush_step(step).await
        } else {
            Ok(())
        }
    }

    /// Makes files of all that is held; answers the whole index of the attempt so far.
    pub(crate) async fn flush(&mut self) -> Result<Vec<QuarantineEntry>> {
        for step in self.held.keys().copied().collect::<Vec<_>>() {
            self.flush_step(step).await?;
        }
        Ok(self.entries.clone())
    }

    fn step(&self, step: StepAt) -> (String, Option<Digest>) {
        match step {
            StepAt::Source => ("source".into(), None),
            StepAt::Contract => ("contract".into(), None),
            StepAt::Transform(index) => match self.task.steps.get(index) {
                Some(Step::Plugin(spec)) => (
                    format!("{}@{}", spec.plugin, spec.version),
                    Some(spec.digest.clone()),
                ),
                Some(Step::Sql(_)) => ("sql".into(), None),
                None => (format!("step {index}"), None),
            },
        }
    }

    async fn flush_step(&mut self, step: StepAt) -> Result<()> {
        let Some(held) = self.held.remove(&step) else {
            return Ok(());
        };
        let (label, digest) = self.step(step);
        let task = &self.task;
        let rows = held.batches.iter().map(|batch| batch.num_rows() as u64).sum();
        let place = match step {
            StepAt::Source => "source".to_owned(),
            StepAt::Contract => "contract".to_owned(),
            StepAt::Transform(index) => format!("step{index}"),
        };
        let slice = if task.key().is_whole() {
            "all".to_owned()
        } else {
            task.key().0
        };
        let artifact = format!(
            "quarantine/{}/{slice}/{}/{}-{place}-{}.parquet",
            task.asset, task.run, task.attempt, self.files
        );
        let bytes = tokio::task::spawn_blocking(move || encode(&held.batches))
            .await
            .map_err(|_| Error::from(FlowError::Lost("quarantine")))??;
        self.artifacts.put(&artifact, bytes).await?;
        self.files += 1;
        let mut codes: Vec<(String, u64)> = held.codes.into_iter().collect();
        codes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        self.entries.push(QuarantineEntry {
            artifact,
            run: self.task.run,
            asset: self.task.asset.clone(),
            partition: self.task.key(),
            step: label,
            digest,
            rows,
            codes,
        });
        Ok(())
    }
}

/// The rows with why they are here, before their own columns.
fn annotated(
    rejects: Rejects,
    label: &str,
    digest: Option<&Digest>,
    task: &PartitionTask,
) -> Result<RecordBatch, FlowError> {
    let rows = rejects.rows.num_rows();
    let repeated =
        |text: &str| Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows))) as ArrayRef;
    let digest: ArrayRef = match digest {
        Some(digest) => repeated(&digest.to_string()),
        None => Arc::new(StringArray::new_null(rows)),
    };
    let why: [(&str, ArrayRef); 6] = [
        ("_code", Arc::new(rejects.codes)),
        ("_message", Arc::new(rejects.messages)),
        ("_plugin", repeated(label)),
        ("_digest", digest),
        ("_run", repeated(&task.run.to_string())),
        ("_partition", repeated(&task.key().0)),
    ];
    let mut fields: Vec<Field> = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (name, column) in why {
        fields.push(Field::new(name, DataType::Utf8, column.is_nullable()));
        columns.push(column);
    }
    for (field, column) in rejects.rows.schema().fields().iter().zip(rejects.rows.columns()) {
        fields.push(field.as_ref().clone());
        columns.push(column.clone());
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

fn encode(batches: &[RecordBatch]) -> Result<Bytes, FlowError> {
    let kernel = |error: parquet::errors::ParquetError| FlowError::Kernel(error.to_string());
    let Some(first) = batches.first() else {
        return Ok(Bytes::new());
    };
    let mut writer = ArrowWriter::try_new(Vec::new(), first.schema(), None).map_err(kernel)?;
    for batch in batches {
        writer.write(batch).map_err(kernel)?;
    }
    writer.into_inner().map(Bytes::from).map_err(kernel)
}
