//! How values become columns and columns values again.

use chrono::{DateTime, SubsecRound, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::types::Json;

use crate::error::StateError;

/// An instant as both databases keep it: to the microsecond.
pub(crate) fn instant(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}

/// A record as a JSON column. NUL, which jsonb cannot hold, becomes U+FFFD: an error's message may quote any data, and
/// must never be the reason why the error itself is not kept.
pub(crate) fn to_json<T: Serialize>(what: &'static str, record: &T) -> Result<Json<Value>, StateError> {
    let mut value = serde_json::to_value(record).map_err(|error| StateError::Value {
        what,
        reason: error.to_string(),
    })?;
    replace_nul(&mut value);
    Ok(Json(value))
}

fn replace_nul(value: &mut Value) {
    let clean = |text: &str| text.replace('\0', "\u{fffd}");
    match value {
        Value::String(text) if text.contains('\0') => *text = clean(text),
        Value::Array(items) => items.iter_mut().for_each(replace_nul),
        Value::Object(members) => {
            members.values_mut().for_each(replace_nul);
            if members.keys().any(|key| key.contains('\0')) {
                *members = std::mem::take(members)
                    .into_iter()
                    .map(|(key, value)| (clean(&key), value))
                    .collect();
            }
        }
        _ => {}
    }
}

/// The record that [`to_json`] made a column of.
pub(crate) fn from_json<T: DeserializeOwned>(
    what: &'static str,
    column: Json<Value>,
) -> Result<T, StateError> {
    serde_json::from_value(column.0).map_err(|error| StateError::Record {
        what,
        reason: error.to_string(),
    })
}

/// The value that a text column stands for, by the parser of its type.
pub(crate) fn from_text<T>(
    what: &'static str,
    text: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, StateError> {
    parse(text).ok_or_else(|| StateError::Record {
        what,
        reason: format!("`{text}` is unknown"),
    })
}

/// The number that an integer column stands for.
pub(crate) fn from_integer<T: TryFrom<i64>>(what: &'static str, number: i64) -> Result<T, StateError> {
    T::try_from(number).map_err(|_| StateError::Record {
        what,
        reason: format!("{number} is out of range"),
    })
}

/// A number as an integer column.
pub(crate) fn to_integer(what: &'static str, number: u64) -> Result<i64, StateError> {
    i64::try_from(number).map_err(|_| StateError::Value {
        what,
        reason: format!("{number} is out of range"),
    })
}
