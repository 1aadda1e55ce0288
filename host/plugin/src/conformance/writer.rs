//! One load into a destination, call by call, with tokens that the suite chooses.

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use serde_json::Value;
use tidegate_core::Error;
use wasmtime::component::ResourceAny;

use super::subject::Subject;
use crate::error::Fault;
use crate::instance::{Instance, config_text, open};
use crate::v0_1::{self, DestinationPlugin, destination as wit};

/// A writer in an instance of its own.
pub(crate) struct Writer {
    instance: Instance<DestinationPlugin>,
    writer: ResourceAny,
}

/// What a load ended with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) rows: u64,
    pub(crate) bytes: Option<u64>,
    pub(crate) location: String,
}

impl Writer {
    /// Opens a writer of a load; `staged` is what an earlier one answered last.
    pub(crate) async fn open(
        subject: &Subject,
        config: &Value,
        schema: &Schema,
        token: &str,
        staged: Option<Vec<u8>>,
    ) -> Result<Self, Error> {
        let tried = subject.tried(0);
        let mut instance = open::<DestinationPlugin>(subject.opening(&tried, "destination")).await?;
        let name = instance.name.clone();
        let at = |fault: Fault| fault.at(&name, "open", None);
        let epoch = if staged.is_some() { 2 } else { 1 };
        let request = wit::Request {
            config: config_text(config),
            asset: "conformance".into(),
            partition: String::new(),
            mode: wit::LoadMode::Append,
            schema: v0_1::lower_schema(schema).map_err(|why| at(Fault::Schema(why)))?,
            key: Vec::new(),
            token: token.to_owned(),
            staged,
            epoch,
        };
        let writer = instance
            .call(async |store, plugin| {
                let destination = plugin.tidegate_plugin_destination();
                destination.writer().call_open(store, &request).await
            })
            .await
            .map_err(at)?;
        Ok(Self { instance, writer })
    }

    /// Writes a batch under a token.
    pub(crate) async fn write(&mut self, batch: &RecordBatch, token: &str) -> Result<(), Error> {
        let writer = self.writer;
        let answer = self
            .instance
            .call_with_batch(batch.clone(), async |store, plugin, batch| {
                let destination = plugin.tidegate_plugin_destination();
                destination.writer().call_write(store, writer, batch, token).await
            })
            .await;
        answer.map_err(|fault| fault.at(&self.instance.name, "write", None))
    }

    /// Makes durable what was written.
    pub(crate) async fn stage(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let writer = self.writer;
        let answer = self
            .instance
            .call(async |store, plugin| {
                let destination = plugin.tidegate_plugin_destination();
                destination.writer().call_stage(store, writer).await
            })
            .await;
        answer.map_err(|fault| fault.at(&self.instance.name, "stage", None))
    }

    /// Shows the load.
    pub(crate) async fn commit(&mut self) -> Result<Receipt, Error> {
        let writer = self.writer;
        let answer = self
            .instance
            .call(async |store, plugin| {
                let destination = plugin.tidegate_plugin_destination();
                destination.writer().call_commit(store, writer).await
            })
            .await;
        let receipt = answer.map_err(|fault| fault.at(&self.instance.name, "commit", None))?;
        Ok(Receipt {
            rows: receipt.row_count,
            bytes: receipt.byte_count,
            location: receipt.location,
        })
    }

    /// Forgets the load.
    pub(crate) async fn abort(&mut self) -> Result<(), Error> {
        let writer = self.writer;
        let answer = self
            .instance
            .call(async |store, plugin| {
                let destination = plugin.tidegate_plugin_destination();
                destination.writer().call_abort(store, writer).await
            })
            .await;
        answer.map_err(|fault| fault.at(&self.instance.name, "abort", None))
    }
}
