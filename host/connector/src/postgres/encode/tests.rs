//! What is written is read again as it was.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array,
    DurationMillisecondArray, Float64Array, Int64Array, ListArray, StringArray, TimestampSecondArray,
    UInt64Array,
};
use arrow_buffer::i256;
use tidegate_core::schema::Column;
use tidegate_core::types::LogicalType;

use super::super::decode::{Decoder, Found, plan};
use super::super::types::column_type;
use super::*;

/// What a server would have each type as.
fn found(data_type: &LogicalType) -> Found {
    let kind = match data_type {
        LogicalType::Boolean => "BOOL",
        LogicalType::Int64 => "INT8",
        LogicalType::UInt64 | LogicalType::Decimal { .. } => "NUMERIC",
        LogicalType::Float64 => "FLOAT8",
        LogicalType::Utf8 => "TEXT",
        LogicalType::Binary => "BYTEA",
        LogicalType::Date32 => "DATE",
        LogicalType::Timestamp(..) => "TIMESTAMP",
        LogicalType::Duration(_) => "INTERVAL",
        LogicalType::List(_) => return Found::Array(Box::new(Found::Plain("INT4".into()))),
        _ => "JSONB",
    };
    Found::Plain(kind.into())
}

/// A column of each type: values at its ends, and one that is missing.
fn columns() -> Vec<ArrayRef> {
    let decimals = |values: Vec<Option<i128>>, precision, scale| -> ArrayRef {
        Arc::new(
            Decimal128Array::from(values)
                .with_precision_and_scale(precision, scale)
                .unwrap(),
        )
    };
    let wide = |power: u32| i256::from_i128(10).checked_pow(power).unwrap();
    vec![
        Arc::new(BooleanArray::from(vec![
            Some(true),
            None,
            Some(false),
            Some(true),
        ])),
        Arc::new(Int64Array::from(vec![
            Some(i64::MIN),
            None,
            Some(0),
            Some(i64::MAX),
        ])),
        Arc::new(UInt64Array::from(vec![
            Some(0),
            None,
            Some(10_000),
            Some(u64::MAX),
        ])),
        decimals(
            vec![Some(1), None, Some(-123_456_789), Some(10_i128.pow(12) - 1)],
            12,
            2,
        ),
        decimals(
            vec![Some(10_i128.pow(38) - 1), None, Some(-1), Some(10_i128.pow(37))],
            38,
            37,
        ),
        decimals(vec![Some(120_000), None, Some(0), Some(-5)], 9, 4),
        Arc::new(
            Decimal256Array::from(vec![
                Some(wide(75)),
                None,
                Some(i256::ZERO.wrapping_sub(wide(3))),
                Some(i256::from_i128(7)),
            ])
            .with_precision_and_scale(76, 5)
            .unwrap(),
        ),
        Arc::new(Float64Array::from(vec![
            Some(f64::MIN),
            None,
            Some(f64::INFINITY),
            Some(-0.0),
        ])),
        Arc::new(StringArray::from(vec![
            Some("täglich"),
            None,
            Some(""),
            Some("a\nb"),
        ])),
        Arc::new(BinaryArray::from(vec![
            Some(&b"\0\xff"[..]),
            None,
            Some(b""),
            Some(b"x"),
        ])),
        Arc::new(Date32Array::from(vec![
            Some(-2_440_588),
            None,
            Some(0),
            Some(2_145_042_905),
        ])),
        Arc::new(TimestampSecondArray::from(vec![
            Some(-210_866_803_200),
            None,
            Some(0),
            Some(9_224_318_015_999),
        ])),
        Arc::new(DurationMillisecondArray::from(vec![
            Some(-86_400_001),
            None,
            Some(0),
            Some(90_000_000_000),
        ])),
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(1), None]),
            None,
            Some(vec![]),
            Some(vec![Some(-1)]),
        ])),
    ]
}

#[test]
fn values_come_back_as_they_went() {
    let columns = columns();
    let types: Vec<LogicalType> = columns
        .iter()
        .map(|column| LogicalType::from_arrow(column.data_type()).unwrap())
        .collect();
    let schema = Arc::new(arrow_schema::Schema::new(
        types
            .iter()
            .enumerate()
            .map(|(index, data_type)| Column::new(&format!("c{index}"), data_type.clone()).field())
            .collect::<Vec<_>>(),
    ));
    let batch = RecordBatch::try_new(schema.clone(), columns).unwrap();
    let wires = types
        .iter()
        .map(|data_type| column_type(&Column::new("c", data_type.clone())).unwrap().1)
        .collect();
    let mut encoder = Encoder::new(wires);
    // Slices begin where they begin, not at the column's first value.
    encoder.push(&batch.slice(0, 1)).unwrap();
    encoder.push(&batch.slice(1, 3)).unwrap();
    encoder.finish();
    let bytes = encoder.take();
    let shapes: Vec<_> = types
        .iter()
        .map(|data_type| plan("c", data_type, &found(data_type)).unwrap().1)
        .collect();
    let mut decoder = Decoder::new(schema, &shapes, false, 100);
    decoder.push(&bytes).unwrap();
    let read = decoder.finish().unwrap().unwrap();
    decoder.end().unwrap();
    assert!(read.rejects.is_none(), "{:?}", read.rejects);
    assert_eq!(read.batch, batch);
}
