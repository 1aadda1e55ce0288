//! What serde stopped at.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::schema::closest;

/// One failure, with the pointer of the value that it is about.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) pointer: String,
    pub(super) reason: Reason,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// What has to be mended.
#[derive(Debug)]
pub(super) enum Reason {
    /// The value itself.
    Value,
    /// A key of the map that nobody knows.
    UnknownKey(String),
    /// A key that the map should have.
    MissingKey(String),
}

/// Marks a failure that has no pointer yet; no JSON pointer looks like this.
const NOWHERE: &str = "?";

impl Failure {
    fn new(reason: Reason, message: String) -> Self {
        Self {
            pointer: NOWHERE.into(),
            reason,
            message,
            hint: None,
        }
    }

    /// Says where, unless somebody nearer did.
    pub(super) fn at(mut self, pointer: &str) -> Self {
        if self.pointer == NOWHERE {
            pointer.clone_into(&mut self.pointer);
        }
        self
    }

    pub(super) fn hint(mut self, hint: &str) -> Self {
        self.hint = Some(hint.to_owned());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

fn list(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn meant(written: &str, known: &'static [&'static str], what: &str) -> String {
    match closest(written, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the {what} here are {}", list(known)),
    }
}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Reason::Value, message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(
            Reason::Value,
            format!("expected {}, found {}", words(expected), describe(found)),
        )
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(
            Reason::Value,
            format!("{} is not {}", describe(found), words(expected)),
        )
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Reason::Value, format!("`{variant}` is not a choice here"))
            .hint(&meant(variant, expected, "choices"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(
            Reason::UnknownKey(field.to_owned()),
            format!("unknown key `{field}`"),
        )
        .hint(&meant(field, expected, "keys"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(
            Reason::MissingKey(field.to_owned()),
            format!("the key `{field}` is missing"),
        )
    }
}

/// What was expected, in the words of whoever writes YAML.
fn words(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    let plain = match text.as_str() {
        "a string" | "a borrowed string" => "text",
        "a sequence" => "a list",
        "a boolean" => "`true` or `false`",
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number from 0 up",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a map" => "a map of keys",
        other if other.starts_with("struct ") => "a map of keys",
        other if other.starts_with("enum ") => "one choice",
        other => other,
    };
    plain.to_owned()
}

fn describe(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("the boolean `{value}`"),
        Unexpected::Unsigned(value) => format!("the number `{value}`"),
        Unexpected::Signed(value) => format!("the number `{value}`"),
        Unexpected::Float(value) => format!("the number `{value}`"),
        Unexpected::Str(text) if text.chars().count() > 60 => {
            format!("the text `{}…`", text.chars().take(60).collect::<String>())
        }
        Unexpected::Str(text) => format!("the text `{text}`"),
        Unexpected::Unit | Unexpected::Option => "nothing".into(),
        Unexpected::Seq => "a list".into(),
        Unexpected::Map => "a map".into(),
        other => other.to_string(),
    }
}
