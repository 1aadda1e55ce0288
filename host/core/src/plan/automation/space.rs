//! Where the slices of a partitioning stand, so that sets of them are ranges of numbers.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::places::Places;
use crate::plan::{PartitionKey, Partitioning, TimeSlices};

/// Between the number of a value and that of a time.
const VALUE_SHIFT: u32 = 32;

/// The slices of a partitioning at an instant, each at a place of its own: of one value, slices that follow each other in
/// time are next to each other. A slice stays at its place for as long as the space is there. Assets with equal partitionings
/// share one; an asset without slices has one place.
#[derive(Debug, Clone)]
pub(super) struct Space {
    partitioning: Option<Partitioning>,
    values: Vec<String>,
    value_places: HashMap<String, u64>,
    times: Vec<String>,
    time_places: HashMap<String, u64>,
    /// Where the last slice of time begins and ends.
    newest: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The dynamic values that it was made of.
    dynamic: Vec<String>,
    all: Places,
    latest: Places,
    last: Places,
    /// Until when nothing changes by itself.
    until: Option<DateTime<Utc>>,
    version: u64,
    now: DateTime<Utc>,
}

impl Space {
    /// The slices at an instant, given the dynamic values.
    pub(super) fn new(partitioning: Option<Partitioning>, now: DateTime<Utc>, dynamic: &[String]) -> Self {
        let mut space = Self {
            partitioning,
            values: Vec::new(),
            value_places: HashMap::new(),
            times: Vec::new(),
            time_places: HashMap::new(),
            newest: None,
            dynamic: Vec::new(),
            all: Places::range(0, 0),
            latest: Places::range(0, 0),
            last: Places::range(0, 0),
            until: None,
            version: 0,
            now,
        };
        if space.partitioning.is_some() {
            space.rebuild(now, dynamic);
        }
        space
    }

    /// Whose slices they are; none of an asset without.
    pub(super) fn partitioning(&self) -> Option<&Partitioning> {
        self.partitioning.as_ref()
    }

    /// Every slice.
    pub(super) fn all(&self) -> &Places {
        &self.all
    }

    /// The slices of time that had ended last, one of every value; without time, all.
    pub(super) fn latest(&self) -> &Places {
        &self.latest
    }

    /// The last in time of every value; without time, the last of all.
    pub(super) fn last(&self) -> &Places {
        &self.last
    }

    /// Grows with each change.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// When something last changed.
    pub(super) fn changed_at(&self) -> DateTime<Utc> {
        self.now
    }

    /// The dynamic values that there are now.
    pub(super) fn dynamic(&self) -> &[String] {
        &self.dynamic
    }

    /// Brings it to a later instant; answers whether anything changed.
    pub(super) fn advance(&mut self, now: DateTime<Utc>, dynamic: &[String]) -> bool {
        let same = self.dynamic == dynamic && self.until.is_none_or(|until| now < until);
        if self.partitioning.is_none() || same {
            return false;
        }
        self.rebuild(now, dynamic);
        true
    }

    fn rebuild(&mut self, now: DateTime<Utc>, dynamic: &[String]) {
        let Some(partitioning) = self.partitioning.clone() else {
            return;
        };
        self.now = now;
        dynamic.clone_into(&mut self.dynamic);
        let there = partitioning.keys(now, dynamic).values().to_vec();
        for value in &there {
            let next = self.values.len() as u64;
            if !self.value_places.contains_key(value) {
                self.value_places.insert(value.clone(), next);
                self.values.push(value.clone());
            }
        }
        let there: Vec<u64> = there.iter().map(|value| self.value_places[value]).collect();
        let mut ended = None;
        if let Some(time) = partitioning.time() {
            let from = self.newest.map_or(time.start, |(start, _)| start);
            let known = self.times.len();
            let starts = time.starts_from(from).skip(usize::from(known > 0));
            for start in starts.take_while(|start| time.end.is_some() || *start <= now) {
                let key = time.key(start);
                self.time_places.insert(key.clone(), self.times.len() as u64);
                self.times.push(key);
                self.newest = Some((start, end_of(time, start)));
            }
            ended = self.newest.and_then(|(_, end)| {
                if end <= now {
                    return (self.times.len() as u64).checked_sub(1);
                }
                let around = time.around(now)?;
                self.time_places.get(&time.key(around))?.checked_sub(1)
            });
            // The slice around now ends, and the next begins.
            let around = time.around(now).or(Some(time.start).filter(|start| *start > now));
            self.until = around.map(|start| if start > now { start } else { end_of(time, start) });
        }
        let slices = self.times.len() as u64;
        match partitioning {
            Partitioning::Values(_) => {
                self.all = Places::each(there.iter().copied());
                self.latest = self.all.clone();
                self.last = Places::each(there.last().copied());
            }
            Partitioning::Time(_) => {
                self.all = slices
                    .checked_sub(1)
                    .map_or_else(Places::default, |last| Places::range(0, last));
                self.latest = Places::each(ended);
                self.last = Places::each(slices.checked_sub(1));
            }
            Partitioning::Both(..) => {
                let of = |time: Option<u64>| {
                    Places::each(
                        time.into_iter()
                            .flat_map(|time| there.iter().map(move |value| (value << VALUE_SHIFT) | time)),
                    )
                };
                let whole = there.iter().filter_map(|value| {
                    let first = value << VALUE_SHIFT;
                    slices.checked_sub(1).map(|last| (first, first + last))
                });
                self.all = Places::of(whole.collect());
                self.latest = of(ended);
                self.last = of(slices.checked_sub(1));
            }
        }
        self.version += 1;
    }

    /// The place of a key; none where there is no such slice, or not any more.
    pub(super) fn place(&self, key: &str) -> Option<u64> {
        let Some(partitioning) = &self.partitioning else {
            return key.is_empty().then_some(0);
        };
        let (value, time) = partitioning.split(key).ok()?;
        let value = match value {
            Some(value) => Some(*self.value_places.get(value)?),
            None => None,
        };
        let time = match time {
            Some(time) => Some(*self.time_places.get(time)?),
            None => None,
        };
        let place = match (value, time) {
            (Some(value), Some(time)) => (value << VALUE_SHIFT) | time,
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => return None,
        };
        self.all.contains(place).then_some(place)
    }

    /// The key at a place.
    pub(super) fn key(&self, place: u64) -> Option<PartitionKey> {
        let Some(partitioning) = &self.partitioning else {
            return Some(PartitionKey::whole());
        };
        let text = |list: &[String], at: u64| list.get(usize::try_from(at).ok()?).cloned();
        let (value, time) = match partitioning {
            Partitioning::Time(_) => (None, text(&self.times, place)),
            Partitioning::Values(_) => (text(&self.values, place), None),
            Partitioning::Both(..) => (
                text(&self.values, place >> VALUE_SHIFT),
                text(&self.times, place & u64::from(u32::MAX)),
            ),
        };
        partitioning.join(value.as_deref(), time.as_deref())
    }

    /// A set as keys, from the first to the last of each range. Values follow in no order that lasts, and are ranges of one.
    pub(super) fn write(&self, places: &Places) -> Vec<(PartitionKey, PartitionKey)> {
        let pair = |first, last| Some((self.key(first)?, self.key(last)?));
        match &self.partitioning {
            Some(Partitioning::Values(_)) => places.iter().filter_map(|place| pair(place, place)).collect(),
            _ => places
                .ranges()
                .iter()
                .filter_map(|(first, last)| pair(*first, *last))
                .collect(),
        }
    }

    /// The set of these ranges, each from one key to another; what is no slice any more is left out.
    pub(super) fn read(&self, ranges: &[(PartitionKey, PartitionKey)]) -> Places {
        let read = ranges
            .iter()
            .filter_map(|(first, last)| self.read_range(&first.0, &last.0));
        Places::of(read.collect()).and(&self.all)
    }

    fn read_range(&self, first: &str, last: &str) -> Option<(u64, u64)> {
        let Some(partitioning) = self
            .partitioning
            .as_ref()
            .filter(|slices| slices.time().is_some())
        else {
            let place = self.place(first)?;
            return (first == last).then_some((place, place));
        };
        let (value, from) = partitioning.split(first).ok()?;
        let (same, until) = partitioning.split(last).ok()?;
        let base = match value {
            Some(value) if same == Some(value) => self.value_places.get(value)? << VALUE_SHIFT,
            Some(_) => return None,
            None => 0,
        };
        // Keys of time are in the order of their bytes.
        let from = self.times.partition_point(|time| Some(time.as_str()) < from) as u64;
        let until = self.times.partition_point(|time| Some(time.as_str()) <= until) as u64;
        (from < until).then(|| (base + from, base + until - 1))
    }
}

/// Where the slice that begins at an instant ends.
fn end_of(time: &TimeSlices, start: DateTime<Utc>) -> DateTime<Utc> {
    time.find(&time.key(start)).map_or(start, |(_, end)| end)
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::plan::{AssetName, Cadence, ValueSlices, Values};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn keys(space: &Space, places: &Places) -> Vec<String> {
        places.iter().map(|place| space.key(place).unwrap().0).collect()
    }

    fn days() -> TimeSlices {
        TimeSlices::new(Cadence::Daily, Tz::UTC, "2024-01-01", None, None).unwrap()
    }

    #[test]
    fn a_day_that_begins_is_a_place_behind_the_others() {
        let mut space = Space::new(Some(Partitioning::Time(days())), at("2024-01-03T12:00:00Z"), &[]);
        assert_eq!(
            keys(&space, space.all()),
            ["2024-01-01", "2024-01-02", "2024-01-03"]
        );
        assert_eq!(keys(&space, space.latest()), ["2024-01-02"]);
        assert!(!space.advance(at("2024-01-03T23:59:59Z"), &[]));
        assert!(space.advance(at("2024-01-04T00:00:00Z"), &[]));
        assert_eq!(space.all().count(), 4);
        assert_eq!(keys(&space, space.latest()), ["2024-01-03"]);
        assert_eq!(keys(&space, space.last()), ["2024-01-04"]);
        assert_eq!(space.place("2024-01-05"), None);
        // Before the first there is nothing yet, and it comes.
        let mut early = Space::new(Some(Partitioning::Time(days())), at("2023-12-30T00:00:00Z"), &[]);
        assert!(early.all().is_empty() && early.latest().is_empty());
        assert!(early.advance(at("2024-01-01T00:00:00Z"), &[]));
        assert_eq!(early.all().count(), 1);
        assert!(early.latest().is_empty());
    }

    #[test]
    fn with_an_end_all_are_there_and_the_latest_has_ended() {
        let slices =
            TimeSlices::new(Cadence::Daily, Tz::UTC, "2024-01-01", Some("2024-01-04"), None).unwrap();
        let mut space = Space::new(Some(Partitioning::Time(slices)), at("2024-01-01T12:00:00Z"), &[]);
        assert_eq!(space.all().count(), 3);
        assert!(space.latest().is_empty());
        assert!(space.advance(at("2024-01-02T00:00:00Z"), &[]));
        assert_eq!(keys(&space, space.latest()), ["2024-01-01"]);
        assert!(space.advance(at("2024-02-02T00:00:00Z"), &[]));
        assert_eq!(keys(&space, space.latest()), ["2024-01-03"]);
    }

    #[test]
    fn values_come_and_go_and_what_is_written_is_read_again() {
        let name: AssetName = "customers".parse().unwrap();
        let values = ValueSlices {
            values: Values::Dynamic(name),
            column: None,
        };
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let now = at("2024-01-03T12:00:00Z");
        let both = Partitioning::Both(values, days());
        let mut space = Space::new(Some(both), now, &texts(&["a", "c"]));
        assert_eq!(space.all().count(), 6);
        assert_eq!(keys(&space, space.latest()), ["a|2024-01-02", "c|2024-01-02"]);
        let c = space.place("c|2024-01-01").unwrap();
        let written = space.write(space.all());
        assert_eq!(written.len(), 2);
        assert!(space.advance(now, &texts(&["a", "b", "c"])));
        assert_eq!(space.place("c|2024-01-01"), Some(c));
        assert_eq!(space.read(&written).count(), 6);
        assert!(space.advance(now, &texts(&["b", "c"])));
        assert_eq!(space.place("a|2024-01-01"), None);
        assert_eq!(space.all().count(), 6);
    }
}
