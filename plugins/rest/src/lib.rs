//! Reads lists of records from REST APIs, as the YAML of a resource describes them: where they are, how pages follow each
//! other, and which parts of a record are columns.
//!
//! What a request needs for its credentials is put in by the host, from the grant.

mod answer;
mod ask;
mod column;
mod config;
mod cursor;
mod entries;
mod fields;
mod instant;
mod kind;
mod link;
mod misfit;
mod number;
mod page;
mod paging;
mod path;
mod reading;
mod status;
mod window;

use std::collections::HashSet;

use config::Config;
use cursor::{Cursor, Place};
use page::Page;
use reading::{Fetched, Reading};
use tidegate_sdk::prelude::*;

/// A reader of one stream.
pub struct Rest {
    reading: Reading,
    page: Option<Page>,
    /// The page that is asked for next; none behind the last.
    next: Option<Asked>,
    /// How many records there are in all, as the last page said.
    total: Option<u64>,
    /// Digests of the requests so far.
    requests: HashSet<u128>,
}

/// A page that is to be asked for.
struct Asked {
    place: Place,
    number: u64,
    before: u64,
    /// How many of its records were read before, and their digest.
    resumed: Option<(usize, String)>,
}

impl Source for Rest {
    type Config = Config;
    type Cursor = Cursor;

    fn check(config: &Config) -> Result<(), Fault> {
        for (_, _, reading) in readings(config)? {
            reading.fetch(&reading.start(), 1, 0)?;
        }
        Ok(())
    }

    fn discover(config: &Config) -> Result<Vec<Stream>, Fault> {
        let streams = readings(config)?.into_iter().map(|(name, list, reading)| {
            let mut stream = Stream::new(name, reading.fields.schema()).key(&list.key);
            stream.description.clone_from(&list.description);
            stream.incremental = list.incremental;
            stream
        });
        Ok(streams.collect())
    }

    fn open(config: Config, request: Request<Cursor>) -> Result<Self, Fault> {
        let mut readings = readings(&config)?.into_iter();
        let Some((_, _, reading)) = readings.find(|(name, _, _)| *name == request.stream) else {
            let names: Vec<&str> = config.streams.keys().map(String::as_str).collect();
            return Err(request.unknown_stream(&names));
        };
        let reading = reading.of(&request.columns, request.partition.as_ref())?;
        let next = match request.cursor {
            None => Asked {
                place: reading.start(),
                number: 1,
                before: 0,
                resumed: None,
            },
            Some(cursor) => Asked {
                place: cursor.page,
                number: cursor.number,
                before: cursor.before,
                resumed: Some((cursor.records, cursor.digest)),
            },
        };
        Ok(Self {
            reading,
            page: None,
            next: Some(next),
            total: None,
            requests: HashSet::new(),
        })
    }

    fn next(&mut self, max_rows: usize) -> Result<Option<Chunk<Cursor>>, Fault> {
        loop {
            if let Some(page) = &mut self.page
                && let Some(chunk) = page.take(max_rows, &self.reading)?
            {
                return Ok(Some(chunk));
            }
            let Some(asked) = &self.next else {
                return self.ended().map(|()| None);
            };
            if asked.number > self.reading.max_pages {
                return Err(Fault::data(format!(
                    "there are more than {} pages, which is `max_pages`: raise it, or look whether the API ever ends",
                    self.reading.max_pages
                )));
            }
            // Where this fails for now the host calls again, and the same page is asked for.
            match self.reading.fetch(&asked.place, asked.number, asked.before)? {
                None => self.next = None,
                Some(fetched) => self.turn(fetched)?,
            }
        }
    }
}

impl Rest {
    /// Goes over to a page. Nothing has changed where it cannot be the next one.
    fn turn(&mut self, fetched: Fetched) -> Result<(), Fault> {
        let Fetched {
            mut page,
            next,
            total,
            request,
        } = fetched;
        let Some(asked) = &self.next else { return Ok(()) };
        let number = asked.number;
        if self.requests.contains(&request) {
            return Err(Fault::data(format!(
                "page {number} was asked for as one before it: what leads from page to page goes round; look at `paging`"
            )));
        }
        if let Some(before) = &self.page {
            self.differs(before, &page, number)?;
        }
        if let Some((records, digest)) = &asked.resumed {
            page.resume(*records, digest)?;
        }
        self.requests.insert(request);
        self.next = next.map(|place| Asked {
            place,
            number: number + 1,
            before: page.read(),
            resumed: None,
        });
        self.total = total;
        self.page = Some(page);
        Ok(())
    }

    /// Whether a page is another one than the page before it.
    fn differs(&self, before: &Page, page: &Page, number: u64) -> Result<(), Fault> {
        if page.len() > 0 && before.names == page.names {
            return Err(Fault::data(format!(
                "page {number} has the same records as the page before it: does the API know the parameter of `paging`?"
            )));
        }
        if !self.reading.naming.is_unique() {
            return Ok(());
        }
        let known: HashSet<&u128> = before.names.iter().collect();
        if page.names.iter().any(|name| known.contains(name)) {
            return Err(Fault::data(format!(
                "page {number} has a record, by its `key`, of the page before it: records moved while they were read, and some \
                 may be missing; ask for the oldest first if the API can, and start a new run"
            )));
        }
        Ok(())
    }

    /// Whether as many records were read as the API says that there are.
    fn ended(&self) -> Result<(), Fault> {
        let read = self.page.as_ref().map_or(0, Page::read);
        match self.total {
            Some(total) if total != read => Err(Fault::data(format!(
                "the answer says at `total` that there are {total} records, and {read} came: a page was skipped or came twice, or \
                 records changed while they were read; start a new run"
            ))),
            _ => Ok(()),
        }
    }
}

/// Every stream of a config, ready to be read.
fn readings(config: &Config) -> Result<Vec<(&str, &config::List, Reading)>, Fault> {
    if config.streams.is_empty() {
        return Err(Fault::config("/streams", "name at least one stream"));
    }
    let streams = config.streams.iter();
    streams
        .map(|(name, list)| Ok((name.as_str(), list, Reading::new(config, name, list)?)))
        .collect()
}

tidegate_sdk::export_source!(Rest);

#[cfg(test)]
mod tests;
