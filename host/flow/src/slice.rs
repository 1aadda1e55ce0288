//! Which rows of a batch a slice holds.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType, BooleanArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{DataType, Schema, TimeUnit};
use chrono::{DateTime, NaiveDate, Utc};
use tidegate_core::batch::{Rejects, StepCounts};
use tidegate_core::plan::{Bound, Partition, SliceRule, TimeWindow, fits_column};
use tidegate_core::types::LogicalType;

use crate::error::FlowError;

/// The rule of a task, over the source's columns.
pub(crate) struct Slice {
    tests: Vec<Test>,
    rule: SliceRule,
    key: String,
}

/// What a column must be.
struct Test {
    column: usize,
    bound: ColumnBound,
}

enum ColumnBound {
    Window(Window),
    Text(String),
    Number(i128),
}

/// `start <= value < end`, in the column's own unit.
#[derive(Clone, Copy)]
struct Window {
    start: i64,
    end: i64,
}

impl Slice {
    /// The rule over a schema; none where every row may pass.
    pub(crate) fn new(
        partition: Option<&Partition>,
        rule: SliceRule,
        schema: &Schema,
    ) -> Result<Option<Self>, FlowError> {
        let Some(partition) = partition.filter(|_| rule != SliceRule::Trusted) else {
            return Ok(None);
        };
        let mut tests = Vec::new();
        for (name, bound) in partition.bounds() {
            let wrong = |why: String| FlowError::Slice {
                column: name.to_owned(),
                why,
            };
            let column = schema
                .index_of(name)
                .map_err(|_| wrong("is not among the source's columns".into()))?;
            let data_type = schema.field(column).data_type();
            let bound = match bound {
                Bound::Window(window) => Window::of(window, data_type)
                    .map(ColumnBound::Window)
                    .ok_or_else(|| {
                        wrong(format!("has the type {data_type}, and must hold times or dates"))
                    })?,
                Bound::Value(value) => ColumnBound::of(value, data_type).ok_or_else(|| {
                    wrong(format!("has the type {data_type}, which does not hold `{value}`"))
                })?,
            };
            tests.push(Test { column, bound });
        }
        if tests.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            tests,
            rule,
            key: partition.key.0.clone(),
        }))
    }

    /// The rows that pass, what is refused, and the counts of both. A row that lacks a value is refused, unless another
    /// column says that it is in another slice.
    pub(crate) fn apply(
        &self,
        batch: RecordBatch,
    ) -> Result<(RecordBatch, Option<Rejects>, StepCounts), FlowError> {
        let rows_in = batch.num_rows() as u64;
        let mut inside = BooleanBuffer::new_set(batch.num_rows());
        let mut possible = BooleanBuffer::new_set(batch.num_rows());
        for test in &self.tests {
            let values = batch.column(test.column);
            let holds = test.bound.holds(values.as_ref());
            let may_hold = match values.nulls() {
                Some(nulls) => &holds | &!nulls.inner(),
                None => holds.clone(),
            };
            inside = &inside & &holds;
            possible = &possible & &may_hold;
        }
        let kept = inside.count_set_bits() as u64;
        if kept == rows_in {
            let counts = StepCounts {
                rows_in,
                kept,
                ..StepCounts::default()
            };
            return Ok((batch, None, counts));
        }
        let refused = match self.rule {
            SliceRule::Reject => !&inside,
            _ => &possible & &!&inside,
        };
        let rejected = refused.count_set_bits() as u64;
        let rejects = if rejected == 0 {
            None
        } else {
            Some(self.rejects(&batch, &BooleanArray::new(refused, None))?)
        };
        let passed = arrow_select::filter::filter_record_batch(&batch, &BooleanArray::new(inside, None))?;
        let counts = StepCounts {
            rows_in,
            kept,
            rejected,
            filtered: rows_in - kept - rejected,
            ..StepCounts::default()
        };
        Ok((passed, rejects, counts))
    }

    fn rejects(&self, batch: &RecordBatch, refused: &BooleanArray) -> Result<Rejects, FlowError> {
        let rows = arrow_select::filter::filter_record_batch(batch, refused)?;
        let schema = batch.schema();
        let held: Vec<BooleanBuffer> = self
            .tests
            .iter()
            .map(|test| test.bound.holds(rows.column(test.column).as_ref()))
            .collect();
        let (codes, messages): (Vec<&str>, Vec<String>) = (0..rows.num_rows())
            .map(|row| {
                let mut failing = self.tests.iter().zip(&held).filter(|(_, held)| !held.value(row));
                let column = failing.next().map_or(0, |(test, _)| test.column);
                let name = schema.field(column).name();
                if rows.column(column).is_null(row) {
                    (
                        "partition.missing",
                        format!("`{name}` is missing, so no partition holds the row"),
                    )
                } else {
                    (
                        "partition.outside",
                        format!("`{name}` is outside the partition `{}`", self.key),
                    )
                }
            })
            .unzip();
        Ok(Rejects {
            rows,
            codes: StringArray::from_iter_values(codes),
            messages: StringArray::from_iter_values(messages),
        })
    }
}

impl ColumnBound {
    /// The value as a column of the type has it; none where it cannot hold it.
    fn of(value: &str, data_type: &DataType) -> Option<Self> {
        let logical = LogicalType::from_arrow(data_type)?;
        if !fits_column(&logical, value) {
            return None;
        }
        match logical {
            LogicalType::Utf8 => Some(Self::Text(value.to_owned())),
            _ => value.parse().ok().map(Self::Number),
        }
    }

    /// One bit a row: a missing value is in no slice.
    fn holds(&self, values: &dyn Array) -> BooleanBuffer {
        let inside = match self {
            Self::Window(window) => window.holds(values),
            Self::Text(text) => {
                let texts = values.as_string::<i32>();
                BooleanBuffer::collect_bool(texts.len(), |row| texts.value(row) == text)
            }
            Self::Number(number) => equal(values, *number),
        };
        match values.nulls() {
            Some(nulls) => &inside & nulls.inner(),
            None => inside,
        }
    }
}

/// Which values of whole numbers are a number.
fn equal(values: &dyn Array, number: i128) -> BooleanBuffer {
    fn over<T: ArrowPrimitiveType>(values: &dyn Array, number: i128) -> BooleanBuffer
    where
        T::Native: Into<i128>,
    {
        let values = values.as_primitive::<T>().values();
        BooleanBuffer::collect_bool(values.len(), |row| values[row].into() == number)
    }
    match values.data_type() {
        DataType::Int8 => over::<Int8Type>(values, number),
        DataType::Int16 => over::<Int16Type>(values, number),
        DataType::Int32 => over::<Int32Type>(values, number),
        DataType::UInt8 => over::<UInt8Type>(values, number),
        DataType::UInt16 => over::<UInt16Type>(values, number),
        DataType::UInt32 => over::<UInt32Type>(values, number),
        DataType::UInt64 => over::<UInt64Type>(values, number),
        _ => over::<Int64Type>(values, number),
    }
}

impl Window {
    fn of(window: &TimeWindow, data_type: &DataType) -> Option<Self> {
        let days = |day: NaiveDate| i64::from(day.to_epoch_days());
        let (start, end) = match data_type {
            DataType::Date32 => {
                return Some(Self {
                    start: days(window.first_day()),
                    end: days(window.end_day()),
                });
            }
            // An instant is compared with instants, a wall clock's reading with readings.
            DataType::Timestamp(_, Some(_)) => (window.start, window.end),
            DataType::Timestamp(_, None) => (window.wall_start.and_utc(), window.wall_end.and_utc()),
            _ => return None,
        };
        let DataType::Timestamp(unit, _) = data_type else {
            return None;
        };
        let count = |instant: DateTime<Utc>| {
            Some(match unit {
                TimeUnit::Second => instant.timestamp(),
                TimeUnit::Millisecond => instant.timestamp_millis(),
                TimeUnit::Microsecond => instant.timestamp_micros(),
                TimeUnit::Nanosecond => instant.timestamp_nanos_opt()?,
            })
        };
        Some(Self {
            start: count(start)?,
            end: count(end)?,
        })
    }

    fn holds(self, values: &dyn Array) -> BooleanBuffer {
        match values.data_type() {
            DataType::Date32 => self.over(values.as_primitive::<Date32Type>()),
            DataType::Timestamp(TimeUnit::Second, _) => {
                self.over(values.as_primitive::<TimestampSecondType>())
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                self.over(values.as_primitive::<TimestampMillisecondType>())
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                self.over(values.as_primitive::<TimestampMicrosecondType>())
            }
            _ => self.over(values.as_primitive::<TimestampNanosecondType>()),
        }
    }

    fn over<T: ArrowPrimitiveType>(self, values: &PrimitiveArray<T>) -> BooleanBuffer
    where
        T::Native: Into<i64>,
    {
        let values = values.values();
        BooleanBuffer::collect_bool(values.len(), |row| {
            let value: i64 = values[row].into();
            self.start <= value && value < self.end
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Date32Array, Int64Array, TimestampSecondArray};
    use arrow_schema::Field;
    use tidegate_core::plan::{Cadence, Partitioning, TimeSlices, ValueSlices, Values};

    use super::*;

    /// 2024-03-31 in London, a day of 23 hours: from midnight, in UTC as on the wall, to 23:00 UTC.
    fn day() -> Partition {
        Partitioning::Time(days()).find("2024-03-31").unwrap()
    }

    fn days() -> TimeSlices {
        let zone = chrono_tz::Europe::London;
        TimeSlices::new(Cadence::Daily, zone, "2024-03-01", None, Some("at".into())).unwrap()
    }

    fn of_value(value: &str) -> Partition {
        let values = ValueSlices {
            values: Values::Dynamic("regions".parse().unwrap()),
            column: Some("at".into()),
        };
        Partitioning::Values(values).find(value).unwrap()
    }

    fn batch(values: ArrayRef) -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..values.len() as i64));
        RecordBatch::try_from_iter_with_nullable([("n", numbers, false), ("at", values, true)]).unwrap()
    }

    fn kept(rule: SliceRule, values: ArrayRef) -> (Vec<i64>, Vec<String>, StepCounts) {
        kept_of(&day(), rule, batch(values))
    }

    fn kept_of(
        slice: &Partition,
        rule: SliceRule,
        batch: RecordBatch,
    ) -> (Vec<i64>, Vec<String>, StepCounts) {
        let slice = Slice::new(Some(slice), rule, &batch.schema()).unwrap().unwrap();
        let (passed, rejects, counts) = slice.apply(batch).unwrap();
        assert!(counts.adds_up());
        let numbers = passed
            .column(0)
            .as_primitive::<arrow_array::types::Int64Type>()
            .values()
            .to_vec();
        let codes = rejects.map_or_else(Vec::new, |rejects| {
            rejects.codes.iter().flatten().map(str::to_owned).collect()
        });
        (numbers, codes, counts)
    }

    /// A second before the slice, its first, its last, the first behind it on the clock in `zone`, and none.
    fn seconds(zone: Option<&str>) -> TimestampSecondArray {
        let midnight = 1_711_843_200;
        let length = if zone.is_some() { 23 } else { 24 } * 3_600;
        TimestampSecondArray::from(vec![
            Some(midnight - 1),
            Some(midnight),
            Some(midnight + length - 1),
            Some(midnight + length),
            None,
        ])
        .with_timezone_opt(zone)
    }

    #[test]
    fn instants_and_wall_clocks_of_every_unit_are_cut_at_their_own_midnight() {
        for zone in [None, Some("UTC"), Some("Asia/Tokyo")] {
            for unit in [
                TimeUnit::Second,
                TimeUnit::Millisecond,
                TimeUnit::Microsecond,
                TimeUnit::Nanosecond,
            ] {
                let factor = match unit {
                    TimeUnit::Second => 1,
                    TimeUnit::Millisecond => 1_000,
                    TimeUnit::Microsecond => 1_000_000,
                    TimeUnit::Nanosecond => 1_000_000_000,
                };
                let scaled: Int64Array = seconds(zone)
                    .iter()
                    .map(|value| value.map(|value| value * factor))
                    .collect();
                let data_type = DataType::Timestamp(unit, zone.map(Into::into));
                let data = scaled
                    .into_data()
                    .into_builder()
                    .data_type(data_type)
                    .build()
                    .unwrap();
                let (numbers, codes, counts) = kept(SliceRule::Filter, arrow_array::make_array(data));
                assert_eq!(numbers, [1, 2], "{unit:?} {zone:?}");
                assert_eq!(codes, ["partition.missing"]);
                assert_eq!((counts.kept, counts.filtered, counts.rejected), (2, 2, 1));
            }
        }
    }

    #[test]
    fn dates_are_cut_by_the_calendar() {
        let days = |day| Some(NaiveDate::from_ymd_opt(2024, 3, day).unwrap().to_epoch_days());
        let values = Date32Array::from(vec![days(30), days(31), None]);
        let (numbers, ..) = kept(SliceRule::Filter, Arc::new(values));
        assert_eq!(numbers, [1]);
    }

    #[test]
    fn rows_outside_are_refused_where_nobody_else_would_load_them() {
        let (numbers, codes, counts) = kept(SliceRule::Reject, Arc::new(seconds(Some("UTC"))));
        assert_eq!(numbers, [1, 2]);
        assert_eq!(
            codes,
            ["partition.outside", "partition.outside", "partition.missing"]
        );
        assert_eq!((counts.filtered, counts.rejected), (0, 3));
    }

    #[test]
    fn texts_and_numbers_are_held_against_the_value() {
        let texts = StringArray::from(vec![Some("eu"), Some("us"), None, Some("eu ")]);
        let (numbers, codes, counts) = kept_of(&of_value("eu"), SliceRule::Filter, batch(Arc::new(texts)));
        assert_eq!((numbers, codes), (vec![0], vec!["partition.missing".to_owned()]));
        assert_eq!((counts.kept, counts.filtered, counts.rejected), (1, 2, 1));
        let least: ArrayRef = Arc::new(arrow_array::Int8Array::from(vec![Some(-128), Some(0), None]));
        assert_eq!(kept_of(&of_value("-128"), SliceRule::Filter, batch(least)).0, [0]);
        let most: ArrayRef = Arc::new(arrow_array::UInt64Array::from(vec![u64::MAX, 1]));
        let (numbers, codes, _) = kept_of(&of_value("18446744073709551615"), SliceRule::Reject, batch(most));
        assert_eq!((numbers, codes), (vec![0], vec!["partition.outside".to_owned()]));
        let floats = batch(Arc::new(arrow_array::Float64Array::from(vec![1.0])));
        let refused = Slice::new(Some(&of_value("1")), SliceRule::Filter, &floats.schema());
        assert!(refused.err().unwrap().to_string().contains("does not hold `1`"));
    }

    #[test]
    fn of_two_columns_both_must_hold() {
        let values = ValueSlices {
            values: Values::Static(vec!["eu".into()]),
            column: Some("region".into()),
        };
        let slice = Partitioning::Both(values, days()).find("eu|2024-03-31").unwrap();
        let day = |day| Some(NaiveDate::from_ymd_opt(2024, 3, day).unwrap().to_epoch_days());
        let at: ArrayRef = Arc::new(Date32Array::from(vec![
            day(31),
            day(31),
            day(30),
            None,
            None,
            day(31),
        ]));
        let region: ArrayRef = Arc::new(StringArray::from(vec![
            Some("eu"),
            Some("us"),
            Some("eu"),
            Some("eu"),
            Some("us"),
            None,
        ]));
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..6));
        let rows = RecordBatch::try_from_iter_with_nullable([
            ("n", numbers, false),
            ("at", at, true),
            ("region", region, true),
        ])
        .unwrap();
        let (numbers, codes, counts) = kept_of(&slice, SliceRule::Filter, rows);
        assert_eq!(numbers, [0]);
        assert_eq!(codes, ["partition.missing"; 2]);
        // A row of another region is another slice's, whatever its day.
        assert_eq!((counts.filtered, counts.rejected), (3, 2));
    }

    #[test]
    fn a_column_that_holds_no_times_is_refused() {
        let schema = Schema::new(vec![Field::new("at", DataType::Utf8, true)]);
        let refused =
            |schema: &Schema, rule| Slice::new(Some(&day()), rule, schema).map(|slice| slice.is_some());
        let wrong = refused(&schema, SliceRule::Filter).unwrap_err().to_string();
        assert!(wrong.contains("must hold times or dates"), "{wrong}");
        let missing = refused(&Schema::empty(), SliceRule::Filter)
            .unwrap_err()
            .to_string();
        assert!(missing.contains("not among the source's columns"), "{missing}");
        assert!(!refused(&schema, SliceRule::Trusted).unwrap());
    }
}
