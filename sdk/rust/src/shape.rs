//! What a transform does to the stream.

use arrow_schema::{DataType, Field, FieldRef};

/// What a transform does to the stream: which columns it writes, and what becomes of the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    pub(crate) carry_rest: bool,
    pub(crate) columns: Vec<ShapeColumn>,
}

/// A column of the output.
#[derive(Debug, Clone, PartialEq)]
pub enum ShapeColumn {
    /// A granted column as it is, under a name that may be new.
    Passed {
        /// Its place among the granted columns.
        input: usize,
        /// Its name from here on.
        name: String,
    },
    /// A column of the transform's making.
    Made(MadeColumn),
}

/// A column of the transform's making.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeColumn {
    pub(crate) field: FieldRef,
    pub(crate) sources: Vec<usize>,
}

/// A column of the transform's making, nullable.
pub fn made(name: impl Into<String>, data_type: DataType) -> MadeColumn {
    MadeColumn {
        field: Field::new(name.into(), data_type, true).into(),
        sources: Vec::new(),
    }
}

/// A granted column as it is, under a name that may be new.
pub fn passed(input: usize, name: impl Into<String>) -> ShapeColumn {
    ShapeColumn::Passed {
        input,
        name: name.into(),
    }
}

impl MadeColumn {
    /// The granted columns that its values come from, for the lineage.
    #[must_use]
    pub fn from(mut self, sources: impl IntoIterator<Item = usize>) -> Self {
        self.sources = sources.into_iter().collect();
        self
    }

    /// It has a value in every row.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.field = Field::clone(&self.field).with_nullable(false).into();
        self
    }
}

impl From<MadeColumn> for ShapeColumn {
    fn from(column: MadeColumn) -> Self {
        Self::Made(column)
    }
}

impl Shape {
    /// Writes these columns beside all others of the stream, row by row. Outputs select rows of the input.
    pub fn beside<C: Into<ShapeColumn>>(columns: impl IntoIterator<Item = C>) -> Self {
        Self {
            carry_rest: true,
            columns: columns.into_iter().map(Into::into).collect(),
        }
    }

    /// Writes these columns, and the stream's others end here. Outputs may make rows.
    pub fn instead<C: Into<ShapeColumn>>(columns: impl IntoIterator<Item = C>) -> Self {
        Self {
            carry_rest: false,
            columns: columns.into_iter().map(Into::into).collect(),
        }
    }

    /// Writes nothing: only selects or refuses rows.
    pub fn rows_only() -> Self {
        Self {
            carry_rest: true,
            columns: Vec::new(),
        }
    }
}
