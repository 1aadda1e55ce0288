//! Rows of binary `COPY` into batches: column by column, without a value on the heap.

mod json;
mod list;
mod number;
mod numeric;
mod plan;
mod text;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use tidegate_core::batch::Rejects;

use super::error::{PostgresError, Result};
use super::wire::{HEADER, MISSING};

pub(super) use plan::{Found, Shape, plan};

/// How many bytes of values a batch holds before it is handed on, however few its rows.
const BATCH_BYTES: usize = 16 << 20;

/// Why a value cannot be held.
type Complaint = String;

/// A value that cannot be held, found when the column is finished: its row and why.
type Late = (usize, Complaint);

/// Takes the values of a column in order.
trait Decode: Send {
    /// Takes a value, or none where it is missing. A value that cannot be held stands as missing, with the reason.
    fn push(&mut self, value: Option<&[u8]>) -> Result<(), Complaint>;
    /// The values since the last call, and those among them that cannot be held after all.
    fn finish(&mut self) -> Result<(ArrayRef, Vec<Late>)>;
}

/// Makes batches of what `COPY` sends, wherever that is cut.
pub(super) struct Decoder {
    schema: SchemaRef,
    columns: Vec<Box<dyn Decode>>,
    /// Whether a value of text follows the columns that says what is too large.
    guarded: bool,
    batch_rows: usize,
    rows: usize,
    bytes: usize,
    /// Rows that cannot be held, in order, and why.
    bad: Vec<Late>,
    /// The beginning of a row whose end has not come.
    rest: Vec<u8>,
    started: bool,
    ended: bool,
    /// Rows of earlier batches.
    before: u64,
}

/// A batch, and the rows that are not in it.
pub(super) struct Decoded {
    pub(super) batch: RecordBatch,
    pub(super) rejects: Option<Rejects>,
    /// The number of the first bad row, counted from 1 over all batches.
    pub(super) first_bad: Option<u64>,
}

impl Decoder {
    /// A decoder of rows with those shapes; `guarded` where a value more follows that says what was left out.
    pub(super) fn new(schema: SchemaRef, shapes: &[Shape], guarded: bool, batch_rows: usize) -> Self {
        Self {
            columns: shapes.iter().map(Shape::decoder).collect(),
            schema,
            guarded,
            batch_rows: batch_rows.max(1),
            rows: 0,
            bytes: 0,
            bad: Vec::new(),
            rest: Vec::new(),
            started: false,
            ended: false,
            before: 0,
        }
    }

    /// Takes a piece of the stream; several pieces may hold one row, and one several. A batch is answered once it is full;
    /// more may be there then, which an empty piece asks for.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<Option<Decoded>> {
        if self.rest.is_empty() {
            let taken = self.take(piece)?;
            self.rest.extend_from_slice(&piece[taken..]);
        } else {
            let mut whole = std::mem::take(&mut self.rest);
            whole.extend_from_slice(piece);
            let taken = self.take(&whole)?;
            whole.drain(..taken);
            self.rest = whole;
        }
        if self.rows >= self.batch_rows || self.bytes >= BATCH_BYTES {
            return self.finish();
        }
        Ok(None)
    }

    /// The rows since the last batch, if there are any.
    pub(super) fn finish(&mut self) -> Result<Option<Decoded>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let mut bad = std::mem::take(&mut self.bad);
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (column, field) in self.columns.iter_mut().zip(self.schema.fields()) {
            let (array, late) = column.finish()?;
            arrays.push(array);
            bad.extend(
                late.into_iter()
                    .map(|(row, complaint)| (row, format!("`{}` {complaint}", field.name()))),
            );
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .map_err(|error| PostgresError::Internal(error.to_string()))?;
        let first_bad = bad
            .iter()
            .map(|(row, _)| *row)
            .min()
            .map(|row| self.before + row as u64 + 1);
        self.before += rows as u64;
        if bad.is_empty() {
            return Ok(Some(Decoded {
                batch,
                rejects: None,
                first_bad,
            }));
        }
        bad.sort_by_key(|(row, _)| *row);
        // One row may be wrong in several ways.
        bad.dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same {
                first.1 = format!("{}; {}", first.1, later.1);
            }
            same
        });
        let mut kept = vec![true; rows];
        for (row, _) in &bad {
            kept[*row] = false;
        }
        let kept = BooleanArray::from(kept);
        let refused = BooleanArray::new(!kept.values(), None);
        let select = |which: &BooleanArray| {
            filter_record_batch(&batch, which).map_err(|error| PostgresError::Internal(error.to_string()))
        };
        Ok(Some(Decoded {
            rejects: Some(Rejects {
                rows: select(&refused)?,
                codes: StringArray::from_iter_values(bad.iter().map(|_| "postgres.bad_row")),
                messages: StringArray::from_iter_values(bad.iter().map(|(_, complaint)| complaint)),
            }),
            batch: select(&kept)?,
            first_bad,
        }))
    }

    /// Fails where the stream broke off inside a row.
    pub(super) fn end(&self) -> Result<()> {
        if self.rest.is_empty() && self.ended {
            Ok(())
        } else {
            Err(PostgresError::Stream("they end in the middle".into()))
        }
    }

    /// Reads whole rows, and answers how many bytes they were.
    fn take(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut at = 0;
        if !self.started {
            if bytes.len() < HEADER.len() {
                return Ok(0);
            }
            if &bytes[..HEADER.len()] != HEADER {
                return Err(PostgresError::Stream("they do not begin as COPY does".into()));
            }
            self.started = true;
            at = HEADER.len();
        }
        while !self.ended
            && self.rows < self.batch_rows
            && self.bytes < BATCH_BYTES
            && let Some(length) = self.row(&bytes[at..])?
        {
            at += length;
        }
        Ok(at)
    }

    /// Reads a row, and answers its length; none where its end has not come.
    fn row(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        let Some((count, mut left)) = bytes.split_first_chunk::<2>() else {
            return Ok(None);
        };
        let count = i16::from_be_bytes(*count);
        if count == -1 {
            self.ended = true;
            return Ok(Some(2));
        }
        let expected = self.columns.len() + usize::from(self.guarded);
        if usize::try_from(count) != Ok(expected) {
            return Err(PostgresError::Stream(format!(
                "a row has {count} values in place of {expected}"
            )));
        }
        // Whole or not at all: nothing is taken of a row whose end has not come.
        let Some(length) = length_of(left, expected)? else {
            return Ok(None);
        };
        for (column, field) in self.columns.iter_mut().zip(self.schema.fields()) {
            let (value, behind) = value(left);
            left = behind;
            if let Err(complaint) = column.push(value) {
                self.bad
                    .push((self.rows, format!("`{}` {complaint}", field.name())));
            }
        }
        if self.guarded
            && let (Some(text), _) = value(left)
        {
            self.bad
                .push((self.rows, String::from_utf8_lossy(text).into_owned()));
        }
        self.rows += 1;
        self.bytes += length;
        Ok(Some(2 + length))
    }
}

/// The bytes of so many values; none where they have not all come.
fn length_of(bytes: &[u8], values: usize) -> Result<Option<usize>> {
    let mut at = 0;
    for _ in 0..values {
        let Some(length) = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>) else {
            return Ok(None);
        };
        at += 4 + match i32::from_be_bytes(*length) {
            MISSING => 0,
            length => usize::try_from(length)
                .map_err(|_| PostgresError::Stream(format!("a value has {length} bytes")))?,
        };
        if at > bytes.len() {
            return Ok(None);
        }
    }
    Ok(Some(at))
}

/// The first value of those whose bytes are known to be there, and what is behind it.
fn value(bytes: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match bytes.split_first_chunk::<4>() {
        Some((length, rest)) => match usize::try_from(i32::from_be_bytes(*length)) {
            Ok(length) if length <= rest.len() => {
                let (value, behind) = rest.split_at(length);
                (Some(value), behind)
            }
            _ => (None, rest),
        },
        None => (None, &[]),
    }
}

#[cfg(test)]
mod tests;
