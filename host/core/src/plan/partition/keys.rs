//! The keys that there are at one moment.

use chrono::{DateTime, Utc};

use super::{Partition, PartitionError, Partitioning, RANGE, Values};
use crate::plan::PartitionKey;

/// The keys of a partitioning: those in time until now, of every value there is. Nothing is made before it is asked for.
///
/// Their order is that of values (static ones as declared, dynamic ones by their bytes), and of one value that of time.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    partitioning: &'a Partitioning,
    now: DateTime<Utc>,
    values: &'a [String],
}

impl<'a> Keys<'a> {
    pub(super) fn new(partitioning: &'a Partitioning, now: DateTime<Utc>, dynamic: &'a [String]) -> Self {
        let values = match partitioning.values().map(|values| &values.values) {
            Some(Values::Static(values)) => values.as_slice(),
            Some(Values::Dynamic(_)) => dynamic,
            None => &[],
        };
        Self {
            partitioning,
            now,
            values,
        }
    }

    /// Whose keys they are.
    pub fn partitioning(&self) -> &'a Partitioning {
        self.partitioning
    }

    /// The values there are, in order; none where slices are of time alone.
    pub fn values(&self) -> &'a [String] {
        self.values
    }

    /// The moment.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Every key, in order.
    pub fn all(&self) -> Box<dyn Iterator<Item = PartitionKey> + Send + 'a> {
        let (partitioning, now, values) = (self.partitioning, self.now, self.values);
        match partitioning {
            Partitioning::Time(time) => Box::new(time.starts(now).map(|start| PartitionKey(time.key(start)))),
            Partitioning::Values(_) => Box::new(values.iter().cloned().map(PartitionKey)),
            Partitioning::Both(_, time) => Box::new(values.iter().flat_map(move |value| {
                time.starts(now)
                    .filter_map(move |start| partitioning.join(Some(value), Some(&time.key(start))))
            })),
        }
    }

    /// How many there are, without making them.
    pub fn count(&self) -> usize {
        let times = || {
            self.partitioning
                .time()
                .map_or(1, |time| time.starts(self.now).count())
        };
        match self.partitioning {
            Partitioning::Time(_) => times(),
            Partitioning::Values(_) => self.values.len(),
            Partitioning::Both(..) => self.values.len() * times(),
        }
    }

    /// The last in time of every value; without time, the last of all.
    pub fn last(&self) -> Vec<PartitionKey> {
        let newest = |slices: &super::TimeSlices| match slices.end {
            Some(_) => slices.starts(self.now).last(),
            None => slices.around(self.now),
        };
        match self.partitioning {
            Partitioning::Values(_) => self
                .values
                .last()
                .cloned()
                .map(PartitionKey)
                .into_iter()
                .collect(),
            Partitioning::Time(time) => newest(time)
                .map(|start| PartitionKey(time.key(start)))
                .into_iter()
                .collect(),
            Partitioning::Both(_, time) => {
                let Some(start) = newest(time) else {
                    return Vec::new();
                };
                let key = time.key(start);
                self.values
                    .iter()
                    .filter_map(|value| self.partitioning.join(Some(value), Some(&key)))
                    .collect()
            }
        }
    }

    /// The slice of a key that is there.
    pub fn find(&self, key: &str) -> Result<Partition, PartitionError> {
        let slice = self.partitioning.find(key)?;
        let there = slice
            .value
            .as_ref()
            .is_none_or(|value| self.values.contains(&value.value));
        // With an end, slices of the future are there as well.
        let open = self.partitioning.time().is_some_and(|time| time.end.is_none());
        let begun = slice
            .time
            .as_ref()
            .is_none_or(|time| !open || time.start <= self.now);
        if there && begun {
            Ok(slice)
        } else {
            Err(PartitionError::Missing(key.to_owned()))
        }
    }

    /// The keys from one to another, both included, written `FIRST...LAST`.
    pub fn range(&self, text: &str) -> Result<impl Iterator<Item = PartitionKey> + use<'a>, PartitionError> {
        let (first, last) = text
            .split_once(RANGE)
            .filter(|(first, last)| !first.is_empty() && !last.is_empty())
            .ok_or_else(|| PartitionError::Range(text.to_owned()))?;
        let (first, last) = (self.find(first)?, self.find(last)?);
        if self.place(&first) > self.place(&last) {
            return Err(PartitionError::Backwards(first.key.0, last.key.0));
        }
        let mut ended = false;
        Ok(self
            .all()
            .skip_while(move |key| *key != first.key)
            .take_while(move |key| !std::mem::replace(&mut ended, *key == last.key)))
    }

    /// What the order of slices follows.
    fn place(&self, slice: &Partition) -> (Option<usize>, Option<DateTime<Utc>>) {
        let value = slice.value.as_ref();
        (
            value.and_then(|value| self.values.iter().position(|known| *known == value.value)),
            slice.time.as_ref().map(|time| time.start),
        )
    }
}
