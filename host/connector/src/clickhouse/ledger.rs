//! `_tidegate_loads`: which loads a database has, written after their rows were moved. It fences and lets a commit be
//! repeated; people find in it which run brought a row.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use tidegate_core::plan::{AssetName, Epoch, LoadToken, PartitionKey};
use tidegate_core::port::LoadReceipt;

use super::error::Result;
use super::server::Server;
use super::sql::literal;

const CREATE: &str = "CREATE TABLE IF NOT EXISTS _tidegate_loads
(
    asset LowCardinality(String) COMMENT 'The asset.',
    partition String COMMENT 'The partition''s key; empty without partitions.',
    epoch Int64 COMMENT 'The fence of the attempt that loaded.',
    token String COMMENT 'The load: the same in every attempt of a run.',
    load UInt64 COMMENT 'The load''s number in the column _tidegate_load.',
    `rows` UInt64 COMMENT 'Rows loaded.',
    bytes UInt64 COMMENT 'Bytes as stored.',
    parts UInt64 COMMENT 'Parts moved.',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When.'
)
ENGINE = ReplacingMergeTree
ORDER BY (asset, partition, epoch)
COMMENT 'What Tidegate has loaded into this database. Rows of assets that are gone may be deleted.'";

/// The loads of an asset partition.
#[derive(Clone)]
pub(super) struct Ledger {
    asset: AssetName,
    partition: PartitionKey,
}

/// A load as it was written down.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LedgerRow {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) parts: u64,
}

impl Ledger {
    /// Makes the table where it is not there.
    pub(super) async fn open(server: &Server, asset: &AssetName, partition: &PartitionKey) -> Result<Self> {
        server.execute(CREATE).await?;
        Ok(Self {
            asset: asset.clone(),
            partition: partition.clone(),
        })
    }

    fn key(&self) -> String {
        format!(
            "asset = {} AND partition = {}",
            literal(self.asset.as_str()),
            literal(&self.partition.0)
        )
    }

    /// The load of a token, if it was committed.
    pub(super) async fn find(&self, server: &Server, token: &LoadToken) -> Result<Option<LedgerRow>> {
        let query = format!(
            "SELECT `rows`, bytes, parts FROM _tidegate_loads WHERE {} AND token = {} ORDER BY epoch LIMIT 1",
            self.key(),
            literal(&token.0)
        );
        Ok(server.rows(&query).await?.into_iter().next())
    }

    /// The fence of the newest load.
    pub(super) async fn newest(&self, server: &Server) -> Result<Option<Epoch>> {
        #[derive(Deserialize)]
        struct Row {
            epoch: i64,
        }
        let query = format!(
            "SELECT epoch FROM _tidegate_loads WHERE {} ORDER BY epoch DESC LIMIT 1",
            self.key()
        );
        let rows: Vec<Row> = server.rows(&query).await?;
        Ok(rows.first().map(|row| Epoch(row.epoch)))
    }

    /// Writes a load down. Repeating it changes nothing.
    pub(super) async fn record(
        &self,
        server: &Server,
        epoch: Epoch,
        token: &LoadToken,
        load: u64,
        receipt: &LoadReceipt,
        at: DateTime<Utc>,
    ) -> Result<()> {
        server
            .execute(&format!(
                "INSERT INTO _tidegate_loads VALUES ({}, {}, {epoch}, {}, {load}, {}, {}, {}, {})",
                literal(self.asset.as_str()),
                literal(&self.partition.0),
                literal(&token.0),
                receipt.rows,
                receipt.bytes,
                receipt.parts,
                literal(&at.format("%Y-%m-%d %H:%M:%S%.3f").to_string()),
            ))
            .await
    }
}
