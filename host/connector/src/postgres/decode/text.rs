//! Text and bytes.

use std::sync::Arc;

use arrow_array::builder::NullBufferBuilder;
use arrow_array::{ArrayRef, BinaryArray, StringArray};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};

use super::super::error::{PostgresError, Result};
use super::{Complaint, Decode, Late};

/// The version of `jsonb`'s binary form (`jsonb_send` in `src/backend/utils/adt/jsonb.c`).
const JSONB_VERSION: u8 = 1;

/// Values of any length, one behind the other.
pub(super) struct Pieces {
    offsets: Vec<i32>,
    values: Vec<u8>,
    nulls: NullBufferBuilder,
    /// Whether a version stands before each.
    versioned: bool,
}

impl Pieces {
    pub(super) fn new(versioned: bool) -> Self {
        Self {
            offsets: vec![0],
            values: Vec::new(),
            nulls: NullBufferBuilder::new(0),
            versioned,
        }
    }

    pub(super) fn push(&mut self, value: Option<&[u8]>) -> Result<(), Complaint> {
        let mut done = Ok(());
        let mut value = value;
        if self.versioned {
            value = match value.and_then(<[u8]>::split_first) {
                Some((&JSONB_VERSION, text)) => Some(text),
                Some((version, _)) => {
                    done = Err(format!("is jsonb of the version {version}"));
                    None
                }
                None => None,
            };
        }
        if let Some(value) = value {
            // A batch is handed on long before: its bytes are counted.
            if self.values.len() + value.len() > i32::MAX as usize {
                done = Err(format!("has {} bytes, too many for a batch", value.len()));
            } else {
                self.values.extend_from_slice(value);
            }
        }
        self.nulls.append(value.is_some());
        self.offsets.push(self.values.len() as i32);
        done
    }

    /// Everything since the last call: where each begins and ends, the bytes, which are missing.
    pub(super) fn take(&mut self) -> (OffsetBuffer<i32>, Vec<u8>, Option<arrow_buffer::NullBuffer>) {
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        // They only grow.
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        (offsets, std::mem::take(&mut self.values), self.nulls.finish())
    }
}

/// Text. That of a database without an encoding (`SQL_ASCII`) need not be UTF-8.
pub(super) struct Texts(Pieces);

impl Texts {
    pub(super) fn boxed(versioned: bool) -> Box<dyn Decode> {
        Box::new(Self(Pieces::new(versioned)))
    }
}

impl Decode for Texts {
    fn push(&mut self, value: Option<&[u8]>) -> Result<(), Complaint> {
        self.0.push(value)
    }

    fn finish(&mut self) -> Result<(ArrayRef, Vec<Late>)> {
        let (offsets, values, nulls) = self.0.take();
        if simdutf8::basic::from_utf8(&values).is_ok()
            && let Ok(array) =
                StringArray::try_new(offsets.clone(), Buffer::from(values.as_slice()), nulls.clone())
        {
            return Ok((Arc::new(array), Vec::new()));
        }
        let mut late = Vec::new();
        let texts: StringArray = offsets
            .windows(2)
            .enumerate()
            .map(|(row, range)| {
                let value = &values[range[0] as usize..range[1] as usize];
                let there = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
                match simdutf8::basic::from_utf8(value) {
                    Ok(text) => there.then_some(text),
                    Err(_) => {
                        late.push((row, "is not UTF-8".to_owned()));
                        None
                    }
                }
            })
            .collect();
        Ok((Arc::new(texts), late))
    }
}

/// Bytes.
pub(super) struct Bytes(Pieces);

impl Bytes {
    pub(super) fn boxed() -> Box<dyn Decode> {
        Box::new(Self(Pieces::new(false)))
    }
}

impl Decode for Bytes {
    fn push(&mut self, value: Option<&[u8]>) -> Result<(), Complaint> {
        self.0.push(value)
    }

    fn finish(&mut self) -> Result<(ArrayRef, Vec<Late>)> {
        let (offsets, values, nulls) = self.0.take();
        let array = BinaryArray::try_new(offsets, Buffer::from(values), nulls)
            .map_err(|error| PostgresError::Internal(error.to_string()))?;
        Ok((Arc::new(array), Vec::new()))
    }
}
