//! What YAML says of the files that a source reads, and the form in which a task carries it.

use std::ffi::OsStr;
use std::path::{Component, Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidegate_core::schema::{Column, Node, decode};
use tidegate_core::types::LogicalType;
use tidegate_core::{Error, Kind, Place};

/// Files to read rows from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The files, relative to the resource's `root` or `prefix`: a path, or a pattern such as `flights/*.csv.gz` (`*`, `**`, `?`,
    /// `[a-z]`), read in the order of their names. `{partition}` stands for the partition's key.
    #[schemars(length(min = 1))]
    pub path: String,
    /// What the files hold; told from the end of `path` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// How the files are compressed; told from their first bytes unless given. Parquet compresses its own columns.
    #[serde(default)]
    pub compression: Compression,
    /// CSV: the character between fields, one ASCII character; `,` unless given, and a tab for `.tsv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(equal = 1))]
    pub delimiter: Option<String>,
    /// CSV: the character around fields that hold delimiters or line ends, one ASCII character; doubled, it stands for
    /// itself. Empty for none.
    #[serde(default = "default_quote")]
    #[schemars(length(max = 1))]
    pub quote: String,
    /// CSV: whether the first record names the columns. Without a header, columns are taken in order.
    #[serde(default = "yes")]
    pub header: bool,
    /// CSV: texts that stand for no value. An empty field that is not text never has one.
    #[serde(default = "default_nulls")]
    pub nulls: Vec<String>,
    /// CSV and JSON Lines: the longest record that is read.
    #[serde(default = "default_max_record_bytes")]
    #[schemars(range(min = 1, max = 1_073_741_824))]
    pub max_record_bytes: u64,
    /// CSV and JSON Lines: what happens to a record that cannot be read.
    #[serde(default)]
    pub on_bad_row: OnBadRow,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Comma-separated values (RFC 4180).
    Csv,
    /// A JSON object a line. Text columns take numbers and booleans as they are written; binary is hexadecimal.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// As its first bytes say.
    #[default]
    Auto,
    /// Not at all.
    None,
    /// Gzip, of one or more members.
    Gzip,
    /// Zstandard, of one or more frames.
    Zstd,
}

/// What happens to a record that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBadRow {
    /// The attempt fails at the first one.
    #[default]
    Fail,
    /// It is kept aside with code, reason and line, and the run goes on.
    Quarantine,
}

/// How the columns of a Parquet file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnCompression {
    /// Fast, and half the size.
    #[default]
    Snappy,
    /// Smaller, at about twice the time.
    Zstd,
    /// Fast, for readers that prefer it to Snappy.
    Lz4,
    /// Not at all.
    None,
}

/// Files to read, with nothing left to guess.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CheckedFiles {
    pub(crate) path: String,
    pub(crate) format: Format,
    pub(crate) compression: Compression,
    pub(crate) delimiter: u8,
    pub(crate) quote: Option<u8>,
    pub(crate) header: bool,
    pub(crate) nulls: Vec<String>,
    pub(crate) max_record_bytes: u64,
    pub(crate) on_bad_row: OnBadRow,
}

fn default_quote() -> String {
    "\"".into()
}

fn default_nulls() -> Vec<String> {
    vec![String::new()]
}

fn default_max_record_bytes() -> u64 {
    16 << 20
}

fn yes() -> bool {
    true
}

/// A source's config, resolved. `base` is the key of the resource that paths are relative to.
pub(crate) fn check_source(
    config: &Node,
    columns: &[Column],
    base: &str,
) -> Result<CheckedFiles, Vec<Error>> {
    let config: SourceConfig = decode(config)?;
    let mut errors = Vec::new();
    if let Some(reason) = unsafe_path(&config.path, base) {
        errors.push(invalid("/path", format!("`{}` {reason}", config.path)));
    } else if let Err(error) = glob::Pattern::new(&config.path) {
        errors.push(invalid(
            "/path",
            format!("`{}` is not a pattern: {}", config.path, error.msg),
        ));
    }
    let format = config.format.or_else(|| format_of(&config.path));
    if format.is_none() {
        errors.push(
            invalid(
                "/path",
                format!("the end of `{}` does not tell what the files hold", config.path),
            )
            .hint("add `format: csv`, `jsonl` or `parquet`"),
        );
    }
    let delimiter = match config.delimiter.as_deref() {
        None if Path::new(&stem(&config.path)).extension() == Some(OsStr::new("tsv")) => Some(b'\t'),
        None => Some(b','),
        Some(text) => one_ascii(text),
    };
    if delimiter.is_none() {
        errors.push(invalid(
            "/delimiter",
            "the delimiter must be one ASCII character, and no line end",
        ));
    }
    let quote = one_ascii(&config.quote);
    if quote.is_none() && !config.quote.is_empty() {
        errors.push(invalid(
            "/quote",
            "the quote must be one ASCII character, and no line end, or empty for none",
        ));
    }
    if quote.is_some() && quote == delimiter {
        errors.push(invalid("/quote", "the quote cannot be the delimiter too"));
    }
    if !(1..=1 << 30).contains(&config.max_record_bytes) {
        errors.push(invalid(
            "/max_record_bytes",
            "the longest record must be 1 to 1,073,741,824 bytes",
        ));
    }
    if format == Some(Format::Csv) {
        errors.extend(columns.iter().filter_map(refuse_nested));
    }
    match (format, delimiter) {
        (Some(format), Some(delimiter)) if errors.is_empty() => Ok(CheckedFiles {
            path: config.path,
            format,
            compression: config.compression,
            delimiter,
            quote,
            header: config.header,
            nulls: config.nulls,
            max_record_bytes: config.max_record_bytes,
            on_bad_row: config.on_bad_row,
        }),
        _ => Err(errors),
    }
}

/// Why a path of a source is refused, or none.
fn unsafe_path(path: &str, base: &str) -> Option<String> {
    let mut parts = Path::new(path).components().peekable();
    if parts.peek().is_none() {
        return Some("is empty".into());
    }
    parts.find_map(|part| match part {
        Component::Normal(_) | Component::CurDir => None,
        Component::ParentDir => Some(format!("leaves the resource's {base} with `..`")),
        Component::RootDir | Component::Prefix(_) => {
            Some(format!("is absolute; write it relative to the resource's {base}"))
        }
    })
}

pub(crate) fn refuse_nested(column: &Column) -> Option<Error> {
    match column.data_type {
        LogicalType::Binary
        | LogicalType::FixedBinary(_)
        | LogicalType::List(_)
        | LogicalType::Struct(_)
        | LogicalType::Map(..) => Some(
            Error::new(
                Kind::Schema,
                "schema.type_unsupported",
                format!(
                    "CSV cannot hold column `{}` of type {}",
                    column.name, column.data_type
                ),
            )
            .at(Place::Pointer(String::new()))
            .hint("read it as `utf8` and convert it in a transform"),
        ),
        _ => None,
    }
}

/// The file name without the ending of its compression, in small letters.
fn stem(path: &str) -> String {
    let mut stem = path.to_ascii_lowercase();
    for ending in [".gz", ".gzip", ".zst", ".zstd"] {
        if let Some(short) = stem.strip_suffix(ending) {
            stem.truncate(short.len());
            break;
        }
    }
    stem
}

fn format_of(path: &str) -> Option<Format> {
    let stem = stem(path);
    let ends = |endings: &[&str]| endings.iter().any(|ending| stem.ends_with(ending));
    if ends(&[".csv", ".tsv"]) {
        Some(Format::Csv)
    } else if ends(&[".jsonl", ".ndjson"]) {
        Some(Format::Jsonl)
    } else if ends(&[".parquet"]) {
        Some(Format::Parquet)
    } else {
        None
    }
}

fn one_ascii(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0) => Some(*byte),
        _ => None,
    }
}

pub(crate) fn invalid(pointer: &str, message: impl Into<String>) -> Error {
    Error::new(Kind::Schema, "schema.invalid_value", message).at(Place::Pointer(pointer.to_owned()))
}
