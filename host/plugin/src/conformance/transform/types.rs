//! A column of each type of the contract in the place of each granted one: refused by `bind`, or read without a trap.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::{Field, Schema};
use arrow_select::take::take;
use serde_json::{Value, json};
use tidegate_core::types::LogicalType;

use super::Case;
use crate::conformance::finding::{Seen, Verdict};
use crate::conformance::run::{Stopped, run};
use crate::conformance::subject::is_fault;
use crate::conformance::values::batch;

/// How many rows are tried of each type: more than it has values, so that each value meets each other column's.
const ROWS: usize = 12;

/// Each type of the contract with values at its edges, as an example's file writes them. A missing one is added.
fn types() -> Vec<(&'static str, Vec<Value>)> {
    let instants = || {
        vec![
            json!("1970-01-01T00:00:00"),
            json!("1969-12-31T23:59:59"),
            json!("2024-02-29T12:34:56"),
        ]
    };
    vec![
        ("boolean", vec![json!(true), json!(false)]),
        ("int8", vec![json!(i8::MIN), json!(0), json!(i8::MAX)]),
        ("int16", vec![json!(i16::MIN), json!(0), json!(i16::MAX)]),
        ("int32", vec![json!(i32::MIN), json!(0), json!(i32::MAX)]),
        ("int64", vec![json!(i64::MIN), json!(0), json!(i64::MAX)]),
        ("uint8", vec![json!(0), json!(u8::MAX)]),
        ("uint16", vec![json!(0), json!(u16::MAX)]),
        ("uint32", vec![json!(0), json!(u32::MAX)]),
        ("uint64", vec![json!(0), json!(u64::MAX)]),
        (
            "float32",
            vec![json!(-0.0), json!(1.5), json!("NaN"), json!("inf")],
        ),
        (
            "float64",
            vec![json!(-0.0), json!(1e308), json!("NaN"), json!("-inf")],
        ),
        (
            "decimal(38,2)",
            vec![
                json!("-1.25"),
                json!("0.00"),
                json!("999999999999999999999999999999999999.99"),
            ],
        ),
        ("decimal(76,10)", vec![json!("-1.25"), json!("0")]),
        (
            "utf8",
            vec![json!(""), json!("plain"), json!("žluťoučký 🐎\u{0}")],
        ),
        ("binary", vec![json!(""), json!("00ff")]),
        ("fixed_binary(4)", vec![json!("00000000"), json!("deadbeef")]),
        (
            "date32",
            vec![json!("1970-01-01"), json!("0001-01-01"), json!("9999-12-31")],
        ),
        ("time64(us)", vec![json!("00:00:00"), json!("23:59:59.999999")]),
        ("time64(ns)", vec![json!("00:00:00"), json!("23:59:59.999999999")]),
        ("timestamp(s)", instants()),
        ("timestamp(ms)", instants()),
        ("timestamp(us)", instants()),
        ("timestamp(ns)", instants()),
        ("timestamp(ms, UTC)", instants()),
        ("timestamp(us, Asia/Tokyo)", instants()),
        ("duration(s)", vec![json!(-1), json!(0), json!(86_400)]),
        ("duration(ms)", vec![json!(-1), json!(0)]),
        ("duration(us)", vec![json!(-1), json!(0)]),
        ("duration(ns)", vec![json!(-1), json!(0)]),
        ("list(int64)", vec![json!([]), json!([1, null, 3])]),
        (
            "struct(a: int8, b: utf8)",
            vec![json!({"a": 1, "b": "x"}), json!({"a": null, "b": null})],
        ),
        ("map(utf8, int64)", vec![json!({}), json!({"a": 1, "b": null})]),
    ]
}

impl Case<'_> {
    /// Each granted column as each type.
    pub(super) async fn every_type(&self) -> Verdict {
        if self.schema.fields().is_empty() {
            return Ok(Seen::Skipped("no column is granted".into()));
        }
        let (mut tried, mut read) = (0, 0);
        for (text, values) in types() {
            let logical: LogicalType = text.parse().map_err(|error| format!("{text}: {error}"))?;
            for place in 0..self.schema.fields().len() {
                tried += 1;
                let batch = self.retyped(place, &logical, &values)?;
                let name = self.schema.field(place).name();
                let place = format!("the column `{name}` as {text}");
                match run(
                    self.subject,
                    self.config,
                    &batch.schema(),
                    std::slice::from_ref(&batch),
                    0,
                )
                .await
                {
                    Ok(_) => read += 1,
                    Err(Stopped::Plugin(error)) if is_fault(&error) => {}
                    Err(stopped) => {
                        return Err(format!("{place}: expected a fault or rows, found {stopped}"));
                    }
                }
            }
        }
        Ok(Seen::Passed(format!(
            "{read} of {tried} read, the others refused"
        )))
    }

    /// The example's rows, over and over, with one column of another type.
    fn retyped(&self, place: usize, logical: &LogicalType, values: &[Value]) -> Result<RecordBatch, String> {
        let field = self.schema.field(place);
        let other = Arc::new(Field::new(field.name(), logical.arrow(), true));
        let rows: Vec<Vec<Value>> = (0..ROWS)
            .map(|row| {
                vec![
                    values
                        .get(row % (values.len() + 1))
                        .cloned()
                        .unwrap_or(Value::Null),
                ]
            })
            .collect();
        let made = batch(&Arc::new(Schema::new(vec![other.clone()])), &rows);
        let made = made
            .map_err(|bad| format!("{logical}: {}", bad.why))?
            .column(0)
            .clone();
        let own = self.rows()?;
        let mut fields = self.schema.fields().to_vec();
        fields[place] = other;
        let mut columns = Vec::new();
        let rows = if own.num_rows() == 0 { 0 } else { ROWS };
        let indices: UInt32Array = (0..rows).map(|row| (row % own.num_rows()) as u32).collect();
        for (index, column) in own.columns().iter().enumerate() {
            columns.push(if index == place {
                made.slice(0, rows)
            } else {
                take(column, &indices, None).map_err(|error| error.to_string())?
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
            .map_err(|error| error.to_string())
    }
}
