//! A transform in its own unit tests.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{FieldRef, Schema, SchemaRef};

use super::concat;

use crate::batch::{Batch, Input};
use crate::export::transform::bind;
use crate::fault::Fault;
use crate::output::{Output, Processed, Reject, Rows};
use crate::shape::{Shape, ShapeColumn};
use crate::transform::Transform;

/// Binds a transform as `check` does: the config goes through JSON, as from a schema.
pub fn bind_to<T: Transform>(config: serde_json::Value, input: &Schema) -> Result<T, Fault> {
    bind(&config.to_string(), &Input::new(Arc::new(input.clone())))
}

/// One batch through a freshly bound transform: the columns of the shape, for the rows that go on. Fails where rows
/// are refused; [`run_with_rejects`] shows those.
pub fn run<T: Transform>(config: serde_json::Value, input: &RecordBatch) -> Result<RecordBatch, Fault> {
    let (batch, rejects) = run_with_rejects::<T>(config, input)?;
    match rejects.first() {
        None => Ok(batch),
        Some(reject) => Err(Fault::data(format!(
            "row {} was refused: {}: {}",
            reject.row, reject.code, reject.message
        ))),
    }
}

/// One batch through a freshly bound transform: the columns of the shape, for the rows that go on, and the refused
/// rows. For several batches through one transform, and its state, see [`process`].
pub fn run_with_rejects<T: Transform>(
    config: serde_json::Value,
    input: &RecordBatch,
) -> Result<(RecordBatch, Vec<Reject>), Fault> {
    process(&mut bind_to::<T>(config, &input.schema())?, input)
}

/// One more batch through a transform bound with [`bind_to`].
pub fn process<T: Transform>(
    bound: &mut T,
    input: &RecordBatch,
) -> Result<(RecordBatch, Vec<Reject>), Fault> {
    let shape = bound.shape();
    let done = bound.process(&Batch::of_record_batch(input))?;
    let Processed { outputs, rejects, .. } = done.without_rejects(input.num_rows());
    Ok((assembled(outputs, &shape, input)?, rejects))
}

/// Batches through one transform to its end: what goes on, in order, with what `finish` still held. Then once more, each
/// batch in a new instance that takes over the state of the last, as after a kill: where that gives other rows, the
/// transform keeps something that its snapshot has not, and this fails.
pub fn run_all<T: Transform>(config: serde_json::Value, input: &[RecordBatch]) -> Result<RecordBatch, Fault> {
    let Some(first) = input.first() else {
        return Err(Fault::data("there is no batch"));
    };
    let bind = || bind_to::<T>(config.clone(), &first.schema());
    let through = |resumed: bool| {
        let mut bound = bind()?;
        let mut parts = Vec::new();
        for batch in input {
            parts.push(process(&mut bound, batch)?.0);
            if resumed {
                let state = bound.snapshot()?;
                bound = bind()?;
                if let Some(state) = state {
                    bound.restore(&state)?;
                }
            }
        }
        let held = bound.finish()?;
        parts.push(assembled(held, &bound.shape(), &first.slice(0, 0))?);
        concat(&parts)
    };
    let whole: RecordBatch = through(false)?;
    if through(true)? != whole {
        return Err(Fault::fatal(
            "a transform that goes on from its snapshot gives other rows than one that was never stopped",
        ));
    }
    Ok(whole)
}

/// The rows of outputs, with the columns of the shape.
fn assembled(outputs: Vec<Output>, shape: &Shape, input: &RecordBatch) -> Result<RecordBatch, Fault> {
    let fields: Vec<FieldRef> = shape
        .columns
        .iter()
        .map(|column| match column {
            ShapeColumn::Passed { input: index, name } => {
                Arc::new(input.schema().field(*index).clone().with_name(name))
            }
            ShapeColumn::Made(made) => made.field.clone(),
        })
        .collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let mut batches = vec![RecordBatch::new_empty(schema.clone())];
    for output in outputs {
        batches.push(assemble(output, &shape.columns, input, schema.clone())?);
    }
    concat(&batches)
}

fn assemble(
    output: Output,
    shape: &[ShapeColumn],
    input: &RecordBatch,
    schema: Arc<Schema>,
) -> Result<RecordBatch, Fault> {
    let rows = input.num_rows();
    let kept: Option<Vec<u32>> = match &output.rows {
        Rows::Keep(bits) => Some(bits.set_indices().map(|row| row as u32).collect()),
        Rows::Take(indices) => Some(indices.clone()),
        Rows::All | Rows::Made(_) => None,
    };
    let mut made = output.columns.into_iter();
    let mut columns = Vec::new();
    for column in shape {
        columns.push(match (column, &kept, &output.rows) {
            (ShapeColumn::Passed { input: index, .. }, None, _) => input.column(*index).clone(),
            (ShapeColumn::Passed { input: index, .. }, Some(kept), _) => pick(input.column(*index), kept)?,
            (ShapeColumn::Made(_), Some(kept), Rows::Keep(_)) => pick(&next(&mut made)?, kept)?,
            (ShapeColumn::Made(_), _, _) => next(&mut made)?,
        });
    }
    let count = match &output.rows {
        Rows::Made(count) => *count,
        _ => kept.map_or(rows, |kept| kept.len()),
    };
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}

fn next(made: &mut impl Iterator<Item = ArrayRef>) -> Result<ArrayRef, Fault> {
    made.next()
        .ok_or_else(|| Fault::fatal("the output has fewer made columns than the shape"))
}

fn pick(array: &ArrayRef, rows: &[u32]) -> Result<ArrayRef, Fault> {
    let data = array.to_data();
    let mut copy = arrow_data::transform::MutableArrayData::new(vec![&data], true, rows.len());
    for row in rows {
        copy.try_extend(0, *row as usize, *row as usize + 1)?;
    }
    Ok(arrow_array::make_array(copy.freeze()))
}
