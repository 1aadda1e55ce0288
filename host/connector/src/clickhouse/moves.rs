//! What makes staged rows visible: whole parts change tables, on the server, without being read.
//!
//! Each move can be done again after an error that does not say whether it was done: by its nature (a partition is
//! replaced, a newer row hides an older), or because the target is asked first.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use tidegate_core::plan::{Bound, Partition, TimeWindow};
use tidegate_core::port::Part;
use tidegate_core::types::LogicalType;
use tokio::time::sleep;

use super::error::{ClickHouseError, Result};
use super::server::Server;
use super::sql::{literal, name};
use super::staging::{StageNumber, Staging, number};
use super::table::{LOAD_COLUMN, LiveTable, SliceColumn};

/// How often a move is tried whose outcome was not told.
const TRIES: u64 = 10;
/// How much longer each wait is than the one before.
const DELAY_MS: u64 = 200;

/// Moves of one load into one table.
pub(super) struct Moves<'a> {
    pub(super) server: &'a Server,
    pub(super) staging: &'a Staging,
    pub(super) target: &'a str,
}

/// A partition of a table and its rows.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PartitionRows {
    id: String,
    #[serde(rename = "count")]
    rows: u64,
}

impl Moves<'_> {
    /// The partitions of a table.
    pub(super) async fn partitions(&self, table: &str) -> Result<Vec<PartitionRows>> {
        self.server
            .rows(&format!(
                "SELECT _partition_id AS id, count() AS count FROM {} GROUP BY id ORDER BY id",
                name(table)
            ))
            .await
    }

    /// The partitions that the target has rows of.
    async fn target_partitions(&self, condition: &str) -> Result<BTreeSet<String>> {
        let text = self
            .server
            .text(&format!(
                "SELECT DISTINCT _partition_id FROM {} WHERE {condition}",
                name(self.target)
            ))
            .await?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// How many partitions the target will have once those of a staging table are in it.
    pub(super) async fn partitions_behind(&self, stage: &str, replaces_all: bool) -> Result<u64> {
        let mut ids = if replaces_all {
            BTreeSet::new()
        } else {
            self.target_partitions("1").await?
        };
        ids.extend(
            self.partitions(stage)
                .await?
                .into_iter()
                .map(|partition| partition.id),
        );
        Ok(ids.len() as u64)
    }

    /// Puts all parts of a load into one table like the target. Whole or not at all: what is half done is begun anew.
    pub(super) async fn assemble(&self, parts: &[Part]) -> Result<String> {
        let table = self.staging.own(StageNumber::Assembled).to_string();
        let mut tries = 0;
        loop {
            match self.try_assemble(&table, parts).await {
                Ok(()) => break,
                Err(error) if error.class().passes() && tries < TRIES => {
                    tries += 1;
                    sleep(Duration::from_millis(DELAY_MS * tries)).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(table)
    }

    async fn try_assemble(&self, table: &str, parts: &[Part]) -> Result<()> {
        self.staging.drop(self.server, table).await?;
        self.server
            .execute(&format!(
                "CREATE TABLE IF NOT EXISTS {} AS {}",
                name(table),
                name(self.target)
            ))
            .await?;
        for part in parts {
            let stage = self.staging.held(part);
            for partition in self.partitions(&stage).await? {
                self.server
                    .execute_once(&attach(table, &partition.id, &stage))
                    .await?;
            }
        }
        Ok(())
    }

    /// Adds the rows of a staging table, once.
    pub(super) async fn append(&self, stage: &str) -> Result<()> {
        for partition in self.partitions(stage).await? {
            self.append_partition(stage, &partition).await?;
        }
        Ok(())
    }

    async fn append_partition(&self, stage: &str, partition: &PartitionRows) -> Result<()> {
        let (target, id) = (name(self.target), literal(&partition.id));
        let ours = format!("{} = {}", name(LOAD_COLUMN), self.staging.load());
        let mut tries = 0;
        loop {
            let query = format!("SELECT count() FROM {target} WHERE _partition_id = {id} AND {ours}");
            let there = number(&self.server.text(&query).await?)?;
            if there == partition.rows {
                return Ok(());
            }
            if there > 0 {
                // The server died while it moved: some parts of the partition came, others not.
                self.server
                    .execute(&format!(
                        "ALTER TABLE {target} DELETE IN PARTITION ID {id} WHERE {ours} SETTINGS mutations_sync = 1"
                    ))
                    .await?;
            }
            match self
                .server
                .execute_once(&attach(self.target, &partition.id, stage))
                .await
            {
                Err(error) if error.class().passes() && tries < TRIES => {
                    tries += 1;
                    sleep(Duration::from_millis(DELAY_MS * tries)).await;
                    self.staging.wait_for_moves(self.server).await?;
                }
                done => return done,
            }
        }
    }

    /// Adds the rows of a staging table to one that keeps the newest row of a key; again does no harm.
    pub(super) async fn upsert(&self, stage: &str) -> Result<()> {
        for partition in self.partitions(stage).await? {
            self.server
                .execute(&attach(self.target, &partition.id, stage))
                .await?;
        }
        Ok(())
    }

    /// Puts the rows of a staging table in the place of a slice's; without one, leaves the slice empty.
    pub(super) async fn replace_slice(
        &self,
        stage: Option<&str>,
        columns: &[SliceColumn],
        slice: &Partition,
    ) -> Result<()> {
        let inside = slice_condition(columns, slice)
            .ok_or_else(|| ClickHouseError::Internal("a slice has no columns".into()))?;
        let mut ids = self.target_partitions(&inside).await?;
        if let Some(stage) = stage {
            let outside = format!("SELECT count() FROM {} WHERE NOT ({inside})", name(stage));
            let rows = number(&self.server.text(&outside).await?)?;
            if rows > 0 {
                return Err(ClickHouseError::OutsideSlice {
                    column: columns
                        .iter()
                        .map(|column| column.name.as_str())
                        .collect::<Vec<_>>()
                        .join("` and `"),
                    partition: slice.key.0.clone(),
                    rows,
                });
            }
            for partition in self.partitions(stage).await? {
                ids.remove(&partition.id);
                self.server
                    .execute(&format!(
                        "ALTER TABLE {} REPLACE PARTITION ID {} FROM {}",
                        name(self.target),
                        literal(&partition.id),
                        name(stage)
                    ))
                    .await?;
            }
        }
        for id in ids {
            self.server
                .execute(&format!(
                    "ALTER TABLE {} DROP PARTITION ID {}",
                    name(self.target),
                    literal(&id)
                ))
                .await?;
        }
        Ok(())
    }

    /// Puts a table in the target's place; the old one then has its name.
    pub(super) async fn exchange(&self, assembled: &str) -> Result<()> {
        let uuid = |table: Option<LiveTable>| table.map(|table| table.uuid);
        let next = uuid(LiveTable::read(self.server, assembled).await?);
        let statement = format!("EXCHANGE TABLES {} AND {}", name(assembled), name(self.target));
        let mut tries = 0;
        loop {
            match self.server.execute_once(&statement).await {
                Err(error) if error.class().passes() && tries < TRIES => {
                    tries += 1;
                    sleep(Duration::from_millis(DELAY_MS * tries)).await;
                    self.staging.wait_for_moves(self.server).await?;
                    // Once more would undo it.
                    if uuid(LiveTable::read(self.server, self.target).await?) == next {
                        return Ok(());
                    }
                }
                done => return done,
            }
        }
    }
}

fn attach(target: &str, id: &str, stage: &str) -> String {
    format!(
        "ALTER TABLE {} ATTACH PARTITION ID {} FROM {}",
        name(target),
        literal(id),
        name(stage)
    )
}

/// Which rows a slice holds, as flow tells them apart: instants by the slice's time zone, dates and readings of wall clocks
/// by its calendar and clock, values by being equal. None where a column of the slice is not among these, or it has none.
pub(super) fn slice_condition(columns: &[SliceColumn], slice: &Partition) -> Option<String> {
    let conditions = slice
        .bounds()
        .map(|(wanted, bound)| {
            let column = columns.iter().find(|column| column.name == wanted)?;
            Some(match bound {
                Bound::Window(window) => window_condition(column, window),
                Bound::Value(value) if column.data_type == LogicalType::Utf8 => {
                    format!("{} = {}", name(&column.name), literal(value))
                }
                // What is no number is in no row.
                Bound::Value(value) => match value.parse::<i128>() {
                    Ok(number) => format!("{} = {number}", name(&column.name)),
                    Err(_) => "false".to_owned(),
                },
            })
        })
        .collect::<Option<Vec<_>>>()?;
    (!conditions.is_empty()).then(|| conditions.join(" AND "))
}

fn window_condition(column: &SliceColumn, window: &TimeWindow) -> String {
    let name = name(&column.name);
    let moment = |text: String| format!("toDateTime64({}, 3, 'UTC')", literal(&text));
    let (start, end) = match &column.data_type {
        LogicalType::Timestamp(_, Some(_)) => {
            let instant =
                |at: chrono::DateTime<chrono::Utc>| moment(at.format("%Y-%m-%d %H:%M:%S").to_string());
            (instant(window.start), instant(window.end))
        }
        LogicalType::Date32 => {
            let day = |day: chrono::NaiveDate| format!("toDate32({})", literal(&day.to_string()));
            (day(window.first_day()), day(window.end_day()))
        }
        _ => {
            let reading = |at: chrono::NaiveDateTime| moment(at.format("%Y-%m-%d %H:%M:%S").to_string());
            (reading(window.wall_start), reading(window.wall_end))
        }
    };
    format!("{name} >= {start} AND {name} < {end}")
}
