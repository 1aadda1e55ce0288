//! Which rows a slice holds, as flow tells them apart: instants by the slice's time zone, dates and readings of wall clocks
//! by its calendar and clock, values by being equal.

use serde::{Deserialize, Serialize};
use tidegate_core::plan::{Bound, Partition, TimeWindow};
use tidegate_core::schema::Column;
use tidegate_core::types::LogicalType;

use super::sql::{literal, name};

/// A column that says which slice a row belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SliceColumn {
    /// Its name.
    pub(super) name: String,
    /// Its type.
    pub(super) data_type: LogicalType,
}

impl SliceColumn {
    pub(super) fn of(column: &Column) -> Self {
        Self {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
        }
    }

    /// The condition that holds where the column is what it must be, and never of a missing value.
    fn condition(&self, bound: &Bound<'_>) -> String {
        let name = name(&self.name);
        match bound {
            // Without a type, so that it takes the column's.
            Bound::Value(value) => format!("{name} = {}", literal(value)),
            Bound::Window(window) => {
                let (start, end) = self.window(window);
                format!("{name} >= {start} AND {name} < {end}")
            }
        }
    }

    fn window(&self, window: &TimeWindow) -> (String, String) {
        match &self.data_type {
            LogicalType::Timestamp(_, Some(_)) => {
                let instant =
                    |at: chrono::DateTime<chrono::Utc>| format!("timestamptz {}", literal(&at.to_rfc3339()));
                (instant(window.start), instant(window.end))
            }
            LogicalType::Date32 => {
                let day = |day: chrono::NaiveDate| format!("date {}", literal(&day.to_string()));
                (day(window.first_day()), day(window.end_day()))
            }
            _ => {
                let reading = |at: chrono::NaiveDateTime| format!("timestamp {}", literal(&at.to_string()));
                (reading(window.wall_start), reading(window.wall_end))
            }
        }
    }
}

/// The condition that holds of a slice's rows, and of none without a value; none where a column of the slice is not among
/// these, or it has none.
pub(super) fn condition(columns: &[SliceColumn], slice: &Partition) -> Option<String> {
    let conditions = slice
        .bounds()
        .map(|(wanted, bound)| {
            let column = columns.iter().find(|column| column.name == wanted)?;
            Some(column.condition(&bound))
        })
        .collect::<Option<Vec<_>>>()?;
    (!conditions.is_empty()).then(|| format!("({})", conditions.join(" AND ")))
}
