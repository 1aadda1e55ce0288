//! A bound plugin as a step of the data path.

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use tidegate_core::Error;
use tidegate_core::batch::Processed;
use tidegate_core::port::Transform;

use crate::apply;
use crate::bind::Bound;
use crate::error::Fault;
use crate::limits::MAX_SNAPSHOT_BYTES;
use crate::shape::{BoundShape, Lineage};

/// A bound plugin. After an error the instance is in no state to be called again.
pub struct PluginTransform {
    label: String,
    shape: BoundShape,
    shown: SchemaRef,
    bound: Bound,
}

impl PluginTransform {
    pub(crate) fn new(shape: BoundShape, shown: SchemaRef, bound: Bound) -> Self {
        Self {
            label: bound.instance.name.label(),
            shape,
            shown,
            bound,
        }
    }

    /// The columns that the plugin is shown.
    pub fn shown(&self) -> &Schema {
        &self.shown
    }

    /// Where each column behind this step comes from, as the sandbox enforces it.
    pub fn lineage(&self) -> &Lineage {
        &self.shape.lineage
    }

    async fn run(&mut self, batch: &RecordBatch) -> Result<Processed, Fault> {
        let shown = batch
            .project(&self.shape.granted)
            .map_err(|error| Fault::Host(error.to_string()))?;
        let transformer = self.bound.transformer;
        let done = self
            .bound
            .instance
            .call_with_batch(shown, async |store, plugin, batch| {
                plugin
                    .tidegate_plugin_transform()
                    .transformer()
                    .call_process(store, transformer, batch)
                    .await
            })
            .await?;
        let sandbox = self.bound.instance.store.data();
        apply::processed(&self.shape, batch, done, sandbox.output_bytes(), |text| {
            sandbox.redact(text)
        })
    }

    async fn end(&mut self) -> Result<Processed, Fault> {
        let transformer = self.bound.transformer;
        let outputs = self
            .bound
            .instance
            .call(async |store, plugin| {
                plugin
                    .tidegate_plugin_transform()
                    .transformer()
                    .call_finish(store, transformer)
                    .await
            })
            .await?;
        apply::finished(&self.shape, outputs)
    }

    async fn save(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let transformer = self.bound.transformer;
        let state = self
            .bound
            .instance
            .call(async |store, plugin| {
                plugin
                    .tidegate_plugin_transform()
                    .transformer()
                    .call_snapshot(store, transformer)
                    .await
            })
            .await?;
        checked_snapshot(state)
    }

    async fn load(&mut self, state: &[u8]) -> Result<(), Fault> {
        let transformer = self.bound.transformer;
        self.bound
            .instance
            .call(async |store, plugin| {
                plugin
                    .tidegate_plugin_transform()
                    .transformer()
                    .call_restore(store, transformer, state)
                    .await
            })
            .await
    }

    fn at(&self, fault: &Fault, call: &str, batch: Option<u64>) -> Error {
        fault.at(&self.bound.instance.name, call, batch)
    }
}

/// A state that a guest gave, once it is not too large.
pub(crate) fn checked_snapshot(state: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, Fault> {
    match state {
        Some(state) if state.len() > MAX_SNAPSHOT_BYTES => Err(Fault::Contract(format!(
            "its snapshot has {} bytes; {MAX_SNAPSHOT_BYTES} are allowed",
            state.len()
        ))),
        state => Ok(state),
    }
}

#[async_trait]
impl Transform for PluginTransform {
    fn name(&self) -> &str {
        &self.label
    }

    fn output_schema(&self) -> SchemaRef {
        self.shape.schema.clone()
    }

    async fn process(&mut self, batch: RecordBatch, sequence: u64) -> Result<Processed, Error> {
        self.run(&batch)
            .await
            .map_err(|fault| self.at(&fault, "process", Some(sequence)))
    }

    async fn finish(&mut self) -> Result<Processed, Error> {
        self.end().await.map_err(|fault| self.at(&fault, "finish", None))
    }

    async fn snapshot(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.save()
            .await
            .map_err(|fault| self.at(&fault, "snapshot", None))
    }

    async fn restore(&mut self, state: &[u8]) -> Result<(), Error> {
        self.load(state)
            .await
            .map_err(|fault| self.at(&fault, "restore", None))
    }
}
