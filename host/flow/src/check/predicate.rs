//! What can be wrong with a row by itself. No value is ever shown: it may be a person's.

use std::collections::HashSet;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, RecordBatch, Scalar, StringArray};
use arrow_buffer::NullBuffer;
use arrow_cast::{CastOptions, cast, cast_with_options};
use arrow_ord::cmp::{gt, lt};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{DataType, Schema};
use arrow_select::concat::concat;
use regex::Regex;
use serde_json::Value;

use super::column;
use crate::error::FlowError;

/// Counts the rows of a batch that it finds fault with.
pub(super) struct Predicate {
    /// What such rows are or have, for people: `have no `id``.
    pub(super) fault: String,
    /// Counts them.
    pub(super) failing: Failing,
}

type Failing = Box<dyn Fn(&RecordBatch) -> Result<u64, FlowError> + Send + Sync>;

/// Rows in which a value of one of the columns is missing.
pub(super) fn not_null(columns: &[String], loaded: &Schema) -> Result<Predicate, FlowError> {
    let places: Vec<usize> = columns
        .iter()
        .map(|name| Ok(column(name, loaded)?.0))
        .collect::<Result<_, FlowError>>()?;
    let failing = move |batch: &RecordBatch| {
        let missing = places.iter().fold(None, |missing: Option<NullBuffer>, place| {
            NullBuffer::union(missing.as_ref(), batch.column(*place).logical_nulls().as_ref())
        });
        Ok(missing.map_or(0, |nulls| nulls.null_count() as u64))
    };
    Ok(Predicate {
        fault: format!("have no `{}`", columns.join("` or no `")),
        failing: Box::new(failing),
    })
}

/// Rows with another value than those.
pub(super) fn accepted_values(name: &str, values: &[Value], loaded: &Schema) -> Result<Predicate, FlowError> {
    let (place, data_type) = column(name, loaded)?;
    let literals: Vec<ArrayRef> = values
        .iter()
        .map(|value| literal(name, value, data_type))
        .collect::<Result<_, _>>()?;
    let literals: Vec<&dyn Array> = literals.iter().map(AsRef::as_ref).collect();
    // Values of any type are compared by their bytes, all of a batch in one buffer.
    let converter = RowConverter::new(vec![SortField::new(data_type.clone())])
        .map_err(|_| incomparable(name, data_type))?;
    let accepted: HashSet<Box<[u8]>> = converter
        .convert_columns(&[concat(&literals)?])?
        .iter()
        .map(|row| Box::from(row.as_ref()))
        .collect();
    let failing = move |batch: &RecordBatch| {
        let values = batch.column(place);
        let rows = converter.convert_columns(std::slice::from_ref(values))?;
        let others = rows
            .iter()
            .enumerate()
            .filter(|(row, bytes)| values.is_valid(*row) && !accepted.contains(bytes.as_ref()));
        Ok(others.count() as u64)
    };
    Ok(Predicate {
        fault: format!("have another `{name}` than is accepted"),
        failing: Box::new(failing),
    })
}

/// Rows with a value that is less or greater.
pub(super) fn range(
    name: &str,
    min: Option<&Value>,
    max: Option<&Value>,
    loaded: &Schema,
) -> Result<Predicate, FlowError> {
    let (place, data_type) = column(name, loaded)?;
    if data_type.is_nested() {
        return Err(incomparable(name, data_type));
    }
    // Arrow orders -0.0 below 0.0, and NaN beyond the infinities: both zeros are one bound, and no NaN is in a range.
    let bound = |value: Option<&Value>, zero: f64, end: f64| -> Result<_, FlowError> {
        let bound = match value {
            Some(value) if data_type.is_floating() && value.as_f64() == Some(0.0) => float(zero, data_type)?,
            Some(value) => literal(name, value, data_type)?,
            None if data_type.is_floating() => float(end, data_type)?,
            None => return Ok(None),
        };
        Ok(Some(Scalar::new(bound)))
    };
    let least = bound(min, -0.0, f64::NEG_INFINITY)?;
    let greatest = bound(max, 0.0, f64::INFINITY)?;
    if let (Some(least), Some(greatest)) = (&least, &greatest)
        && gt(least, greatest)?.value(0)
    {
        return Err(FlowError::Unchecked {
            why: format!("no `{name}` is at least `min` and at most `max`"),
            hint: "correct one of the two".into(),
        });
    }
    let fault = match (min, max) {
        (Some(min), Some(max)) => format!("have a `{name}` below {min} or above {max}"),
        (Some(min), None) => format!("have a `{name}` below {min}"),
        (None, Some(max)) => format!("have a `{name}` above {max}"),
        (None, None) => format!("have a `{name}` out of range"),
    };
    let failing = move |batch: &RecordBatch| {
        let values = batch.column(place);
        let below = least.as_ref().map(|least| lt(values, least)).transpose()?;
        let above = greatest
            .as_ref()
            .map(|greatest| gt(values, greatest))
            .transpose()?;
        // No value is both.
        let count = |found: Option<BooleanArray>| found.map_or(0, |found| found.true_count() as u64);
        Ok(count(below) + count(above))
    };
    Ok(Predicate {
        fault,
        failing: Box::new(failing),
    })
}

/// Rows with a text that a pattern is not found in.
pub(super) fn pattern(name: &str, pattern: &str, loaded: &Schema) -> Result<Predicate, FlowError> {
    let (place, data_type) = column(name, loaded)?;
    if *data_type != DataType::Utf8 {
        return Err(FlowError::Unchecked {
            why: format!("the column `{name}` is no text, so no pattern can be found in it"),
            hint: "name a column of type utf8".into(),
        });
    }
    let regex = Regex::new(pattern).map_err(|error| FlowError::Unchecked {
        why: format!("the pattern is none: {error}"),
        hint: "patterns are those of Rust's crate regex: no look-around, no back references".into(),
    })?;
    let failing = move |batch: &RecordBatch| {
        let texts = batch.column(place).as_string::<i32>();
        let others = texts.iter().flatten().filter(|text| !regex.is_match(text));
        Ok(others.count() as u64)
    };
    Ok(Predicate {
        fault: format!("have a `{name}` without the pattern"),
        failing: Box::new(failing),
    })
}

/// A number of a column of floats.
fn float(value: f64, data_type: &DataType) -> Result<ArrayRef, FlowError> {
    Ok(cast(&Float64Array::from(vec![value]), data_type)?)
}

/// A value of the schema in a column's type.
fn literal(name: &str, value: &Value, data_type: &DataType) -> Result<ArrayRef, FlowError> {
    let wrong = |why: String| FlowError::Unchecked {
        why,
        hint: format!("write values as the column `{name}` has them"),
    };
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            return Err(wrong(format!("`{value}` is no value of `{name}`")));
        }
    };
    // Arrow would round it.
    if let DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) = data_type {
        let behind = text.split_once('.').map_or("", |(_, behind)| behind);
        if behind.trim_end_matches('0').len() > usize::try_from(*scale).unwrap_or(0) {
            return Err(wrong(format!(
                "`{text}` has more decimals than `{name}`, which is {data_type}"
            )));
        }
    }
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(&StringArray::from(vec![text.as_str()]), data_type, &options)
        .map_err(|_| wrong(format!("`{text}` is no value of `{name}`, which is {data_type}")))
}

fn incomparable(name: &str, data_type: &DataType) -> FlowError {
    FlowError::Unchecked {
        why: format!("values of the column `{name}` cannot be compared: it is {data_type}"),
        hint: "name a column of plain values".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::Field;
    use serde_json::json;

    use super::*;

    fn failing(min: Option<&Value>, max: Option<&Value>) -> u64 {
        let values: ArrayRef = Arc::new(Float64Array::from(vec![
            Some(-0.0),
            Some(0.0),
            Some(f64::NAN),
            Some(1.0),
            None,
        ]));
        let batch = RecordBatch::try_from_iter([("x", values)]).unwrap();
        let predicate = range("x", min, max, &batch.schema()).unwrap();
        (predicate.failing)(&batch).unwrap()
    }

    #[test]
    fn zeros_are_one_bound_and_what_is_no_number_is_in_no_range() {
        assert_eq!(failing(Some(&json!(0)), None), 1);
        assert_eq!(failing(None, Some(&json!(0.0))), 2);
        assert_eq!(failing(Some(&json!(0)), Some(&json!(0))), 2);
        assert_eq!(failing(Some(&json!(-1)), Some(&json!(1))), 1);
    }

    #[test]
    fn bounds_that_hold_nothing_or_would_be_rounded_are_refused() {
        let of = |data_type| Schema::new(vec![Field::new("x", data_type, true)]);
        let refused =
            |schema: &Schema, min: Value, max: Value| range("x", Some(&min), Some(&max), schema).is_err();
        let (whole, money) = (of(DataType::Int64), of(DataType::Decimal128(10, 2)));
        assert!(refused(&whole, json!(2), json!(1)));
        assert!(!refused(&whole, json!(2), json!(2)));
        assert!(refused(&money, json!(0), json!("1.005")));
        assert!(!refused(&money, json!(0), json!("1.050")));
    }
}
