//! Arrays on their way into a guest: Arrow's buffers as they are, sliced to the rows, owned by what crosses.

use arrow_array::cast::AsArray;
use arrow_array::{Array, OffsetSizeTrait};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow_schema::DataType;
use bytes::Bytes;

use super::types::{Column, Node};

/// The column of an array. Buffers are shared, not copied, unless a slice begins inside a byte or not at offset 0.
pub fn lower(array: &dyn Array) -> Column {
    let mut column = Column {
        nodes: Vec::with_capacity(1),
        buffers: Vec::with_capacity(3),
    };
    push(array, &mut column);
    column
}

/// A buffer's bytes, kept alive by the buffer.
fn share(buffer: Buffer) -> Bytes {
    if buffer.is_empty() {
        Bytes::new()
    } else {
        Bytes::from_owner(BufferOwner(buffer))
    }
}

struct BufferOwner(Buffer);

impl AsRef<[u8]> for BufferOwner {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

fn push(array: &dyn Array, column: &mut Column) {
    let rows = array.len();
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    column.nodes.push(Node {
        row_count: rows as u32,
        null_count: nulls.map_or(0, NullBuffer::null_count) as u32,
    });
    column
        .buffers
        .push(nulls.map_or_else(Bytes::new, |nulls| bits(&nulls.inner().sliced(), rows)));
    match array.data_type() {
        DataType::Boolean => column
            .buffers
            .push(bits(&array.as_boolean().values().sliced(), rows)),
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            variable(array.offsets(), array.values(), column);
        }
        DataType::Binary => {
            let array = array.as_binary::<i32>();
            variable(array.offsets(), array.values(), column);
        }
        DataType::List(_) => {
            let array = array.as_list::<i32>();
            let (offsets, first, length) = rebased(array.offsets());
            column.buffers.push(offsets);
            push(array.values().slice(first, length).as_ref(), column);
        }
        DataType::Map(_, _) => {
            let array = array.as_map();
            let (offsets, first, length) = rebased(array.offsets());
            column.buffers.push(offsets);
            push(&array.entries().slice(first, length), column);
        }
        DataType::Struct(_) => {
            for member in array.as_struct().columns() {
                push(member.as_ref(), column);
            }
        }
        // Everything else has values of one width, and its data begins where its slice does.
        _ => {
            let data = array.to_data();
            let width = data
                .data_type()
                .primitive_width()
                .unwrap_or(match data.data_type() {
                    DataType::FixedSizeBinary(length) => usize::try_from(*length).unwrap_or(0),
                    _ => 0,
                });
            let values = data.buffers()[0].slice_with_length(data.offset() * width, rows * width);
            column.buffers.push(share(values));
        }
    }
}

fn bits(buffer: &Buffer, rows: usize) -> Bytes {
    share(buffer.slice_with_length(0, rows.div_ceil(8)))
}

fn variable(offsets: &OffsetBuffer<i32>, values: &Buffer, column: &mut Column) {
    let (offsets, first, length) = rebased(offsets);
    column.buffers.push(offsets);
    column
        .buffers
        .push(share(values.slice_with_length(first, length)));
}

/// Offsets that begin at 0, and which values they meant: the first, and how many.
fn rebased<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>) -> (Bytes, usize, usize) {
    let first = offsets.first().copied().unwrap_or_default();
    let last = offsets.last().copied().unwrap_or_default();
    let (start, length) = (first.as_usize(), (last - first).as_usize());
    if start == 0 {
        return (share(offsets.inner().inner().clone()), 0, length);
    }
    let moved: Vec<O> = offsets.iter().map(|offset| *offset - first).collect();
    (share(Buffer::from_vec(moved)), start, length)
}
