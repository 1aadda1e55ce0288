//! Columns on their way out of a guest: every length, offset, bitmap, text and decimal is looked at before an array is
//! made of them. A guest is not trusted; nothing here panics or reads beyond a buffer, whatever it returns.

use std::sync::Arc;

use arrow_array::types::{Decimal128Type, Decimal256Type, DecimalType};
use arrow_array::{Array, ArrayRef, ListArray, MapArray, StructArray, make_array};
use arrow_buffer::{
    BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer, bit_util::ceil as ceil_div, i256,
};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, TimeUnit};
use bytes::Bytes;

use super::types::{Column, Node};

/// What a guest's column got wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column `{column}`: {why}")]
pub struct LiftError {
    /// Which column, with the member of a nested one.
    pub column: String,
    /// What is wrong with it.
    pub why: String,
}

/// The array of a guest's column, of the field's type, with exactly `rows` rows.
pub fn lift(field: &Field, column: Column, rows: usize) -> Result<ArrayRef, LiftError> {
    let mut reader = Reader {
        nodes: column.nodes.into_iter(),
        buffers: column.buffers.into_iter(),
    };
    let array = reader.array(field, field.name(), Some(rows))?;
    let left = (reader.nodes.len(), reader.buffers.len());
    if left != (0, 0) {
        return Err(LiftError {
            column: field.name().clone(),
            why: format!("{} nodes and {} buffers too many", left.0, left.1),
        });
    }
    // A member that may not be missing may still be where what holds it is: its holder's array looks at that.
    if !field.is_nullable() && array.null_count() > 0 {
        return wrong(
            field.name(),
            format!("{} values are missing, and none may be", array.null_count()),
        );
    }
    Ok(array)
}

struct Reader {
    nodes: std::vec::IntoIter<Node>,
    buffers: std::vec::IntoIter<Bytes>,
}

fn wrong<T>(column: &str, why: impl Into<String>) -> Result<T, LiftError> {
    Err(LiftError {
        column: column.to_owned(),
        why: why.into(),
    })
}

impl Reader {
    fn buffer(&mut self, name: &str, what: &str) -> Result<Bytes, LiftError> {
        match self.buffers.next() {
            Some(buffer) => Ok(buffer),
            None => wrong(name, format!("its {what} are missing")),
        }
    }

    fn sized(&mut self, name: &str, what: &str, length: usize) -> Result<Buffer, LiftError> {
        let buffer = self.buffer(name, what)?;
        if buffer.len() != length {
            return wrong(
                name,
                format!("its {what} have {} bytes and must have {length}", buffer.len()),
            );
        }
        Ok(Buffer::from(buffer))
    }

    fn array(&mut self, field: &Field, name: &str, rows: Option<usize>) -> Result<ArrayRef, LiftError> {
        let Some(node) = self.nodes.next() else {
            return wrong(name, "its node is missing");
        };
        let length = node.row_count as usize;
        if let Some(rows) = rows
            && rows != length
        {
            return wrong(name, format!("it has {length} values and must have {rows}"));
        }
        let nulls = self.nulls(name, node)?;
        match field.data_type() {
            DataType::Utf8 | DataType::Binary => self.variable(field.data_type(), name, length, nulls),
            DataType::List(item) => {
                let (offsets, total) = self.offsets(name, length)?;
                let values = self.array(item, &format!("{name}.{}", item.name()), Some(total))?;
                ListArray::try_new(item.clone(), offsets, values, nulls)
                    .map(|array| Arc::new(array) as ArrayRef)
                    .or_else(|error| wrong(name, error.to_string()))
            }
            DataType::Map(entries, sorted) => {
                let (offsets, total) = self.offsets(name, length)?;
                let values = self.array(entries, name, Some(total))?;
                let Some(pairs) = values.as_any().downcast_ref::<StructArray>() else {
                    return wrong(name, "its entries are not pairs");
                };
                MapArray::try_new(entries.clone(), offsets, pairs.clone(), nulls, *sorted)
                    .map(|array| Arc::new(array) as ArrayRef)
                    .or_else(|error| wrong(name, error.to_string()))
            }
            DataType::Struct(fields) => {
                let members = fields
                    .iter()
                    .map(|member| self.array(member, &format!("{name}.{}", member.name()), Some(length)))
                    .collect::<Result<Vec<_>, _>>()?;
                StructArray::try_new_with_length(fields.clone(), members, nulls, length)
                    .map(|array| Arc::new(array) as ArrayRef)
                    .or_else(|error| wrong(name, error.to_string()))
            }
            fixed => self.fixed(fixed, name, length, nulls),
        }
    }

    fn nulls(&mut self, name: &str, node: Node) -> Result<Option<NullBuffer>, LiftError> {
        let length = node.row_count as usize;
        let validity = self.buffer(name, "validity bits")?;
        if validity.is_empty() {
            return if node.null_count == 0 {
                Ok(None)
            } else {
                wrong(
                    name,
                    format!(
                        "{} values are said to be missing, and no bits say which",
                        node.null_count
                    ),
                )
            };
        }
        if validity.len() != ceil_div(length, 8) {
            return wrong(
                name,
                format!(
                    "its validity bits have {} bytes for {length} values",
                    validity.len()
                ),
            );
        }
        let nulls = NullBuffer::new(BooleanBuffer::new(Buffer::from(validity), 0, length));
        if nulls.null_count() != node.null_count as usize {
            return wrong(
                name,
                format!(
                    "{} values are said to be missing, and the bits say {}",
                    node.null_count,
                    nulls.null_count()
                ),
            );
        }
        Ok((nulls.null_count() > 0).then_some(nulls))
    }

    /// Offsets that begin at 0 and never fall, and where they end.
    fn offsets(&mut self, name: &str, length: usize) -> Result<(OffsetBuffer<i32>, usize), LiftError> {
        let buffer = self.buffer(name, "offsets")?;
        if buffer.is_empty() && length == 0 {
            return Ok((OffsetBuffer::new_empty(), 0));
        }
        if buffer.len() != (length + 1) * 4 {
            return wrong(
                name,
                format!("its offsets have {} bytes for {length} values", buffer.len()),
            );
        }
        let offsets: ScalarBuffer<i32> = ScalarBuffer::from(aligned(Buffer::from(buffer), 4));
        if offsets[0] != 0 {
            return wrong(name, format!("its offsets begin at {}", offsets[0]));
        }
        // One pass without a branch in it, so that it is a vector loop.
        #[allow(clippy::needless_bitwise_bool, reason = "a lazy operator is a branch")]
        let rising = offsets
            .windows(2)
            .fold(true, |rising, pair| rising & (pair[0] <= pair[1]));
        if !rising {
            return wrong(name, "its offsets fall");
        }
        let end = offsets[length] as usize;
        // SAFETY: they begin at 0 and never fall, which was just seen.
        Ok((unsafe { OffsetBuffer::new_unchecked(offsets) }, end))
    }

    fn variable(
        &mut self,
        data_type: &DataType,
        name: &str,
        length: usize,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, LiftError> {
        let (offsets, end) = self.offsets(name, length)?;
        let values = self.sized(name, "bytes", end)?;
        if *data_type == DataType::Utf8 {
            utf8(name, &offsets, &values)?;
        }
        let builder = ArrayData::builder(data_type.clone())
            .len(length)
            .nulls(nulls)
            .add_buffer(offsets.into_inner().into_inner())
            .add_buffer(values);
        // SAFETY: the offsets lie within the bytes, and for text each value is UTF-8: both were just seen.
        Ok(make_array(unsafe { builder.build_unchecked() }))
    }

    fn fixed(
        &mut self,
        data_type: &DataType,
        name: &str,
        length: usize,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, LiftError> {
        let (bytes, align) = match data_type {
            DataType::Boolean => (ceil_div(length, 8), 1),
            DataType::FixedSizeBinary(width) => (length * usize::try_from(*width).unwrap_or(0), 1),
            other => match other.primitive_width() {
                Some(width) => (length * width, width.min(align_of::<i128>())),
                None => return wrong(name, format!("{other} does not cross")),
            },
        };
        let values = aligned(self.sized(name, "values", bytes)?, align);
        match data_type {
            DataType::Decimal128(precision, scale) => {
                let numbers = ScalarBuffer::<i128>::from(values.clone());
                decimals::<Decimal128Type>(name, &numbers, nulls.as_ref(), *precision, *scale)?;
            }
            DataType::Decimal256(precision, scale) => {
                let numbers = ScalarBuffer::<i256>::from(values.clone());
                decimals::<Decimal256Type>(name, &numbers, nulls.as_ref(), *precision, *scale)?;
            }
            DataType::Time64(unit) => {
                let times = ScalarBuffer::<i64>::from(values.clone());
                times_of_day(name, &times, nulls.as_ref(), *unit)?;
            }
            _ => {}
        }
        let builder = ArrayData::builder(data_type.clone())
            .len(length)
            .nulls(nulls)
            .add_buffer(values);
        // SAFETY: a value of these types may be any bytes; their number was checked, and they are aligned.
        Ok(make_array(unsafe { builder.build_unchecked() }))
    }
}

/// The same bytes at an address that the type may stand at. What an allocator gives is almost always one.
fn aligned(buffer: Buffer, align: usize) -> Buffer {
    if buffer.as_ptr().align_offset(align) == 0 {
        buffer
    } else {
        Buffer::from_slice_ref(buffer.as_slice())
    }
}

fn utf8(name: &str, offsets: &OffsetBuffer<i32>, values: &Buffer) -> Result<(), LiftError> {
    let Ok(text) = simdutf8::basic::from_utf8(values.as_slice()) else {
        return wrong(name, "its text is not UTF-8");
    };
    // ASCII has no character that an offset could split.
    if text.is_ascii()
        || offsets
            .iter()
            .all(|offset| text.is_char_boundary(*offset as usize))
    {
        return Ok(());
    }
    wrong(name, "an offset splits a character")
}

fn decimals<T: DecimalType>(
    name: &str,
    values: &[T::Native],
    nulls: Option<&NullBuffer>,
    precision: u8,
    scale: i8,
) -> Result<(), LiftError> {
    for (index, value) in values.iter().enumerate() {
        if nulls.is_none_or(|nulls| nulls.is_valid(index))
            && T::validate_decimal_precision(*value, precision, scale).is_err()
        {
            return wrong(name, format!("value {index} has more than {precision} digits"));
        }
    }
    Ok(())
}

fn times_of_day(
    name: &str,
    values: &[i64],
    nulls: Option<&NullBuffer>,
    unit: TimeUnit,
) -> Result<(), LiftError> {
    let day = match unit {
        TimeUnit::Second => 86_400,
        TimeUnit::Millisecond => 86_400_000,
        TimeUnit::Microsecond => 86_400_000_000,
        TimeUnit::Nanosecond => 86_400_000_000_000,
    };
    let beyond = values
        .iter()
        .enumerate()
        .find(|(index, time)| !(0..day).contains(*time) && nulls.is_none_or(|nulls| nulls.is_valid(*index)));
    match beyond {
        Some((index, _)) => wrong(name, format!("value {index} is no time of a day")),
        None => Ok(()),
    }
}
