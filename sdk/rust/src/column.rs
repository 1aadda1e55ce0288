//! Arrays as columns that cross.

use arrow_array::{Array, ArrayRef};
use arrow_buffer::{Buffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_schema::DataType;

use crate::bindings::types::{Column, Node};

/// The column of an array; buffers that nobody shares are moved, not copied.
pub(crate) fn of_array(array: ArrayRef) -> Column {
    let mut column = Column {
        nodes: Vec::new(),
        buffers: Vec::new(),
    };
    let data = array.to_data();
    drop(array);
    push(data, &mut column);
    column
}

fn push(data: ArrayData, column: &mut Column) {
    let data = if data.offset() == 0 { data } else { compact(&data) };
    let rows = data.len();
    let (data_type, nulls, buffers, children) = take(data);
    column.nodes.push(Node {
        row_count: rows as u32,
        null_count: nulls.as_ref().map_or(0, NullBuffer::null_count) as u32,
    });
    column.buffers.push(match nulls {
        Some(nulls) if nulls.null_count() > 0 => bytes(nulls.into_inner().sliced(), rows.div_ceil(8)),
        _ => Vec::new(),
    });
    let mut buffers = buffers.into_iter();
    let mut next = || buffers.next().unwrap_or_default();
    match &data_type {
        DataType::Utf8 | DataType::Binary => {
            let (offsets, values) = (next(), next());
            let (offsets, range) = rebased(&offsets, rows);
            column.buffers.push(offsets);
            column.buffers.push(bytes(
                values.slice_with_length(range.start, range.len()),
                range.len(),
            ));
        }
        DataType::List(_) | DataType::Map(_, _) => {
            let (offsets, range) = rebased(&next(), rows);
            column.buffers.push(offsets);
            for child in children {
                push(child.slice(range.start, range.len()), column);
            }
        }
        DataType::Struct(_) => {
            for child in children {
                push(child, column);
            }
        }
        DataType::Boolean => column.buffers.push(bytes(next(), rows.div_ceil(8))),
        fixed => {
            let width = fixed.primitive_width().unwrap_or(match fixed {
                DataType::FixedSizeBinary(length) => usize::try_from(*length).unwrap_or(0),
                _ => 0,
            });
            column.buffers.push(bytes(next(), rows * width));
        }
    }
}

type Parts = (DataType, Option<NullBuffer>, Vec<Buffer>, Vec<ArrayData>);

/// The parts of an array's data, owned, so that buffers can be moved out.
fn take(data: ArrayData) -> Parts {
    let (data_type, _, nulls, _, buffers, children) = data.into_parts();
    (data_type, nulls, buffers, children)
}

/// The same rows at offset 0.
fn compact(data: &ArrayData) -> ArrayData {
    let mut copy = arrow_data::transform::MutableArrayData::new(vec![data], false, data.len());
    match copy.try_extend(0, 0, data.len()) {
        Ok(()) => copy.freeze(),
        // Offsets of a part of an array fit where those of the whole did.
        Err(error) => unreachable!("{error}"),
    }
}

/// Offsets that begin at 0, and the range of values that they meant.
fn rebased(offsets: &Buffer, rows: usize) -> (Vec<u8>, std::ops::Range<usize>) {
    let values: &[i32] = offsets.typed_data();
    let Some(values) = values.get(..=rows) else {
        return (Vec::new(), 0..0);
    };
    let (first, last) = (values[0], values[rows]);
    let range = first as usize..last as usize;
    if first == 0 {
        return (bytes(offsets.clone(), (rows + 1) * 4), range);
    }
    let moved: Vec<i32> = values.iter().map(|offset| offset - first).collect();
    (bytes(Buffer::from_vec(moved), (rows + 1) * 4), range)
}

/// The first `length` bytes of a buffer: moved where the buffer is whole and nobody else holds it, else copied.
fn bytes(buffer: Buffer, length: usize) -> Vec<u8> {
    match owned(buffer) {
        Ok(mut vec) if vec.len() >= length => {
            vec.truncate(length);
            vec
        }
        Ok(vec) => vec,
        Err(buffer) => buffer.as_slice()[..length.min(buffer.len())].to_vec(),
    }
}

/// The buffer's own allocation as bytes, where that is possible.
#[cfg(target_arch = "wasm32")]
fn owned(buffer: Buffer) -> Result<Vec<u8>, Buffer> {
    let buffer = match buffer.into_vec::<u8>() {
        Ok(vec) => return Ok(vec),
        Err(buffer) => buffer,
    };
    let buffer = match buffer.into_vec::<u64>() {
        Ok(vec) => return Ok(recast(vec)),
        Err(buffer) => buffer,
    };
    let buffer = match buffer.into_vec::<u32>() {
        Ok(vec) => return Ok(recast(vec)),
        Err(buffer) => buffer,
    };
    let mutable = buffer.into_mutable()?;
    let mut mutable = std::mem::ManuallyDrop::new(mutable);
    // SAFETY: as for `recast`.
    Ok(unsafe { Vec::from_raw_parts(mutable.as_mut_ptr(), mutable.len(), mutable.capacity()) })
}

#[cfg(target_arch = "wasm32")]
fn recast<T>(vec: Vec<T>) -> Vec<u8> {
    let mut vec = std::mem::ManuallyDrop::new(vec);
    let width = size_of::<T>();
    // SAFETY: the bytes of numbers are initialised. The vector is given back to the allocator with another alignment
    // than it was asked for with. For a wasm32 target the standard library's allocator is dlmalloc, whose `dealloc` and
    // `realloc` find a block's size in its own header and look at no layout (the `dlmalloc` crate, `Dlmalloc::free`),
    // and no plugin of this SDK sets another allocator. The gain is one copy of every made column.
    unsafe { Vec::from_raw_parts(vec.as_mut_ptr().cast(), vec.len() * width, vec.capacity() * width) }
}

/// Outside the sandbox the allocator may look at layouts: only what was allocated as bytes is moved.
#[cfg(not(target_arch = "wasm32"))]
fn owned(buffer: Buffer) -> Result<Vec<u8>, Buffer> {
    buffer.into_vec::<u8>()
}
