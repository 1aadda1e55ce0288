//! The destination: rows by `COPY`, shown and written down in one transaction.
//!
//! A load that has no checkpoints goes straight into the table, where adding and replacing is all that it does: the
//! transaction is the staging. Others go through staging tables, which are committed one by one and moved at the end.

use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use tidegate_core::plan::{LoadToken, Partition};
use tidegate_core::port::{ColumnDomain, Commit, Destination, LoadReceipt, OpenDestination, Part};
use tidegate_core::types::LogicalType;
use tokio::time::sleep;

use super::config::ResourceConfig;
use super::copy::Copying;
use super::encode::Encoder;
use super::error::{PostgresError, Result};
use super::failure::Class;
use super::fence::{Fence, Loaded};
use super::moves::Moves;
use super::server::{Server, Session};
use super::sql::names;
use super::stage::Stages;
use super::table::{CheckedDestination, LiveTable, Mode, TableDefinition, differences, mend, with_evolved};
use super::told_type::domains;
use super::wire::Wire;

/// How much is sent at once.
const SEND_BYTES: usize = 256 << 10;
/// How often a transaction that shows staged rows is tried.
const TRIES: u32 = 6;
const DELAY: Duration = Duration::from_millis(200);
/// A level under which a statement sees what was committed while it waited for a lock.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Writes one load of an asset partition.
pub(super) struct PostgresDestination {
    server: Server,
    table: TableDefinition,
    mode: Mode,
    config: CheckedDestination,
    fence: Fence,
    stages: Stages,
    token: LoadToken,
    window: Option<Partition>,
    schema: SchemaRef,
    /// Whether rows go straight into the table.
    direct: bool,
    /// Whether what is staged must outlive this attempt.
    resumable: bool,
    /// The load was committed by an earlier attempt; what comes is what it loaded.
    committed: Option<Loaded>,
    /// The session, while it is not copying; in a transaction where rows went straight into the table.
    session: Option<Session>,
    current: Option<Current>,
    /// What is staged, by earlier attempts and this one; of a direct load the one part that is under way.
    parts: Vec<Part>,
}

/// What is being written.
struct Current {
    copying: Copying,
    encoder: Encoder,
    /// The staging table; none for the table itself.
    stage: Option<String>,
    rows: u64,
    bytes: u64,
    digest: Sha256,
}

impl PostgresDestination {
    /// Looks at the server, the table and what earlier attempts left; refuses a table that the load does not fit.
    pub(super) async fn open(
        resource: &ResourceConfig,
        config: CheckedDestination,
        open: &OpenDestination<'_>,
    ) -> Result<Self> {
        let server = Server::new(resource, &format!("tidegate {}", open.asset))?;
        let mut session = server.connect().await?;
        let mut table = with_evolved(&config.table, &open.schema)?;
        if table.schema.is_empty() {
            server.schema().clone_into(&mut table.schema);
        }
        let fence = Fence::new(&table.schema, open.asset, open.partition, open.epoch, &table.name);
        let stages = Stages::new(&table.schema, open.asset, open.partition, open.epoch);
        fence.prepare(&mut session).await?;
        fence.raise(&mut session).await?;
        let committed = fence.find(&mut session, open.token).await?;
        if committed.is_none() {
            stages.take_over(&mut session, open.staged).await?;
            let live = LiveTable::read(&mut session, &table.schema, &table.name).await?;
            let changes = differences(&table, live.as_ref());
            mend(&mut session, &table.name, &changes, config.evolve).await?;
        }
        let direct =
            !open.resumable && open.staged.is_empty() && matches!(config.mode, Mode::Append | Mode::Replace);
        Ok(Self {
            server,
            table,
            mode: config.mode,
            config,
            fence,
            stages,
            token: open.token.clone(),
            window: open.window.cloned(),
            schema: open.schema.clone(),
            direct,
            resumable: open.resumable,
            committed,
            session: Some(session),
            current: None,
            parts: open.staged.to_vec(),
        })
    }

    /// The columns that are loaded, in order.
    fn columns(&self) -> Vec<&str> {
        self.schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect()
    }

    /// How the loaded columns travel.
    fn wires(&self) -> Result<Vec<Wire>> {
        self.columns()
            .into_iter()
            .map(|name| {
                let column = self
                    .table
                    .column(name)
                    .ok_or_else(|| PostgresError::Internal(format!("`{name}` is no column of the table")))?;
                Ok(column.wire.clone())
            })
            .collect()
    }

    /// The session; another where the last one was lost.
    async fn session(&mut self) -> Result<Session> {
        if let Some(session) = self.session.take() {
            return Ok(session);
        }
        let mut session = self.server.connect().await?;
        self.fence.tell_session(&mut session).await?;
        Ok(session)
    }

    /// What is being written, begun where nothing is.
    async fn current(&mut self) -> Result<&mut Current> {
        if self.current.is_none() {
            let wires = self.wires()?;
            let mut session = self.session().await?;
            session.execute(BEGIN).await?;
            let (stage, place) = if self.direct {
                self.clear(&mut session).await?;
                (None, self.table.place())
            } else {
                let stage = self.stages.next_name();
                let create = self
                    .stages
                    .create(&stage, &self.table, &self.columns(), self.resumable);
                session.execute(&create).await?;
                let place = self.stages.place(&stage);
                (Some(stage), place)
            };
            let columns = names(self.columns());
            let statement = format!("COPY {place} ({columns}) FROM STDIN (FORMAT binary)");
            self.current = Some(Current {
                copying: Copying::start(session, statement),
                encoder: Encoder::new(wires),
                stage,
                rows: 0,
                bytes: 0,
                digest: Sha256::new(),
            });
        }
        self.current
            .as_mut()
            .ok_or_else(|| PostgresError::Internal("nothing is being written".into()))
    }

    /// Before rows go straight into a table whose place they take.
    async fn clear(&self, session: &mut Session) -> Result<()> {
        if self.mode == Mode::Replace {
            session
                .execute(&format!("DELETE FROM {}", self.table.place()))
                .await?;
        }
        Ok(())
    }

    /// Ends what is being written. What is staged is committed, what went into the table is not.
    async fn seal(&mut self) -> Result<()> {
        let Some(mut current) = self.current.take() else {
            return Ok(());
        };
        current.encoder.finish();
        current.flush().await?;
        let (mut session, rows) = current.copying.finish().await?;
        if rows != current.rows {
            return Err(PostgresError::StagedLost {
                table: current.stage.unwrap_or_else(|| self.table.name.clone()),
                reason: format!("it took {rows} rows, and {} were sent", current.rows),
            });
        }
        if current.stage.is_some() {
            session.execute("COMMIT").await?;
        }
        self.session = Some(session);
        self.parts.push(Part {
            name: current.stage.unwrap_or_default(),
            rows,
            bytes: current.bytes,
            sha256: current
                .digest
                .finalize()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        });
        Ok(())
    }

    async fn load(&mut self, at: DateTime<Utc>) -> Result<LoadReceipt> {
        self.seal().await?;
        if let Some(loaded) = self.committed.clone() {
            return Ok(self.receipt(&loaded, true));
        }
        if self.direct {
            return self.finish_direct(at).await;
        }
        let mut tries = 0;
        loop {
            let error = match self.show(at).await {
                Ok(receipt) => return Ok(receipt),
                Err(error) => error,
            };
            tries += 1;
            if !error.class().passes() || tries >= TRIES {
                return Err(error);
            }
            // Whether it was committed is asked again in the next transaction, once the last one has ended.
            self.session = None;
            sleep(DELAY * tries).await;
        }
    }

    /// Shows what is staged.
    async fn show(&mut self, at: DateTime<Utc>) -> Result<LoadReceipt> {
        let mut session = self.session().await?;
        session.execute(BEGIN).await?;
        self.fence.lock(&mut session).await?;
        if let Some(loaded) = self.fence.find(&mut session, &self.token).await? {
            return Ok(self.receipt(&loaded, false));
        }
        let columns = self.columns();
        let moves = Moves {
            target: &self.table,
            stages: &self.stages,
            parts: &self.parts,
            columns: &columns,
        };
        moves
            .show(&mut session, self.mode, &self.config.slice, self.window.as_ref())
            .await?;
        let receipt = self.receipt(&self.written(), false);
        self.fence.record(&mut session, &self.token, &receipt, at).await?;
        for part in &self.parts {
            self.stages.drop(&mut session, &part.name).await?;
        }
        session.execute("COMMIT").await?;
        Ok(receipt)
    }

    /// Shows what went into the table already.
    async fn finish_direct(&mut self, at: DateTime<Utc>) -> Result<LoadReceipt> {
        let mut session = self.session().await?;
        if self.parts.is_empty() {
            // No row came, and no transaction was begun.
            session.execute(BEGIN).await?;
            self.clear(&mut session).await?;
        }
        self.fence.lock(&mut session).await?;
        let receipt = self.receipt(&self.written(), false);
        self.fence.record(&mut session, &self.token, &receipt, at).await?;
        match session.execute("COMMIT").await {
            Err(error) if error.class() == Class::Connection => self.outcome(error).await,
            done => done.map(|()| receipt),
        }
    }

    /// Whether a commit that nobody answered was done. The fence's lock is held until that is settled.
    async fn outcome(&mut self, error: PostgresError) -> Result<LoadReceipt> {
        let mut session = self.server.connect().await?;
        session.execute(BEGIN).await?;
        self.fence.lock(&mut session).await?;
        match self.fence.find(&mut session, &self.token).await? {
            Some(loaded) => Ok(self.receipt(&loaded, false)),
            None => Err(error),
        }
    }

    /// What this load has written.
    fn written(&self) -> Loaded {
        let sum = |of: fn(&Part) -> u64| self.parts.iter().map(of).sum::<u64>();
        Loaded {
            rows: sum(|part| part.rows),
            bytes: sum(|part| part.bytes),
            parts: self.parts.len() as u64,
        }
    }

    fn receipt(&self, loaded: &Loaded, repeated: bool) -> LoadReceipt {
        LoadReceipt {
            rows: loaded.rows,
            bytes: loaded.bytes,
            parts: loaded.parts,
            location: format!("{}.{}", self.table.schema, self.table.name),
            repeated,
        }
    }
}

impl Current {
    async fn flush(&mut self) -> Result<()> {
        let piece = self.encoder.take();
        self.bytes += piece.len() as u64;
        self.digest.update(&piece);
        self.copying.send(piece).await
    }
}

#[async_trait]
impl Destination for PostgresDestination {
    fn domains(&self) -> Vec<ColumnDomain> {
        self.schema
            .fields()
            .iter()
            .filter_map(|field| {
                let column = self.table.column(field.name())?;
                let data_type = LogicalType::from_arrow(field.data_type())?;
                Some((column, domains(&data_type, &column.data_type, &column.wire)))
            })
            .flat_map(|(column, domains)| {
                domains.into_iter().map(|domain| ColumnDomain {
                    column: column.name.clone(),
                    domain,
                })
            })
            .collect()
    }

    async fn write(&mut self, batch: RecordBatch) -> tidegate_core::Result<()> {
        if batch.schema_ref() != &self.schema {
            let error = PostgresError::Internal("a batch does not have the schema that was announced".into());
            return Err(error.into());
        }
        if batch.num_rows() == 0 || self.committed.is_some() {
            return Ok(());
        }
        let current = self.current().await?;
        current.encoder.push(&batch)?;
        current.rows += batch.num_rows() as u64;
        if current.encoder.ready_bytes() >= SEND_BYTES {
            current.flush().await?;
        }
        Ok(())
    }

    async fn stage(&mut self) -> tidegate_core::Result<Option<Vec<Part>>> {
        // A direct load has no checkpoints: what it wrote is gone with its transaction.
        if self.committed.is_some() || self.direct {
            return Ok(None);
        }
        self.seal().await?;
        Ok(Some(self.parts.clone()))
    }

    async fn commit(mut self: Box<Self>, commit: Commit) -> tidegate_core::Result<LoadReceipt> {
        Ok(self.load(commit.at).await?)
    }

    async fn abort(mut self: Box<Self>) -> tidegate_core::Result<()> {
        // Its transaction goes with the session.
        self.current = None;
        self.session = None;
        Ok(())
    }
}
