//! Rows as an example's file writes them, to Arrow and back.
//!
//! Values are JSON. Times are RFC 3339 or ISO 8601 text, bytes hexadecimal text, decimals and large integers text or
//! numbers, durations numbers in their unit, structs and maps objects.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch, RecordBatchOptions};
use arrow_json::ReaderBuilder;
use arrow_json::writer::{EncoderOptions, make_encoder};
use arrow_schema::{Field, SchemaRef};
use serde_json::{Map, Value};

/// A row as a list of values, in the order of the columns.
pub(crate) type Row = Vec<Value>;

/// What is wrong with a row: its place among the rows, and why.
#[derive(Debug)]
pub(crate) struct BadRow {
    pub(crate) row: usize,
    pub(crate) why: String,
}

/// Rows to a batch of a schema.
pub(crate) fn batch(schema: &SchemaRef, rows: &[Row]) -> Result<RecordBatch, BadRow> {
    for (row, values) in rows.iter().enumerate() {
        if values.len() != schema.fields().len() {
            let why = format!(
                "the row has {} values, and there are {} columns",
                values.len(),
                schema.fields().len()
            );
            return Err(BadRow { row, why });
        }
        // The decoder would cut the fraction off.
        if let Some((field, value)) = (schema.fields().iter().zip(values))
            .find(|(field, value)| field.data_type().is_integer() && value.is_f64())
        {
            let why = format!("`{value}` is no {}", field.data_type());
            return Err(BadRow { row, why });
        }
        // One row at a time, so that a value that does not fit is named with its row.
        decode(schema, std::slice::from_ref(values)).map_err(|why| BadRow { row, why })?;
    }
    decode(schema, rows).map_err(|why| BadRow { row: 0, why })
}

fn decode(schema: &SchemaRef, rows: &[Row]) -> Result<RecordBatch, String> {
    let empty = || {
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(schema.clone(), Vec::new(), &options)
    };
    if schema.fields().is_empty() {
        return empty().map_err(|error| error.to_string());
    }
    if rows.is_empty() {
        return Ok(RecordBatch::new_empty(schema.clone()));
    }
    let objects: Vec<Map<String, Value>> = rows
        .iter()
        .map(|row| {
            let names = schema.fields().iter().map(|field| field.name().clone());
            names.zip(row.iter().cloned()).collect()
        })
        .collect();
    let mut decoder = ReaderBuilder::new(schema.clone())
        .with_batch_size(rows.len())
        .build_decoder()
        .map_err(|error| error.to_string())?;
    decoder.serialize(&objects).map_err(|error| error.to_string())?;
    let batch = decoder.flush().map_err(|error| error.to_string())?;
    batch.ok_or_else(|| "there are no rows".to_owned())
}

/// One value as an example's file writes it.
pub(crate) fn shown(array: &dyn Array, row: usize) -> String {
    if array.is_null(row) {
        return "null".to_owned();
    }
    let field = Arc::new(Field::new("value", array.data_type().clone(), true));
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let one = array.slice(row, 1);
    let mut text = Vec::new();
    match make_encoder(&field, one.as_ref(), &options) {
        Ok(mut encoder) => encoder.encode(0, &mut text),
        Err(error) => return format!("<{error}>"),
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]
mod tests {
    use arrow_schema::{DataType, Schema, TimeUnit};
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_every_kind_come_back_as_they_were_written() {
        let cases = [
            (DataType::Boolean, json!(true), "true"),
            (DataType::Int64, json!("9007199254740993"), "9007199254740993"),
            (DataType::UInt64, json!(u64::MAX), "18446744073709551615"),
            (DataType::Float64, json!(-0.0), "-0.0"),
            (DataType::Float32, json!(0.1), "0.1"),
            (
                DataType::Decimal128(20, 2),
                json!("123456789012345678.90"),
                "123456789012345678.90",
            ),
            (DataType::Utf8, json!("žluť"), "\"žluť\""),
            (DataType::Binary, json!("00ff"), "\"00ff\""),
            (DataType::FixedSizeBinary(2), json!("00ff"), "\"00ff\""),
            (DataType::Date32, json!("2024-02-29"), "\"2024-02-29\""),
            (
                DataType::Time64(TimeUnit::Microsecond),
                json!("23:59:59.5"),
                "\"23:59:59.500\"",
            ),
            (
                DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
                json!("2024-02-29T12:00:00+02:00"),
                "\"2024-02-29T10:00:00Z\"",
            ),
            (
                DataType::Timestamp(TimeUnit::Second, None),
                json!("2024-02-29T12:00:00"),
                "\"2024-02-29T12:00:00\"",
            ),
            (
                DataType::List(Arc::new(Field::new_list_field(DataType::Int8, true))),
                json!([1, null]),
                "[1,null]",
            ),
        ];
        for (data_type, value, expected) in cases {
            let schema = Arc::new(Schema::new(vec![Field::new("v", data_type.clone(), true)]));
            let batch = batch(&schema, &[vec![value], vec![Value::Null]]).unwrap();
            assert_eq!(shown(batch.column(0), 0), expected, "{data_type}");
            assert_eq!(shown(batch.column(0), 1), "null");
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_named_with_its_row() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int8, false)]));
        for value in [json!(300), json!("x"), json!(1.5), Value::Null] {
            let bad = batch(&schema, &[vec![json!(1)], vec![value.clone()]]).unwrap_err();
            assert_eq!(bad.row, 1, "{value}: {}", bad.why);
        }
        let bad = batch(&schema, &[vec![]]).unwrap_err();
        assert_eq!(bad.why, "the row has 0 values, and there are 1 columns");
    }
}
