//! What a document has for each column, before it is known that the row goes on.

use chrono::DateTime;

use crate::{Format, Kind};

/// What a document has for a column.
#[derive(Clone, Copy, Debug)]
pub enum Slot {
    /// Nothing, or `null`.
    Missing,
    /// Something of another type, and what it is.
    Wrong(&'static str),
    Number(i64),
    Float(f64),
    Boolean(bool),
    /// A part of `Row::text`.
    Text(usize, usize),
}

/// What a document has for all columns. Of a key that stands there twice the last counts.
pub struct Row {
    kinds: Vec<(Kind, Format)>,
    slots: Vec<Slot>,
    text: String,
}

/// A value of a document that has no values in it.
#[derive(Clone, Copy)]
pub enum Scalar<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    /// Beyond `Integer`.
    Unsigned(u64),
    Float(f64),
    Text(&'a str),
}

impl Row {
    pub fn new(kinds: impl Iterator<Item = (Kind, Format)>) -> Self {
        let kinds: Vec<_> = kinds.collect();
        Self {
            slots: vec![Slot::Missing; kinds.len()],
            kinds,
            text: String::new(),
        }
    }

    pub fn clear(&mut self) {
        self.slots.fill(Slot::Missing);
        self.text.clear();
    }

    pub fn slot(&self, column: usize) -> Slot {
        self.slots[column]
    }

    /// What `Slot::Text` is a part of.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Puts a value into the slots of these columns, which do not take its text.
    pub fn put(&mut self, columns: &[usize], value: Scalar) {
        for column in columns {
            let (kind, format) = self.kinds[*column];
            self.slots[*column] = self.as_kind(kind, format, value);
        }
    }

    /// Says that an object or array stands where these columns want something else.
    pub fn put_wrong(&mut self, columns: &[usize], found: &'static str) {
        for column in columns {
            self.slots[*column] = Slot::Wrong(found);
        }
    }

    /// Puts a value's JSON text into the slots of these columns.
    pub fn put_text(&mut self, columns: &[usize], json: &str) {
        let slot = match json {
            "null" => Slot::Missing,
            json => self.keep(json),
        };
        for column in columns {
            self.slots[*column] = slot;
        }
    }

    fn keep(&mut self, text: &str) -> Slot {
        let start = self.text.len();
        self.text.push_str(text);
        Slot::Text(start, self.text.len())
    }

    fn as_kind(&mut self, kind: Kind, format: Format, value: Scalar) -> Slot {
        match (kind, value) {
            (_, Scalar::Null) => Slot::Missing,
            (Kind::Boolean, Scalar::Boolean(value)) => Slot::Boolean(value),
            (Kind::Int64, Scalar::Integer(value)) => Slot::Number(value),
            (Kind::Int64, Scalar::Unsigned(_)) => Slot::Wrong("a number beyond 64 bits"),
            (Kind::Float64, Scalar::Float(value)) => Slot::Float(value),
            #[allow(
                clippy::cast_precision_loss,
                reason = "a JSON number is what its column's type makes of it"
            )]
            (Kind::Float64, Scalar::Integer(value)) => Slot::Float(value as f64),
            #[allow(clippy::cast_precision_loss, reason = "as above")]
            (Kind::Float64, Scalar::Unsigned(value)) => Slot::Float(value as f64),
            (Kind::Text, Scalar::Text(text)) => self.keep(text),
            (Kind::Timestamp, value) => timestamp(format, value),
            (_, value) => Slot::Wrong(value.name()),
        }
    }
}

fn timestamp(format: Format, value: Scalar) -> Slot {
    let micros = match (format, value) {
        (Format::Rfc3339, Scalar::Text(text)) => match DateTime::parse_from_rfc3339(text) {
            Ok(instant) => Some(instant.timestamp_micros()),
            Err(_) => return Slot::Wrong("text of another form"),
        },
        (Format::EpochS, Scalar::Integer(seconds)) => seconds.checked_mul(1_000_000),
        (Format::EpochMs, Scalar::Integer(millis)) => millis.checked_mul(1_000),
        (_, value) => return Slot::Wrong(value.name()),
    };
    micros.map_or(Slot::Wrong("a number beyond all times"), Slot::Number)
}

impl Scalar<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) | Self::Unsigned(_) => "a whole number",
            Self::Float(_) => "a number with a point or exponent",
            Self::Text(_) => "text",
        }
    }
}

/// What a column takes, for people.
pub fn wanted(kind: Kind, format: Format) -> &'static str {
    match (kind, format) {
        (Kind::Text, _) => "text",
        (Kind::Int64, _) => "a whole number of 64 bits",
        (Kind::Float64, _) => "a number",
        (Kind::Boolean, _) => "true or false",
        (Kind::Timestamp, Format::Rfc3339) => "a time as in RFC 3339",
        (Kind::Timestamp, Format::EpochS) => "a whole number of seconds",
        (Kind::Timestamp, Format::EpochMs) => "a whole number of milliseconds",
        (Kind::Json, _) => "JSON",
    }
}
