//! Values that a destination cannot hold: found by batch, told by row.

use arrow_array::{Array, ArrayRef};
use arrow_buffer::BooleanBuffer;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::DataType;
use tidegate_core::port::ColumnRange;

/// A column's range.
#[derive(Debug)]
pub(crate) struct Range {
    /// The column's place in what is loaded.
    pub(crate) index: usize,
    least: i64,
    greatest: i64,
}

impl Range {
    pub(crate) fn new(index: usize, range: &ColumnRange) -> Self {
        Self {
            index,
            least: range.least,
            greatest: range.greatest,
        }
    }

    /// Which values are outside; none where all are inside, as nearly always. Types that are no whole numbers inside hold
    /// what they hold.
    pub(crate) fn outside(&self, column: &ArrayRef) -> Option<BooleanBuffer> {
        let data = column.to_data();
        let outside = match column.data_type() {
            DataType::Date32 => {
                let values = data.buffer::<i32>(0);
                self.find(column.len(), |row| i64::from(values[row]))
            }
            DataType::Timestamp(..) => {
                let values = data.buffer::<i64>(0);
                self.find(column.len(), |row| values[row])
            }
            _ => return None,
        };
        // What a slot without a value holds is nobody's business.
        let outside = match column.nulls() {
            Some(nulls) => &outside & nulls.inner(),
            None => outside,
        };
        (outside.count_set_bits() > 0).then_some(outside)
    }

    fn find(&self, rows: usize, value: impl Fn(usize) -> i64) -> BooleanBuffer {
        BooleanBuffer::collect_bool(rows, |row| {
            let value = value(row);
            value < self.least || value > self.greatest
        })
    }

    /// What is wrong with a row's value, or none.
    pub(crate) fn complaint(&self, name: &str, column: &ArrayRef, row: usize) -> Option<String> {
        let one = column.slice(row, 1);
        self.outside(&one)?;
        let shown = ArrayFormatter::try_new(one.as_ref(), &FormatOptions::default())
            .ok()
            .and_then(|formatter| formatter.value(0).try_to_string().ok())
            .unwrap_or_else(|| "a date past all calendars".into());
        Some(format!("`{name}` is {shown}, which the destination cannot hold"))
    }
}
