//! Batches as blocks of a size: what one `INSERT` carries, as an Arrow stream that can be sent again.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_cast::cast;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use tidegate_core::types::LogicalType;

use super::error::{ClickHouseError, Result};
use super::types::wire_type;

/// Cuts blocks, always at the same rows for the same batches.
pub(super) struct BlockBuilder {
    schema: SchemaRef,
    limit_bytes: usize,
    writer: Option<StreamWriter<Vec<u8>>>,
    rows: u64,
}

/// A block: an Arrow stream of all its rows.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) body: Bytes,
    pub(super) rows: u64,
}

impl BlockBuilder {
    /// Blocks of batches of this schema, of about so many bytes.
    pub(super) fn new(schema: &Schema, limit_bytes: u64) -> Result<Self> {
        let fields = schema
            .fields()
            .iter()
            .map(|field| {
                let data_type = LogicalType::from_arrow(field.data_type()).ok_or_else(|| {
                    ClickHouseError::Internal(format!(
                        "`{}` has a type that the schema has no word for",
                        field.name()
                    ))
                })?;
                Ok(Field::new(
                    field.name(),
                    wire_type(&data_type),
                    field.is_nullable(),
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            schema: Arc::new(Schema::new(fields)),
            limit_bytes: usize::try_from(limit_bytes).unwrap_or(usize::MAX),
            writer: None,
            rows: 0,
        })
    }

    /// Adds a batch; answers a block once it is large enough.
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<Option<Block>> {
        let columns = batch
            .columns()
            .iter()
            .zip(self.schema.fields())
            .map(|(column, field)| crossing(column, field.data_type()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| broken(&error))?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let crossing = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|error| broken(&error))?;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            empty => {
                let buffer = Vec::with_capacity(self.limit_bytes.min(64 << 20) + (1 << 20));
                let writer = StreamWriter::try_new(buffer, &self.schema).map_err(|error| broken(&error))?;
                empty.insert(writer)
            }
        };
        writer.write(&crossing).map_err(|error| broken(&error))?;
        self.rows += batch.num_rows() as u64;
        if writer.get_ref().len() >= self.limit_bytes {
            self.take()
        } else {
            Ok(None)
        }
    }

    /// The block so far, if there are rows.
    pub(super) fn take(&mut self) -> Result<Option<Block>> {
        let Some(mut writer) = self.writer.take() else {
            return Ok(None);
        };
        writer.finish().map_err(|error| broken(&error))?;
        let body = writer.into_inner().map_err(|error| broken(&error))?;
        let rows = std::mem::take(&mut self.rows);
        Ok(Some(Block {
            body: body.into(),
            rows,
        }))
    }
}

fn crossing(column: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    if column.data_type() == data_type {
        Ok(column.clone())
    } else {
        cast(column, data_type)
    }
}

fn broken(error: &ArrowError) -> ClickHouseError {
    ClickHouseError::Internal(format!("a batch could not be encoded: {error}"))
}
