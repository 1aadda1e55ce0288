//! Days and instants as fields of a row.

use std::sync::Arc;

use arrow_array::builder::PrimitiveBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_schema::{DataType, TimeUnit};
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, Utc};

use super::Value;

/// Timestamps as counts, and how many of them a second has.
#[derive(Debug)]
pub struct Instants {
    counts: PrimitiveArray<Int64Type>,
    a_second: i64,
}

/// Nanoseconds of a second.
const NANOSECONDS: i64 = 1_000_000_000;

impl Instants {
    fn of(array: &ArrayRef) -> Option<Self> {
        let DataType::Timestamp(unit, _) = array.data_type() else {
            return None;
        };
        let (counts, a_second) = match unit {
            TimeUnit::Second => (
                array
                    .as_primitive_opt::<TimestampSecondType>()?
                    .reinterpret_cast(),
                1,
            ),
            TimeUnit::Millisecond => {
                let counts = array.as_primitive_opt::<TimestampMillisecondType>()?;
                (counts.reinterpret_cast(), 1_000)
            }
            TimeUnit::Microsecond => {
                let counts = array.as_primitive_opt::<TimestampMicrosecondType>()?;
                (counts.reinterpret_cast(), 1_000_000)
            }
            TimeUnit::Nanosecond => {
                let counts = array.as_primitive_opt::<TimestampNanosecondType>()?;
                (counts.reinterpret_cast(), NANOSECONDS)
            }
        };
        Some(Self { counts, a_second })
    }

    /// The instant of a row; none where it is missing, or so far away that it has no date.
    fn at(&self, row: usize) -> Option<DateTime<Utc>> {
        let count = self.counts.is_valid(row).then(|| self.counts.value(row))?;
        let fraction = count.rem_euclid(self.a_second) * (NANOSECONDS / self.a_second);
        DateTime::from_timestamp(count.div_euclid(self.a_second), fraction as u32)
    }
}

/// Counts of microseconds under a zone.
#[derive(Debug)]
pub struct Microseconds {
    counts: PrimitiveBuilder<TimestampMicrosecondType>,
}

impl Microseconds {
    fn with_capacity(rows: usize) -> Self {
        Self {
            counts: PrimitiveBuilder::with_capacity(rows),
        }
    }

    fn finish(&mut self, data_type: DataType) -> ArrayRef {
        Arc::new(self.counts.finish().with_data_type(data_type))
    }
}

/// A type of instants: with a zone or without, and how it is made of one in UTC and the reverse.
macro_rules! instant {
    ($type:ty, $zone:expr, $zoned:expr, $of:expr, $to:expr) => {
        impl Value for $type {
            type Of<'row> = $type;
            type Array = Instants;
            type Builder = Microseconds;

            fn data_type() -> DataType {
                DataType::Timestamp(TimeUnit::Microsecond, $zone)
            }

            fn fits(data_type: &DataType) -> bool {
                matches!(data_type, DataType::Timestamp(_, zone) if zone.is_some() == $zoned)
            }

            fn array(array: ArrayRef) -> Option<Instants> {
                Instants::of(&array)
            }

            fn read(array: &Instants, row: usize) -> Option<$type> {
                array.at(row).map($of)
            }

            fn builder(rows: usize) -> Microseconds {
                Microseconds::with_capacity(rows)
            }

            fn write(builder: &mut Microseconds, value: $type) {
                builder.counts.append_value($to(value).timestamp_micros());
            }

            fn write_missing(builder: &mut Microseconds) {
                builder.counts.append_null();
            }

            fn finish(builder: &mut Microseconds) -> ArrayRef {
                builder.finish(Self::data_type())
            }
        }
    };
}

instant!(
    DateTime<Utc>,
    Some(Arc::from("UTC")),
    true,
    std::convert::identity,
    std::convert::identity
);
instant!(
    NaiveDateTime,
    None,
    false,
    |instant: DateTime<Utc>| instant.naive_utc(),
    |clock: NaiveDateTime| clock.and_utc()
);

impl Value for NaiveDate {
    type Of<'row> = Self;
    type Array = PrimitiveArray<Date32Type>;
    type Builder = PrimitiveBuilder<Date32Type>;

    fn data_type() -> DataType {
        DataType::Date32
    }

    fn array(array: ArrayRef) -> Option<Self::Array> {
        array.as_primitive_opt::<Date32Type>().cloned()
    }

    fn read(array: &Self::Array, row: usize) -> Option<Self> {
        let days = array.is_valid(row).then(|| array.value(row))?;
        let (epoch, distance) = (Self::default(), Days::new(u64::from(days.unsigned_abs())));
        if days < 0 {
            epoch.checked_sub_days(distance)
        } else {
            epoch.checked_add_days(distance)
        }
    }

    fn builder(rows: usize) -> Self::Builder {
        PrimitiveBuilder::with_capacity(rows)
    }

    fn write(builder: &mut Self::Builder, value: Self) {
        builder.append_value(value.signed_duration_since(Self::default()).num_days() as i32);
    }

    fn write_missing(builder: &mut Self::Builder) {
        builder.append_null();
    }

    fn finish(builder: &mut Self::Builder) -> ArrayRef {
        Arc::new(builder.finish())
    }
}
