//! Rows as structs, through columns and back, and transforms by row.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde_json::json;
use tidegate_sdk::prelude::*;

#[derive(Row, Debug, PartialEq, Clone)]
struct Order<'a> {
    id: u32,
    name: &'a str,
    #[row(name = "type")]
    kind: Option<&'a str>,
    paid: bool,
    raw: Vec<u8>,
    price: Option<f64>,
}

fn orders() -> Vec<Order<'static>> {
    let first = Order {
        id: 1,
        name: "änne",
        kind: Some("web"),
        paid: true,
        raw: vec![0, 255],
        price: None,
    };
    let second = Order {
        id: 2,
        name: "",
        kind: None,
        paid: false,
        raw: vec![],
        price: Some(2.5),
    };
    vec![first, second]
}

#[test]
fn rows_become_columns_and_rows_again() {
    let batch = Order::batch(orders());
    let schema = batch.schema();
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    assert_eq!(names, ["id", "name", "type", "paid", "raw", "price"]);
    assert_eq!(schema.field(0).data_type(), &DataType::UInt32);
    assert!(!schema.field(1).is_nullable() && schema.field(2).is_nullable());
    let rows = testing::rows::<Order>(&batch).unwrap();
    assert_eq!(rows.iter().collect::<Result<Vec<_>, _>>().unwrap(), orders());
    assert_eq!(Order::batch([]).num_rows(), 0);
}

#[derive(Row, Debug, PartialEq, Clone, Copy)]
struct Times {
    day: NaiveDate,
    at: DateTime<Utc>,
    clock: Option<NaiveDateTime>,
}

#[test]
fn days_and_instants_are_read_in_any_unit_and_written_in_microseconds() {
    let at: DateTime<Utc> = "1969-12-31T23:59:58.25Z".parse().unwrap();
    let times = Times {
        day: NaiveDate::from_ymd_opt(1969, 12, 30).unwrap(),
        at,
        clock: Some(at.naive_utc()),
    };
    let batch = Times::batch([times]);
    assert_eq!(batch.column(0).as_primitive::<Date32Type>().value(0), -2);
    assert_eq!(
        batch
            .column(1)
            .as_primitive::<TimestampMicrosecondType>()
            .value(0),
        -1_750_000
    );
    assert_eq!(testing::rows::<Times>(&batch).unwrap().get(0).unwrap(), times);
    let zone = || TimestampMillisecondArray::from(vec![-1_750]).with_timezone("Europe/London");
    let others: [(&str, ArrayRef); 3] = [
        (
            "clock",
            Arc::new(TimestampNanosecondArray::from(vec![None::<i64>])),
        ),
        ("at", Arc::new(zone())),
        ("day", Arc::new(Date32Array::from(vec![-2]))),
    ];
    let batch = RecordBatch::try_from_iter(others).unwrap();
    let expected = Times { clock: None, ..times };
    assert_eq!(testing::rows::<Times>(&batch).unwrap().get(0).unwrap(), expected);
    let beyond: [(&str, ArrayRef); 3] = [
        (
            "clock",
            Arc::new(TimestampNanosecondArray::from(vec![None::<i64>])),
        ),
        (
            "at",
            Arc::new(TimestampSecondArray::from(vec![i64::MAX]).with_timezone_utc()),
        ),
        ("day", Arc::new(Date32Array::from(vec![i32::MIN]))),
    ];
    let batch = RecordBatch::try_from_iter(beyond).unwrap();
    let reject = testing::rows::<Times>(&batch).unwrap().get(0).unwrap_err();
    assert_eq!(reject.code, "missing_value");
}

#[test]
fn a_column_of_another_type_or_none_is_named() {
    let batch = record_batch!(("id", Int64, [1]), ("name", Utf8, ["a"])).unwrap();
    let fault = testing::rows::<Order>(&batch).unwrap_err().to_string();
    assert!(
        fault.contains("the column `id` must be UInt32, and is Int64"),
        "{fault}"
    );
    let batch = record_batch!(("id", UInt32, [1]), ("name", Utf8, ["a"])).unwrap();
    let fault = testing::rows::<Order>(&batch).unwrap_err().to_string();
    assert!(
        fault.contains("`type` is not granted; granted are id, name"),
        "{fault}"
    );
    let batch = RecordBatch::try_from_iter([
        ("day", Arc::new(Date32Array::from(vec![1])) as ArrayRef),
        ("at", Arc::new(TimestampSecondArray::from(vec![1]))),
    ])
    .unwrap();
    let fault = testing::rows::<Times>(&batch).unwrap_err().to_string();
    assert!(
        fault.contains("the column `at` must be Timestamp(µs, \"UTC\"), and is Timestamp(s)"),
        "{fault}"
    );
}

#[derive(Row)]
#[row(by_place)]
struct Pair {
    left: i64,
    right: i64,
}

#[derive(Row, Debug, PartialEq)]
struct Ratio {
    #[row(from("left", "right"))]
    ratio: i64,
    #[row(from("right"))]
    over: Option<i64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Limit {
    limit: i64,
}

/// Divides, leaves out what is below the limit, refuses a division by 0.
struct Divide(i64);

impl RowTransform for Divide {
    type Config = Limit;
    type In = Pair;
    type Out = Ratio;

    fn bind(config: Limit) -> Result<Self, Fault> {
        Ok(Self(config.limit))
    }

    fn row(&mut self, row: Pair) -> Result<Option<Ratio>, Reject> {
        let Some(ratio) = row.left.checked_div(row.right) else {
            return Err(Reject::new("zero", "the right is 0"));
        };
        Ok((ratio >= self.0).then_some(Ratio {
            ratio,
            over: row.left.checked_rem(row.right).filter(|&over| over != 0),
        }))
    }
}

tidegate_sdk::export_row_transform!(Divide);

#[test]
fn each_row_is_kept_left_out_or_refused() {
    let input = record_batch!(
        ("a", Int64, [Some(7), Some(1), Some(1), None, Some(6)]),
        ("b", Int64, [Some(2), Some(0), Some(5), Some(1), Some(3)])
    )
    .unwrap();
    let (made, rejects) = testing::run_with_rejects::<ByRow<Divide>>(json!({"limit": 1}), &input).unwrap();
    let rows = testing::rows::<Ratio>(&made).unwrap();
    let expected = [
        Ratio {
            ratio: 3,
            over: Some(1),
        },
        Ratio { ratio: 2, over: None },
    ];
    assert_eq!(rows.iter().collect::<Result<Vec<_>, _>>().unwrap(), expected);
    let refused: Vec<_> = rejects
        .iter()
        .map(|reject| (reject.row, reject.code.as_str()))
        .collect();
    assert_eq!(refused, [(1, "zero"), (3, "missing_value")]);
    assert_eq!(rejects[1].message, "the column `left` has no value here");
}

#[test]
fn columns_by_place_are_counted_and_the_lineage_is_what_the_row_says() {
    let schema = Schema::new(vec![Field::new("a", DataType::Int64, true)]);
    let fault = testing::bind_to::<ByRow<Divide>>(json!({"limit": 1}), &schema)
        .err()
        .unwrap();
    assert!(
        fault
            .to_string()
            .contains("must name 2 columns (left, right), and names 1"),
        "{fault}"
    );
    let both = Schema::new(
        ["a", "b"]
            .map(|name| Field::new(name, DataType::Int64, true))
            .to_vec(),
    );
    let bound = testing::bind_to::<ByRow<Divide>>(json!({"limit": 1}), &both).unwrap();
    let expected = Shape::beside([
        made("ratio", DataType::Int64).from([0, 1]).required(),
        made("over", DataType::Int64).from([1]),
    ]);
    assert_eq!(bound.shape(), expected);
}

#[derive(Row)]
struct Name<'a> {
    name: &'a str,
}

#[derive(Row, Debug, PartialEq)]
struct First<'a> {
    first: &'a str,
    length: u64,
}

/// What is made borrows from what was read.
struct FirstWord;

impl RowTransform for FirstWord {
    type Config = serde_json::Map<String, serde_json::Value>;
    type In = Name<'static>;
    type Out = First<'static>;

    fn bind(_: Self::Config) -> Result<Self, Fault> {
        Ok(Self)
    }

    fn row<'a>(&'a mut self, row: Name<'a>) -> Result<Option<First<'a>>, Reject> {
        let first = row.name.split(' ').next().unwrap_or_default();
        Ok(Some(First {
            first,
            length: first.len() as u64,
        }))
    }
}

#[test]
fn what_is_made_may_borrow_from_what_was_read() {
    let input = Name::batch([Name { name: "ann b" }, Name { name: "" }]);
    let made = testing::run::<ByRow<FirstWord>>(json!({}), &input).unwrap();
    let rows = testing::rows::<First>(&made).unwrap();
    let ann = First {
        first: "ann",
        length: 3,
    };
    let none = First { first: "", length: 0 };
    assert_eq!(rows.iter().collect::<Result<Vec<_>, _>>().unwrap(), [ann, none]);
}
