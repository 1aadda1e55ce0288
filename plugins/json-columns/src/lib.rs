//! Typed columns of JSON documents, by JSON pointers (RFC 6901), for plugins that read JSON.
//!
//! A [`Tree`] holds the pointers of all columns; [`read`] goes through a document once along it and puts what it finds
//! into a [`Row`]; a [`Builder`] for each column takes it from there.
//!
//! ```
//! use json_columns::{Builder, Format, Kind, Row, Tree, read};
//! use tidegate_sdk::prelude::*;
//!
//! let mut tree = Tree::default();
//! tree.add("/user/id", 0, false).unwrap();
//! let mut row = Row::new([(Kind::Int64, Format::default())].into_iter());
//! let mut ids = Builder::new(Kind::Int64, 1);
//! read(r#"{"user": {"id": 9007199254740993}}"#, &tree, &mut row).unwrap();
//! ids.append(row.slot(0), row.text());
//! assert_eq!(ids.finish().as_primitive::<Int64Type>().value(0), 9_007_199_254_740_993);
//! ```

#![allow(clippy::must_use_candidate, reason = "as in the host's crates")]

mod column;
mod read;
mod slot;
mod tree;

pub use column::{Builder, data_type};
pub use read::read;
pub use slot::{Row, Scalar, Slot, wanted};
pub use tree::{Step, Tree};

use tidegate_sdk::prelude::*;

/// A column's type, and which JSON it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Kind {
    /// Text.
    #[serde(rename = "utf8")]
    Text,
    /// A number without point and exponent, from -2^63 to 2^63 - 1.
    #[serde(rename = "int64")]
    Int64,
    /// A number; one of more than 53 bits becomes the nearest float64.
    #[serde(rename = "float64")]
    Float64,
    /// `true` or `false`.
    #[serde(rename = "boolean")]
    Boolean,
    /// An instant, as `format` says.
    #[serde(rename = "timestamp(us, UTC)")]
    Timestamp,
    /// Anything but `null`, as the text that stands in the document.
    #[serde(rename = "json")]
    Json,
}

/// How a timestamp is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Text such as `2024-01-31T12:00:00.5+01:00`; what is finer than a microsecond is cut off.
    #[default]
    Rfc3339,
    /// A whole number of seconds since 1970-01-01T00:00:00Z.
    EpochS,
    /// A whole number of milliseconds since then.
    EpochMs,
}
