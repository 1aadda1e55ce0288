//! Which rows of a batch a slice holds.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, ArrowPrimitiveType, BooleanArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{DataType, Schema, TimeUnit};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use tidegate_core::batch::{Rejects, StepCounts};
use tidegate_core::plan::{Partition, SliceRule};

use crate::error::FlowError;

/// The rule of a task, over the source's columns.
pub(crate) struct Slice {
    column: usize,
    rule: SliceRule,
    key: String,
    window: Window,
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
        let Some(partition) = partition else {
            return Ok(None);
        };
        let (Some(name), true) = (&partition.column, rule != SliceRule::Trusted) else {
            return Ok(None);
        };
        let wrong = |why: String| FlowError::Slice {
            column: name.clone(),
            why,
        };
        let column = schema
            .index_of(name)
            .map_err(|_| wrong("is not among the source's columns".into()))?;
        let data_type = schema.field(column).data_type();
        let window = Window::of(partition, data_type)
            .ok_or_else(|| wrong(format!("has the type {data_type}, and must hold times or dates")))?;
        Ok(Some(Self {
            column,
            rule,
            key: partition.key.0.clone(),
            window,
        }))
    }

    /// The rows that pass, what is refused, and the counts of both.
    pub(crate) fn apply(
        &self,
        batch: RecordBatch,
    ) -> Result<(RecordBatch, Option<Rejects>, StepCounts), FlowError> {
        let rows_in = batch.num_rows() as u64;
        let values = batch.column(self.column);
        let inside = self.window.holds(values.as_ref());
        let missing = values
            .nulls()
            .map(|nulls| BooleanArray::new(!nulls.inner(), None));
        let kept = inside.true_count() as u64;
        if kept == rows_in {
            return Ok((
                batch,
                None,
                StepCounts {
                    rows_in,
                    kept,
                    ..StepCounts::default()
                },
            ));
        }
        let refused = match (self.rule, missing) {
            (SliceRule::Reject, _) => BooleanArray::new(!inside.values(), None),
            (_, Some(missing)) => missing,
            (_, None) => BooleanArray::new(BooleanBuffer::new_unset(batch.num_rows()), None),
        };
        let rejected = refused.true_count() as u64;
        let rejects = if rejected == 0 {
            None
        } else {
            Some(self.rejects(&batch, &refused)?)
        };
        let passed = arrow_select::filter::filter_record_batch(&batch, &inside)?;
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
        let name = batch.schema().field(self.column).name().clone();
        let values = rows.column(self.column);
        let (codes, messages): (Vec<&str>, Vec<String>) = (0..rows.num_rows())
            .map(|row| {
                if values.is_null(row) {
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

impl Window {
    fn of(partition: &Partition, data_type: &DataType) -> Option<Self> {
        let days = |day: NaiveDate| i64::from(day.to_epoch_days());
        let (start, end) = match data_type {
            DataType::Date32 => {
                return Some(Self {
                    start: days(partition.first_day),
                    end: days(partition.end_day),
                });
            }
            // An instant is compared with instants, a wall clock's reading with midnights on the wall.
            DataType::Timestamp(_, Some(_)) => (partition.start, partition.end),
            DataType::Timestamp(_, None) => {
                let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
                (midnight(partition.first_day), midnight(partition.end_day))
            }
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

    /// One boolean a row, never null: a missing value is in no slice.
    fn holds(self, values: &dyn Array) -> BooleanArray {
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

    fn over<T: ArrowPrimitiveType>(self, values: &PrimitiveArray<T>) -> BooleanArray
    where
        T::Native: Into<i64>,
    {
        let inside = BooleanArray::from_unary(values, |value| {
            let value: i64 = value.into();
            self.start <= value && value < self.end
        });
        let bits = match inside.nulls() {
            Some(nulls) => inside.values() & nulls.inner(),
            None => inside.values().clone(),
        };
        BooleanArray::new(bits, None)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Date32Array, Int64Array, TimestampSecondArray};
    use arrow_schema::Field;
    use tidegate_core::plan::{Cadence, Partitioning};

    use super::*;

    /// 2024-03-31 in London, a day of 23 hours: from midnight, in UTC as on the wall, to 23:00 UTC.
    fn day() -> Partition {
        let slices = Partitioning {
            cadence: Cadence::Daily,
            timezone: chrono_tz::Europe::London,
            start: NaiveDate::from_ymd_opt(2024, 3, 1).unwrap(),
            end: None,
            column: Some("at".into()),
        };
        slices.find("2024-03-31").unwrap()
    }

    fn batch(values: ArrayRef) -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..values.len() as i64));
        RecordBatch::try_from_iter_with_nullable([("n", numbers, false), ("at", values, true)]).unwrap()
    }

    fn kept(rule: SliceRule, values: ArrayRef) -> (Vec<i64>, Vec<String>, StepCounts) {
        let batch = batch(values);
        let slice = Slice::new(Some(&day()), rule, &batch.schema()).unwrap().unwrap();
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
