//! What a guest returned, onto the stream: batches, rejects, and counts that the host derives itself.

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StringArray, UInt32Array};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, Buffer};
use arrow_select::filter::FilterBuilder;
use arrow_select::take::take;
use tidegate_core::batch::{Processed, Rejects, StepCounts};

use crate::budget::Budget;
use crate::error::Fault;
use crate::limits::{MAX_CODE_BYTES, MAX_MESSAGE_BYTES, cut};
use crate::log::printable;
use crate::shape::{BoundShape, GuestColumn, Origin};
use crate::v0_1::lift;
use crate::v0_1::transform as wit;

/// More outputs of one call than a batch has rows for.
const MAX_OUTPUTS: usize = 10_000;

/// Which rows of the input an output has.
pub(crate) enum Rows {
    All,
    Keep(BooleanBuffer),
    Take(UInt32Array),
    Made(usize),
}

/// What became of a batch that the guest was given.
pub(crate) fn processed(
    shape: &BoundShape,
    input: &RecordBatch,
    done: wit::Processed,
    allowed_bytes: u64,
    redact: impl Fn(String) -> String,
) -> Result<Processed, Fault> {
    let rows_in = input.num_rows();
    few(&done.outputs)?;
    let mut account = Account::new(rows_in);
    // One output without repeats is no larger than its input.
    let may_grow = done.outputs.len() > 1
        || matches!(done.outputs.as_slice(), [one] if matches!(one.rows, wit::Selection::Take(_)));
    let mut budget = may_grow.then(|| {
        let columns = shape.origins.iter().filter_map(|origin| match origin {
            Origin::Stream(place) => input.columns().get(*place),
            Origin::Made(_) => None,
        });
        Budget::new(columns, rows_in, allowed_bytes)
    });
    let mut outputs = Vec::with_capacity(done.outputs.len());
    for output in done.outputs {
        let rows = rows(output.rows, rows_in)?;
        if let Some(budget) = &mut budget {
            budget.charge(&rows)?;
        }
        if matches!(rows, Rows::Made(_)) && shape.guest.carry_rest {
            return contract("its output makes rows, and its shape carries the stream's columns");
        }
        account.output(&rows);
        if shape.passes_everything() && matches!(rows, Rows::All) && output.columns.is_empty() {
            outputs.push(input.clone());
            continue;
        }
        outputs.push(assemble(shape, Some(input), &rows, output.columns)?);
    }
    let rejects = rejects(input, &done.rejects, &mut account, redact)?;
    let counts = account.counts(done.rest == wit::Disposition::Absorbed);
    outputs.retain(|batch| batch.num_rows() > 0);
    Ok(Processed {
        outputs,
        rejects,
        counts,
    })
}

/// What a guest still held at the end.
pub(crate) fn finished(shape: &BoundShape, outputs: Vec<wit::Output>) -> Result<Processed, Fault> {
    few(&outputs)?;
    let mut counts = StepCounts::default();
    let mut batches = Vec::new();
    for output in outputs {
        let wit::Selection::Made(count) = output.rows else {
            return contract("an output of `finish` selects rows of an input that is gone");
        };
        if shape.guest.carry_rest {
            return contract("its output makes rows, and its shape carries the stream's columns");
        }
        counts.made += u64::from(count);
        batches.push(assemble(
            shape,
            None,
            &Rows::Made(count as usize),
            output.columns,
        )?);
    }
    batches.retain(|batch| batch.num_rows() > 0);
    Ok(Processed {
        outputs: batches,
        rejects: None,
        counts,
    })
}

fn few(outputs: &[wit::Output]) -> Result<(), Fault> {
    if outputs.len() > MAX_OUTPUTS {
        return contract(format!(
            "it returned {} outputs from one call; {MAX_OUTPUTS} are allowed",
            outputs.len()
        ));
    }
    Ok(())
}

fn contract<T>(why: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Contract(why.into()))
}

fn rows(selection: wit::Selection, rows_in: usize) -> Result<Rows, Fault> {
    Ok(match selection {
        wit::Selection::All => Rows::All,
        wit::Selection::Keep(bits) => {
            if bits.len() != rows_in.div_ceil(8) {
                return contract(format!(
                    "its selection has {} bytes of bits for {rows_in} rows",
                    bits.len()
                ));
            }
            Rows::Keep(BooleanBuffer::new(Buffer::from_vec(bits), 0, rows_in))
        }
        wit::Selection::Take(indices) => {
            if let Some(beyond) = indices.iter().find(|index| **index as usize >= rows_in) {
                return contract(format!("its selection takes row {beyond} of {rows_in}"));
            }
            Rows::Take(UInt32Array::from(indices))
        }
        wit::Selection::Made(count) => Rows::Made(count as usize),
    })
}

/// An output's columns, those of the stream selected and those of the guest validated.
fn assemble(
    shape: &BoundShape,
    input: Option<&RecordBatch>,
    rows: &Rows,
    columns: Vec<wit::OutputColumn>,
) -> Result<RecordBatch, Fault> {
    if columns.len() != shape.guest.columns.len() {
        return contract(format!(
            "its output has {} columns, and its shape has {}",
            columns.len(),
            shape.guest.columns.len()
        ));
    }
    let given = input.map_or(0, RecordBatch::num_rows);
    let (made_rows, out_rows) = match rows {
        Rows::All => (given, given),
        Rows::Keep(bits) => (given, bits.count_set_bits()),
        Rows::Take(indices) => (indices.len(), indices.len()),
        Rows::Made(count) => (*count, *count),
    };
    let mut made: Vec<Option<ArrayRef>> = Vec::with_capacity(columns.len());
    for (declared, column) in shape.guest.columns.iter().zip(columns) {
        made.push(match (declared, column) {
            (GuestColumn::Passed { .. }, wit::OutputColumn::Input) if input.is_some() => None,
            (GuestColumn::Made { field, .. }, wit::OutputColumn::Made(column)) => {
                Some(lift(field, column, made_rows).map_err(|error| Fault::Contract(error.to_string()))?)
            }
            (GuestColumn::Passed { name, .. }, wit::OutputColumn::Input) => {
                return contract(format!(
                    "its output passes the column `{name}` on from an input that is gone"
                ));
            }
            (GuestColumn::Passed { name, .. }, wit::OutputColumn::Made(_)) => {
                return contract(format!(
                    "its output makes the column `{name}`, which its shape passes on"
                ));
            }
            (GuestColumn::Made { field, .. }, _) => {
                return contract(format!(
                    "its output passes the column `{}`, which its shape makes",
                    field.name()
                ));
            }
        });
    }
    // One filter for all columns: which rows it keeps is worked out once.
    let filter = match rows {
        Rows::Keep(bits) => Some(
            FilterBuilder::new(&BooleanArray::new(bits.clone(), None))
                .optimize()
                .build(),
        ),
        _ => None,
    };
    let mut arrays = Vec::with_capacity(shape.origins.len());
    for origin in &shape.origins {
        let (array, of_input): (ArrayRef, bool) = match origin {
            Origin::Made(index) => match &made[*index] {
                Some(array) => (array.clone(), false),
                None => return contract("a made column is missing"),
            },
            Origin::Stream(place) => match input {
                Some(input) if !matches!(rows, Rows::Made(_)) => (input.column(*place).clone(), true),
                _ => return contract("new rows have no column of the stream"),
            },
        };
        arrays.push(match (rows, &filter) {
            (Rows::Keep(_), Some(filter)) => filter.filter(&array).map_err(host)?,
            (Rows::Take(indices), _) if of_input => take(&array, indices, None).map_err(host)?,
            _ => array,
        });
    }
    let options = RecordBatchOptions::new().with_row_count(Some(out_rows));
    RecordBatch::try_new_with_options(shape.schema.clone(), arrays, &options).map_err(host)
}

#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn host(error: arrow_schema::ArrowError) -> Fault {
    Fault::Host(error.to_string())
}

/// Which rows went on, so that each is counted once.
struct Account {
    rows_in: usize,
    /// Rows kept so far, once a second output makes it matter.
    kept: Kept,
    made: u64,
    rejected: u64,
}

enum Kept {
    None,
    All,
    Bits(BooleanBuffer),
}

impl Account {
    fn new(rows_in: usize) -> Self {
        Self {
            rows_in,
            kept: Kept::None,
            made: 0,
            rejected: 0,
        }
    }

    fn output(&mut self, rows: &Rows) {
        let bits = match rows {
            Rows::Made(count) => {
                self.made += *count as u64;
                return;
            }
            Rows::All if matches!(self.kept, Kept::None) => {
                self.kept = Kept::All;
                return;
            }
            Rows::Keep(bits) if matches!(self.kept, Kept::None) => {
                self.kept = Kept::Bits(bits.clone());
                return;
            }
            Rows::All => BooleanBuffer::new_set(self.rows_in),
            Rows::Keep(bits) => bits.clone(),
            Rows::Take(indices) => {
                let mut bits = BooleanBufferBuilder::new(self.rows_in);
                bits.append_n(self.rows_in, false);
                for index in indices.values() {
                    bits.set_bit(*index as usize, true);
                }
                let bits = bits.finish();
                self.made += (indices.len() - bits.count_set_bits()) as u64;
                bits
            }
        };
        let before = self.bits();
        self.made += (&before & &bits).count_set_bits() as u64;
        self.kept = Kept::Bits(&before | &bits);
    }

    fn bits(&self) -> BooleanBuffer {
        match &self.kept {
            Kept::None => BooleanBuffer::new_unset(self.rows_in),
            Kept::All => BooleanBuffer::new_set(self.rows_in),
            Kept::Bits(bits) => bits.clone(),
        }
    }

    fn counts(&self, absorbed: bool) -> StepCounts {
        let kept = match &self.kept {
            Kept::None => 0,
            Kept::All => self.rows_in,
            Kept::Bits(bits) => bits.count_set_bits(),
        } as u64;
        let rest = self.rows_in as u64 - kept - self.rejected;
        let (filtered, absorbed) = if absorbed { (0, rest) } else { (rest, 0) };
        StepCounts {
            rows_in: self.rows_in as u64,
            kept,
            filtered,
            rejected: self.rejected,
            absorbed,
            made: self.made,
        }
    }
}

fn rejects(
    input: &RecordBatch,
    rejects: &[wit::Reject],
    account: &mut Account,
    redact: impl Fn(String) -> String,
) -> Result<Option<Rejects>, Fault> {
    if rejects.is_empty() {
        return Ok(None);
    }
    let kept = account.bits();
    let mut seen = BooleanBufferBuilder::new(account.rows_in);
    seen.append_n(account.rows_in, false);
    for reject in rejects {
        let row = reject.row as usize;
        if row >= account.rows_in {
            return contract(format!("it rejects row {row} of {}", account.rows_in));
        }
        if kept.value(row) {
            return contract(format!("it rejects row {row} and keeps it"));
        }
        if seen.get_bit(row) {
            return contract(format!("it rejects row {row} twice"));
        }
        seen.set_bit(row, true);
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.');
        if reject.code.is_empty() || reject.code.len() > MAX_CODE_BYTES || !reject.code.chars().all(good) {
            let code = cut(reject.code.escape_debug().to_string(), MAX_CODE_BYTES);
            return contract(format!(
                "it rejects row {row} with the code `{code}`, which is none"
            ));
        }
    }
    account.rejected = rejects.len() as u64;
    let indices: UInt32Array = rejects.iter().map(|reject| Some(reject.row)).collect();
    let columns = input
        .columns()
        .iter()
        .map(|column| take(column, &indices, None))
        .collect::<Result<Vec<_>, _>>()
        .map_err(host)?;
    let options = RecordBatchOptions::new().with_row_count(Some(indices.len()));
    let rows = RecordBatch::try_new_with_options(input.schema(), columns, &options).map_err(host)?;
    let codes = StringArray::from_iter_values(rejects.iter().map(|reject| reject.code.as_str()));
    let messages = StringArray::from_iter_values(
        rejects
            .iter()
            .map(|reject| printable(&cut(redact(reject.message.clone()), MAX_MESSAGE_BYTES))),
    );
    Ok(Some(Rejects {
        rows,
        codes,
        messages,
    }))
}
