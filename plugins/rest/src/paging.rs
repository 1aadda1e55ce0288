//! How the next page is found.

use tidegate_sdk::prelude::*;

/// How the next page is found.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, tag = "by", rename_all = "snake_case")]
pub enum Paging {
    /// There is one page.
    None {},
    /// By the page's number.
    Page {
        /// The parameter that takes it.
        parameter: String,
        /// The number of the first page.
        #[serde(default = "one")]
        first: u64,
        /// How many records of a page are asked for.
        size: Option<Size>,
        /// What the last page is known by.
        #[serde(default)]
        until: Until,
        /// Where the answer has `true` if there are more pages; then nothing else ends the list.
        more: Option<String>,
        /// Where the answer has its own number, which must be the one asked for.
        echo: Option<String>,
    },
    /// By how many records stand before the page.
    Offset {
        /// The parameter that takes it.
        parameter: String,
        /// The first page's.
        #[serde(default)]
        first: u64,
        /// How many records of a page are asked for.
        size: Option<Size>,
        /// What the last page is known by.
        #[serde(default)]
        until: Until,
        /// Where the answer has `true` if there are more pages; then nothing else ends the list.
        more: Option<String>,
        /// Where the answer has its own offset, which must be the one asked for.
        echo: Option<String>,
    },
    /// By a value of the answer; where there is none, or an empty one, that was the last page.
    Cursor {
        /// The parameter that takes it.
        parameter: String,
        /// Where it stands in the answer.
        path: String,
        /// Where the answer has `true` if there are more pages.
        more: Option<String>,
    },
    /// By a value of the page's last record. A page without records is the last.
    LastRecord {
        /// The parameter that takes it.
        parameter: String,
        /// Where it stands in the record.
        path: String,
        /// Where the answer has `true` if there are more pages.
        more: Option<String>,
    },
    /// By the `Link` header with `rel="next"` (RFC 8288).
    Link {
        /// Parameters that are taken out of the link: those that the grant puts in.
        #[serde(default)]
        without: Vec<String>,
    },
    /// By a link in the answer; where there is none, or an empty one, that was the last page.
    Next {
        /// Where it stands in the answer.
        path: String,
        /// Parameters that are taken out of the link: those that the grant puts in.
        #[serde(default)]
        without: Vec<String>,
    },
}

impl Default for Paging {
    fn default() -> Self {
        Self::None {}
    }
}

fn one() -> u64 {
    1
}

/// How many records of a page are asked for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// The parameter that takes it.
    pub(crate) parameter: String,
    /// How many.
    pub(crate) value: u32,
}

/// What the last page is known by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// A page without records follows it.
    #[default]
    Empty,
    /// It has fewer records than `size` asks for. Only where the server keeps that size: one that gives fewer would end the
    /// list too early.
    Short,
    /// The page behind it is answered with 404.
    NotFound,
}

impl Paging {
    /// What is read of an answer for it: the next page's token or link, whether there are more, and the page's own number.
    pub(crate) fn paths(&self) -> [(&'static str, Option<&str>); 3] {
        let (next, more, echo) = match self {
            Self::None {} | Self::Link { .. } => (None, None, None),
            Self::Page { more, echo, .. } | Self::Offset { more, echo, .. } => {
                (None, more.as_deref(), echo.as_deref())
            }
            Self::Cursor { path, more, .. } => (Some(path.as_str()), more.as_deref(), None),
            Self::LastRecord { more, .. } => (None, more.as_deref(), None),
            Self::Next { path, .. } => (Some(path.as_str()), None, None),
        };
        [("path", next), ("more", more), ("echo", echo)]
    }

    /// The parameters that it sets, with the key of each in the config.
    pub(crate) fn parameters(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::None {} | Self::Link { .. } | Self::Next { .. } => Vec::new(),
            Self::Cursor { parameter, .. } | Self::LastRecord { parameter, .. } => {
                vec![("parameter", parameter)]
            }
            Self::Page { parameter, size, .. } | Self::Offset { parameter, size, .. } => {
                let size = size
                    .iter()
                    .map(|size| ("size/parameter", size.parameter.as_str()));
                std::iter::once(("parameter", parameter.as_str()))
                    .chain(size)
                    .collect()
            }
        }
    }

    /// How many records of a page are asked for, and with which parameter.
    pub(crate) fn size(&self) -> Option<&Size> {
        match self {
            Self::Page { size, .. } | Self::Offset { size, .. } => size.as_ref(),
            _ => None,
        }
    }

    /// What the last page is known by, of pages that are counted.
    pub(crate) fn until(&self) -> Option<Until> {
        match self {
            Self::Page { until, .. } | Self::Offset { until, .. } => Some(*until),
            _ => None,
        }
    }
}
