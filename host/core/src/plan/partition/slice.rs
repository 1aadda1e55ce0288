//! One slice of an asset.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::plan::PartitionKey;

/// One slice: the rows in a window of time, those of a value, or those that are both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partition {
    /// Its name: of two dimensions the value, a `|`, and the time.
    pub key: PartitionKey,
    /// The window; none where the asset is not sliced by time.
    #[serde(default)]
    pub time: Option<TimeWindow>,
    /// The value; none where the asset is not sliced by values.
    #[serde(default)]
    pub value: Option<SliceValue>,
}

/// The half-open window `start <= instant < end`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeWindow {
    /// The first instant in it.
    pub start: DateTime<Utc>,
    /// The first instant behind it.
    pub end: DateTime<Utc>,
    /// What a wall clock shows first in it: for columns that hold readings of wall clocks.
    pub wall_start: NaiveDateTime,
    /// What a wall clock shows first behind it.
    pub wall_end: NaiveDateTime,
    /// The column that says which window a row belongs to.
    pub column: Option<String>,
}

/// The rows of one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceValue {
    /// The value, as text.
    pub value: String,
    /// The column that must have it.
    pub column: Option<String>,
}

/// What a column of a row in the slice must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound<'a> {
    /// In a window.
    Window(&'a TimeWindow),
    /// This value.
    Value(&'a str),
}

impl Partition {
    /// The columns that say whether a row is in the slice, and what each must be.
    pub fn bounds(&self) -> impl Iterator<Item = (&str, Bound<'_>)> {
        let value = self
            .value
            .as_ref()
            .and_then(|value| Some((value.column.as_deref()?, Bound::Value(&value.value))));
        let time = self
            .time
            .as_ref()
            .and_then(|time| Some((time.column.as_deref()?, Bound::Window(time))));
        value.into_iter().chain(time)
    }
}

impl TimeWindow {
    /// The first day in it, for columns that hold dates: of windows that begin and end at midnight.
    pub fn first_day(&self) -> NaiveDate {
        self.wall_start.date()
    }

    /// The first day behind it.
    pub fn end_day(&self) -> NaiveDate {
        self.wall_end.date()
    }
}
