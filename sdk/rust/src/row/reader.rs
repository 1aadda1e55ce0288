//! Rows out of batches.

use std::marker::PhantomData;

use super::Row;
use super::columns::places;
use crate::batch::{Batch, Input};
use crate::fault::Fault;
use crate::output::Reject;

/// Reads rows from the batches of an input. Make it in `bind`: it checks that the columns are granted and of the types that
/// the row's fields have.
#[derive(Debug, Clone)]
pub struct RowReader<R> {
    places: Vec<usize>,
    row: PhantomData<R>,
}

impl<R: Row> RowReader<R> {
    /// Finds the columns of the row; the fault names the column, the type that it must have and the one that it has.
    pub fn bind(input: &Input) -> Result<Self, Fault> {
        Ok(Self {
            places: places::<R>(input)?,
            row: PhantomData,
        })
    }

    /// The places of the row's columns among the granted ones, in the order of its fields.
    pub fn places(&self) -> &[usize] {
        &self.places
    }

    /// The rows of a batch. Pulls the row's columns and no others.
    pub fn read(&self, batch: &Batch) -> Result<Rows<R>, Fault> {
        let mut arrays = self.places.iter().map(|place| batch.column(*place));
        let columns = R::columns(&mut arrays)
            .ok_or_else(|| Fault::schema("the batch's columns are not those that were bound"))?;
        Ok(Rows {
            columns,
            count: batch.rows(),
        })
    }
}

/// The rows of a batch.
#[derive(Debug)]
pub struct Rows<R: Row> {
    columns: R::Columns,
    count: usize,
}

impl<R: Row> Rows<R> {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A row by its index, or why it is none: a value is missing whose field is no `Option`. Panics beyond the last.
    pub fn get(&self, row: usize) -> Result<R::Of<'_>, Reject> {
        R::read(&self.columns, row).map_err(|reject| reject.at(row))
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Result<R::Of<'_>, Reject>> {
        (0..self.count).map(|row| self.get(row))
    }
}
