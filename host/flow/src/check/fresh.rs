//! How old the newest value of a column is.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMillisecondType;
use arrow_array::{Array, RecordBatch};
use arrow_cast::cast;
use arrow_schema::{DataType, Schema, TimeUnit};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tidegate_core::Result;
use tidegate_core::port::{Check, Verdict};

use super::{column, remembered, restored, verdict};
use crate::error::FlowError;

/// Remembers the newest value.
pub(super) struct Fresh {
    name: String,
    place: usize,
    /// The column's type, in milliseconds: a cast to it changes the unit alone.
    in_ms: DataType,
    within_ms: u64,
    now: DateTime<Utc>,
    newest_ms: Option<i64>,
}

impl Fresh {
    pub(super) fn new(
        name: &str,
        within_ms: u64,
        now: DateTime<Utc>,
        loaded: &Schema,
    ) -> Result<Self, FlowError> {
        let (place, data_type) = column(name, loaded)?;
        let in_ms = match data_type {
            DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
            DataType::Date32 => DataType::Timestamp(TimeUnit::Millisecond, None),
            _ => {
                return Err(FlowError::Unchecked {
                    why: format!("the column `{name}` is {data_type}, which has no age"),
                    hint: "name a column of timestamps or dates".into(),
                });
            }
        };
        Ok(Self {
            name: name.to_owned(),
            place,
            in_ms,
            within_ms,
            now,
            newest_ms: None,
        })
    }
}

#[async_trait]
impl Check for Fresh {
    async fn observe(&mut self, batch: &RecordBatch, _sequence: u64) -> Result<()> {
        let times = cast(batch.column(self.place), &self.in_ms).map_err(FlowError::from)?;
        let times = times.as_primitive::<TimestampMillisecondType>();
        let newest = if times.null_count() == 0 {
            times.values().iter().copied().max()
        } else {
            times.iter().flatten().max()
        };
        self.newest_ms = self.newest_ms.max(newest);
        Ok(())
    }

    async fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(Some(remembered(&self.newest_ms)?))
    }

    async fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.newest_ms = restored(state)?;
        Ok(())
    }

    async fn verdict(&mut self) -> Result<Verdict> {
        let Some(newest_ms) = self.newest_ms else {
            let message = format!("no row has a `{}`", self.name);
            return Ok(verdict(false, message, Vec::new()));
        };
        let age_ms = self.now.timestamp_millis().saturating_sub(newest_ms);
        let passed = u64::try_from(age_ms).is_ok_and(|age| age <= self.within_ms) || age_ms < 0;
        let newest = DateTime::from_timestamp_millis(newest_ms).map_or_else(
            || "far away".to_owned(),
            |at| at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
        );
        let message = format!(
            "the newest `{}` is {newest}, {} s old; {} s are allowed",
            self.name,
            age_ms.max(0) / 1_000,
            self.within_ms / 1_000
        );
        Ok(verdict(
            passed,
            message,
            vec![("age_seconds", age_ms as f64 / 1_000.0)],
        ))
    }
}
