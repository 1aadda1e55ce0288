//! A stream of the config, ready to be asked for.

use json_columns::{Builder, Format, Kind, Row, Slot, Tree, data_type, read, wanted};
use serde_json::value::RawValue;
use tidegate_sdk::http;
use tidegate_sdk::prelude::*;

use crate::page::Page;
use crate::{Column, Config, List, Paging, Place, link};

/// The longest value of a paging's parameter and the longest URL of a page, in bytes: a cursor has 64 KiB.
const PLACE_MAX_BYTES: usize = 16 << 10;

/// The columns of what is read of an answer beside its records.
const RECORDS: usize = 0;
const NEXT: usize = 1;
const MORE: usize = 2;

/// A stream, ready to be asked for.
pub(crate) struct Bound {
    url: String,
    query: Vec<(String, String)>,
    paging: Paging,
    /// What is read of an answer.
    answer: Tree,
    columns: Vec<(String, String, Kind, Format)>,
    /// What is read of a record: its columns, and behind them what the next page is asked for with.
    record: Tree,
    records: String,
}

/// All streams of a config; a fault names what is wrong with it.
pub(crate) fn bound(config: &Config) -> Result<Vec<Bound>, Fault> {
    if config.streams.is_empty() {
        return Err(Fault::config("/streams", "name at least one stream"));
    }
    let streams = config.streams.iter().enumerate();
    streams
        .map(|(index, list)| {
            if config.streams[..index]
                .iter()
                .any(|other| other.name == list.name)
            {
                let message = format!("there are two streams `{}`", list.name);
                return Err(Fault::config(format!("/streams/{index}/name"), message));
            }
            Bound::new(list, |key| format!("/streams/{index}/{key}"))
        })
        .collect()
}

impl Bound {
    /// `at` makes the JSON pointer of a key of the stream's config.
    fn new(list: &List, at: impl Fn(&str) -> String) -> Result<Self, Fault> {
        let wrong = |key: &str, message: String| Fault::config(at(key), message);
        if !list.url.starts_with("https://") && !list.url.starts_with("http://") {
            return Err(wrong("url", format!("`{}` is not a URL of HTTP", list.url)));
        }
        let mut answer = Tree::default();
        let mut record = Tree::default();
        let pointed = |tree: &mut Tree, key: &str, pointer: &str, column, takes_text| {
            tree.add(pointer, column, takes_text)
                .map_err(|message| wrong(key, message))
        };
        pointed(&mut answer, "records", &list.records, RECORDS, true)?;
        if list.columns.is_empty() {
            return Err(wrong("columns", "name at least one column".into()));
        }
        for (index, column) in list.columns.iter().enumerate() {
            let Column {
                name,
                pointer,
                kind,
                format,
            } = column;
            if list.columns[..index].iter().any(|other| other.name == *name) {
                return Err(wrong(
                    &format!("columns/{index}/name"),
                    format!("there are two columns `{name}`"),
                ));
            }
            if format.is_some() && *kind != Kind::Timestamp {
                let message = "`format` is for timestamps alone".into();
                return Err(wrong(&format!("columns/{index}/format"), message));
            }
            pointed(
                &mut record,
                &format!("columns/{index}/pointer"),
                pointer,
                index,
                *kind == Kind::Json,
            )?;
        }
        for (index, name) in list.key.iter().enumerate() {
            if !list.columns.iter().any(|column| column.name == *name) {
                return Err(wrong(
                    &format!("key/{index}"),
                    format!("there is no column `{name}`"),
                ));
            }
        }
        match &list.paging {
            Paging::None {} | Paging::Link {} | Paging::Page { .. } => {}
            Paging::Cursor { pointer, .. } => pointed(&mut answer, "paging/pointer", pointer, NEXT, true)?,
            Paging::LastRecord { pointer, more, .. } => {
                pointed(&mut record, "paging/pointer", pointer, list.columns.len(), true)?;
                if let Some(more) = more {
                    pointed(&mut answer, "paging/more", more, MORE, false)?;
                }
            }
        }
        let columns = list.columns.iter().map(|column| {
            let format = column.format.unwrap_or_default();
            (column.name.clone(), column.pointer.clone(), column.kind, format)
        });
        Ok(Self {
            url: list.url.clone(),
            query: list.query.clone().into_iter().collect(),
            paging: list.paging.clone(),
            answer,
            columns: columns.collect(),
            record,
            records: list.records.clone(),
        })
    }

    pub(crate) fn schema(&self) -> Schema {
        let fields = self
            .columns
            .iter()
            .map(|(name, _, kind, _)| Field::new(name, data_type(*kind), true));
        Schema::new(fields.collect::<Vec<_>>())
    }

    /// Asks for a page.
    pub(crate) fn fetch(&self, place: &Place) -> Result<Page, Fault> {
        let request = self.request(place)?;
        let url = request.url.clone();
        let answer = request.header("accept", "application/json").send()?.success()?;
        let kinds = [Kind::Json, Kind::Json, Kind::Boolean].map(|kind| (kind, Format::default()));
        let mut found = Row::new(kinds.into_iter());
        read(answer.text()?, &self.answer, &mut found).map_err(|error| no_json(&error))?;
        let Slot::Text(start, end) = found.slot(RECORDS) else {
            return Err(Fault::data(format!(
                "the answer has nothing at `{}`, where the records should be",
                self.records
            )));
        };
        let text = &found.text()[start..end];
        let records: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| {
            Fault::data(format!(
                "what the answer has at `{}` is not an array of records",
                self.records
            ))
        })?;
        let (rows, last) = self.rows(&records)?;
        let next = self.next(place, &url, &answer, &found, last, records.is_empty())?;
        if next.as_ref() == Some(place) {
            return Err(Fault::data("the answer names the page itself as the next one"));
        }
        Ok(Page::new(place.clone(), text.to_owned(), rows, next))
    }

    fn request(&self, place: &Place) -> Result<http::Request, Fault> {
        let request = match place {
            // A page's URL has all that it needs.
            Place::Url(url) => return Ok(http::get(url)),
            Place::First | Place::Value(_) => http::get(&self.url),
        };
        let request = self
            .query
            .iter()
            .fold(request, |request, (name, value)| request.query(name, value));
        match (&self.paging, place) {
            (
                Paging::Cursor { parameter, .. }
                | Paging::LastRecord { parameter, .. }
                | Paging::Page { parameter, .. },
                Place::Value(value),
            ) => Ok(request.query(parameter, value)),
            (Paging::Page { parameter, first }, _) => Ok(request.query(parameter, &first.to_string())),
            (_, Place::Value(_)) => Err(Fault::fatal("the cursor was made with another paging")),
            _ => Ok(request),
        }
    }

    /// The records as columns, and what the last one has for the next page.
    fn rows(&self, records: &[&RawValue]) -> Result<(RecordBatch, Option<String>), Fault> {
        let kinds = self.columns.iter().map(|(_, _, kind, format)| (*kind, *format));
        let mut row = Row::new(kinds.chain([(Kind::Json, Format::default())]));
        let mut builders: Vec<Builder> = self
            .columns
            .iter()
            .map(|(_, _, kind, _)| Builder::new(*kind, records.len()))
            .collect();
        for record in records {
            row.clear();
            read(record.get(), &self.record, &mut row).map_err(|error| no_json(&error))?;
            for (column, builder) in builders.iter_mut().enumerate() {
                let slot = row.slot(column);
                if let Slot::Wrong(found) = slot {
                    let (name, pointer, kind, format) = &self.columns[column];
                    let wanted = wanted(*kind, *format);
                    let message =
                        format!("for `{name}`: at `{pointer}` of a record stands {found}, not {wanted}");
                    return Err(Fault::data(message));
                }
                builder.append(slot, row.text());
            }
        }
        let columns: Vec<ArrayRef> = builders.into_iter().map(Builder::finish).collect();
        let last = if records.is_empty() {
            None
        } else {
            plain(&row, self.columns.len())?
        };
        Ok((RecordBatch::try_new(Arc::new(self.schema()), columns)?, last))
    }

    fn next(
        &self,
        place: &Place,
        url: &str,
        answer: &http::Response,
        found: &Row,
        last: Option<String>,
        is_empty: bool,
    ) -> Result<Option<Place>, Fault> {
        let next = match &self.paging {
            Paging::None {} => None,
            Paging::Link {} => {
                let mut links = answer.headers.iter().filter(|(name, _)| name == "link");
                match links.find_map(|(_, value)| link::next(value)) {
                    None => None,
                    Some(target) => Some(Place::Url(link::resolved(target, url).ok_or_else(|| {
                        Fault::data("the `Link` header's next page is not a URL of HTTP, nor a path")
                    })?)),
                }
            }
            Paging::Cursor { .. } => plain(found, NEXT)?
                .filter(|value| !value.is_empty())
                .map(Place::Value),
            Paging::LastRecord { more: Some(_), .. } => match (found.slot(MORE), last) {
                (Slot::Boolean(true), Some(value)) => Some(Place::Value(value)),
                (Slot::Boolean(true), None) => {
                    return Err(Fault::data(
                        "there are more pages, and the last record has nothing to ask for them with",
                    ));
                }
                (Slot::Boolean(false) | Slot::Missing, _) => None,
                _ => {
                    return Err(Fault::data(
                        "whether there are more pages is neither true nor false",
                    ));
                }
            },
            Paging::LastRecord { more: None, .. } => last.map(Place::Value),
            Paging::Page { .. } if is_empty => None,
            Paging::Page { first, .. } => {
                let number = match place {
                    Place::Value(value) => value.parse().ok(),
                    Place::First | Place::Url(_) => Some(*first),
                };
                let next = number.and_then(|number| number.checked_add(1));
                let next = next.ok_or_else(|| Fault::fatal("the cursor was made with another paging"))?;
                Some(Place::Value(next.to_string()))
            }
        };
        match &next {
            Some(Place::Url(text) | Place::Value(text)) if text.len() > PLACE_MAX_BYTES => {
                let message =
                    format!("what the next page is asked for with has more than {PLACE_MAX_BYTES} bytes");
                Err(Fault::data(message))
            }
            _ => Ok(next),
        }
    }
}

/// A text or number of an answer, as a parameter's value.
fn plain(row: &Row, column: usize) -> Result<Option<String>, Fault> {
    let Slot::Text(start, end) = row.slot(column) else {
        return Ok(None);
    };
    let json = &row.text()[start..end];
    match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str(json)
            .map(Some)
            .map_err(|error| no_json(&error)),
        Some(b'-' | b'0'..=b'9') => Ok(Some(json.to_owned())),
        _ => Err(Fault::data(
            "what the next page is asked for with is neither text nor a number",
        )),
    }
}

/// The place alone: the error's own text may quote the answer.
fn no_json(error: &serde_json::Error) -> Fault {
    let message = format!(
        "the answer is not JSON: line {}, column {}",
        error.line(),
        error.column()
    );
    Fault::data(message)
}
