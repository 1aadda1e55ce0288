//! The plugin that is tried, and how it is bound: as a schema would grant it, with whatever it wants to write.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde_json::Value;
use tidegate_core::Error;
use tidegate_core::plan::{GrantSpec, OnReject, StepSpec};
use tidegate_core::schema::Limits;

use tidegate_core::port::LogSink;

use crate::bind::{Writes, bind_plugin};
use crate::catalog::Plugin;
use crate::instance::{InstanceGrant, Opening};
use crate::runtime::Runtime;
use crate::surroundings::Surroundings;
use crate::transform::PluginTransform;

/// A column of the stream that the plugin is not granted: which row of all the input it is. It names refused rows.
pub(crate) const ROW: &str = "tidegate:row";

/// What is tried.
pub struct Subject {
    /// The engine.
    pub runtime: Runtime,
    /// The plugin.
    pub plugin: Arc<Plugin>,
    /// What each instance may use.
    pub limits: Limits,
    /// Where its lines go.
    pub log: Arc<dyn LogSink>,
}

/// What an instance is opened with, but its place.
pub(crate) struct Tried {
    runtime: Runtime,
    grant: InstanceGrant,
}

impl Subject {
    /// Virtual surroundings of a seed, and the limits.
    pub(crate) fn tried(&self, seed: u64) -> Tried {
        Tried {
            runtime: self.runtime.within(Surroundings::Virtual { seed }),
            grant: InstanceGrant {
                memory_bytes: self.limits.memory.0,
                time_per_call_ms: self.limits.time_per_batch.0,
                output_bytes: self.limits.output.0,
                http: Vec::new(),
            },
        }
    }

    /// What an instance is opened with.
    pub(crate) fn opening<'a>(&'a self, tried: &'a Tried, place: &str) -> Opening<'a> {
        Opening {
            runtime: &tried.runtime,
            plugin: &self.plugin,
            place: place.to_owned(),
            grant: &tried.grant,
            log: self.log.clone(),
            secrets: &[],
        }
    }

    /// Binds the plugin to granted columns, in virtual surroundings of a seed.
    pub(crate) async fn bind(
        &self,
        config: &Value,
        shown: &Schema,
        seed: u64,
    ) -> Result<PluginTransform, Error> {
        let manifest = &self.plugin.manifest;
        let reads = shown.fields().iter().map(|field| field.name().clone());
        let step = StepSpec {
            index: 0,
            plugin: manifest.name.clone(),
            version: manifest.version.to_string(),
            digest: self.plugin.digest.clone(),
            config: config.clone(),
            grant: GrantSpec {
                reads: reads.collect(),
                writes: Vec::new(),
                memory_bytes: self.limits.memory.0,
                time_per_batch_ms: self.limits.time_per_batch.0,
                output_bytes: self.limits.output.0,
                http: Vec::new(),
            },
            drops: Vec::new(),
            on_reject: OnReject::Quarantine,
            instances: 1,
        };
        bind_plugin(
            self.opening(&self.tried(seed), "step 0"),
            &step,
            &stream(shown),
            Writes::Any,
        )
        .await
    }
}

/// The stream that reaches the plugin: the granted columns, and the row.
fn stream(shown: &Schema) -> SchemaRef {
    let row = Arc::new(Field::new(ROW, DataType::Int64, false));
    let fields = shown.fields().iter().cloned().chain([row]);
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The granted columns of a batch as a batch of the stream, its rows numbered from the first.
pub(crate) fn numbered(batch: &RecordBatch, first: usize) -> Result<RecordBatch, String> {
    let rows: Int64Array = (first..first + batch.num_rows()).map(|row| row as i64).collect();
    let rows: ArrayRef = Arc::new(rows);
    let columns = batch.columns().iter().cloned().chain([rows]);
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(stream(&batch.schema()), columns.collect(), &options)
        .map_err(|error| error.to_string())
}

/// Whether an error is the plugin's own word on its config, columns or data, and no breach of the contract or a limit.
pub(crate) fn is_fault(error: &Error) -> bool {
    matches!(
        error.code.as_str(),
        "plugin.config" | "plugin.input" | "plugin.data" | "plugin.retryable" | "plugin.fatal"
    )
}
