//! What a transform is given.

use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::{DataType, Schema, SchemaRef};

use crate::array;
use crate::bindings::batches;
use crate::fault::Fault;

/// The granted columns, in the order of `reads`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    schema: SchemaRef,
}

impl Input {
    /// The input of these columns.
    pub fn new(schema: SchemaRef) -> Self {
        Self { schema }
    }

    /// The columns as an Arrow schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The place of a column by its name.
    pub fn find(&self, name: &str) -> Result<usize, Fault> {
        self.schema.index_of(name).map_err(|_| {
            let granted: Vec<&str> = self
                .schema
                .fields()
                .iter()
                .map(|field| field.name().as_str())
                .collect();
            Fault::schema(format!(
                "the column `{name}` is not granted; granted are {}",
                granted.join(", ")
            ))
        })
    }

    /// Checks that so many columns are granted.
    pub fn expect_columns(&self, count: usize, what: &str) -> Result<(), Fault> {
        let granted = self.schema.fields().len();
        if granted == count {
            return Ok(());
        }
        Err(Fault::schema(format!(
            "`reads` must name {count} columns ({what}), and names {granted}"
        )))
    }

    /// Checks a column's type.
    pub fn expect(&self, index: usize, data_type: &DataType) -> Result<(), Fault> {
        let Some(field) = self.schema.fields().get(index) else {
            return Err(Fault::schema(format!(
                "`reads` must name at least {} columns",
                index + 1
            )));
        };
        if field.data_type() == data_type {
            return Ok(());
        }
        Err(Fault::schema(format!(
            "the column `{}` must be {data_type}, and is {}",
            field.name(),
            field.data_type()
        )))
    }
}

/// A batch of rows. Inside the sandbox the columns stay with the host until one is asked for; asking twice crosses
/// twice, so keep what you got.
#[derive(Debug)]
pub struct Batch<'a> {
    rows: usize,
    schema: SchemaRef,
    held: Held<'a>,
}

#[derive(Debug)]
enum Held<'a> {
    Host(&'a batches::Batch),
    Here(&'a RecordBatch),
}

impl<'a> Batch<'a> {
    pub(crate) fn of_host(batch: &'a batches::Batch, schema: SchemaRef) -> Self {
        Self {
            rows: batch.row_count() as usize,
            schema,
            held: Held::Host(batch),
        }
    }

    pub(crate) fn of_record_batch(batch: &'a RecordBatch) -> Self {
        Self {
            rows: batch.num_rows(),
            schema: batch.schema(),
            held: Held::Here(batch),
        }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A granted column by its place; panics on a place that was not granted, which `bind` should have refused.
    pub fn column(&self, index: usize) -> ArrayRef {
        match self.held {
            Held::Host(batch) => {
                let data_type = self.schema.field(index).data_type();
                array::of_column(batch.column(index as u32), data_type)
            }
            Held::Here(batch) => batch.column(index).clone(),
        }
    }

    /// A granted column of numbers, dates or times.
    pub fn primitive<T: ArrowPrimitiveType>(&self, index: usize) -> Result<PrimitiveArray<T>, Fault> {
        let array = self.column(index);
        array
            .as_primitive_opt::<T>()
            .cloned()
            .ok_or_else(|| self.wrong(index, &T::DATA_TYPE.to_string()))
    }

    /// A granted column of text.
    pub fn string(&self, index: usize) -> Result<StringArray, Fault> {
        let array = self.column(index);
        array
            .as_string_opt::<i32>()
            .cloned()
            .ok_or_else(|| self.wrong(index, "Utf8"))
    }

    /// A granted column of booleans.
    pub fn boolean(&self, index: usize) -> Result<BooleanArray, Fault> {
        let array = self.column(index);
        array
            .as_boolean_opt()
            .cloned()
            .ok_or_else(|| self.wrong(index, "Boolean"))
    }

    /// All granted columns.
    pub fn to_record_batch(&self) -> RecordBatch {
        let columns = (0..self.schema.fields().len())
            .map(|index| self.column(index))
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        match RecordBatch::try_new_with_options(self.schema.clone(), columns, &options) {
            Ok(batch) => batch,
            // The host's columns are of the schema that it sent, by contract.
            Err(error) => unreachable!("{error}"),
        }
    }

    fn wrong(&self, index: usize, wanted: &str) -> Fault {
        let field = self.schema.field(index);
        Fault::schema(format!(
            "the column `{}` is {}, not {wanted}",
            field.name(),
            field.data_type()
        ))
    }
}
