//! The partition key of a table: that of the asset's slices, or by size, time and tenant.

use tidegate_core::plan::{Cadence, Partitioning};
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
        let own = self.slice(slices);
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
                let length = match slices.cadence {
                    Cadence::Daily => PartitionLength::Day,
                    Cadence::Weekly => PartitionLength::Week,
                    Cadence::Monthly => PartitionLength::Month,
                };
                own.and_then(|column| time_key(length, &column.name, &column.data_type, Some(slices)))
            }
            _ => {
                if let Some(expression) = &self.config.partition_by {
                    return Some(expression.clone()).filter(|expression| !expression.trim().is_empty());
                }
                let length = self.config.partition.unwrap_or_else(|| self.length(role));
                match (length, self.time_column(slices)) {
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
                    (length, Some(column)) => time_key(length, &column.name, &column.data_type, slices),
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
            (one, other) => one.or(other),
        }
    }

    fn length(&self, role: Role) -> PartitionLength {
        match (self.config.expected_rows, role) {
            (Some(rows), _) if rows < PARTITIONED_ROWS => PartitionLength::None,
            (Some(_), _) | (None, Role::Event) => PartitionLength::Month,
            (None, _) => PartitionLength::None,
        }
    }

    fn time_column(&mut self, slices: Option<&Partitioning>) -> Option<Column> {
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
        let named = slices.and_then(|slices| slices.column.as_deref());
        named
            .and_then(|name| self.column(name))
            .filter(|column| !column.nullable || column.key)
            .or_else(|| self.keys().find(|column| is_time(&column.data_type)))
            .cloned()
    }
}

/// The expression of which each value is a partition.
fn time_key(
    length: PartitionLength,
    column: &str,
    data_type: &LogicalType,
    slices: Option<&Partitioning>,
) -> Option<String> {
    let function = match length {
        PartitionLength::None => return None,
        PartitionLength::Day => "toYYYYMMDD",
        PartitionLength::Week => "toMonday",
        PartitionLength::Month => "toYYYYMM",
    };
    let name = sql::name(column);
    // Months begin at the midnight of the asset's slices. Dates and readings of wall clocks have no other.
    let zone = match (data_type, slices) {
        (LogicalType::Timestamp(_, Some(own)), Some(slices)) => {
            Some(slices.timezone.name()).filter(|zone| zone != own)
        }
        _ => None,
    };
    Some(match zone {
        Some(zone) => format!("{function}({name}, {})", sql::literal(zone)),
        None => format!("{function}({name})"),
    })
}
