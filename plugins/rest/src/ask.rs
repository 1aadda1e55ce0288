//! The request for a page.

use std::collections::BTreeMap;

use serde_json::Value;
use tidegate_sdk::http;
use tidegate_sdk::prelude::*;

use crate::config::{Config, List, Method};
use crate::cursor::Place;
use crate::paging::Paging;
use crate::path;

/// A request for a page, but for which page.
pub(crate) struct Ask {
    method: Method,
    url: String,
    headers: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
    body: Option<Value>,
}

impl Ask {
    /// `at` makes a fault at a key of the stream's config.
    pub(crate) fn new(
        config: &Config,
        list: &List,
        at: impl Fn(&str, String) -> Fault,
    ) -> Result<Self, Fault> {
        let base = &config.base_url;
        if !base.starts_with("https://") && !base.starts_with("http://") {
            return Err(Fault::config(
                "/base_url",
                format!("`{base}` is not a URL of HTTP"),
            ));
        }
        if base.contains(['?', '#']) || list.path.contains(['?', '#']) {
            let message = "parameters stand in `query`, not in the URL".to_owned();
            return Err(if base.contains(['?', '#']) {
                Fault::config("/base_url", message)
            } else {
                at("path", message)
            });
        }
        if list.path.contains("://") {
            return Err(at(
                "path",
                "a path is below `base_url`, and no URL of its own".into(),
            ));
        }
        if list.body.is_some() && list.method != Method::Post {
            return Err(at("body", "a body is sent with `method: POST` alone".into()));
        }
        let mut query = BTreeMap::new();
        for (name, value) in config.query.iter().chain(&list.query) {
            query.insert(name.clone(), value.text());
        }
        let ask = Self {
            method: list.method,
            url: joined(base, &list.path),
            headers: config.headers.clone(),
            query,
            body: list.body.clone(),
        };
        Ok(ask)
    }

    /// Why a parameter cannot be set; one that begins with `/` is a place in the body.
    pub(crate) fn cannot_set(&self, parameter: &str) -> Option<String> {
        if parameter.is_empty() {
            return Some("a parameter has a name".into());
        }
        let (holder, _) = in_body(parameter)?;
        let held = self.body.as_ref().and_then(|body| body.pointer(holder));
        (!held.is_some_and(Value::is_object)).then(|| {
            format!("`{parameter}` is a place in the body, and `body` has no object there to put it into")
        })
    }

    /// Sets a parameter.
    pub(crate) fn set(&mut self, parameter: &str, value: Value) {
        let Some((holder, key)) = in_body(parameter) else {
            let text = match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            self.query.insert(parameter.to_owned(), text);
            return;
        };
        let held = self.body.as_mut().and_then(|body| body.pointer_mut(holder));
        if let Some(Value::Object(held)) = held {
            held.insert(key, value);
        }
    }

    /// The request for a page.
    pub(crate) fn request(&self, place: &Place, paging: &Paging) -> Result<http::Request, Fault> {
        let (url, query, body) = match (place, paging) {
            // A link has all that it needs.
            (Place::Url(url), Paging::Link { .. } | Paging::Next { .. }) => {
                (url, BTreeMap::new(), self.body.clone())
            }
            (Place::First, Paging::Page { .. } | Paging::Offset { .. }) | (Place::Url(_), _) => {
                return Err(other_paging());
            }
            (Place::First, _) => (&self.url, self.query.clone(), self.body.clone()),
            (Place::Number(_) | Place::Text(_), _) => {
                let mut asked = Self {
                    headers: BTreeMap::new(),
                    url: String::new(),
                    query: self.query.clone(),
                    body: self.body.clone(),
                    method: self.method,
                };
                asked.set_place(place, paging)?;
                (&self.url, asked.query, asked.body)
            }
        };
        let method = match self.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        let mut request = http::request(method, url).max_response_bytes(usize::MAX);
        if !self
            .headers
            .keys()
            .any(|name| name.eq_ignore_ascii_case("accept"))
        {
            request = request.header("accept", "application/json");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        for (name, value) in &query {
            request = request.query(name, value);
        }
        match &body {
            Some(body) => request.json(body),
            None => Ok(request),
        }
    }

    fn set_place(&mut self, place: &Place, paging: &Paging) -> Result<(), Fault> {
        let (Paging::Page { parameter, .. }
        | Paging::Offset { parameter, .. }
        | Paging::Cursor { parameter, .. }
        | Paging::LastRecord { parameter, .. }) = paging
        else {
            return Err(other_paging());
        };
        match place {
            Place::Text(text) => self.set(parameter, Value::String(text.clone())),
            // In a URL the digits stand as they came; a body's reader takes the number that they are.
            Place::Number(digits) if in_body(parameter).is_none() => {
                self.set(parameter, Value::String(digits.clone()));
            }
            Place::Number(digits) => {
                let number = serde_json::from_str(digits).map_err(|_| other_paging())?;
                self.set(parameter, number);
            }
            Place::First | Place::Url(_) => return Err(other_paging()),
        }
        Ok(())
    }
}

/// The cursor is of a run that was begun before `paging` was changed.
pub(crate) fn other_paging() -> Fault {
    Fault::fatal("the cursor was made with another `paging`; start a new run")
}

fn joined(base: &str, path: &str) -> String {
    if path.is_empty() {
        return base.to_owned();
    }
    let (base, path) = (base.trim_end_matches('/'), path.trim_start_matches('/'));
    format!("{base}/{path}")
}

/// Where in the body a parameter is: the pointer of what holds it, and its key there.
fn in_body(parameter: &str) -> Option<(&str, String)> {
    let (holder, key) = parameter.strip_prefix('/').and(parameter.rsplit_once('/'))?;
    Some((holder, path::unescaped(key)))
}
