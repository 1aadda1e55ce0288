//! Rows as structs, read from columns and written to them without a box for each value.

mod columns;
mod reader;
mod time;
mod transform;
mod value;
mod writer;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
pub use tidegate_sdk_macros::Row;

pub use reader::{RowReader, Rows};
pub use transform::{ByRow, RowTransform};
pub use value::Value;
pub use writer::RowWriter;

use crate::output::Reject;

/// A struct whose fields are columns; derive it:
///
/// ```
/// use tidegate_sdk::prelude::*;
///
/// #[derive(Row)]
/// struct Order<'a> {
///     id: i64,
///     email: Option<&'a str>,
///     #[row(name = "type")]
///     kind: &'a str,
/// }
///
/// let batch = Order::batch([Order { id: 1, email: None, kind: "web" }]);
/// let reader = RowReader::<Order>::bind(&Input::new(batch.schema()))?;
/// # Ok::<(), Fault>(())
/// ```
///
/// Fields may be `bool`, `i8` to `i64`, `u8` to `u64`, `f32`, `f64`, `&str` or `String` (utf8), `&[u8]` or `Vec<u8>`
/// (binary), `chrono::NaiveDate` (date32), `chrono::DateTime<Utc>` (timestamp with a zone) and `chrono::NaiveDateTime`
/// (timestamp without), and `Option` of these. Timestamps are read in any unit and written in microseconds. Text and bytes
/// are borrowed from the batch where the field is a reference.
///
/// A value that is missing where the field is no `Option` makes no row: it is refused with the code `missing_value`. So is
/// a date or an instant that chrono cannot hold.
///
/// It is implemented for the struct with `'static`, and [`Row::Of`] is the struct with the lifetime of a batch.
pub trait Row: 'static {
    /// The struct, borrowing from a batch.
    type Of<'row>;
    /// The arrays of a batch.
    #[doc(hidden)]
    type Columns;
    #[doc(hidden)]
    type Builders;

    /// Whether columns are found by their place among the granted ones, not by name.
    #[doc(hidden)]
    const BY_PLACE: bool;

    #[doc(hidden)]
    fn members() -> Vec<Member>;
    /// The columns from their arrays; none where one is of another type.
    #[doc(hidden)]
    fn columns(arrays: &mut dyn Iterator<Item = ArrayRef>) -> Option<Self::Columns>;
    #[doc(hidden)]
    fn read(columns: &Self::Columns, row: usize) -> Result<Self::Of<'_>, Reject>;
    #[doc(hidden)]
    fn builders(rows: usize) -> Self::Builders;
    #[doc(hidden)]
    fn write(builders: &mut Self::Builders, row: Self::Of<'_>);
    #[doc(hidden)]
    fn finish(builders: &mut Self::Builders) -> Vec<ArrayRef>;

    /// The columns, for [`Stream::new`](crate::source::Stream::new).
    fn schema() -> SchemaRef {
        let fields: Vec<Field> = Self::members().into_iter().map(|member| member.field).collect();
        Schema::new(fields).into()
    }

    /// Rows as a batch, for [`Chunk::new`](crate::source::Chunk::new).
    fn batch<'a>(rows: impl IntoIterator<Item = Self::Of<'a>>) -> RecordBatch
    where
        Self: Sized,
    {
        let rows = rows.into_iter();
        let mut writer = RowWriter::<Self>::with_capacity(rows.size_hint().0);
        for row in rows {
            writer.push(row);
        }
        writer.batch()
    }
}

/// A column of a row.
#[doc(hidden)]
#[derive(Debug)]
pub struct Member {
    pub(crate) field: Field,
    pub(crate) fits: fn(&DataType) -> bool,
    /// The columns that a transform makes it from; all where it is not said.
    pub(crate) from: Option<&'static [&'static str]>,
}

impl Member {
    /// A column whose values are of this type.
    pub fn of<V: Value>(name: &str, from: Option<&'static [&'static str]>) -> Self {
        Self {
            field: Field::new(name, V::data_type(), V::NULLABLE),
            fits: V::fits,
            from,
        }
    }
}

/// A value is missing, and the row's type has no place for that.
#[doc(hidden)]
#[cold]
pub fn missing(column: &str) -> Reject {
    Reject::new(
        "missing_value",
        format!("the column `{column}` has no value here"),
    )
}
