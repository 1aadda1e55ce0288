//! A transform, as the component's.

use std::cell::RefCell;
use std::marker::PhantomData;

use arrow_schema::SchemaRef;

use super::config;
use super::types::{arrow_schema, push_field};
use crate::batch::{Batch, Input};
use crate::bindings::transform::exports::tidegate::plugin::transform as wit;
use crate::bindings::{batches, types};
use crate::column;
use crate::fault::Fault;
use crate::output::{Output, Processed, Rows};
use crate::shape::{Shape, ShapeColumn};
use crate::transform::Transform;

/// The component's transform.
pub struct Component<T>(PhantomData<T>);

/// The schema of its config.
pub fn schema<T: Transform>() -> schemars::Schema {
    schemars::schema_for!(T::Config)
}

/// A bound transform, as the component's resource.
pub struct Bound<T> {
    transform: RefCell<T>,
    input: SchemaRef,
    /// Which columns of an output are made: the others the host takes from its own.
    made: Vec<bool>,
}

impl<T: Transform> wit::Guest for Component<T> {
    type Transformer = Bound<T>;
}

impl<T: Transform> wit::GuestTransformer for Bound<T> {
    fn bind(config: String, input: types::Schema) -> Result<wit::Transformer, types::Fault> {
        let schema = arrow_schema(&input);
        let bound = bind::<T>(&config, &Input::new(schema.clone()))?;
        let made = bound
            .shape()
            .columns
            .iter()
            .map(|column| matches!(column, ShapeColumn::Made(_)))
            .collect();
        Ok(wit::Transformer::new(Self {
            transform: RefCell::new(bound),
            input: schema,
            made,
        }))
    }

    fn shape(&self) -> wit::Shape {
        shape(&self.transform.borrow().shape())
    }

    fn process(&self, input: &batches::Batch) -> Result<wit::Processed, types::Fault> {
        let batch = Batch::of_host(input, self.input.clone());
        let rows = batch.rows();
        let done = self.transform.borrow_mut().process(&batch)?;
        Ok(self.processed(done.without_rejects(rows)))
    }

    fn finish(&self) -> Result<Vec<wit::Output>, types::Fault> {
        let outputs = self.transform.borrow_mut().finish()?;
        Ok(outputs.into_iter().map(|output| self.output(output)).collect())
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>, types::Fault> {
        Ok(self.transform.borrow().snapshot()?)
    }

    fn restore(&self, state: Vec<u8>) -> Result<(), types::Fault> {
        Ok(self.transform.borrow_mut().restore(&state)?)
    }
}

impl<T: Transform> Bound<T> {
    fn processed(&self, done: Processed) -> wit::Processed {
        wit::Processed {
            outputs: done
                .outputs
                .into_iter()
                .map(|output| self.output(output))
                .collect(),
            rejects: done
                .rejects
                .into_iter()
                .map(|reject| wit::Reject {
                    row: reject.row as u32,
                    code: reject.code,
                    message: reject.message,
                })
                .collect(),
            rest: if done.absorbed {
                wit::Disposition::Absorbed
            } else {
                wit::Disposition::Filtered
            },
        }
    }

    fn output(&self, output: Output) -> wit::Output {
        let mut made = output.columns.into_iter();
        let mut columns: Vec<wit::OutputColumn> = self
            .made
            .iter()
            .filter_map(|is_made| match is_made {
                true => made
                    .next()
                    .map(|array| wit::OutputColumn::Made(column::of_array(array))),
                false => Some(wit::OutputColumn::Input),
            })
            .collect();
        // One column too many is the author's mistake, and the host says so.
        columns.extend(made.map(|array| wit::OutputColumn::Made(column::of_array(array))));
        wit::Output {
            rows: match output.rows {
                Rows::All => wit::Selection::All,
                Rows::Keep(bits) => {
                    let length = bits.len().div_ceil(8);
                    let sliced = bits.sliced();
                    wit::Selection::Keep(sliced.as_slice()[..length].to_vec())
                }
                Rows::Take(indices) => wit::Selection::Take(indices),
                Rows::Made(count) => wit::Selection::Made(count as u32),
            },
            columns,
        }
    }
}

/// The config as its type, then the transform.
pub(crate) fn bind<T: Transform>(text: &str, input: &Input) -> Result<T, Fault> {
    T::bind(config(text)?, input)
}

fn shape(shape: &Shape) -> wit::Shape {
    let mut fields = Vec::new();
    let columns = shape
        .columns
        .iter()
        .map(|column| match column {
            ShapeColumn::Passed { input, name } => wit::ShapeColumn::Input(wit::PassedColumn {
                input: *input as u32,
                name: name.clone(),
            }),
            ShapeColumn::Made(made) => wit::ShapeColumn::Made(wit::MadeColumn {
                field: push_field(&made.field, &mut fields),
                from: made.sources.iter().map(|index| *index as u32).collect(),
            }),
        })
        .collect();
    let carry = if shape.carry_rest {
        wit::Carry::Rest
    } else {
        wit::Carry::Nothing
    };
    wit::Shape {
        carry,
        fields,
        columns,
    }
}
