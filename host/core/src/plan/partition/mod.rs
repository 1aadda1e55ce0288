//! Slices of an asset: by time, by the values of a column, or by both.

mod cadence;
mod keys;
mod slice;
mod status;
#[cfg(test)]
mod tests;
mod time;
mod value;

pub use cadence::Cadence;
pub use keys::Keys;
pub use slice::{Bound, Partition, SliceValue, TimeWindow};
pub use status::{PartitionRange, PartitionStatus, RangeState, StatusRange, status};
pub use time::TimeSlices;
pub use value::{ValueSlices, Values, check_value, fits_column};

use chrono::{DateTime, Utc};

use super::{CronError, Digest, PartitionKey};

/// Between the value and the time of a key of two dimensions. No value has it, and since the value comes first, the keys
/// of one value are next to each other in the order of their bytes, and among them in the order of time.
const BETWEEN: char = '|';

/// Between the first and last key of a range.
const RANGE: &str = "...";

/// The slices of an asset.
#[derive(Debug, Clone, PartialEq)]
pub enum Partitioning {
    /// By time.
    Time(TimeSlices),
    /// By the values of a column.
    Values(ValueSlices),
    /// By both: a slice for each value and time.
    Both(ValueSlices, TimeSlices),
}

/// A partition was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartitionError {
    /// The text is no key of this cadence.
    #[error("`{0}` is not a {1} partition key; write it like `{2}`")]
    Key(String, &'static str, &'static str),
    /// The text is a key of this cadence, and no slice has it.
    #[error("no {1} partition begins at `{0}` on the clock of {2}")]
    NoSlice(String, &'static str, &'static str),
    /// The slice is before the first or behind the last.
    #[error("partition `{0}` is outside {1} to {2}")]
    Outside(String, String, String),
    /// The value is none of the static ones.
    #[error("`{0}` is none of the keys {1}")]
    Value(String, String),
    /// The value cannot be part of a key.
    #[error("`{0}` cannot be a partition key: {1}")]
    Unsafe(String, &'static str),
    /// A key of two dimensions lacks one.
    #[error("`{0}` is not a key of both dimensions; write it like `VALUE|TIME`")]
    Two(String),
    /// The slice is not there, or not yet.
    #[error("there is no partition `{0}` yet")]
    Missing(String),
    /// The text is no range of keys.
    #[error("`{0}` is not a range of partitions; write it like `FIRST...LAST`")]
    Range(String),
    /// The range ends before it begins.
    #[error("the partition `{1}` comes before `{0}`")]
    Backwards(String, String),
    /// The time zone is not known.
    #[error("`{0}` is not in the IANA time zone database; write for example `UTC` or `Europe/London`")]
    Timezone(String),
    /// The schedule of slices is none.
    #[error(transparent)]
    Cron(#[from] CronError),
}

impl Partitioning {
    /// Its slices of time.
    pub fn time(&self) -> Option<&TimeSlices> {
        match self {
            Self::Time(time) | Self::Both(_, time) => Some(time),
            Self::Values(_) => None,
        }
    }

    /// Its slices by value.
    pub fn values(&self) -> Option<&ValueSlices> {
        match self {
            Self::Values(values) | Self::Both(values, _) => Some(values),
            Self::Time(_) => None,
        }
    }

    /// The name of its dynamic keys, which the state keeps.
    pub fn dynamic(&self) -> Option<&crate::plan::AssetName> {
        match &self.values()?.values {
            Values::Dynamic(name) => Some(name),
            Values::Static(_) => None,
        }
    }

    /// The columns that say which slice a row is in.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let value = self.values().and_then(|values| values.column.as_deref());
        let time = self.time().and_then(|time| time.column.as_deref());
        value.into_iter().chain(time)
    }

    /// How many dimensions there are.
    pub fn dimensions(&self) -> usize {
        match self {
            Self::Time(_) | Self::Values(_) => 1,
            Self::Both(..) => 2,
        }
    }

    /// The digest of what gives a key its meaning: cadence, time zone and kind of values. Where slices begin and end, and
    /// which static keys there are, may change without making other slices of the same keys.
    pub fn cut(&self) -> Digest {
        let time = self.time().map(|time| {
            let schedule = match &time.cadence {
                Cadence::Cron(cron) => Some(cron.as_str()),
                _ => None,
            };
            (time.cadence.name(), schedule, time.timezone.name())
        });
        let values = self.values().map(|values| match &values.values {
            Values::Static(_) => "static",
            Values::Dynamic(name) => name.as_str(),
        });
        let columns: Vec<&str> = self.columns().collect();
        Digest::of(
            serde_json::json!([time, values, self.dynamic().is_some(), columns])
                .to_string()
                .as_bytes(),
        )
    }

    /// The value and the time of a key, where it has them. Not whether they are any of the slices'.
    pub fn split<'a>(&self, key: &'a str) -> Result<(Option<&'a str>, Option<&'a str>), PartitionError> {
        match self {
            Self::Time(_) => Ok((None, Some(key))),
            Self::Values(_) => Ok((Some(key), None)),
            Self::Both(..) => match key.split_once(BETWEEN) {
                Some((value, time)) => Ok((Some(value), Some(time))),
                None => Err(PartitionError::Two(key.to_owned())),
            },
        }
    }

    /// The key of a value and a time, as far as there are such dimensions.
    pub fn join(&self, value: Option<&str>, time: Option<&str>) -> Option<PartitionKey> {
        Some(PartitionKey(match self {
            Self::Time(_) => time?.to_owned(),
            Self::Values(_) => value?.to_owned(),
            Self::Both(..) => format!("{}{BETWEEN}{}", value?, time?),
        }))
    }

    /// The slice of a key, also of one that has not begun yet. A dynamic value is only looked at: whether the state has it
    /// is for [`Keys::find`] to say.
    pub fn find(&self, key: &str) -> Result<Partition, PartitionError> {
        let (value, time) = self.split(key)?;
        let value = match (self.values(), value) {
            (Some(values), Some(value)) => {
                values.check(value)?;
                Some(SliceValue {
                    value: value.to_owned(),
                    column: values.column.clone(),
                })
            }
            _ => None,
        };
        let time = match (self.time(), time) {
            (Some(slices), Some(time)) => {
                let (start, end) = slices.find(time)?;
                Some(slices.window(start, end))
            }
            _ => None,
        };
        Ok(Partition {
            key: PartitionKey(key.to_owned()),
            time,
            value,
        })
    }

    /// The key behind a key in time, of the same value; none behind the last, and where there is no time.
    pub fn next(&self, key: &str) -> Option<PartitionKey> {
        self.neighbour(key, 1)
    }

    /// The key before a key in time, of the same value; none before the first, and where there is no time.
    pub fn previous(&self, key: &str) -> Option<PartitionKey> {
        self.neighbour(key, -1)
    }

    /// The key so many slices behind a key in time, of the same value.
    pub fn neighbour(&self, key: &str, slices: i32) -> Option<PartitionKey> {
        let (value, time) = self.split(key).ok()?;
        let time = self.time()?.offset(time?, slices)?;
        self.join(value, Some(&time))
    }

    /// The slices that there are at `now`, given the dynamic keys that the state has, in its order.
    pub fn keys<'a>(&'a self, now: DateTime<Utc>, dynamic: &'a [String]) -> Keys<'a> {
        Keys::new(self, now, dynamic)
    }
}
