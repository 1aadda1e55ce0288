//! A stream of the config, ready to be read: its pages one after the other.

use json_columns::{Format, Kind, Row, Slot, Tree, read};
use tidegate_sdk::http::Response;
use tidegate_sdk::prelude::*;
use tidegate_sdk::source::Partition;
use twox_hash::XxHash3_128;

use crate::answer::{Answer, Envelope};
use crate::ask::{Ask, other_paging};
use crate::config::{Config, List};
use crate::cursor::Place;
use crate::fields::Fields;
use crate::page::{Naming, Page, no_json};
use crate::paging::{Paging, Until};
use crate::window::Window;
use crate::{link, path, status};

/// A stream, ready to be read.
pub(crate) struct Reading {
    ask: Ask,
    paging: Paging,
    envelope: Envelope,
    /// Where a record has what the next page is asked for with.
    of_last: Tree,
    pub(crate) naming: Naming,
    pub(crate) fields: Fields,
    window: Window,
    pub(crate) max_pages: u64,
    /// Where the config names the list.
    key: String,
}

/// A page, and what comes behind it.
pub(crate) struct Fetched {
    pub(crate) page: Page,
    pub(crate) next: Option<Place>,
    /// How many records the answer says that there are in all.
    pub(crate) total: Option<u64>,
    /// A digest of the request.
    pub(crate) request: u128,
}

impl Reading {
    /// The stream of this name; a fault names what is wrong with it.
    pub(crate) fn new(config: &Config, name: &str, list: &List) -> Result<Self, Fault> {
        let pointer = format!("/streams{}", path::step(name));
        let at = |key: &str, why: String| Fault::config(format!("{pointer}/{key}"), why);
        let paging = list.paging.as_ref().unwrap_or(&config.paging).clone();
        let mut ask = Ask::new(config, list, at)?;
        let fields = Fields::new(list, at)?;
        let mut of_last = Tree::default();
        if let Paging::LastRecord { path, .. } = &paging {
            let added = of_last.add(&path::pointer(path), 0, true);
            added.map_err(|why| at("paging/path", why))?;
        }
        if paging.until() == Some(Until::Short) && paging.size().is_none() {
            return Err(at(
                "paging/until",
                "a page is short of a `size`, and there is none".into(),
            ));
        }
        let of_paging = paging
            .parameters()
            .into_iter()
            .map(|(key, name)| ("paging", key, name));
        let of_window = list.window.parameters().into_iter();
        for (part, key, name) in of_paging.chain(of_window.map(|(key, name)| ("window", key, name))) {
            if let Some(why) = ask.cannot_set(name) {
                return Err(at(&format!("{part}/{key}"), why));
            }
        }
        if let Some(size) = paging.size() {
            ask.set(&size.parameter, size.value.into());
        }
        let max_pages = list.max_pages.unwrap_or(config.max_pages);
        if max_pages == 0 {
            return Err(at("max_pages", "without a page there is nothing to read".into()));
        }
        let mut key = Vec::new();
        for (index, name) in list.key.iter().enumerate() {
            let Some(pointer) = fields.pointer(name) else {
                return Err(at(
                    &format!("key/{index}"),
                    format!("there is no column `{name}` in `fields`"),
                ));
            };
            key.push((name.clone(), pointer.to_owned()));
        }
        Ok(Self {
            envelope: Envelope::new(list, &paging, at)?,
            naming: Naming::new(&key).map_err(|why| at("key", why))?,
            ask,
            paging,
            of_last,
            fields,
            window: list.window.clone(),
            max_pages,
            key: format!("{pointer}/path"),
        })
    }

    /// The same, of these columns alone and of a slice.
    pub(crate) fn of(mut self, columns: &[String], partition: Option<&Partition>) -> Result<Self, Fault> {
        if let Some(partition) = partition {
            for (parameter, value) in self.window.of(partition)? {
                self.ask.set(&parameter, value);
            }
        }
        self.fields = self.fields.only(columns)?;
        Ok(self)
    }

    /// Where the first page is.
    pub(crate) fn start(&self) -> Place {
        match &self.paging {
            Paging::Page { first, .. } | Paging::Offset { first, .. } => Place::Number(first.to_string()),
            _ => Place::First,
        }
    }

    /// Asks for a page; none where the API says by 404 that there are no more.
    pub(crate) fn fetch(&self, place: &Place, number: u64, before: u64) -> Result<Option<Fetched>, Fault> {
        let request = self.ask.request(place, &self.paging)?;
        let (what, url) = (status::shown(&request), request.url.clone());
        let digest = XxHash3_128::oneshot(&[url.as_bytes(), &request.body].concat());
        let answer = request.send().map_err(status::passing)?;
        if answer.status == 404 && number > 1 && self.paging.until() == Some(Until::NotFound) {
            return Ok(None);
        }
        status::judge(&answer, &what, &self.key)?;
        let mut read = match answer.status {
            // Some say so that there is nothing.
            204 => Answer::none(),
            _ => self.envelope.read(answer.text()?)?,
        };
        let Response { headers, body, .. } = answer;
        // An answer may be large: its records are held, and nothing of it twice.
        drop(body);
        echoed(&read, place)?;
        let records = std::mem::take(&mut read.records);
        let page = Page::new(
            place.clone(),
            number,
            before,
            records,
            &self.naming,
            self.envelope.shown(),
        )?;
        let next = self.next(place, &url, &headers, &read, &page)?;
        if next.as_ref() == Some(place) {
            return Err(Fault::data(
                "the answer names the page itself as the next one, which would never end; look at `paging`",
            ));
        }
        Ok(Some(Fetched {
            page,
            next,
            total: read.total,
            request: digest,
        }))
    }

    fn next(
        &self,
        place: &Place,
        url: &str,
        headers: &[(String, String)],
        read: &Answer,
        page: &Page,
    ) -> Result<Option<Place>, Fault> {
        let next = match &self.paging {
            Paging::None {} => None,
            Paging::Page { .. } => counted(place, 1, self.goes_on(read, page))?,
            // By what came, not by what was asked for: a server that gives fewer would have some skipped.
            Paging::Offset { .. } => counted(place, page.len() as u64, self.goes_on(read, page))?,
            Paging::Cursor { .. } => more_of(read, Place::of_json(read.next.as_deref())?)?,
            Paging::LastRecord { .. } => more_of(read, self.after_last(page)?)?,
            Paging::Link { without } => {
                let mut links = headers.iter().filter(|(name, _)| name == "link");
                let target = links.find_map(|(_, value)| link::next(value));
                target.map(|target| linked(target, url, without)).transpose()?
            }
            Paging::Next { without, .. } => match Place::of_json(read.next.as_deref())? {
                Some(Place::Text(target)) => Some(linked(&target, url, without)?),
                Some(_) => return Err(no_link()),
                None => None,
            },
        };
        next.map(Place::bounded).transpose()
    }

    /// Whether there is a page behind this one, of pages that are counted.
    fn goes_on(&self, read: &Answer, page: &Page) -> bool {
        if let Some(more) = read.more {
            return more;
        }
        match (self.paging.until(), self.paging.size()) {
            (Some(Until::Short), Some(size)) => page.len() as u64 >= u64::from(size.value),
            _ => page.len() > 0,
        }
    }

    fn after_last(&self, page: &Page) -> Result<Option<Place>, Fault> {
        let Some(record) = page.last() else {
            return Ok(None);
        };
        let mut row = Row::new([(Kind::Json, Format::default())].into_iter());
        self::read(record, &self.of_last, &mut row).map_err(|error| no_json(&error))?;
        let Slot::Text(start, end) = row.slot(0) else {
            return Err(Fault::data(
                "the last record has nothing to ask for the next page with; look at `path` of `paging`",
            ));
        };
        Place::of_json(Some(&row.text()[start..end]))
    }
}

/// Whether the answer is the page that was asked for.
fn echoed(read: &Answer, place: &Place) -> Result<(), Fault> {
    let (Some(echo), Place::Number(asked)) = (&read.echo, place) else {
        return Ok(());
    };
    if echo.trim_matches('"') == asked {
        return Ok(());
    }
    Err(Fault::data(format!(
        "page {asked} was asked for, and the answer says at `echo` of `paging` that it is another: a page would be \
         skipped or read twice"
    )))
}

/// The number behind a place's.
fn counted(place: &Place, by: u64, goes_on: bool) -> Result<Option<Place>, Fault> {
    if !goes_on {
        return Ok(None);
    }
    let Place::Number(number) = place else {
        return Err(other_paging());
    };
    let next = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_add(by));
    next.map(|next| Some(Place::Number(next.to_string())))
        .ok_or_else(other_paging)
}

/// The next page, where the answer does not say that there is none.
fn more_of(read: &Answer, next: Option<Place>) -> Result<Option<Place>, Fault> {
    match (read.more, next) {
        (Some(false), _) => Ok(None),
        (Some(true), None) => Err(Fault::data(
            "the answer says that there are more pages, and has nothing to ask for them with; look at `paging`",
        )),
        (_, next) => Ok(next),
    }
}

fn linked(target: &str, from: &str, without: &[String]) -> Result<Place, Fault> {
    let url = link::resolved(target, from).ok_or_else(no_link)?;
    Ok(Place::Url(link::without(&url, without)))
}

fn no_link() -> Fault {
    Fault::data("what leads to the next page is not a URL of HTTP, nor a path or parameters of this one")
}
