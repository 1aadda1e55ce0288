//! Who may load an asset partition, and what was loaded: two small tables beside the rows, changed in the transactions that
//! show them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tidegate_core::plan::{AssetName, Epoch, LoadToken, PartitionKey};
use tidegate_core::port::LoadReceipt;
use tokio::time::sleep;

use super::error::{PostgresError, Result};
use super::server::{Session, value};
use super::sql::{literal, name};

/// How often a session that was ended is asked for before its locks are waited for.
const ENDING_TRIES: u32 = 50;
const ENDING_DELAY: Duration = Duration::from_millis(20);

/// The fence and the ledger of an asset partition.
#[derive(Clone)]
pub(super) struct Fence {
    schema: String,
    asset: AssetName,
    partition: PartitionKey,
    epoch: Epoch,
    /// For messages.
    table: String,
}

/// A load as it was written down.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) parts: u64,
}

impl Fence {
    pub(super) fn new(
        schema: &str,
        asset: &AssetName,
        partition: &PartitionKey,
        epoch: Epoch,
        table: &str,
    ) -> Self {
        Self {
            schema: schema.to_owned(),
            asset: asset.clone(),
            partition: partition.clone(),
            epoch,
            table: table.to_owned(),
        }
    }

    fn place(&self, table: &str) -> String {
        format!("{}.{table}", name(&self.schema))
    }

    fn key(&self) -> String {
        format!(
            "asset = {} AND partition = {}",
            literal(self.asset.as_str()),
            literal(&self.partition.0)
        )
    }

    fn fenced(&self, newest: i64) -> PostgresError {
        PostgresError::Fenced {
            table: self.table.clone(),
            newest,
            epoch: self.epoch.0,
        }
    }

    /// Makes the two tables where they are not there.
    pub(super) async fn prepare(&self, session: &mut Session) -> Result<()> {
        if session.has_table(&self.schema, "_tidegate_fences").await?
            && session.has_table(&self.schema, "_tidegate_loads").await?
        {
            return Ok(());
        }
        let (fences, loads) = (self.place("_tidegate_fences"), self.place("_tidegate_loads"));
        session
            .make(&format!(
                "CREATE TABLE IF NOT EXISTS {fences} (asset text, partition text, epoch bigint NOT NULL, \
                 backend integer, backend_start timestamptz, PRIMARY KEY (asset, partition)); \
                 COMMENT ON TABLE {fences} IS \
                 'Which attempt of Tidegate may load an asset partition. Rows of assets that are gone may be deleted.'; \
                 CREATE TABLE IF NOT EXISTS {loads} (token text PRIMARY KEY, asset text NOT NULL, \
                 partition text NOT NULL, epoch bigint NOT NULL, rows bigint NOT NULL, bytes bigint NOT NULL, \
                 parts bigint NOT NULL, loaded_at timestamptz NOT NULL); \
                 COMMENT ON TABLE {loads} IS \
                 'What Tidegate has loaded. Rows of runs that nobody will retry may be deleted.'"
            ))
            .await
    }

    /// Makes this attempt the newest, and ends the session of the one before, whose locks nobody would wait for: it can be
    /// halted for good. Fails where a newer one has begun.
    pub(super) async fn raise(&self, session: &mut Session) -> Result<()> {
        let (place, key) = (self.place("_tidegate_fences"), self.key());
        let found = session
            .row(&format!(
                "SELECT f.epoch, a.pid FROM {place} f LEFT JOIN pg_stat_activity a \
                 ON a.pid = f.backend AND a.backend_start = f.backend_start AND a.pid <> pg_backend_pid() WHERE {key}"
            ))
            .await?;
        if let Some(row) = found {
            let (newest, backend): (i64, Option<i32>) = (value(&row, 0)?, value(&row, 1)?);
            if newest > self.epoch.0 {
                return Err(self.fenced(newest));
            }
            if let Some(backend) = backend {
                self.end(session, backend).await?;
            }
        }
        let newest = session
            .number(&format!(
                "INSERT INTO {place} AS f VALUES ({}, {}, {}, pg_backend_pid(), {OWN_START}) \
                 ON CONFLICT (asset, partition) DO UPDATE SET epoch = greatest(f.epoch, excluded.epoch), \
                 backend = CASE WHEN f.epoch <= excluded.epoch THEN excluded.backend ELSE f.backend END, \
                 backend_start = CASE WHEN f.epoch <= excluded.epoch THEN excluded.backend_start ELSE f.backend_start END \
                 RETURNING epoch",
                literal(self.asset.as_str()),
                literal(&self.partition.0),
                self.epoch
            ))
            .await?;
        if newest > self.epoch.0 {
            return Err(self.fenced(newest));
        }
        Ok(())
    }

    /// Ends a session. Where that is not allowed, its locks are waited for.
    async fn end(&self, session: &mut Session, backend: i32) -> Result<()> {
        // A user may end its own sessions; an error would be one of another user's.
        let _ = session
            .execute(&format!("SELECT pg_terminate_backend({backend})"))
            .await;
        for _ in 0..ENDING_TRIES {
            let there = session
                .number(&format!(
                    "SELECT count(*) FROM pg_stat_activity WHERE pid = {backend}"
                ))
                .await?;
            if there == 0 {
                break;
            }
            sleep(ENDING_DELAY).await;
        }
        Ok(())
    }

    /// Lets a newer attempt know the session to end, where it is another than that which raised the fence.
    pub(super) async fn tell_session(&self, session: &mut Session) -> Result<()> {
        session
            .execute(&format!(
                "UPDATE {} SET backend = pg_backend_pid(), backend_start = {OWN_START} WHERE {} AND epoch = {}",
                self.place("_tidegate_fences"),
                self.key(),
                self.epoch
            ))
            .await
    }

    /// Holds the partition until the transaction ends, and fails where a newer attempt has begun.
    pub(super) async fn lock(&self, session: &mut Session) -> Result<()> {
        let newest = session
            .number(&format!(
                "SELECT epoch FROM {} WHERE {} FOR UPDATE",
                self.place("_tidegate_fences"),
                self.key()
            ))
            .await?;
        if newest == self.epoch.0 {
            Ok(())
        } else {
            Err(self.fenced(newest))
        }
    }

    /// The load of a token, if it was committed.
    pub(super) async fn find(&self, session: &mut Session, token: &LoadToken) -> Result<Option<Loaded>> {
        let query = format!(
            "SELECT rows, bytes, parts FROM {} WHERE token = {}",
            self.place("_tidegate_loads"),
            literal(&token.0)
        );
        let Some(row) = session.row(&query).await? else {
            return Ok(None);
        };
        let part = |index| value::<i64>(&row, index).map(|number| number as u64);
        Ok(Some(Loaded {
            rows: part(0)?,
            bytes: part(1)?,
            parts: part(2)?,
        }))
    }

    /// Writes a load down, in the transaction that shows it.
    pub(super) async fn record(
        &self,
        session: &mut Session,
        token: &LoadToken,
        receipt: &LoadReceipt,
        at: DateTime<Utc>,
    ) -> Result<()> {
        session
            .execute(&format!(
                "INSERT INTO {} VALUES ({}, {}, {}, {}, {}, {}, {}, {})",
                self.place("_tidegate_loads"),
                literal(&token.0),
                literal(self.asset.as_str()),
                literal(&self.partition.0),
                self.epoch,
                receipt.rows,
                receipt.bytes,
                receipt.parts,
                literal(&at.to_rfc3339()),
            ))
            .await
    }
}

/// When the own session began: with its number it names it, also after the number was given to another.
const OWN_START: &str = "(SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())";
