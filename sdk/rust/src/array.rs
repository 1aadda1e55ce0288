//! Arrays out of the buffers that crossed.
//!
//! Each is made by its own type, not by way of `ArrayData` and `make_array`: those bring the code of all arrays that arrow-rs
//! has into every component.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType,
    DurationMillisecondType, DurationNanosecondType, DurationSecondType, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray, MapArray, PrimitiveArray,
    StringArray, StructArray,
};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, FieldRef, Fields, TimeUnit};

use crate::bindings::types::{Column, Node};

/// An array over the buffers that the host sent. The host's buffers are right by contract, so nothing is checked that
/// takes a look at each value.
pub(crate) fn of_column(column: Column, data_type: &DataType) -> ArrayRef {
    let mut parts = Parts {
        nodes: column.nodes.into_iter(),
        buffers: column.buffers.into_iter(),
    };
    parts.array(data_type)
}

struct Parts {
    nodes: std::vec::IntoIter<Node>,
    buffers: std::vec::IntoIter<Vec<u8>>,
}

impl Parts {
    fn buffer(&mut self) -> Buffer {
        Buffer::from_vec(self.buffers.next().unwrap_or_default())
    }

    fn array(&mut self, data_type: &DataType) -> ArrayRef {
        let node = self.nodes.next();
        let (rows, missing) = node.map_or((0, 0), |node| (node.row_count as usize, node.null_count));
        let validity = self.buffer();
        let nulls = (missing > 0).then(|| NullBuffer::new(BooleanBuffer::new(validity, 0, rows)));
        match data_type {
            DataType::Boolean => {
                let values = BooleanBuffer::new(self.buffer(), 0, rows);
                Arc::new(BooleanArray::new(values, nulls))
            }
            DataType::Utf8 => {
                let (offsets, values) = (self.offsets(), self.buffer());
                // SAFETY: the host built these from an array of text, and the contract says how (types.wit, `column`).
                Arc::new(unsafe { StringArray::new_unchecked(offsets, values, nulls) })
            }
            DataType::Binary => {
                let (offsets, values) = (self.offsets(), self.buffer());
                // SAFETY: as for text.
                Arc::new(unsafe { BinaryArray::new_unchecked(offsets, values, nulls) })
            }
            DataType::FixedSizeBinary(width) => {
                Arc::new(FixedSizeBinaryArray::new(*width, self.buffer(), nulls))
            }
            DataType::List(item) => {
                let offsets = self.offsets();
                let items = self.array(item.data_type());
                Arc::new(ListArray::new(item.clone(), offsets, items, nulls))
            }
            DataType::Struct(members) => Arc::new(self.members(members, rows, nulls)),
            DataType::Map(entries, ordered) => Arc::new(self.map(entries, *ordered, nulls)),
            number => self.number(number, nulls),
        }
    }

    fn members(&mut self, members: &Fields, rows: usize, nulls: Option<NullBuffer>) -> StructArray {
        let arrays = members
            .iter()
            .map(|member| self.array(member.data_type()))
            .collect();
        // SAFETY: the host's members are of these types and have as many rows as their struct, by contract.
        unsafe { StructArray::new_unchecked_with_length(members.clone(), arrays, nulls, rows) }
    }

    fn map(&mut self, entries: &FieldRef, ordered: bool, nulls: Option<NullBuffer>) -> MapArray {
        let offsets = self.offsets();
        let DataType::Struct(pair) = entries.data_type() else {
            unreachable!("`arrow_type` makes maps of pairs alone");
        };
        let rows = offsets.last().map_or(0, |last| last.as_usize());
        // The pairs' own node and validity; pairs are never missing.
        let _ = (self.nodes.next(), self.buffer());
        let pairs = self.members(pair, rows, None);
        MapArray::new(entries.clone(), offsets, pairs, nulls, ordered)
    }

    /// Offsets begin at 0 and never fall, by contract; of an array without rows there may be none.
    fn offsets(&mut self) -> OffsetBuffer<i32> {
        let buffer = self.buffer();
        if buffer.is_empty() {
            return OffsetBuffer::new_empty();
        }
        // SAFETY: by contract.
        unsafe { OffsetBuffer::new_unchecked(ScalarBuffer::from(aligned::<i32>(buffer))) }
    }

    fn number(&mut self, data_type: &DataType, nulls: Option<NullBuffer>) -> ArrayRef {
        let buffer = self.buffer();
        match data_type {
            DataType::Int8 => primitive::<Int8Type>(buffer, nulls, data_type),
            DataType::Int16 => primitive::<Int16Type>(buffer, nulls, data_type),
            DataType::Int32 => primitive::<Int32Type>(buffer, nulls, data_type),
            DataType::Int64 => primitive::<Int64Type>(buffer, nulls, data_type),
            DataType::UInt8 => primitive::<UInt8Type>(buffer, nulls, data_type),
            DataType::UInt16 => primitive::<UInt16Type>(buffer, nulls, data_type),
            DataType::UInt32 => primitive::<UInt32Type>(buffer, nulls, data_type),
            DataType::UInt64 => primitive::<UInt64Type>(buffer, nulls, data_type),
            DataType::Float32 => primitive::<Float32Type>(buffer, nulls, data_type),
            DataType::Float64 => primitive::<Float64Type>(buffer, nulls, data_type),
            DataType::Decimal128(_, _) => primitive::<Decimal128Type>(buffer, nulls, data_type),
            DataType::Decimal256(_, _) => primitive::<Decimal256Type>(buffer, nulls, data_type),
            DataType::Date32 => primitive::<Date32Type>(buffer, nulls, data_type),
            DataType::Time64(TimeUnit::Nanosecond) => {
                primitive::<Time64NanosecondType>(buffer, nulls, data_type)
            }
            DataType::Time64(_) => primitive::<Time64MicrosecondType>(buffer, nulls, data_type),
            DataType::Timestamp(unit, _) => match unit {
                TimeUnit::Second => primitive::<TimestampSecondType>(buffer, nulls, data_type),
                TimeUnit::Millisecond => primitive::<TimestampMillisecondType>(buffer, nulls, data_type),
                TimeUnit::Microsecond => primitive::<TimestampMicrosecondType>(buffer, nulls, data_type),
                TimeUnit::Nanosecond => primitive::<TimestampNanosecondType>(buffer, nulls, data_type),
            },
            DataType::Duration(unit) => match unit {
                TimeUnit::Second => primitive::<DurationSecondType>(buffer, nulls, data_type),
                TimeUnit::Millisecond => primitive::<DurationMillisecondType>(buffer, nulls, data_type),
                TimeUnit::Microsecond => primitive::<DurationMicrosecondType>(buffer, nulls, data_type),
                TimeUnit::Nanosecond => primitive::<DurationNanosecondType>(buffer, nulls, data_type),
            },
            other => {
                unreachable!("{other} is no type of the contract, which `arrow_type` makes all types from")
            }
        }
    }
}

fn primitive<T: ArrowPrimitiveType>(
    buffer: Buffer,
    nulls: Option<NullBuffer>,
    data_type: &DataType,
) -> ArrayRef {
    let values = ScalarBuffer::from(aligned::<T::Native>(buffer));
    Arc::new(PrimitiveArray::<T>::new(values, nulls).with_data_type(data_type.clone()))
}

/// The buffer where its values may stand; only decimals cross to addresses less aligned than arrow-rs wants.
fn aligned<T: ArrowNativeType>(buffer: Buffer) -> Buffer {
    if buffer.as_ptr().align_offset(align_of::<T>()) == 0 {
        buffer
    } else {
        // A new buffer is aligned for every type.
        Buffer::from_slice_ref(buffer.as_slice())
    }
}
