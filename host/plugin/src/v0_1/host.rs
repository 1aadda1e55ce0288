//! What a guest may call.

use tidegate_core::port::LogLevel;
use wasmtime::component::Resource;

use super::HostBatch;
use super::bindings::tidegate::plugin::{batches, host};
use super::lower::lower;
use super::types::Column;
use crate::sandbox::{Breach, Sandbox};

impl batches::Host for Sandbox {}

impl batches::HostBatch for Sandbox {
    fn row_count(&mut self, batch: Resource<HostBatch>) -> wasmtime::Result<u32> {
        Ok(self.table.get(&batch)?.0.num_rows() as u32)
    }

    fn column(&mut self, batch: Resource<HostBatch>, index: u32) -> wasmtime::Result<Column> {
        let batch = &self.table.get(&batch)?.0;
        match batch.columns().get(index as usize) {
            Some(column) => Ok(lower(column.as_ref())),
            None => Err(Breach(format!(
                "it asks for column {index}, and {} are granted",
                batch.num_columns()
            ))
            .into()),
        }
    }

    fn drop(&mut self, batch: Resource<HostBatch>) -> wasmtime::Result<()> {
        self.table.delete(batch)?;
        Ok(())
    }
}

impl host::Host for Sandbox {
    fn log(
        &mut self,
        level: host::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let level = match level {
            host::Level::Debug => LogLevel::Debug,
            host::Level::Info => LogLevel::Info,
            host::Level::Warn => LogLevel::Warn,
            host::Level::Error => LogLevel::Error,
        };
        Sandbox::log(self, level, message, fields);
        Ok(())
    }

    fn progress(&mut self, message: String) -> wasmtime::Result<()> {
        Sandbox::log(self, LogLevel::Debug, message, Vec::new());
        Ok(())
    }
}
