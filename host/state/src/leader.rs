//! Who leads: one row, its epoch, and how often the leader was heard of.

use async_trait::async_trait;
use tidegate_core::Result;
use tidegate_core::plan::{Epoch, WorkerId};
use tidegate_core::port::{Leader, LeaderStore};

use crate::error::StateError;
use crate::pool::Pool;
use crate::store::SqlStateStore;

#[async_trait]
impl LeaderStore for SqlStateStore {
    async fn leader(&self) -> Result<Option<Leader>> {
        Ok(read(&self.pool).await?)
    }

    async fn lead(&self, holder: &WorkerId, seen: Option<&Leader>) -> Result<Option<Leader>> {
        Ok(take(&self.pool, holder, seen).await?)
    }

    async fn keep_lead(&self, leader: &Leader) -> Result<Option<Leader>> {
        Ok(keep(&self.pool, leader).await?)
    }

    async fn resign(&self, leader: &Leader) -> Result<()> {
        Ok(resign(&self.pool, leader).await?)
    }
}

async fn read(pool: &Pool) -> Result<Option<Leader>, StateError> {
    let row: (Option<String>, i64, i64) = on_pool!(pool, |db| {
        sqlx::query_as("SELECT holder, epoch, beats FROM leader WHERE one = 1")
            .fetch_one(db)
            .await?
    });
    let (holder, epoch, beats) = row;
    Ok(holder.map(|holder| Leader {
        holder: WorkerId(holder),
        epoch: Epoch(epoch),
        beats,
    }))
}

/// One statement, so that of two that saw the same leader go one takes its place.
async fn take(pool: &Pool, holder: &WorkerId, seen: Option<&Leader>) -> Result<Option<Leader>, StateError> {
    let epoch: Option<i64> = on_pool!(pool, |db| {
        sqlx::query_scalar(
            "UPDATE leader SET holder = $1, epoch = epoch + 1, beats = 0
             WHERE one = 1 AND ((holder IS NULL AND $2 IS NULL) OR (holder = $2 AND epoch = $3 AND beats = $4))
             RETURNING epoch",
        )
        .bind(holder.0.as_str())
        .bind(seen.map(|leader| leader.holder.0.as_str()))
        .bind(seen.map(|leader| leader.epoch.0))
        .bind(seen.map(|leader| leader.beats))
        .fetch_optional(db)
        .await?
    });
    Ok(epoch.map(|epoch| Leader {
        holder: holder.clone(),
        epoch: Epoch(epoch),
        beats: 0,
    }))
}

async fn keep(pool: &Pool, leader: &Leader) -> Result<Option<Leader>, StateError> {
    let beats: Option<i64> = on_pool!(pool, |db| {
        sqlx::query_scalar(
            "UPDATE leader SET beats = beats + 1 WHERE one = 1 AND holder = $1 AND epoch = $2 RETURNING beats",
        )
        .bind(leader.holder.0.as_str())
        .bind(leader.epoch.0)
        .fetch_optional(db)
        .await?
    });
    Ok(beats.map(|beats| Leader {
        beats,
        ..leader.clone()
    }))
}

async fn resign(pool: &Pool, leader: &Leader) -> Result<(), StateError> {
    on_pool!(pool, |db| {
        sqlx::query("UPDATE leader SET holder = NULL WHERE one = 1 AND holder = $1 AND epoch = $2")
            .bind(leader.holder.0.as_str())
            .bind(leader.epoch.0)
            .execute(db)
            .await?;
    });
    Ok(())
}

/// Locks who leads until the transaction ends, and leaves the function with `$refused` unless it is the leader that is
/// told. What must happen once is written behind this.
macro_rules! unless_leads_return {
    ($tx:ident, $dialect:ident, $leader:expr, $refused:expr) => {
        let leader: &tidegate_core::port::Leader = $leader;
        let leading: Option<(Option<String>, i64)> = sqlx::query_as($dialect::LOCK_LEADER)
            .fetch_optional(&mut *$tx)
            .await?;
        let leads = leading.is_some_and(|(holder, epoch)| {
            holder.as_deref() == Some(leader.holder.0.as_str()) && epoch == leader.epoch.0
        });
        if !leads {
            return Ok($refused);
        }
    };
}
pub(crate) use unless_leads_return;
