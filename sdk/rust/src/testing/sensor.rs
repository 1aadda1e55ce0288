//! A sensor in its own unit tests.

use crate::export::{config as parsed, earlier, kept};
use crate::fault::Fault;
use crate::sensor::{Evaluation, Sensor};

/// One look. Give it the cursor of the last one.
pub fn evaluate<S: Sensor>(
    config: serde_json::Value,
    cursor: Option<&S::Cursor>,
) -> Result<Evaluation<S::Cursor>, Fault> {
    let cursor = match cursor {
        Some(cursor) => Some(earlier(&kept(cursor, "the cursor")?, "the cursor")?),
        None => None,
    };
    S::evaluate(parsed(&config.to_string())?, cursor)
}
