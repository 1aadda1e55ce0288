//! Arrays of one dimension (`array_send` in `src/backend/utils/adt/arrayfuncs.c`).

use std::sync::Arc;

use arrow_array::builder::NullBufferBuilder;
use arrow_array::{ArrayRef, ListArray};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::FieldRef;

use super::super::error::{PostgresError, Result};
use super::number::fixed;
use super::{Complaint, Decode, Late, value};

/// Lists of plain values.
pub(super) struct Lists {
    field: FieldRef,
    items: Box<dyn Decode>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
    count: i32,
}

impl Lists {
    pub(super) fn boxed(field: FieldRef, items: Box<dyn Decode>) -> Box<dyn Decode> {
        Box::new(Self {
            field,
            items,
            offsets: vec![0],
            nulls: NullBufferBuilder::new(0),
            count: 0,
        })
    }

    fn items(&mut self, array: &[u8]) -> Result<(), Complaint> {
        let short = || format!("came as an array of {} bytes", array.len());
        let part = |at: usize| {
            let bytes = array.get(at..at + 4).ok_or_else(short)?;
            Ok::<i32, Complaint>(i32::from_be_bytes(fixed(bytes)?))
        };
        // Dimensions, whether members are missing, their type; then each dimension's length and first index.
        let length = match part(0)? {
            0 => return Ok(()),
            1 => part(12)?,
            dimensions => return Err(format!("is an array of {dimensions} dimensions, not a list")),
        };
        let mut left = array.get(20..).ok_or_else(short)?;
        let mut done = Ok(());
        for _ in 0..length {
            if left.len() < 4 {
                return Err(short());
            }
            let (item, behind) = value(left);
            left = behind;
            self.count += 1;
            // The first complaint is enough.
            let pushed = self.items.push(item);
            done = done.and(pushed);
        }
        done
    }
}

impl Decode for Lists {
    fn push(&mut self, value: Option<&[u8]>) -> Result<(), Complaint> {
        let done = match value {
            Some(array) => self.items(array),
            None => Ok(()),
        };
        self.nulls.append(value.is_some());
        self.offsets.push(self.count);
        done
    }

    fn finish(&mut self) -> Result<(ArrayRef, Vec<Late>)> {
        let (items, late) = self.items.finish()?;
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        self.count = 0;
        // A bad item's row is the one whose range it lies in.
        let late = late
            .into_iter()
            .map(|(item, complaint)| {
                let row = offsets.partition_point(|offset| *offset as usize <= item) - 1;
                (row, complaint)
            })
            .collect();
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let array = ListArray::try_new(self.field.clone(), offsets, items, self.nulls.finish())
            .map_err(|error| PostgresError::Internal(error.to_string()))?;
        Ok((Arc::new(array), late))
    }
}
