//! The written columns.

use tidegate_sdk::prelude::*;

use crate::{Kind, Slot};

/// The Arrow type of a column.
pub fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text | Kind::Json => DataType::Utf8,
        Kind::Int64 => DataType::Int64,
        Kind::Float64 => DataType::Float64,
        Kind::Boolean => DataType::Boolean,
        Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    }
}

/// A column that is being written.
pub enum Builder {
    Text(builder::StringBuilder),
    Number(builder::Int64Builder),
    Float(builder::Float64Builder),
    Boolean(builder::BooleanBuilder),
    Timestamp(builder::TimestampMicrosecondBuilder),
}

/// Bytes of a text, to begin with.
const TEXT_BYTES: usize = 16;

impl Builder {
    pub fn new(kind: Kind, rows: usize) -> Self {
        match kind {
            Kind::Text | Kind::Json => {
                Self::Text(builder::StringBuilder::with_capacity(rows, rows * TEXT_BYTES))
            }
            Kind::Int64 => Self::Number(builder::Int64Builder::with_capacity(rows)),
            Kind::Float64 => Self::Float(builder::Float64Builder::with_capacity(rows)),
            Kind::Boolean => Self::Boolean(builder::BooleanBuilder::with_capacity(rows)),
            Kind::Timestamp => Self::Timestamp(
                builder::TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"),
            ),
        }
    }

    /// Adds a row; `text` is what the slot may be a part of.
    pub fn append(&mut self, slot: Slot, text: &str) {
        match (self, slot) {
            (Self::Text(texts), Slot::Text(start, end)) => texts.append_value(&text[start..end]),
            (Self::Text(texts), _) => texts.append_null(),
            (Self::Number(numbers), Slot::Number(number)) => numbers.append_value(number),
            (Self::Number(numbers), _) => numbers.append_null(),
            (Self::Float(floats), Slot::Float(float)) => floats.append_value(float),
            (Self::Float(floats), _) => floats.append_null(),
            (Self::Boolean(booleans), Slot::Boolean(boolean)) => booleans.append_value(boolean),
            (Self::Boolean(booleans), _) => booleans.append_null(),
            (Self::Timestamp(times), Slot::Number(micros)) => times.append_value(micros),
            (Self::Timestamp(times), _) => times.append_null(),
        }
    }

    pub fn finish(self) -> ArrayRef {
        match self {
            Self::Text(mut texts) => Arc::new(texts.finish()),
            Self::Number(mut numbers) => Arc::new(numbers.finish()),
            Self::Float(mut floats) => Arc::new(floats.finish()),
            Self::Boolean(mut booleans) => Arc::new(booleans.finish()),
            Self::Timestamp(mut times) => Arc::new(times.finish()),
        }
    }
}
