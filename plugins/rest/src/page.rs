//! A page of records.

use json_columns::{Format, Kind, Row, Slot, Tree, read};
use serde_json::value::RawValue;
use tidegate_sdk::prelude::*;
use twox_hash::XxHash3_128;

use crate::cursor::{Cursor, Place};
use crate::reading::Reading;

/// A page of records.
pub(crate) struct Page {
    place: Place,
    number: u64,
    before: u64,
    /// The array of records, as it stood in the answer.
    text: String,
    /// Where each record stands in it.
    records: Vec<(usize, usize)>,
    /// A digest of what names each: its key, or all of it.
    pub(crate) names: Vec<u128>,
    taken: usize,
    /// Of those that were taken.
    digest: u128,
}

/// What names a record.
pub(crate) struct Naming {
    /// The places of the key; none where the whole record is its name.
    tree: Option<Tree>,
    key: Vec<String>,
}

impl Naming {
    /// By the key's columns, with their places; by the whole record where there are none.
    pub(crate) fn new(key: &[(String, String)]) -> Result<Self, String> {
        let mut tree = Tree::default();
        for (index, (_, pointer)) in key.iter().enumerate() {
            tree.add(pointer, index, true)?;
        }
        Ok(Self {
            tree: (!key.is_empty()).then_some(tree),
            key: key.iter().map(|(name, _)| name.clone()).collect(),
        })
    }

    /// Whether a name is that of one record and no other.
    pub(crate) fn is_unique(&self) -> bool {
        self.tree.is_some()
    }

    fn name(&self, record: &str, row: &mut Row, place: usize, page: u64) -> Result<u128, Fault> {
        let Some(tree) = &self.tree else {
            return Ok(XxHash3_128::oneshot(record.as_bytes()));
        };
        row.clear();
        read(record, tree, row).map_err(|error| no_json(&error))?;
        let mut parts = Vec::new();
        for (index, name) in self.key.iter().enumerate() {
            let Slot::Text(start, end) = row.slot(index) else {
                return Err(Fault::data(format!(
                    "record {} on page {page} has no `{name}`, which `key` names; leave it out of `key`, or mend the data",
                    place + 1
                )));
            };
            parts.extend_from_slice(&row.text().as_bytes()[start..end]);
            // No JSON has this byte outside of a text.
            parts.push(0);
        }
        Ok(XxHash3_128::oneshot(&parts))
    }
}

impl Page {
    /// The records of an answer; `text` is their array.
    pub(crate) fn new(
        place: Place,
        number: u64,
        before: u64,
        text: String,
        naming: &Naming,
        shown: &str,
    ) -> Result<Self, Fault> {
        let raw: Vec<&RawValue> = serde_json::from_str(&text).map_err(|_| {
            Fault::data(format!(
                "what the answer has at `{shown}` is no array of records; look at `records`"
            ))
        })?;
        let begin = text.as_ptr() as usize;
        let spans = raw.iter().map(|record| {
            let start = record.get().as_ptr() as usize - begin;
            (start, start + record.get().len())
        });
        let records: Vec<(usize, usize)> = spans.collect();
        let mut row = Row::new(naming.key.iter().map(|_| (Kind::Json, Format::default())));
        let names = raw
            .iter()
            .enumerate()
            .map(|(place, record)| naming.name(record.get(), &mut row, place, number))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            place,
            number,
            before,
            text,
            records,
            names,
            taken: 0,
            digest: 0,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// How many records this page and those before it have.
    pub(crate) fn read(&self) -> u64 {
        self.before + self.records.len() as u64
    }

    /// The last record.
    pub(crate) fn last(&self) -> Option<&str> {
        self.records.last().map(|(start, end)| &self.text[*start..*end])
    }

    /// Goes on behind so many records, which were read before; fails where they are no longer the same.
    pub(crate) fn resume(&mut self, records: usize, digest: &str) -> Result<(), Fault> {
        if let Some(names) = self.names.get(..records) {
            self.digest = names.iter().fold(0, |digest, name| chained(digest, *name));
            self.taken = records;
            if shown(self.digest) == digest {
                return Ok(());
            }
        }
        Err(Fault::data(format!(
            "page {} has other records than when it was read before, so reading on would lose or double some; start a new \
             run, and give `key` where records change and their names do not",
            self.number
        )))
    }

    /// The next records, and where a reader stands behind them; none at the end.
    pub(crate) fn take(
        &mut self,
        max_rows: usize,
        reading: &Reading,
    ) -> Result<Option<Chunk<Cursor>>, Fault> {
        let end = self.records.len().min(self.taken.saturating_add(max_rows));
        if self.taken == end {
            return Ok(None);
        }
        let spans = self.records[self.taken..end].iter();
        let records = spans.map(|(start, end)| &self.text[*start..*end]);
        let rows = reading.fields.rows(records, self.taken, self.number)?;
        let names = self.names[self.taken..end].iter();
        self.digest = names.fold(self.digest, |digest, name| chained(digest, *name));
        self.taken = end;
        let cursor = Cursor {
            page: self.place.clone(),
            number: self.number,
            before: self.before,
            records: end,
            digest: shown(self.digest),
        };
        Ok(Some(Chunk::new(rows, cursor)))
    }
}

/// The digest of one name more.
fn chained(digest: u128, name: u128) -> u128 {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&digest.to_le_bytes());
    bytes[16..].copy_from_slice(&name.to_le_bytes());
    XxHash3_128::oneshot(&bytes)
}

fn shown(digest: u128) -> String {
    format!("{digest:032x}")
}

/// The place alone: the error's own text may quote the answer.
pub(crate) fn no_json(error: &serde_json::Error) -> Fault {
    Fault::data(format!(
        "the answer is not JSON, or was cut off: line {}, column {}",
        error.line(),
        error.column()
    ))
}
