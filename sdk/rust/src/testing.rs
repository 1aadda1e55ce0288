//! Run a transform natively, in its own unit tests.
#![allow(clippy::needless_pass_by_value, reason = "a test writes its config in place")]

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{FieldRef, Schema};

use crate::batch::{Batch, Input};
use crate::export::bind;
use crate::fault::Fault;
use crate::output::{Output, Processed, Reject, Rows};
use crate::shape::ShapeColumn;
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
    let schema = Arc::new(Schema::new(fields));
    let batches = outputs
        .into_iter()
        .map(|output| assemble(output, &shape.columns, input, schema.clone()))
        .collect::<Result<Vec<_>, _>>()?;
    let mut columns: Vec<ArrayRef> = Vec::new();
    for index in 0..schema.fields().len() {
        let parts: Vec<_> = batches
            .iter()
            .map(|batch| batch.column(index).to_data())
            .collect();
        columns.push(concat(&parts, schema.field(index).data_type())?);
    }
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows));
    Ok((
        RecordBatch::try_new_with_options(schema, columns, &options)?,
        rejects,
    ))
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
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(count));
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

fn concat(parts: &[arrow_data::ArrayData], data_type: &arrow_schema::DataType) -> Result<ArrayRef, Fault> {
    if parts.is_empty() {
        return Ok(arrow_array::new_empty_array(data_type));
    }
    let length = parts.iter().map(arrow_data::ArrayData::len).sum();
    let mut copy = arrow_data::transform::MutableArrayData::new(parts.iter().collect(), true, length);
    for (index, part) in parts.iter().enumerate() {
        copy.try_extend(index, 0, part.len())?;
    }
    Ok(arrow_array::make_array(copy.freeze()))
}
