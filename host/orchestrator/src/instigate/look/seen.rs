//! What is new among things that have a time: a cursor that neither loses what comes late nor tells anything twice.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tidegate_core::plan::Digest;
use tidegate_core::{Error, Kind, Result};

/// How much older than the newest one a thing may be and still be new, in milliseconds. An upload of many parts bears
/// the time when it began, and a run that was written later may have ended earlier by its own clock.
const LATE_MS: i64 = 3_600_000;

/// How much of a digest tells two things apart: among 100,000 the chance that two are alike is one in three thousand
/// million.
const MARK_DIGITS: usize = 16;

/// Something that may be new.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    /// When it came to be, in milliseconds from 1970.
    pub(super) at_ms: i64,
    /// What it is called.
    pub(super) name: String,
    /// Another one for each time that it changes.
    pub(super) version: String,
}

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// What is older was seen, or is too late.
    from_ms: i64,
    /// What was seen from then on: marks by time.
    #[serde(default)]
    marks: BTreeMap<i64, Vec<String>>,
}

impl Seen {
    /// What a cursor says; one that was set by hand may be an instant. Without a cursor, all from an instant on is new.
    pub(super) fn read(cursor: Option<&str>, first: Option<DateTime<Utc>>) -> Result<Self> {
        let from = |at: DateTime<Utc>| Self {
            from_ms: at.timestamp_millis(),
            marks: BTreeMap::new(),
        };
        let Some(text) = cursor else {
            return Ok(first.map_or_else(
                || Self {
                    from_ms: i64::MIN,
                    marks: BTreeMap::new(),
                },
                from,
            ));
        };
        if let Ok(at) = text.trim().parse::<DateTime<Utc>>() {
            return Ok(from(at));
        }
        serde_json::from_str(text).map_err(|error| {
            Error::new(
                Kind::Usage,
                "sensor.cursor",
                format!("the cursor cannot be read: {error}"),
            )
            .hint("set it to an instant such as 2024-01-31T00:00:00Z, or delete it to see everything again")
        })
    }

    /// The new ones among some things, oldest first, `most` at most, and how many are left; they are seen from now on.
    pub(super) fn take_new(&mut self, items: Vec<Item>, most: usize) -> (Vec<Item>, usize) {
        let mut new: Vec<Item> = items.into_iter().filter(|item| self.is_new(item)).collect();
        new.sort();
        new.dedup();
        let left = new.len().saturating_sub(most);
        new.truncate(most);
        for item in &new {
            self.marks.entry(item.at_ms).or_default().push(mark(item));
        }
        if let Some((newest, _)) = self.marks.last_key_value() {
            let from_ms = self.from_ms.max(newest.saturating_sub(LATE_MS));
            self.marks = self.marks.split_off(&from_ms);
            self.from_ms = from_ms;
        }
        (new, left)
    }

    fn is_new(&self, item: &Item) -> bool {
        let seen = self.marks.get(&item.at_ms);
        item.at_ms >= self.from_ms && !seen.is_some_and(|marks| marks.contains(&mark(item)))
    }

    /// As a cursor.
    pub(super) fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn mark(item: &Item) -> String {
    let text = format!("{}\0{}", item.name, item.version);
    let digest = Digest::of(text.as_bytes());
    digest.hex().chars().take(MARK_DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(at_ms: i64, name: &str, version: &str) -> Item {
        Item {
            at_ms,
            name: name.into(),
            version: version.into(),
        }
    }

    /// Looks, and goes through the text of the cursor as a restart does.
    fn look(cursor: &mut Option<String>, items: &[Item], most: usize) -> Vec<String> {
        let mut seen = Seen::read(cursor.as_deref(), None).unwrap();
        let (new, _) = seen.take_new(items.to_vec(), most);
        *cursor = Some(seen.write());
        new.into_iter()
            .map(|item| format!("{}@{}", item.name, item.version))
            .collect()
    }

    #[test]
    fn each_is_new_once_and_again_when_it_changes() {
        let mut cursor = None;
        let mut there = vec![item(20, "b", "1"), item(10, "c", "1"), item(10, "a", "1")];
        assert_eq!(look(&mut cursor, &there, 9), ["a@1", "c@1", "b@1"]);
        assert_eq!(look(&mut cursor, &there, 9), [""; 0]);
        there[1] = item(30, "c", "2");
        assert_eq!(look(&mut cursor, &there, 9), ["c@2"]);
        // Of the same instant as one that was seen, and later by hours.
        there.push(item(30, "d", "1"));
        there.push(item(30 + 5 * LATE_MS, "e", "1"));
        assert_eq!(look(&mut cursor, &there, 9), ["d@1", "e@1"]);
        assert_eq!(look(&mut cursor, &there, 9), [""; 0]);
    }

    #[test]
    fn what_comes_late_is_new_and_what_is_too_old_is_not() {
        let mut cursor = None;
        let hour = LATE_MS;
        look(&mut cursor, &[item(3 * hour, "newest", "1")], 9);
        let there = [
            item(3 * hour, "newest", "1"),
            item(2 * hour, "late", "1"),
            item(2 * hour - 1, "older", "1"),
        ];
        assert_eq!(look(&mut cursor, &there, 9), ["late@1"]);
        assert_eq!(look(&mut cursor, &there, 9), [""; 0]);
    }

    #[test]
    fn many_of_one_instant_are_taken_in_several_looks_and_none_twice() {
        let there: Vec<Item> = (0..250)
            .map(|index| item(7, &format!("{index:03}"), "1"))
            .collect();
        let mut cursor = None;
        let mut taken = Vec::new();
        for _ in 0..4 {
            taken.extend(look(&mut cursor, &there, 100));
        }
        let all: Vec<String> = (0..250).map(|index| format!("{index:03}@1")).collect();
        assert_eq!(taken, all);
    }

    #[test]
    fn a_cursor_by_hand_is_an_instant() {
        let mut cursor = Some("1970-01-01T00:00:01Z".to_owned());
        let there = [item(999, "before", "1"), item(1_000, "from", "1")];
        assert_eq!(look(&mut cursor, &there, 9), ["from@1"]);
        let refused = Seen::read(Some("yesterday"), None).unwrap_err();
        assert_eq!(refused.code, "sensor.cursor");
    }
}
