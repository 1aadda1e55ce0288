//! What the YAML says: an API, and the lists of records that it has.

use std::collections::BTreeMap;

use serde_json::Value;
use tidegate_sdk::prelude::*;

use crate::paging::Paging;
use crate::window::Window;

/// An API, and what is read of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the API is, such as `https://api.example.com/v1`.
    pub(crate) base_url: String,
    /// Headers of every request. Credentials belong into the grant, where this plugin does not see them.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Parameters of every request.
    #[serde(default)]
    pub(crate) query: BTreeMap<String, Parameter>,
    /// How the next page is found, where a stream says nothing else.
    #[serde(default)]
    pub(crate) paging: Paging,
    /// The most pages of one reading, where a stream says nothing else: a list without end is an error, not a load.
    #[serde(default = "max_pages")]
    pub(crate) max_pages: u64,
    /// The lists of records, by name.
    pub(crate) streams: BTreeMap<String, List>,
}

/// Ten thousand pages of a hundred records are a million.
fn max_pages() -> u64 {
    10_000
}

/// A list of records.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// What a record of it is.
    pub(crate) description: Option<String>,
    /// Where it is below `base_url`; without it, at `base_url`.
    #[serde(default)]
    pub(crate) path: String,
    /// How it is asked for.
    #[serde(default)]
    pub(crate) method: Method,
    /// Parameters of its requests, over those of `query` beside `streams`.
    #[serde(default)]
    pub(crate) query: BTreeMap<String, Parameter>,
    /// The body of its requests, sent as JSON; with `method: POST`.
    pub(crate) body: Option<Value>,
    /// Where the array of records stands in an answer; empty where the answer is the array.
    #[serde(default)]
    pub(crate) records: String,
    /// Whether an answer without anything at `records` has no records, and is no error.
    #[serde(default)]
    pub(crate) records_may_be_missing: bool,
    /// What is read of a record: a column's name, and its type or more.
    pub(crate) fields: BTreeMap<String, Field>,
    /// The columns that name a record.
    #[serde(default)]
    pub(crate) key: Vec<String>,
    /// How the next page is found.
    pub(crate) paging: Option<Paging>,
    /// Where an answer says how many records there are in all. As many must have been read at the end.
    pub(crate) total: Option<String>,
    /// Which parameters say what slice is wanted, for assets with partitions.
    #[serde(default)]
    pub(crate) window: Window,
    /// The most pages of one reading.
    pub(crate) max_pages: Option<u64>,
    /// Whether new records come at the end, so that reading may go on where it stopped.
    #[serde(default)]
    pub(crate) incremental: bool,
}

/// How a list is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Method {
    /// With nothing but a URL.
    #[default]
    #[serde(rename = "GET")]
    Get,
    /// With a body.
    #[serde(rename = "POST")]
    Post,
}

/// A parameter's value.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a text, a number, or true or false")]
pub enum Parameter {
    /// As it stands there.
    Text(String),
    /// Its digits.
    Number(serde_json::Number),
    /// `true` or `false`.
    Boolean(bool),
}

impl Parameter {
    /// As it stands in a URL, before it is encoded.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Boolean(value) => value.to_string(),
        }
    }
}

/// A column of a record.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a type such as `int64`, or keys of `type`, `path`, `format` and `required`"
)]
pub enum Field {
    /// The record's key of that name, of this type.
    Type(String),
    /// Something else of the record.
    More(Details),
}

/// A column of a record that does not stand at the key of its name, or is written in its own way.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// Its type.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Where its value stands in a record, as `user.login` or `/user/login`; without it, at the key of its name.
    pub(crate) path: Option<String>,
    /// How a value is written.
    pub(crate) format: Option<Format>,
    /// Whether a record without it is an error.
    #[serde(default)]
    pub(crate) required: bool,
}

/// How a value is written, where its type leaves that open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Anything, as the JSON that stands there; for `utf8`.
    Json,
    /// A number of seconds since 1970-01-01T00:00:00Z; for `timestamp`.
    EpochS,
    /// A number of milliseconds since then.
    EpochMs,
    /// A number of microseconds since then.
    EpochUs,
    /// A number of nanoseconds since then.
    EpochNs,
}

impl Field {
    /// Its type, path, format, and whether it is required.
    pub(crate) fn details(&self) -> Details {
        match self {
            Self::More(details) => details.clone(),
            Self::Type(kind) => Details {
                kind: kind.clone(),
                path: None,
                format: None,
                required: false,
            },
        }
    }
}
