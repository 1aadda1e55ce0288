//! A bound plugin as a step of the data path.

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use tidegate_core::Error;
use tidegate_core::batch::Processed;
use tidegate_core::port::Transform;
use wasmtime::component::Resource;

use crate::apply;
use crate::bind::{Bound, said};
use crate::error::{Fault, StepName};
use crate::limits::MAX_SNAPSHOT_BYTES;
use crate::sandbox::call;
use crate::shape::{BoundShape, Lineage};
use crate::v0_1::HostBatch;

/// A bound plugin. After an error the instance is in no state to be called again.
pub struct PluginTransform {
    name: StepName,
    label: String,
    shape: BoundShape,
    shown: SchemaRef,
    bound: Bound,
}

impl PluginTransform {
    pub(crate) fn new(name: StepName, shape: BoundShape, shown: SchemaRef, bound: Bound) -> Self {
        let label = format!("{}@{}", name.plugin, name.version);
        Self {
            name,
            label,
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
        let Bound {
            store,
            plugin,
            transformer,
        } = &mut self.bound;
        let held = store
            .data_mut()
            .table
            .push(HostBatch(shown))
            .map_err(|error| Fault::Host(error.to_string()))?;
        let borrowed = Resource::new_borrow(held.rep());
        let answer = call(store, async |store| {
            plugin
                .tidegate_plugin_transform()
                .transformer()
                .call_process(store, *transformer, borrowed)
                .await
        })
        .await;
        store
            .data_mut()
            .table
            .delete(held)
            .map_err(|error| Fault::Host(error.to_string()))?;
        match answer? {
            Ok(done) => apply::processed(
                &self.shape,
                batch,
                done,
                self.bound.store.data().output_bytes(),
                |text| self.bound.store.data().redact(text),
            ),
            Err(fault) => Err(said(store.data(), fault)),
        }
    }

    async fn end(&mut self) -> Result<Processed, Fault> {
        let Bound {
            store,
            plugin,
            transformer,
        } = &mut self.bound;
        let answer = call(store, async |store| {
            plugin
                .tidegate_plugin_transform()
                .transformer()
                .call_finish(store, *transformer)
                .await
        })
        .await?;
        match answer {
            Ok(outputs) => apply::finished(&self.shape, outputs),
            Err(fault) => Err(said(store.data(), fault)),
        }
    }

    async fn save(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let Bound {
            store,
            plugin,
            transformer,
        } = &mut self.bound;
        let answer = call(store, async |store| {
            plugin
                .tidegate_plugin_transform()
                .transformer()
                .call_snapshot(store, *transformer)
                .await
        })
        .await?;
        match answer {
            Ok(Some(state)) if state.len() > MAX_SNAPSHOT_BYTES => Err(Fault::Contract(format!(
                "its snapshot has {} bytes; {MAX_SNAPSHOT_BYTES} are allowed",
                state.len()
            ))),
            Ok(state) => Ok(state),
            Err(fault) => Err(said(store.data(), fault)),
        }
    }

    async fn load(&mut self, state: &[u8]) -> Result<(), Fault> {
        let Bound {
            store,
            plugin,
            transformer,
        } = &mut self.bound;
        let answer = call(store, async |store| {
            plugin
                .tidegate_plugin_transform()
                .transformer()
                .call_restore(store, *transformer, state)
                .await
        })
        .await?;
        answer.map_err(|fault| said(store.data(), fault))
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
            .map_err(|fault| fault.at_step(&self.name, "process", Some(sequence)))
    }

    async fn finish(&mut self) -> Result<Processed, Error> {
        self.end()
            .await
            .map_err(|fault| fault.at_step(&self.name, "finish", None))
    }

    async fn snapshot(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.save()
            .await
            .map_err(|fault| fault.at_step(&self.name, "snapshot", None))
    }

    async fn restore(&mut self, state: &[u8]) -> Result<(), Error> {
        self.load(state)
            .await
            .map_err(|fault| fault.at_step(&self.name, "restore", None))
    }
}
