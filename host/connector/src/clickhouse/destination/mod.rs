//! The destination: blocks into staging tables, which a commit moves into the target.

mod fetch;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use tidegate_core::plan::{Epoch, LoadToken, Partition, SourceSpec};
use tidegate_core::port::{
    ColumnDomain, Commit, Destination, LoadReceipt, LogLevel, LogLine, LogSink, OpenDestination, Part,
};
use tidegate_core::types::LogicalType;
use tokio::task::JoinSet;

use super::block::{Block, BlockBuilder};
use super::config::ResourceConfig;
use super::dictionary::choose_dictionaries;
use super::error::{ClickHouseError, Result};
use super::ledger::{Ledger, LedgerRow};
use super::moves::Moves;
use super::server::Server;
use super::sql::{literal, name};
use super::staging::{StageName, StageNumber, Staging, number, rows_of};
use super::table::{CheckedDestination, LiveTable, Mode, differences, mend, with_evolved};
use super::told_type::domain;
use super::types::Calendar;

/// Blocks on their way at once, where order does not matter: one is encoded while others are taken.
const PARALLEL_INSERTS: usize = 2;

/// Writes one load of an asset partition.
pub(super) struct ClickHouseDestination {
    server: Server,
    resource: ResourceConfig,
    config: CheckedDestination,
    staging: Staging,
    ledger: Ledger,
    token: LoadToken,
    epoch: Epoch,
    window: Option<Partition>,
    schema: SchemaRef,
    /// The days that the server knows.
    calendar: Calendar,
    log: Arc<dyn LogSink>,
    /// The load was committed by an earlier attempt; what comes is what it loaded.
    committed: Option<LedgerRow>,
    /// The table as the server has it; none until it is made.
    live: Option<LiveTable>,
    /// The first rows, kept until the table is made by them.
    first: Option<RecordBatch>,
    blocks: BlockBuilder,
    /// The number of the next block.
    block: u64,
    current: Option<Stage>,
    inserts: JoinSet<Result<()>>,
    /// What is staged, by earlier attempts and this one.
    parts: Vec<Part>,
    /// The number of the next staging table.
    number: u64,
}

/// The staging table that is being filled.
struct Stage {
    name: StageName,
    rows: u64,
    digest: Sha256,
}

impl ClickHouseDestination {
    /// Looks at the server, the table and what earlier attempts left; refuses a table that the load does not fit.
    pub(super) async fn open(
        resource: &ResourceConfig,
        config: CheckedDestination,
        open: &OpenDestination<'_>,
    ) -> Result<Self> {
        let server = Server::new(resource);
        let (_, calendar) = server.greet().await?;
        let mut config = config;
        config.table = with_evolved(&config.table, &open.schema)?;
        let staging = Staging::new(open.asset, open.partition, open.token, open.epoch);
        let ledger = Ledger::open(&server, open.asset, open.partition).await?;
        let committed = ledger.find(&server, open.token).await?;
        if committed.is_none()
            && let Some(newest) = ledger.newest(&server).await?
            && newest > open.epoch
        {
            return Err(staging.fenced(newest.0));
        }
        if committed.is_none() {
            staging.take_over(&server, open.staged).await?;
        }
        let mut live = LiveTable::read(&server, &config.table.name).await?;
        if live.is_some() {
            let changes = differences(&config.table, live.as_ref());
            mend(&server, &config.table.name, &changes, config.evolve).await?;
            if !changes.is_empty() {
                live = LiveTable::read(&server, &config.table.name).await?;
            }
        }
        Ok(Self {
            blocks: BlockBuilder::new(&open.schema, config.block_bytes)?,
            server,
            resource: resource.clone(),
            staging,
            ledger,
            token: open.token.clone(),
            epoch: open.epoch,
            window: open.window.cloned(),
            schema: open.schema.clone(),
            calendar,
            log: open.log.clone(),
            committed,
            live,
            first: None,
            block: 0,
            current: None,
            inserts: JoinSet::new(),
            parts: open.staged.to_vec(),
            number: 0,
            config,
        })
    }

    /// The table, made where it is not there; the first rows say which texts are dictionaries.
    async fn table(&mut self) -> Result<LiveTable> {
        if self.live.is_none() {
            let mut definition = self.config.table.clone();
            if let Some(first) = self.first.take() {
                choose_dictionaries(&mut definition, &first);
            }
            self.server.execute(&definition.create()).await?;
            // Where somebody else made it in between, it must fit all the same.
            self.live = LiveTable::read(&self.server, &self.config.table.name).await?;
            let changes = differences(&self.config.table, self.live.as_ref());
            mend(
                &self.server,
                &self.config.table.name,
                &changes,
                self.config.evolve,
            )
            .await?;
        }
        self.live.clone().ok_or_else(|| ClickHouseError::TableChanged {
            table: self.config.table.name.clone(),
            reason: "it is gone".into(),
        })
    }

    /// The staging table that is being filled, made where there is none.
    async fn stage_name(&mut self, live: &LiveTable) -> Result<StageName> {
        if let Some(stage) = &self.current {
            return Ok(stage.name.clone());
        }
        let made = self
            .staging
            .create(&self.server, &self.config.table.name, live, self.number)
            .await?;
        self.number += 1;
        self.current = Some(Stage {
            name: made.clone(),
            rows: 0,
            digest: Sha256::new(),
        });
        Ok(made)
    }

    async fn send(&mut self, block: Block, live: &LiveTable) -> Result<()> {
        let stage = self.stage_name(live).await?;
        let parallel = if self.config.mode == Mode::Upsert {
            1
        } else {
            PARALLEL_INSERTS
        };
        // Of two rows of one key the later one counts, so an upsert's blocks go one by one.
        while self.inserts.len() >= parallel {
            self.join_insert().await?;
        }
        if let Some(current) = &mut self.current {
            current.rows += block.rows;
            current.digest.update(&block.body);
        }
        let columns: Vec<String> = self
            .schema
            .fields()
            .iter()
            .map(|field| name(field.name()))
            .collect();
        let statement = format!(
            "INSERT INTO {} ({}) FORMAT ArrowStream",
            name(&stage.to_string()),
            columns.join(", ")
        );
        let token = self.staging.block_token(self.block);
        self.block += 1;
        let server = self.server.clone();
        self.inserts
            .spawn(async move { server.insert(&statement, &token, &block.body).await });
        Ok(())
    }

    async fn join_insert(&mut self) -> Result<()> {
        match self.inserts.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(self.staging.explain(&self.server, error).await),
            Some(Err(error)) => Err(ClickHouseError::Internal(format!("an insert was lost: {error}"))),
        }
    }

    async fn flush(&mut self) -> Result<()> {
        if let Some(block) = self.blocks.take()? {
            let live = self.table().await?;
            self.send(block, &live).await?;
        }
        while !self.inserts.is_empty() {
            self.join_insert().await?;
        }
        Ok(())
    }

    async fn seal(&mut self) -> Result<()> {
        self.flush().await?;
        let Some(stage) = &self.current else {
            return Ok(());
        };
        let text = stage.name.to_string();
        let rows = match rows_of(&self.server, &text).await {
            Ok(rows) => rows,
            Err(error) => return Err(self.staging.explain(&self.server, error).await),
        };
        if rows != stage.rows {
            return Err(ClickHouseError::StagedLost {
                table: text,
                reason: format!("it has {rows} rows, and {} were sent", stage.rows),
            });
        }
        let bytes = self
            .server
            .text(&format!(
                "SELECT sum(bytes_on_disk) FROM system.parts \
                 WHERE database = currentDatabase() AND table = {} AND active",
                literal(&text)
            ))
            .await?;
        if let Some(stage) = self.current.take() {
            self.parts.push(Part {
                name: stage.name.base(),
                rows,
                bytes: number(&bytes)?,
                sha256: stage
                    .digest
                    .finalize()
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect(),
            });
        }
        Ok(())
    }

    async fn load(&mut self, at: chrono::DateTime<chrono::Utc>) -> Result<LoadReceipt> {
        self.seal().await?;
        if let Some(row) = self.committed_already().await? {
            // Whoever committed may have died before it swept; what is left over harms nobody.
            let _ = self.staging.sweep(&self.server).await;
            return Ok(self.receipt(row.rows, row.bytes, row.parts, true));
        }
        self.table().await?;
        // First whether a newer attempt is under way, then whether one is done: it writes itself down before it sweeps.
        self.staging.guard(&self.server).await?;
        if let Some(newest) = self.ledger.newest(&self.server).await?
            && newest > self.epoch
        {
            return Err(self.staging.fenced(newest.0));
        }
        if let Err(error) = self.show().await {
            let error = self.staging.explain(&self.server, error).await;
            return Err(changed(&self.config.table.name, error));
        }
        let sum = |of: fn(&Part) -> u64| self.parts.iter().map(of).sum::<u64>();
        let receipt = self.receipt(
            sum(|part| part.rows),
            sum(|part| part.bytes),
            self.parts.len() as u64,
            false,
        );
        self.ledger
            .record(
                &self.server,
                self.epoch,
                &self.token,
                self.staging.load(),
                &receipt,
                at,
            )
            .await?;
        // The load is in and written down: what is left over is swept by the next one, if not now.
        let _ = self.staging.sweep(&self.server).await;
        Ok(receipt)
    }

    /// Moves what is staged into the target.
    async fn show(&self) -> Result<()> {
        let moves = Moves {
            server: &self.server,
            staging: &self.staging,
            target: &self.config.table.name,
        };
        let whole = self.config.mode == Mode::Replace;
        let staged = match self.parts.as_slice() {
            [] if !whole => None,
            [one] if !whole => Some(self.staging.held(one)),
            many => Some(moves.assemble(many).await?),
        };
        if let Some(staged) = &staged {
            self.refuse_too_many(moves.partitions_behind(staged, whole).await?)?;
        }
        match (&self.config.mode, staged) {
            (Mode::Append, Some(staged)) => moves.append(&staged).await,
            (Mode::Upsert, Some(staged)) => moves.upsert(&staged).await,
            (Mode::Replace, Some(staged)) => moves.exchange(&staged).await,
            (Mode::ReplaceSlice, staged) => match &self.window {
                Some(slice) => {
                    moves
                        .replace_slice(staged.as_deref(), &self.config.slice, slice)
                        .await
                }
                None => Err(ClickHouseError::Internal("a slice has no window".into())),
            },
            (_, None) => Ok(()),
        }
    }

    fn refuse_too_many(&self, found: u64) -> Result<()> {
        let (table, limit) = (self.config.table.name.clone(), self.config.max_partitions);
        if found > limit {
            return Err(ClickHouseError::TooManyPartitions { table, found, limit });
        }
        if found * 2 > limit {
            self.log.line(LogLine {
                step: "clickhouse".into(),
                level: LogLevel::Warn,
                message: format!("`{table}` has {found} partitions; past {limit} loads are refused"),
                fields: Vec::new(),
            });
        }
        Ok(())
    }

    async fn committed_already(&self) -> Result<Option<LedgerRow>> {
        match &self.committed {
            Some(row) => Ok(Some(row.clone())),
            None => self.ledger.find(&self.server, &self.token).await,
        }
    }

    fn receipt(&self, rows: u64, bytes: u64, parts: u64, repeated: bool) -> LoadReceipt {
        LoadReceipt {
            rows,
            bytes,
            parts,
            location: self.config.table.name.clone(),
            repeated,
        }
    }
}

#[async_trait]
impl Destination for ClickHouseDestination {
    fn domains(&self) -> Vec<ColumnDomain> {
        let columns = self.config.table.columns.iter();
        columns
            .filter_map(|column| {
                let field = self.schema.field_with_name(&column.name).ok()?;
                let data_type = LogicalType::from_arrow(field.data_type())?;
                Some(ColumnDomain {
                    column: column.name.clone(),
                    domain: domain(&data_type, &column.data_type, self.calendar)?,
                })
            })
            .collect()
    }

    async fn write(&mut self, batch: RecordBatch) -> tidegate_core::Result<()> {
        if batch.schema_ref() != &self.schema {
            let error =
                ClickHouseError::Internal("a batch does not have the schema that was announced".into());
            return Err(error.into());
        }
        if batch.num_rows() == 0 || self.committed.is_some() {
            return Ok(());
        }
        if self.live.is_none() && self.first.is_none() {
            self.first = Some(batch.clone());
        }
        if let Some(block) = self.blocks.push(&batch)? {
            let live = self.table().await?;
            self.send(block, &live).await?;
        }
        Ok(())
    }

    fn pulls(&self, source: &SourceSpec, window: Option<&Partition>) -> bool {
        self.can_fetch(source, window)
    }

    async fn pull(&mut self, source: &SourceSpec, window: Option<&Partition>) -> tidegate_core::Result<u64> {
        Ok(self.fetch(source, window).await?)
    }

    async fn stage(&mut self) -> tidegate_core::Result<Option<Vec<Part>>> {
        if self.committed.is_some() {
            return Ok(None);
        }
        self.seal().await?;
        Ok(Some(self.parts.clone()))
    }

    async fn commit(mut self: Box<Self>, commit: Commit) -> tidegate_core::Result<LoadReceipt> {
        Ok(self.load(commit.at).await?)
    }

    async fn abort(mut self: Box<Self>) -> tidegate_core::Result<()> {
        self.inserts.shutdown().await;
        if let Some(stage) = self.current.take() {
            self.staging.drop(&self.server, &stage.name.to_string()).await?;
        }
        // One that a commit left behind is made anew by the next.
        let assembled = self.staging.own(StageNumber::Assembled).to_string();
        Ok(self.staging.drop(&self.server, &assembled).await?)
    }
}

/// An error that says that a staging table and the target are no longer alike (`checkStructureAndGetMergeTreeData` in
/// `src/Storages/MergeTree/MergeTreeData.cpp`: INCOMPATIBLE_COLUMNS, BAD_ARGUMENTS), said so.
fn changed(table: &str, error: ClickHouseError) -> ClickHouseError {
    match error {
        ClickHouseError::Server {
            code: 122 | 36,
            message,
        } if message.contains("Tables have different") => ClickHouseError::TableChanged {
            table: table.to_owned(),
            reason: message,
        },
        other => other,
    }
}
