//! The store itself: opened by address, each call handed to the file of its concept.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tidegate_core::plan::{AssetName, PartitionKey, RunId};
use tidegate_core::port::{
    AttemptKey, AttemptRecord, Checkpoint, Claim, Claiming, Event, Inserted, Materialization, NewRun,
    PartitionState, QuarantineEntry, RunFilter, RunMove, RunPartition, RunRecord, StateStore, StepEnd,
    StoredEvent, Verdict,
};
use tidegate_core::{Error, Result};

use crate::address::Address;
use crate::error::StateError;
use crate::pool::Pool;
use crate::{
    checkpoints, claims, events, fence, materializations, partitions, postgres, quarantine, run_list, runs,
    sqlite, steps,
};

/// The state of runs in SQLite or Postgres. A clone shares the connections.
#[derive(Debug, Clone)]
pub struct SqlStateStore {
    pub(crate) pool: Pool,
}

impl SqlStateStore {
    /// Opens a store by its address and brings its tables up to date.
    ///
    /// The address is `sqlite:PATH`, where the file is made if missing but its folder is not, or
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. No error shows the password.
    pub async fn open(address: &str) -> Result<Self> {
        Ok(Self::connect(Address::parse(address)?).await?)
    }

    async fn connect(address: Address) -> Result<Self, StateError> {
        let opened = match &address {
            Address::Sqlite(path) => sqlite::open(path).await.map(Pool::Sqlite),
            Address::Postgres(options) => postgres::open(options).await.map(Pool::Postgres),
        };
        match opened {
            Ok(pool) => Ok(Self { pool }),
            Err(error) => Err(error.of_store(address.to_string())),
        }
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Waits for the calls under way and closes the connections, for all clones.
    pub async fn close(&self) {
        on_pool!(&self.pool, |db| db.close().await);
    }
}

#[async_trait]
impl StateStore for SqlStateStore {
    async fn insert_run(&self, run: &NewRun) -> Result<Inserted> {
        Ok(runs::insert_one(&self.pool, run).await?)
    }

    async fn move_run(&self, change: &RunMove) -> Result<bool> {
        Ok(runs::set_state(&self.pool, change).await?)
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>> {
        Ok(run_list::get(&self.pool, run).await?)
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>> {
        Ok(run_list::list(&self.pool, filter).await?)
    }

    async fn run_partitions(&self, run: RunId) -> Result<Vec<RunPartition>> {
        Ok(partitions::of_run(&self.pool, run).await?)
    }

    async fn attempts(
        &self,
        run: RunId,
        asset: &AssetName,
        partition: &PartitionKey,
    ) -> Result<Vec<AttemptRecord>> {
        Ok(partitions::attempts(&self.pool, run, asset, partition).await?)
    }

    async fn set_partition_state(
        &self,
        run: RunId,
        asset: &AssetName,
        partition: &PartitionKey,
        state: PartitionState,
    ) -> Result<()> {
        Ok(partitions::set_state(&self.pool, run, asset, partition, state).await?)
    }

    async fn claim(&self, claiming: &Claiming<'_>) -> Result<Claim> {
        Ok(claims::claim(&self.pool, claiming).await?)
    }

    async fn renew(&self, attempt: &AttemptKey, lease_until: DateTime<Utc>) -> Result<bool> {
        Ok(fence::renew(&self.pool, attempt, lease_until).await?)
    }

    async fn holds(&self, attempt: &AttemptKey) -> Result<bool> {
        Ok(fence::holds(&self.pool, attempt).await?)
    }

    async fn fail_attempt(&self, attempt: &AttemptKey, error: &Error, at: DateTime<Utc>) -> Result<bool> {
        Ok(fence::fail(&self.pool, attempt, error, at).await?)
    }

    async fn finish_materialized(
        &self,
        attempt: &AttemptKey,
        materialization: &Materialization,
        quarantined: &[QuarantineEntry],
        verdicts: &[Verdict],
    ) -> Result<bool> {
        Ok(fence::finish(&self.pool, attempt, materialization, quarantined, verdicts).await?)
    }

    async fn finish_step(&self, attempt: &AttemptKey, end: &StepEnd) -> Result<bool> {
        Ok(steps::finish(&self.pool, attempt, end).await?)
    }

    async fn put_checkpoint(
        &self,
        attempt: &AttemptKey,
        checkpoint: &Checkpoint,
        at: DateTime<Utc>,
    ) -> Result<bool> {
        Ok(checkpoints::put(&self.pool, attempt, checkpoint, at).await?)
    }

    async fn checkpoint(
        &self,
        run: RunId,
        asset: &AssetName,
        partition: &PartitionKey,
    ) -> Result<Option<Checkpoint>> {
        Ok(checkpoints::get(&self.pool, run, asset, partition).await?)
    }

    async fn materializations(&self, asset: &AssetName) -> Result<Vec<Materialization>> {
        Ok(materializations::newest(&self.pool, asset).await?)
    }

    async fn last_materialization(
        &self,
        asset: &AssetName,
        partition: &PartitionKey,
    ) -> Result<Option<Materialization>> {
        Ok(materializations::last(&self.pool, asset, partition).await?)
    }

    async fn run_materializations(&self, run: RunId) -> Result<Vec<Materialization>> {
        Ok(materializations::of_run(&self.pool, run).await?)
    }

    async fn quarantine(
        &self,
        asset: Option<&AssetName>,
        run: Option<RunId>,
    ) -> Result<Vec<QuarantineEntry>> {
        Ok(quarantine::list(&self.pool, asset, run).await?)
    }

    async fn append_events(&self, events: &[Event]) -> Result<bool> {
        Ok(events::append(&self.pool, events).await?)
    }

    async fn events(&self, run: RunId, after: i64, limit: u32) -> Result<Vec<StoredEvent>> {
        Ok(events::after(&self.pool, run, after, limit).await?)
    }
}
