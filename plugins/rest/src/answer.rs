//! What is read of an answer beside its records.

use json_columns::{Format, Kind, Row, Slot, Tree, read};
use tidegate_sdk::prelude::*;

use crate::config::List;
use crate::page::no_json;
use crate::paging::Paging;
use crate::path;

/// The places of an answer, by what stands there.
const RECORDS: usize = 0;
const NEXT: usize = 1;
const MORE: usize = 2;
const ECHO: usize = 3;
const TOTAL: usize = 4;
const PLACES: usize = 5;

/// Where an answer has what.
pub(crate) struct Envelope {
    tree: Tree,
    records: String,
    may_be_missing: bool,
}

/// What an answer has there, as JSON.
pub(crate) struct Answer {
    /// The array of records.
    pub(crate) records: String,
    pub(crate) next: Option<String>,
    pub(crate) more: Option<bool>,
    pub(crate) echo: Option<String>,
    pub(crate) total: Option<u64>,
}

impl Answer {
    /// No records, and no page behind them.
    pub(crate) fn none() -> Self {
        Self {
            records: "[]".to_owned(),
            next: None,
            more: None,
            echo: None,
            total: None,
        }
    }
}

impl Envelope {
    /// `at` makes a fault at a key of the stream's config.
    pub(crate) fn new(
        list: &List,
        paging: &Paging,
        at: impl Fn(&str, String) -> Fault,
    ) -> Result<Self, Fault> {
        let mut tree = Tree::default();
        let mut add = |key: &str, place: &str, index| {
            let added = tree.add(&path::pointer(place), index, true);
            added.map_err(|why| at(key, why))
        };
        add("records", &list.records, RECORDS)?;
        for ((key, place), index) in paging.paths().into_iter().zip([NEXT, MORE, ECHO]) {
            if let Some(place) = place {
                add(&format!("paging/{key}"), place, index)?;
            }
        }
        if let Some(place) = &list.total {
            add("total", place, TOTAL)?;
        }
        Ok(Self {
            tree,
            records: list.records.clone(),
            may_be_missing: list.records_may_be_missing,
        })
    }

    /// Where the records are, for messages.
    pub(crate) fn shown(&self) -> &str {
        &self.records
    }

    /// What an answer has.
    pub(crate) fn read(&self, text: &str) -> Result<Answer, Fault> {
        let mut row = Row::new((0..PLACES).map(|_| (Kind::Json, Format::default())));
        read(text, &self.tree, &mut row).map_err(|error| no_json(&error))?;
        let found = |place| match row.slot(place) {
            Slot::Text(start, end) => Some(row.text()[start..end].to_owned()),
            _ => None,
        };
        let records = match found(RECORDS) {
            Some(records) => records,
            None if self.may_be_missing => "[]".to_owned(),
            None => {
                return Err(Fault::data(format!(
                    "the answer has nothing at `{}`, where the records should be; look at `records`, or write \
                     `records_may_be_missing: true` where that means that there are none",
                    self.records
                )));
            }
        };
        let more = match found(MORE).as_deref() {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) => {
                return Err(Fault::data(
                    "what the answer has at `more` of `paging` is neither true nor false",
                ));
            }
        };
        let total = found(TOTAL).map(|json| {
            json.parse()
                .map_err(|_| Fault::data("what the answer has at `total` is no count of records"))
        });
        Ok(Answer {
            records,
            next: found(NEXT),
            more,
            echo: found(ECHO),
            total: total.transpose()?,
        })
    }
}
