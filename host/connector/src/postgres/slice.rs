//! Which rows a slice holds, as flow tells them apart: instants by the slice's time zone, dates and readings of wall clocks
//! by its days.

use serde::{Deserialize, Serialize};
use tidegate_core::plan::Partition;
use tidegate_core::types::LogicalType;

use super::sql::{literal, name};

/// The column that says which slice a row belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SliceColumn {
    /// Its name.
    pub(super) name: String,
    /// Its type.
    pub(super) data_type: LogicalType,
}

impl SliceColumn {
    /// The condition that holds of a slice's rows, and of none without a value.
    pub(super) fn condition(&self, window: &Partition) -> String {
        let name = name(&self.name);
        let (start, end) = match &self.data_type {
            LogicalType::Timestamp(_, Some(_)) => {
                let instant =
                    |at: chrono::DateTime<chrono::Utc>| format!("timestamptz {}", literal(&at.to_rfc3339()));
                (instant(window.start), instant(window.end))
            }
            LogicalType::Date32 => {
                let day = |day: chrono::NaiveDate| format!("date {}", literal(&day.to_string()));
                (day(window.first_day), day(window.end_day))
            }
            _ => {
                let midnight = |day: chrono::NaiveDate| format!("timestamp {}", literal(&day.to_string()));
                (midnight(window.first_day), midnight(window.end_day))
            }
        };
        format!("({name} >= {start} AND {name} < {end})")
    }
}
