//! What a transform returns.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::BooleanBuffer;

/// What became of a batch.
#[derive(Debug, Clone, Default)]
pub struct Processed {
    pub(crate) outputs: Vec<Output>,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) absorbed: bool,
}

/// A row refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Its index in the batch.
    pub row: usize,
    /// A stable code: small letters, digits, `_`, `-` and `.`.
    pub code: String,
    /// What is wrong with it. Never a value of a column tagged `pii`.
    pub message: String,
}

impl Reject {
    /// A refusal of the row at hand, for functions that do not know its index.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            row: 0,
            code: code.into(),
            message: message.into(),
        }
    }

    /// The refusal of a row by its index.
    #[must_use]
    pub fn at(mut self, row: usize) -> Self {
        self.row = row;
        self
    }
}

/// A batch to go on.
#[derive(Debug, Clone)]
pub struct Output {
    pub(crate) rows: Rows,
    pub(crate) columns: Vec<ArrayRef>,
}

#[derive(Debug, Clone)]
pub(crate) enum Rows {
    All,
    Keep(BooleanBuffer),
    Take(Vec<u32>),
    Made(usize),
}

impl Processed {
    /// Nothing goes on.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// One more output.
    #[must_use]
    pub fn output(mut self, output: Output) -> Self {
        self.outputs.push(output);
        self
    }

    /// Refuses a row, which then goes on in no output: an output of all rows becomes one of all the others.
    pub fn reject(&mut self, row: usize, code: impl Into<String>, message: impl Into<String>) {
        self.rejects.push(Reject {
            row,
            code: code.into(),
            message: message.into(),
        });
    }

    /// The rows that do not go on and were not refused are kept in the transform's state.
    #[must_use]
    pub fn absorbing(mut self) -> Self {
        self.absorbed = true;
        self
    }

    /// Takes the refused rows out of outputs that select by bit or take all.
    pub(crate) fn without_rejects(mut self, rows: usize) -> Self {
        if self.rejects.is_empty() {
            return self;
        }
        let mut good = vec![true; rows];
        for reject in &self.rejects {
            if let Some(bit) = good.get_mut(reject.row) {
                *bit = false;
            }
        }
        let good = BooleanBuffer::from(good);
        for output in &mut self.outputs {
            match &mut output.rows {
                Rows::All => output.rows = Rows::Keep(good.clone()),
                Rows::Keep(bits) => *bits = &*bits & &good,
                Rows::Take(_) | Rows::Made(_) => {}
            }
        }
        self
    }
}

impl From<Output> for Processed {
    fn from(output: Output) -> Self {
        Self {
            outputs: vec![output],
            ..Self::default()
        }
    }
}

impl Output {
    fn new<A: Array + 'static>(rows: Rows, made: impl IntoIterator<Item = A>) -> Self {
        let columns = made.into_iter().map(|array| erased(Arc::new(array))).collect();
        Self { rows, columns }
    }

    /// All rows, with the made columns of the shape in order: a value for each row of the input.
    pub fn all<A: Array + 'static>(made: impl IntoIterator<Item = A>) -> Self {
        Self::new(Rows::All, made)
    }

    /// The rows where `keep` is true (null is not), with the made columns of the shape in order: a value for each row
    /// of the *input*, kept or not.
    pub fn keep<A: Array + 'static>(keep: &BooleanArray, made: impl IntoIterator<Item = A>) -> Self {
        let bits = match keep.nulls() {
            Some(nulls) => keep.values() & nulls.inner(),
            None => keep.values().clone(),
        };
        Self::new(Rows::Keep(bits), made)
    }

    /// Rows by their index, in this order, with the made columns of the shape in order: a value for each index.
    pub fn take<A: Array + 'static>(indices: Vec<u32>, made: impl IntoIterator<Item = A>) -> Self {
        Self::new(Rows::Take(indices), made)
    }

    /// New rows, with the columns of the shape in order.
    pub fn rows<A: Array + 'static>(count: usize, made: impl IntoIterator<Item = A>) -> Self {
        Self::new(Rows::Made(count), made)
    }
}

/// An array behind two pointers is one behind the inner one.
fn erased(array: ArrayRef) -> ArrayRef {
    match array.as_any().downcast_ref::<ArrayRef>() {
        Some(inner) => inner.clone(),
        None => array,
    }
}

/// No made columns, for outputs of a shape without any.
pub const NONE: [ArrayRef; 0] = [];
