//! Staging tables: where rows of a load wait until it is committed.
//!
//! A staging table is written by one attempt, sealed at a checkpoint, and then never written again. Its name says whose it
//! is, and that is the fence: an attempt that takes a load over renames what it keeps and drops the rest, so whatever an
//! attempt that was thought dead still tries fails for want of its table. `docs/decisions/0010-clickhouse-loads.md` has
//! the whole argument.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use tidegate_core::plan::{AssetName, Digest, Epoch, LoadToken, PartitionKey};
use tidegate_core::port::Part;
use tokio::time::sleep;

use super::error::{ClickHouseError, Result};
use super::failure::Class;
use super::server::Server;
use super::sql::{literal, name};
use super::table::{LOAD_COLUMN, LiveTable};

/// How many blocks a staging table remembers, so that one that is sent again is not taken twice. A table takes those of
/// one checkpoint, of which there are a few dozen.
const DEDUPLICATION_WINDOW_BLOCKS: u32 = 10_000;
/// Parts of more than this are not merged while they wait: the target would merge them again. Smaller ones are, so that they
/// do not become too many (<https://clickhouse.com/docs/operations/settings/merge-tree-settings>).
const MERGED_BYTES: u32 = 8 << 20;
/// How often a statement that a dead attempt left running is looked for, and how long it is waited for.
const RUNNING_DELAY_MS: u64 = 200;
const RUNNING_TRIES: usize = 300;

/// The staging tables of one load of an asset partition, as one attempt sees them.
#[derive(Debug, Clone)]
pub(super) struct Staging {
    /// Digits of the asset partition.
    place: String,
    /// Digits of the load.
    token: String,
    epoch: Epoch,
    /// The load's number, which every staged row has.
    load: u64,
}

/// Which table of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StageNumber {
    /// The one that an attempt filled up to a checkpoint, counted from 0.
    Sealed(u64),
    /// All of them together, made by a commit.
    Assembled,
}

/// A staging table's name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StageName {
    place: String,
    token: String,
    /// Who wrote it.
    epoch: i64,
    number: StageNumber,
    /// Whose it is now.
    holder: i64,
}

const PREFIX: &str = "_tidegate_stage_";

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_h{}", self.base(), self.holder)
    }
}

impl StageName {
    /// The name without its holder: what a part is known by.
    pub(super) fn base(&self) -> String {
        let number = match self.number {
            StageNumber::Sealed(number) => number.to_string(),
            StageNumber::Assembled => "all".into(),
        };
        format!("{PREFIX}{}_{}_{}_{number}", self.place, self.token, self.epoch)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(PREFIX)?.split('_');
        let (place, token) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let epoch = parts.next()?.parse().ok()?;
        let number = match parts.next()? {
            "all" => StageNumber::Assembled,
            digits => StageNumber::Sealed(digits.parse().ok()?),
        };
        let holder = parts.next()?.strip_prefix('h')?.parse().ok()?;
        parts.next().is_none().then_some(Self {
            place,
            token,
            epoch,
            number,
            holder,
        })
    }
}

impl Staging {
    /// What an attempt stages.
    pub(super) fn new(asset: &AssetName, partition: &PartitionKey, token: &LoadToken, epoch: Epoch) -> Self {
        // A NUL cannot stand in a name or key, so no two pairs make one text.
        let place = Digest::of(format!("{asset}\0{}", partition.0).as_bytes());
        let token = Digest::of(token.0.as_bytes());
        let digits = |digest: &Digest| digest.short().to_owned();
        Self {
            load: u64::from_str_radix(&token.hex()[..16], 16).unwrap_or_default(),
            place: digits(&place),
            token: digits(&token),
            epoch,
        }
    }

    /// The load's number, in the column of every row that it brings.
    pub(super) fn load(&self) -> u64 {
        self.load
    }

    /// The name of a table that this attempt makes.
    pub(super) fn own(&self, number: StageNumber) -> StageName {
        StageName {
            place: self.place.clone(),
            token: self.token.clone(),
            epoch: self.epoch.0,
            number,
            holder: self.epoch.0,
        }
    }

    /// The name under which this attempt holds a part.
    pub(super) fn held(&self, part: &Part) -> String {
        format!("{}_h{}", part.name, self.epoch)
    }

    /// The token of a block: the same for the same block of the same attempt.
    pub(super) fn block_token(&self, block: u64) -> String {
        format!("{}-{}-{block}", self.token, self.epoch)
    }

    fn prefix(&self) -> String {
        format!("{PREFIX}{}_", self.place)
    }

    /// Every staging table of the asset partition; fails where one is a newer attempt's.
    async fn list(&self, server: &Server) -> Result<Vec<StageName>> {
        #[derive(Deserialize)]
        struct Row {
            name: String,
        }
        let rows: Vec<Row> = server
            .rows(&format!(
                "SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, {})",
                literal(&self.prefix())
            ))
            .await?;
        let stages: Vec<StageName> = rows
            .iter()
            .filter_map(|row| StageName::parse(&row.name))
            .collect();
        match stages.iter().map(|stage| stage.holder).max() {
            Some(newest) if newest > self.epoch.0 => Err(self.fenced(newest)),
            _ => Ok(stages),
        }
    }

    /// The error for an attempt that a newer one has overtaken.
    pub(super) fn fenced(&self, newest: i64) -> ClickHouseError {
        ClickHouseError::Fenced {
            table: self.prefix() + "…",
            newest,
            epoch: self.epoch.0,
        }
    }

    /// Fails where a newer attempt has begun; what older ones still had is dropped, as it is nobody's.
    pub(super) async fn guard(&self, server: &Server) -> Result<()> {
        for stage in self.list(server).await? {
            if stage.holder < self.epoch.0 {
                self.drop(server, &stage.to_string()).await?;
            }
        }
        Ok(())
    }

    /// Makes what an earlier attempt of this load staged this attempt's own, and drops everything else. Waits for what
    /// a dead attempt has told the server to move.
    pub(super) async fn take_over(&self, server: &Server, staged: &[Part]) -> Result<()> {
        for stage in self.list(server).await? {
            let kept = staged.iter().any(|part| part.name == stage.base());
            if !kept {
                self.drop(server, &stage.to_string()).await?;
            } else if stage.holder != self.epoch.0 {
                let mut own = stage.clone();
                own.holder = self.epoch.0;
                let rename = format!(
                    "RENAME TABLE {} TO {}",
                    name(&stage.to_string()),
                    name(&own.to_string())
                );
                match server.execute(&rename).await {
                    // A try before this one did it, or a newer attempt: the count below tells.
                    Err(error) if matches!(error.class(), Class::Table | Class::TableThere) => {}
                    done => done?,
                }
            }
        }
        self.wait_for_moves(server).await?;
        for part in staged {
            let held = self.held(part);
            let lost = |reason: String| ClickHouseError::StagedLost {
                table: held.clone(),
                reason,
            };
            match rows_of(server, &held).await {
                Ok(rows) if rows == part.rows => {}
                Ok(rows) => return Err(lost(format!("it has {rows} rows, and had {}", part.rows))),
                Err(error) if error.class() == Class::Table => return Err(lost("it is gone".into())),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until no statement runs that moves staged rows: one that a dead attempt began would else be done behind the
    /// back of this one.
    pub(super) async fn wait_for_moves(&self, server: &Server) -> Result<()> {
        let query = format!(
            "SELECT count() FROM system.processes WHERE match(query, '^(ALTER|EXCHANGE)') AND position(query, {}) > 0",
            literal(&self.prefix())
        );
        for _ in 0..RUNNING_TRIES {
            if server.text(&query).await?.trim() == "0" {
                return Ok(());
            }
            sleep(Duration::from_millis(RUNNING_DELAY_MS)).await;
        }
        Err(ClickHouseError::Timeout {
            url: "a statement of an earlier attempt".into(),
            timeout_ms: RUNNING_DELAY_MS * RUNNING_TRIES as u64,
        })
    }

    /// Makes a table for rows, with the columns and keys of the target, which every row tells the load's number.
    pub(super) async fn create(
        &self,
        server: &Server,
        target: &str,
        live: &LiveTable,
        number: u64,
    ) -> Result<StageName> {
        let stage = self.own(StageNumber::Sealed(number));
        let key = |word: &str, key: &str| {
            if key.is_empty() {
                String::new()
            } else {
                format!(" {word} {key}")
            }
        };
        let order = if live.sorting_key.is_empty() {
            "tuple()"
        } else {
            &live.sorting_key
        };
        // Settings such as the storage policy must be the target's, or parts cannot be moved.
        let settings = match live.engine_full.rsplit_once(" SETTINGS ") {
            Some((_, settings)) => format!("{settings}, "),
            None => String::new(),
        };
        let text = stage.to_string();
        server
            .execute(&format!(
                "CREATE TABLE IF NOT EXISTS {} AS {} ENGINE = MergeTree{}{} ORDER BY {} SETTINGS {settings}\
                 non_replicated_deduplication_window = {DEDUPLICATION_WINDOW_BLOCKS}, \
                 max_bytes_to_merge_at_max_space_in_pool = {MERGED_BYTES}",
                name(&text),
                name(target),
                key("PARTITION BY", &parenthesized(&live.partition_key)),
                key("PRIMARY KEY", &parenthesized(&live.primary_key)),
                parenthesized(order),
            ))
            .await?;
        server
            .execute(&format!(
                "ALTER TABLE {} MODIFY COLUMN {} UInt64 MATERIALIZED {}",
                name(&text),
                name(LOAD_COLUMN),
                self.load
            ))
            .await?;
        // Whoever came between would have dropped the table, or be seen now.
        self.guard(server).await?;
        self.check(server, &text).await?;
        Ok(stage)
    }

    /// Fails where a block that is sent again would be taken twice.
    async fn check(&self, server: &Server, stage: &str) -> Result<()> {
        let made = LiveTable::read(server, stage)
            .await?
            .ok_or_else(|| Self::lost(stage))?;
        let window = format!("non_replicated_deduplication_window = {DEDUPLICATION_WINDOW_BLOCKS}");
        if made.engine_full.contains(&window) {
            Ok(())
        } else {
            Err(ClickHouseError::TableChanged {
                table: stage.to_owned(),
                reason: "it does not remember the blocks that it took".into(),
            })
        }
    }

    fn lost(stage: &str) -> ClickHouseError {
        ClickHouseError::StagedLost {
            table: stage.to_owned(),
            reason: "it is gone".into(),
        }
    }

    /// Makes an error say that a newer attempt took the tables, where that is why they are gone.
    pub(super) async fn explain(&self, server: &Server, error: ClickHouseError) -> ClickHouseError {
        if error.class() != Class::Table {
            return error;
        }
        match self.list(server).await {
            Err(fenced @ ClickHouseError::Fenced { .. }) => fenced,
            _ => error,
        }
    }

    /// Drops a table of this attempt's, or of one that is dead.
    pub(super) async fn drop(&self, server: &Server, stage: &str) -> Result<()> {
        server
            .execute(&format!("DROP TABLE IF EXISTS {}", name(stage)))
            .await
    }

    /// Drops everything that is left of the load.
    pub(super) async fn sweep(&self, server: &Server) -> Result<()> {
        for stage in self.list(server).await? {
            self.drop(server, &stage.to_string()).await?;
        }
        Ok(())
    }
}

/// Rows of a table, counted.
pub(super) async fn rows_of(server: &Server, table: &str) -> Result<u64> {
    let text = server
        .text(&format!("SELECT count() FROM {}", name(table)))
        .await?;
    number(&text)
}

/// A whole number that the server answered.
pub(super) fn number(text: &str) -> Result<u64> {
    text.trim()
        .parse()
        .map_err(|_| ClickHouseError::Internal(format!("`{}` is no count", text.trim())))
}

fn parenthesized(key: &str) -> String {
    match key {
        "" => String::new(),
        "tuple()" => key.to_owned(),
        key => format!("({key})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        let staging = Staging::new(
            &"flights".parse().unwrap(),
            &PartitionKey("2013-01".into()),
            &LoadToken("t".into()),
            Epoch(7),
        );
        for number in [StageNumber::Sealed(3), StageNumber::Assembled] {
            let name = staging.own(number);
            assert_eq!(StageName::parse(&name.to_string()), Some(name));
        }
        assert_eq!(StageName::parse("_tidegate_loads"), None);
        assert_eq!(StageName::parse("_tidegate_stage_a_b_1_2"), None);
    }
}
