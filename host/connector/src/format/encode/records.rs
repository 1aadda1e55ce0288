//! Rows as records of CSV or JSON Lines, such that the source of the same format reads the same values back.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_cast::cast;
use arrow_csv::WriterBuilder as CsvWriter;
use arrow_json::WriterBuilder as JsonWriter;
use arrow_json::writer::LineDelimited;
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema};

use crate::format::error::{FormatError, Result, shorten};

/// How rows are written as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TextFormat {
    /// RFC 4180 with a header; `null_text` stands for no value. Where it is not empty, no text may be equal to it.
    Csv { null_text: String },
    /// A JSON object a line; keys without a value are left out.
    Jsonl,
}

impl TextFormat {
    /// Adds a batch's records; the first batch of a file brings its header.
    pub(super) fn encode(&self, batch: &RecordBatch, first: bool, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Csv { null_text } => {
                if !null_text.is_empty() {
                    refuse_null_text(batch, null_text)?;
                }
                let plain = plain(batch, false)?;
                let builder = CsvWriter::new().with_header(first).with_null(null_text.clone());
                builder
                    .build(out)
                    .write(&plain)
                    .map_err(|error| self.failed(&plain, &error))
            }
            Self::Jsonl => {
                let plain = plain(batch, true)?;
                let mut writer = JsonWriter::new().build::<_, LineDelimited>(out);
                let written = writer.write(&plain).and_then(|()| writer.finish());
                written.map_err(|error| self.failed(&plain, &error))
            }
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Csv { .. } => "CSV",
            Self::Jsonl => "JSON Lines",
        }
    }

    /// Arrow does not say of which column it speaks; that it is an instant outside the calendar is all that there can be.
    fn failed(&self, batch: &RecordBatch, error: &ArrowError) -> FormatError {
        let instants = batch.schema().fields().iter().find_map(|field| {
            matches!(field.data_type(), DataType::Timestamp(..)).then(|| field.name().clone())
        });
        FormatError::Unwritable {
            column: instants.unwrap_or_default(),
            format: self.name(),
            reason: error.to_string(),
        }
    }
}

/// Fails where a text is what stands for no value.
fn refuse_null_text(batch: &RecordBatch, null_text: &str) -> Result<()> {
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let Some(texts) = column.as_string_opt::<i32>() else {
            continue;
        };
        if texts.iter().flatten().any(|text| text == null_text) {
            return Err(FormatError::Unwritable {
                column: field.name().clone(),
                format: "CSV",
                reason: format!("`{}` stands for no value", shorten(null_text)),
            });
        }
    }
    Ok(())
}

/// A batch of types whose text is read back as the same values: instants in UTC, durations as numbers. In JSON, which has
/// no NaN and no infinity, a column that holds one is written as text.
fn plain(batch: &RecordBatch, json: bool) -> Result<RecordBatch> {
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let mut wanted = plain_type(field.data_type());
        if json && odd_number(column.as_ref()) {
            if !matches!(wanted, DataType::Float32 | DataType::Float64) {
                return Err(FormatError::Unwritable {
                    column: field.name().clone(),
                    format: "JSON Lines",
                    reason: "it holds NaN or infinity inside".into(),
                });
            }
            wanted = DataType::Utf8;
        }
        let column = if *column.data_type() == wanted {
            Arc::clone(column)
        } else {
            cast(column, &wanted).map_err(FormatError::internal)?
        };
        fields.push(Field::new(field.name(), wanted, true));
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(FormatError::internal)
}

fn plain_type(data_type: &DataType) -> DataType {
    let plain_field = |field: &Field| {
        let data_type = plain_type(field.data_type());
        Arc::new(field.clone().with_data_type(data_type))
    };
    match data_type {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("+00:00".into())),
        DataType::Duration(_) => DataType::Int64,
        DataType::List(item) => DataType::List(plain_field(item)),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| plain_field(field)).collect::<Fields>())
        }
        other => other.clone(),
    }
}

/// Whether a column, or what lies in its lists, structs and maps, holds a number that is none or has no end.
fn odd_number(column: &dyn Array) -> bool {
    match column.data_type() {
        DataType::Float32 => {
            let values = column.as_primitive::<Float32Type>();
            values.iter().flatten().any(|value| !value.is_finite())
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            values.iter().flatten().any(|value| !value.is_finite())
        }
        DataType::List(_) => odd_number(column.as_list::<i32>().values()),
        DataType::Map(..) => column
            .as_map()
            .entries()
            .columns()
            .iter()
            .any(|column| odd_number(column)),
        DataType::Struct(_) => column
            .as_struct()
            .columns()
            .iter()
            .any(|column| odd_number(column)),
        _ => false,
    }
}
