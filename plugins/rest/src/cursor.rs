//! Where a reader stands.

use tidegate_sdk::prelude::*;

/// A page, how far it was read, and what tells whether it is still the same page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    pub(crate) page: Place,
    /// Which page of this reading it is, from 1.
    pub(crate) number: u64,
    /// How many records the pages before it had.
    pub(crate) before: u64,
    /// How many of its records were read.
    pub(crate) records: usize,
    /// A digest of what names these, in hexadecimal digits.
    pub(crate) digest: String,
}

/// Where a page is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The first one, which needs no parameter of the paging.
    First,
    /// At this URL.
    Url(String),
    /// Where the paging's parameter is this number, as JSON writes it.
    Number(String),
    /// Where it is this text.
    Text(String),
}

/// The longest URL and the longest value of a parameter, in bytes: a cursor has 64 KiB.
const MAX_BYTES: usize = 16 << 10;

impl Place {
    /// The place that a text or number of a document names: none for nothing, `null` and an empty text.
    pub(crate) fn of_json(json: Option<&str>) -> Result<Option<Self>, Fault> {
        let Some(json) = json else { return Ok(None) };
        let place = match json.as_bytes().first() {
            Some(b'n') => return Ok(None),
            Some(b'"') => {
                let text: String =
                    serde_json::from_str(json).map_err(|error| crate::page::no_json(&error))?;
                if text.is_empty() {
                    return Ok(None);
                }
                Self::Text(text)
            }
            Some(b'-' | b'0'..=b'9') => Self::Number(json.to_owned()),
            _ => {
                return Err(Fault::data(
                    "what the next page is asked for with is neither text nor a number; look at `path` of `paging`",
                ));
            }
        };
        place.bounded().map(Some)
    }

    /// The same, where a cursor can hold it.
    pub(crate) fn bounded(self) -> Result<Self, Fault> {
        match &self {
            Self::Url(text) | Self::Number(text) | Self::Text(text) if text.len() > MAX_BYTES => {
                Err(Fault::data(format!(
                    "what the next page is asked for with has more than {MAX_BYTES} bytes"
                )))
            }
            _ => Ok(self),
        }
    }
}
