//! The answer's columns in types that the schema has words for.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::compute::cast;
use tidegate_core::types::LogicalType;

use crate::error::{Result, SqlError};

/// The schema of an answer: that of the statement, each type as the schema has it. Every value may be missing.
pub(crate) fn schema(answer: &Schema) -> Result<SchemaRef> {
    let fields = answer
        .fields()
        .iter()
        .map(|field| {
            let data_type = plain(field.data_type());
            if LogicalType::from_arrow(&data_type).is_none() {
                return Err(SqlError::Type {
                    column: field.name().clone(),
                    data_type: field.data_type().to_string(),
                });
            }
            // As the types' table has it: nullability of members, zones and all.
            let data_type = LogicalType::from_arrow(&data_type).map_or(data_type, |logical| logical.arrow());
            Ok(Field::new(field.name(), data_type, true))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

/// The same values in a type that is not another way to hold them.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Dictionary(_, values) => plain(values),
        DataType::Date64 => DataType::Date32,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => {
            let item = Field::new(item.name(), plain(item.data_type()), item.is_nullable());
            DataType::List(Arc::new(item))
        }
        other => other.clone(),
    }
}

/// A batch of an answer with the answer's schema.
pub(crate) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let broken = |error: arrow_schema::ArrowError| SqlError::Internal(error.to_string());
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            if column.data_type() == field.data_type() {
                Ok(column.clone())
            } else {
                cast(column, field.data_type()).map_err(broken)
            }
        })
        .collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(broken)
}
