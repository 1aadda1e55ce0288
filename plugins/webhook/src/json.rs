//! Values of columns as JSON. What stands here is told in the README: endpoints rely on it.

use std::fmt::Display;
use std::io::Write as _;

use arrow_schema::Fields;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{Datelike as _, NaiveDateTime};
use temporal_conversions::{
    date32_to_datetime, time64ns_to_time, time64us_to_time, timestamp_ms_to_datetime,
    timestamp_ns_to_datetime, timestamp_s_to_datetime, timestamp_us_to_datetime,
};
use tidegate_sdk::prelude::*;

/// How numbers are written that many readers of JSON would round: those of more than 53 bits, by their type.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wide {
    /// As text, such as `"9007199254740993"`.
    #[default]
    Text,
    /// As numbers, all of their digits.
    Number,
}

/// Why a value cannot be written, with the column or member that it stands in.
type Why = String;

/// RFC 3339 and ISO 8601 write years of four digits.
const YEARS: std::ops::RangeInclusive<i32> = 0..=9_999;

/// A fault where a column cannot be written, whatever its values.
pub(crate) fn check(columns: &Schema) -> Result<(), Fault> {
    columns.fields().iter().try_for_each(|field| {
        check_type(field.data_type())
            .map_err(|why| Fault::schema(format!("the column `{}`: {why}", field.name())))
    })
}

fn check_type(data_type: &DataType) -> Result<(), Why> {
    match data_type {
        DataType::Map(entries, _) => {
            let DataType::Struct(members) = entries.data_type() else {
                return Err("a map without keys".into());
            };
            if members[0].data_type() != &DataType::Utf8 {
                return Err("a map must have keys of text to become a JSON object".into());
            }
            check_type(members[1].data_type())
        }
        DataType::List(item) => check_type(item.data_type()),
        DataType::Struct(members) => members
            .iter()
            .try_for_each(|member| check_type(member.data_type())),
        _ => Ok(()),
    }
}

/// Names as the keys of objects, each with its colon.
pub(crate) fn keys(fields: &Fields) -> Vec<Vec<u8>> {
    let key = |field: &Arc<Field>| format!("{}:", serde_json::Value::from(field.name().as_str()));
    fields.iter().map(|field| key(field).into_bytes()).collect()
}

/// Appends a row as an object.
pub(crate) fn object(
    keys: &[Vec<u8>],
    columns: &[ArrayRef],
    row: usize,
    wide: Wide,
    out: &mut Vec<u8>,
) -> Result<(), Why> {
    out.push(b'{');
    for (place, (key, column)) in keys.iter().zip(columns).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(key);
        value(column, row, wide, out).map_err(|why| format!("{} {why}", String::from_utf8_lossy(key)))?;
    }
    out.push(b'}');
    Ok(())
}

fn value(array: &ArrayRef, row: usize, wide: Wide, out: &mut Vec<u8>) -> Result<(), Why> {
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    /// The value of an array of a primitive type.
    macro_rules! of {
        ($type:ty) => {
            array.as_primitive::<$type>().value(row)
        };
    }
    match array.data_type() {
        DataType::Boolean => put(out, array.as_boolean().value(row)),
        DataType::Int8 => put(out, of!(Int8Type)),
        DataType::Int16 => put(out, of!(Int16Type)),
        DataType::Int32 => put(out, of!(Int32Type)),
        DataType::UInt8 => put(out, of!(UInt8Type)),
        DataType::UInt16 => put(out, of!(UInt16Type)),
        DataType::UInt32 => put(out, of!(UInt32Type)),
        DataType::Int64 => put_wide(out, of!(Int64Type), wide),
        DataType::UInt64 => put_wide(out, of!(UInt64Type), wide),
        DataType::Duration(TimeUnit::Second) => put_wide(out, of!(DurationSecondType), wide),
        DataType::Duration(TimeUnit::Millisecond) => put_wide(out, of!(DurationMillisecondType), wide),
        DataType::Duration(TimeUnit::Microsecond) => put_wide(out, of!(DurationMicrosecondType), wide),
        DataType::Duration(TimeUnit::Nanosecond) => put_wide(out, of!(DurationNanosecondType), wide),
        DataType::Decimal128(..) => put_wide(
            out,
            array.as_primitive::<Decimal128Type>().value_as_string(row),
            wide,
        ),
        DataType::Decimal256(..) => put_wide(
            out,
            array.as_primitive::<Decimal256Type>().value_as_string(row),
            wide,
        ),
        DataType::Float32 => float(of!(Float32Type), f64::from(of!(Float32Type)), out)?,
        DataType::Float64 => float(of!(Float64Type), of!(Float64Type), out)?,
        DataType::Utf8 => text(array.as_string::<i32>().value(row), out)?,
        DataType::Binary => quoted(out, BASE64.encode(array.as_binary::<i32>().value(row))),
        DataType::FixedSizeBinary(_) => quoted(out, BASE64.encode(array.as_fixed_size_binary().value(row))),
        DataType::Date32 => moment(date32_to_datetime(of!(Date32Type)), "%Y-%m-%d", out)?,
        DataType::Time64(TimeUnit::Microsecond) => {
            let time = time64us_to_time(of!(Time64MicrosecondType)).ok_or("a time of no day")?;
            quoted(out, time.format("%H:%M:%S%.6f"));
        }
        DataType::Time64(_) => {
            let time = time64ns_to_time(of!(Time64NanosecondType)).ok_or("a time of no day")?;
            quoted(out, time.format("%H:%M:%S%.9f"));
        }
        DataType::Timestamp(unit, zone) => timestamp(array, row, *unit, zone.is_some(), out)?,
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            out.push(b'[');
            for item in 0..items.len() {
                if item > 0 {
                    out.push(b',');
                }
                value(&items, item, wide, out)?;
            }
            out.push(b']');
        }
        DataType::Struct(members) => object(&keys(members), array.as_struct().columns(), row, wide, out)?,
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let names = entries.column(0).as_string::<i32>();
            out.push(b'{');
            for entry in 0..entries.len() {
                if entry > 0 {
                    out.push(b',');
                }
                text(names.value(entry), out)?;
                out.push(b':');
                value(entries.column(1), entry, wide, out)?;
            }
            out.push(b'}');
        }
        other => return Err(format!("a {other}, which is none of the contract's types")),
    }
    Ok(())
}

/// Appends what is JSON as it is shown: numbers and truth values.
fn put(out: &mut Vec<u8>, value: impl Display) {
    // Writing to bytes cannot fail.
    let _ = write!(out, "{value}");
}

fn quoted(out: &mut Vec<u8>, value: impl Display) {
    let _ = write!(out, "\"{value}\"");
}

fn put_wide(out: &mut Vec<u8>, value: impl Display, wide: Wide) {
    match wide {
        Wide::Text => quoted(out, value),
        Wide::Number => put(out, value),
    }
}

fn text(value: &str, out: &mut Vec<u8>) -> Result<(), Why> {
    serde_json::to_writer(out, value).map_err(|error| error.to_string())
}

/// Appends a float in the fewest digits that read back as the same one of its type; what is no number as text.
fn float(value: impl Serialize, wide: f64, out: &mut Vec<u8>) -> Result<(), Why> {
    match wide {
        _ if wide.is_nan() => quoted(out, "NaN"),
        f64::INFINITY => quoted(out, "Infinity"),
        f64::NEG_INFINITY => quoted(out, "-Infinity"),
        _ => return serde_json::to_writer(out, &value).map_err(|error| error.to_string()),
    }
    Ok(())
}

/// With a zone it is an instant, counted in UTC; without, what a clock showed, which has no offset.
fn timestamp(
    array: &ArrayRef,
    row: usize,
    unit: TimeUnit,
    has_zone: bool,
    out: &mut Vec<u8>,
) -> Result<(), Why> {
    let (at, format) = match unit {
        TimeUnit::Second => {
            let at = array.as_primitive::<TimestampSecondType>().value(row);
            (timestamp_s_to_datetime(at), "%Y-%m-%dT%H:%M:%S")
        }
        TimeUnit::Millisecond => {
            let at = array.as_primitive::<TimestampMillisecondType>().value(row);
            (timestamp_ms_to_datetime(at), "%Y-%m-%dT%H:%M:%S%.3f")
        }
        TimeUnit::Microsecond => {
            let at = array.as_primitive::<TimestampMicrosecondType>().value(row);
            (timestamp_us_to_datetime(at), "%Y-%m-%dT%H:%M:%S%.6f")
        }
        TimeUnit::Nanosecond => {
            let at = array.as_primitive::<TimestampNanosecondType>().value(row);
            (timestamp_ns_to_datetime(at), "%Y-%m-%dT%H:%M:%S%.9f")
        }
    };
    moment(at, &format!("{format}{}", if has_zone { "Z" } else { "" }), out)
}

fn moment(at: Option<NaiveDateTime>, format: &str, out: &mut Vec<u8>) -> Result<(), Why> {
    let at = at
        .filter(|at| YEARS.contains(&at.year()))
        .ok_or("a time beyond the years 0 to 9999")?;
    quoted(out, at.format(format));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// The values of a column, each as the JSON that it is written as; what cannot be written is its reason.
    fn written(column: &ArrayRef, wide: Wide) -> Vec<String> {
        let one = |row| {
            let mut out = Vec::new();
            match value(column, row, wide, &mut out) {
                Ok(()) => String::from_utf8(out).expect("text"),
                Err(why) => why,
            }
        };
        (0..column.len()).map(one).collect()
    }

    fn values(column: impl Array + 'static, expected: &[&str]) {
        assert_eq!(written(&(Arc::new(column) as ArrayRef), Wide::Text), expected);
    }

    #[test]
    fn numbers_are_exact() {
        values(Int8Array::from(vec![Some(i8::MIN), None]), &["-128", "null"]);
        values(UInt32Array::from(vec![u32::MAX]), &["4294967295"]);
        values(BooleanArray::from(vec![true, false]), &["true", "false"]);
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![i64::MIN, 9_007_199_254_740_993, 1]));
        let texts = [r#""-9223372036854775808""#, r#""9007199254740993""#, r#""1""#];
        assert_eq!(written(&wide, Wide::Text), texts);
        let numbers = ["-9223372036854775808", "9007199254740993", "1"];
        assert_eq!(written(&wide, Wide::Number), numbers);
        values(UInt64Array::from(vec![u64::MAX]), &[r#""18446744073709551615""#]);
        let decimal = Decimal128Array::from(vec![-5, 123_456_789_012_345_678_901_234_567_890])
            .with_precision_and_scale(38, 2)
            .expect("a decimal");
        let column: ArrayRef = Arc::new(decimal.clone());
        values(decimal, &[r#""-0.05""#, r#""1234567890123456789012345678.90""#]);
        assert_eq!(written(&column, Wide::Number)[0], "-0.05");
        values(DurationMillisecondArray::from(vec![-1]), &[r#""-1""#]);
        values(
            Float32Array::from(vec![0.1, 1e30, f32::INFINITY]),
            &["0.1", "1e+30", r#""Infinity""#],
        );
        values(
            Float64Array::from(vec![0.1, -0.0, 5e-324, f64::NAN, f64::NEG_INFINITY]),
            &["0.1", "-0.0", "5e-324", r#""NaN""#, r#""-Infinity""#],
        );
    }

    #[test]
    fn texts_and_bytes() {
        values(
            StringArray::from(vec!["a\"\n\u{1}ž", ""]),
            &[r#""a\"\n\u0001ž""#, r#""""#],
        );
        values(
            BinaryArray::from(vec![b"\x00\xff".as_slice(), b""]),
            &[r#""AP8=""#, r#""""#],
        );
        let fixed = FixedSizeBinaryArray::try_from_iter([[0xfb, 0xff]].into_iter()).expect("bytes");
        values(fixed, &[r#""+/8=""#]);
    }

    #[test]
    fn times_are_of_rfc_3339() {
        values(
            Date32Array::from(vec![19_782, -719_528]),
            &[r#""2024-02-29""#, r#""0000-01-01""#],
        );
        values(
            Time64MicrosecondArray::from(vec![86_399_500_000]),
            &[r#""23:59:59.500000""#],
        );
        values(Time64NanosecondArray::from(vec![1]), &[r#""00:00:00.000000001""#]);
        let at = 1_709_207_999;
        values(
            TimestampSecondArray::from(vec![at]),
            &[r#""2024-02-29T11:59:59""#],
        );
        let london = TimestampMillisecondArray::from(vec![-1]).with_timezone("Europe/London");
        values(london, &[r#""1969-12-31T23:59:59.999Z""#]);
        let micros = TimestampMicrosecondArray::from(vec![at * 1_000_000 + 5]).with_timezone("UTC");
        values(micros, &[r#""2024-02-29T11:59:59.000005Z""#]);
        let nanos = TimestampNanosecondArray::from(vec![i64::MAX]).with_timezone("UTC");
        values(nanos, &[r#""2262-04-11T23:47:16.854775807Z""#]);
        let why = "a time beyond the years 0 to 9999";
        values(
            TimestampSecondArray::from(vec![i64::MAX, 253_402_300_800]),
            &[why, why],
        );
        values(Date32Array::from(vec![i32::MAX]), &[why]);
    }

    #[test]
    fn values_within_values() {
        let mut list = builder::ListBuilder::new(builder::Int64Builder::new());
        list.append_value([Some(1), None]);
        list.append_value([]);
        list.append_null();
        values(list.finish(), &[r#"["1",null]"#, "[]", "null"]);
        let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
        let pair = StructArray::from(vec![(Arc::new(Field::new("a b", DataType::Utf8, true)), names)]);
        values(pair, &[r#"{"a b":"a"}"#, r#"{"a b":null}"#]);
        let mut map =
            builder::MapBuilder::new(None, builder::StringBuilder::new(), builder::Int8Builder::new());
        map.keys().append_value("k");
        map.values().append_value(1);
        map.append(true).expect("a map");
        map.append(true).expect("a map");
        values(map.finish(), &[r#"{"k":1}"#, "{}"]);
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let at: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MAX]));
        let column = StructArray::from(vec![(
            Arc::new(Field::new("at", at.data_type().clone(), true)),
            at,
        )]);
        let fields = Fields::from(vec![Field::new("event", column.data_type().clone(), true)]);
        let why = object(
            &keys(&fields),
            &[Arc::new(column)],
            0,
            Wide::Text,
            &mut Vec::new(),
        );
        assert_eq!(
            why,
            Err(r#""event": "at": a time beyond the years 0 to 9999"#.into())
        );
        let mut map =
            builder::MapBuilder::new(None, builder::Int8Builder::new(), builder::Int8Builder::new());
        map.append(true).expect("a map");
        let column = Field::new("m", map.finish().data_type().clone(), true);
        let list = Field::new("l", DataType::new_list(column.data_type().clone(), true), true);
        for field in [column, list] {
            let fault = check(&Schema::new(vec![field])).expect_err("a fault").to_string();
            assert!(fault.contains("must have keys of text"), "{fault}");
        }
    }
}
