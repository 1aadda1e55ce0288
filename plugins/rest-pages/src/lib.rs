//! Reads lists of records from HTTP interfaces that give them in pages of JSON, such as GitHub's, Stripe's and most others.
//!
//! Each stream of the config is a URL, the place of the records in its answer, the columns by JSON pointers, and how the
//! next page is found. What a request needs for its credentials is put in by the host, from the grant.

mod link;
mod page;
mod stream;

use json_columns::{Format, Kind};
use page::Page;
use stream::Bound;
use tidegate_sdk::prelude::*;

/// What can be read.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The lists.
    streams: Vec<List>,
}

/// A list of records.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Its name.
    name: String,
    /// What a record of it is.
    description: Option<String>,
    /// Where its first page is, such as `https://api.example.com/v1/orders`.
    url: String,
    /// Parameters of every request.
    #[serde(default)]
    query: std::collections::BTreeMap<String, String>,
    /// Where the array of records stands in an answer; empty where the answer is the array.
    #[serde(default)]
    records: String,
    /// The columns of a record.
    columns: Vec<Column>,
    /// The columns that name a record.
    #[serde(default)]
    key: Vec<String>,
    /// How the next page is found.
    #[serde(default)]
    paging: Paging,
    /// Whether new records come at the end, so that a later run may go on where the last one stopped.
    #[serde(default)]
    incremental: bool,
}

/// A column of a record.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    name: String,
    /// Where its value stands in a record, such as `/user/login`.
    pointer: String,
    /// Its type.
    #[serde(rename = "type")]
    kind: Kind,
    /// How a timestamp is written.
    format: Option<Format>,
}

/// How the next page is found.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, tag = "by", rename_all = "snake_case")]
pub enum Paging {
    /// There is one page.
    None {},
    /// By the `Link` header (RFC 8288) with `rel="next"`.
    Link {},
    /// By a parameter that takes a value of the answer; where there is none, or an empty one, that was the last page.
    Cursor {
        /// The parameter.
        parameter: String,
        /// Where the value stands in the answer.
        pointer: String,
    },
    /// By a parameter that takes a value of the page's last record. A page without records is the last.
    LastRecord {
        /// The parameter.
        parameter: String,
        /// Where the value stands in the record.
        pointer: String,
        /// Where the answer has `true` if there are more pages; without it an empty page is the last.
        more: Option<String>,
    },
    /// By the page's number. A page without records is the last.
    Page {
        /// The parameter.
        parameter: String,
        /// The number of the first page.
        #[serde(default = "first_page")]
        first: u64,
    },
}

impl Default for Paging {
    fn default() -> Self {
        Self::None {}
    }
}

fn first_page() -> u64 {
    1
}

/// A page, and how many of its records were read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    page: Place,
    records: usize,
}

/// Where a page is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The first one.
    First,
    /// At this URL.
    Url(String),
    /// The stream's URL with this value of the paging's parameter.
    Value(String),
}

/// A reader of one stream.
pub struct RestPages {
    stream: Bound,
    page: Option<Page>,
    /// The next page; none behind the last.
    next: Option<Place>,
    /// How many records of the next page were read before.
    skip: usize,
}

impl Source for RestPages {
    type Config = Config;
    type Cursor = Cursor;

    fn check(config: &Config) -> Result<(), Fault> {
        for stream in stream::bound(config)? {
            stream.fetch(&Place::First)?;
        }
        Ok(())
    }

    fn discover(config: &Config) -> Result<Vec<Stream>, Fault> {
        let bound = stream::bound(config)?;
        let stream = |(list, bound): (&List, Bound)| {
            let stream = Stream::new(&list.name, bound.schema()).key(&list.key);
            let stream = match &list.description {
                Some(text) => stream.description(text),
                None => stream,
            };
            if list.incremental {
                stream.incremental()
            } else {
                stream
            }
        };
        Ok(config.streams.iter().zip(bound).map(stream).collect())
    }

    fn open(config: Config, request: Request<Cursor>) -> Result<Self, Fault> {
        let bound = stream::bound(&config)?;
        let place = config.streams.iter().position(|list| list.name == request.stream);
        let stream = place
            .and_then(|place| bound.into_iter().nth(place))
            .ok_or_else(|| {
                let names: Vec<&str> = config.streams.iter().map(|list| list.name.as_str()).collect();
                request.unknown_stream(&names)
            })?;
        let cursor = request.cursor.unwrap_or(Cursor {
            page: Place::First,
            records: 0,
        });
        Ok(Self {
            stream,
            page: None,
            next: Some(cursor.page),
            skip: cursor.records,
        })
    }

    fn next(&mut self, max_rows: usize) -> Result<Option<Chunk<Cursor>>, Fault> {
        loop {
            if let Some(page) = &mut self.page
                && let Some((rows, cursor)) = page.take(max_rows)
            {
                return Ok(Some(Chunk::new(rows, cursor)));
            }
            let Some(place) = &self.next else {
                return Ok(None);
            };
            // Where this fails for now the host calls again, and the same page is asked for.
            let page = self.stream.fetch(place)?;
            if self.page.as_ref().is_some_and(|before| before.is_same(&page)) {
                return Err(Fault::data(
                    "two pages in a row have the same records: does the other side know the paging's parameter?",
                ));
            }
            self.next.clone_from(&page.next);
            self.page = Some(page.without(std::mem::take(&mut self.skip)));
        }
    }
}

tidegate_sdk::export_source!(RestPages);

#[cfg(test)]
mod tests;
