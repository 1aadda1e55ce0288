//! The partition key of a table: that of the asset's slices, or by size, time and tenant.

use tidegate_core::plan::{Cadence, Partitioning, TimeSlices};
use tidegate_core::schema::Column;
use tidegate_core::types::LogicalType;

use super::super::config::{PartitionLength, Role};
use super::super::sql;
use super::design::{Design, Mode, is_integer, is_time};

/// From so many rows on a table has partitions (DESIGN, section 6).
const PARTITIONED_ROWS: u64 = 1_000_000;
/// How many groups tenants are put in (DESIGN, section 6).
const TENANT_GROUPS: u64 = 10;

impl Design<'_> {
    pub(super) fn partition_by(
        &mut self,
        role: Role,
        mode: &Mode,
        slices: Option<&Partitioning>,
    ) -> Option<String> {
        let told = self.config.partition.is_some() || self.config.partition_by.is_some();
        let windows = slices.and_then(Partitioning::time);
        let time = match (mode, slices) {
            (Mode::ReplaceSlice, Some(slices)) => {
                if told {
                    self.refuse(
                        if self.config.partition.is_some() {
                            "/partition"
                        } else {
                            "/partition_by"
                        },
                        "the table's partitions are those of the asset, which are replaced one by one".into(),
                        "leave it out, or load with `append`",
                    );
                }
                let own = windows.and_then(|windows| self.slice_key(windows));
                let value = slices
                    .values()
                    .and_then(|values| self.column(values.column.as_deref()?));
                match (value.map(|column| sql::name(&column.name)), own) {
                    (Some(value), Some(time)) => Some(format!("{value}, {time}")),
                    (one, other) => one.or(other),
                }
            }
            _ => {
                if let Some(expression) = &self.config.partition_by {
                    return Some(expression.clone()).filter(|expression| !expression.trim().is_empty());
                }
                let length = self.config.partition.unwrap_or_else(|| self.length(role));
                match (length, self.time_column(windows)) {
                    (PartitionLength::None, _) => None,
                    (_, None) if !told => None,
                    (_, None) => {
                        self.refuse(
                            "/partition",
                            "no column says when a row was".into(),
                            "name it with `time: COLUMN`",
                        );
                        None
                    }
                    (length, Some(column)) => time_key(length, &column, windows),
                }
            }
        };
        let tenant = self.config.tenant.clone().and_then(|name| {
            let column = self.named("/tenant", &name)?;
            let name = sql::name(&column.name);
            Some(if is_integer(&column.data_type) {
                format!("{name} % {TENANT_GROUPS}")
            } else {
                format!("cityHash64({name}) % {TENANT_GROUPS}")
            })
        });
        match (tenant, time) {
            (Some(tenant), Some(time)) => Some(format!("({tenant}, {time})")),
            (None, Some(time))
                if matches!(slices, Some(Partitioning::Both(..))) && *mode == Mode::ReplaceSlice =>
            {
                Some(format!("({time})"))
            }
            (one, other) => one.or(other),
        }
    }

    /// The expression of which each slice of time is a value.
    fn slice_key(&self, windows: &TimeSlices) -> Option<String> {
        let column = self.column(windows.column.as_deref()?)?;
        let length = match windows.cadence {
            Cadence::Daily => PartitionLength::Day,
            Cadence::Weekly => PartitionLength::Week,
            Cadence::Monthly => PartitionLength::Month,
            Cadence::Hourly => return Some(in_zone("toStartOfHour", column, Some(windows))),
            // Refused elsewhere.
            Cadence::Cron(_) => return None,
        };
        time_key(length, column, Some(windows))
    }

    fn length(&self, role: Role) -> PartitionLength {
        match (self.config.expected_rows, role) {
            (Some(rows), _) if rows < PARTITIONED_ROWS => PartitionLength::None,
            (Some(_), _) | (None, Role::Event) => PartitionLength::Month,
            (None, _) => PartitionLength::None,
        }
    }

    fn time_column(&mut self, windows: Option<&TimeSlices>) -> Option<Column> {
        if let Some(name) = self.config.time.clone() {
            let column = self.named("/time", &name)?;
            if !is_time(&column.data_type) || (column.nullable && !column.key) {
                self.refuse(
                    "/time",
                    format!(
                        "`{name}` of type {} cannot say which partition a row is in",
                        column.data_type
                    ),
                    "it must be a date or timestamp with `nullable: false`",
                );
            }
            return Some(column);
        }
        let named = windows.and_then(|windows| windows.column.as_deref());
        named
            .and_then(|name| self.column(name))
            .filter(|column| !column.nullable || column.key)
            .or_else(|| self.keys().find(|column| is_time(&column.data_type)))
            .cloned()
    }
}

/// The expression of which each value is a partition.
fn time_key(length: PartitionLength, column: &Column, windows: Option<&TimeSlices>) -> Option<String> {
    let function = match length {
        PartitionLength::None => return None,
        PartitionLength::Day => "toYYYYMMDD",
        PartitionLength::Week => "toMonday",
        PartitionLength::Month => "toYYYYMM",
    };
    Some(in_zone(function, column, windows))
}

/// A function of a time, on the clock of the asset's slices. Dates and readings of wall clocks have no other.
fn in_zone(function: &str, column: &Column, windows: Option<&TimeSlices>) -> String {
    let name = sql::name(&column.name);
    let zone = match (&column.data_type, windows) {
        (LogicalType::Timestamp(_, Some(own)), Some(windows)) => {
            Some(windows.timezone.name()).filter(|zone| zone != own)
        }
        _ => None,
    };
    match zone {
        Some(zone) => format!("{function}({name}, {})", sql::literal(zone)),
        None => format!("{function}({name})"),
    }
}
