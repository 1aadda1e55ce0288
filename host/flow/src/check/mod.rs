//! Built-in checks: what the host looks for in the batches on their way to the destination.
//!
//! Each looks at a batch once, column by column, and remembers a few numbers; `unique` remembers a number a row. What one
//! remembers goes into every checkpoint, so that a resumed attempt says of all rows what a whole one would have said.

mod anomaly;
mod declared;
mod fresh;
mod predicate;
mod row_count;
mod rows;
mod unique;

use std::sync::Arc;

use arrow_schema::{DataType, Schema};
use chrono::{DateTime, Utc};
use tidegate_core::plan::StreamCheck;
use tidegate_core::port::{ArtifactStore, Check, Severity, Verdict};
use tidegate_core::schema::closest;

use crate::error::FlowError;

pub use declared::Declared;

/// What a built-in check is bound with.
pub struct StreamBinding<'a> {
    /// What is checked.
    pub check: &'a StreamCheck,
    /// The columns that are loaded.
    pub loaded: &'a Schema,
    /// What age is told from.
    pub now: DateTime<Utc>,
    /// The row counts of the asset's last loads, newest first.
    pub history: &'a [u64],
    /// Where a check keeps what is too much for a checkpoint; none where there are no checkpoints.
    pub keys: Option<KeyStore>,
}

/// Where a check `unique` keeps the numbers of rows that a checkpoint covers.
#[derive(Clone)]
pub struct KeyStore {
    /// The store.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// How the names begin: another one for each attempt and check.
    pub prefix: String,
}

/// Binds a built-in check to the columns that are loaded, or says what it cannot look at.
pub fn bind_stream_check(binding: StreamBinding<'_>) -> Result<Box<dyn Check>, FlowError> {
    let StreamBinding {
        check,
        loaded,
        now,
        history,
        keys,
    } = binding;
    Ok(match check {
        StreamCheck::NotNull { columns } => Box::new(rows::Rows::new(predicate::not_null(columns, loaded)?)),
        StreamCheck::AcceptedValues { column, values } => Box::new(rows::Rows::new(
            predicate::accepted_values(column, values, loaded)?,
        )),
        StreamCheck::Range { column, min, max } => Box::new(rows::Rows::new(predicate::range(
            column,
            min.as_ref(),
            max.as_ref(),
            loaded,
        )?)),
        StreamCheck::Regex { column, pattern } => {
            Box::new(rows::Rows::new(predicate::pattern(column, pattern, loaded)?))
        }
        StreamCheck::RowCount { min, max } => Box::new(row_count::RowCount::between(*min, *max)),
        StreamCheck::RowCountAnomaly {
            history: most,
            tolerance,
        } => {
            let most = history.len().min(*most as usize);
            Box::new(row_count::RowCount::usual(&history[..most], *tolerance))
        }
        StreamCheck::Freshness { column, within_ms } => {
            Box::new(fresh::Fresh::new(column, *within_ms, now, loaded)?)
        }
        StreamCheck::Unique {
            columns,
            memory_bytes,
        } => Box::new(unique::Unique::new(columns, *memory_bytes, loaded, keys)?),
    })
}

/// The place and type of a column that is loaded.
fn column<'a>(name: &str, loaded: &'a Schema) -> Result<(usize, &'a DataType), FlowError> {
    match loaded.column_with_name(name) {
        Some((place, field)) => Ok((place, field.data_type())),
        None => {
            let names = || loaded.fields().iter().map(|field| field.name().as_str());
            let hint = match closest(name, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the columns are {}", names().collect::<Vec<_>>().join(", ")),
            };
            Err(FlowError::Unchecked {
                why: format!("no column `{name}` is loaded"),
                hint,
            })
        }
    }
}

/// A verdict of severity error that blocks; [`Declared`] says what was declared of it.
fn verdict(passed: bool, message: String, measures: Vec<(&str, f64)>) -> Verdict {
    Verdict {
        check: String::new(),
        passed,
        severity: Severity::Error,
        blocking: true,
        message,
        measures: measures
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}

/// What a check remembers, from a checkpoint.
fn restored<T: serde::de::DeserializeOwned>(state: &[u8]) -> Result<T, FlowError> {
    serde_json::from_slice(state)
        .map_err(|error| FlowError::Checkpoint(format!("a check's state is not readable: {error}")))
}

/// What a check remembers, for a checkpoint.
fn remembered<T: serde::Serialize>(state: &T) -> Result<Vec<u8>, FlowError> {
    serde_json::to_vec(state).map_err(|error| FlowError::Kernel(error.to_string()))
}
