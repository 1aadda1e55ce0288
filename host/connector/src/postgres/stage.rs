//! Tables that hold what is written until it is shown. Their names say whose they are.

use sha2::{Digest as _, Sha256};
use tidegate_core::plan::{AssetName, Epoch, PartitionKey};
use tidegate_core::port::Part;

use super::error::{PostgresError, Result};
use super::server::{Session, value};
use super::sql::{literal, name};
use super::table::{TableColumn, TableDefinition};

/// What the names of all of them begin with.
const PREFIX: &str = "_tidegate_stage_";

/// The staging tables of an asset partition.
pub(super) struct Stages {
    schema: String,
    /// The same for each attempt at the partition.
    owner: String,
    epoch: Epoch,
    /// The number of the next one.
    next: u32,
}

impl Stages {
    pub(super) fn new(schema: &str, asset: &AssetName, partition: &PartitionKey, epoch: Epoch) -> Self {
        let mut digest = Sha256::new();
        digest.update(asset.as_str());
        digest.update([0]);
        digest.update(&partition.0);
        let owner = digest.finalize()[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            schema: schema.to_owned(),
            owner,
            epoch,
            next: 0,
        }
    }

    /// A name for the next table.
    pub(super) fn next_name(&mut self) -> String {
        self.next += 1;
        format!("{PREFIX}{}_{}_{}", self.owner, self.epoch, self.next)
    }

    /// A table's name with its schema, as SQL writes it.
    pub(super) fn place(&self, stage: &str) -> String {
        format!("{}.{}", name(&self.schema), name(stage))
    }

    /// The statement that makes a table for columns of the target. One that need not outlive its attempt is not written to
    /// the server's log.
    pub(super) fn create(
        &self,
        stage: &str,
        target: &TableDefinition,
        columns: &[&str],
        outlives: bool,
    ) -> String {
        let unlogged = if outlives { "" } else { "UNLOGGED " };
        let columns: Vec<String> = columns
            .iter()
            .filter_map(|column| target.column(column))
            .map(TableColumn::ddl)
            .collect();
        format!(
            "CREATE {unlogged}TABLE {} ({}) WITH (autovacuum_enabled = false)",
            self.place(stage),
            columns.join(", ")
        )
    }

    /// Drops what attempts that are over have left, but for the parts that this one goes on from; these must be as they were
    /// left.
    pub(super) async fn take_over(&self, session: &mut Session, held: &[Part]) -> Result<()> {
        let found = session
            .rows(&format!(
                "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = {} AND c.relkind = 'r' AND starts_with(c.relname::text, {})",
                literal(&self.schema),
                literal(&format!("{PREFIX}{}_", self.owner))
            ))
            .await?;
        let found = found
            .iter()
            .map(|row| value::<String>(row, 0))
            .collect::<Result<Vec<_>>>()?;
        for stage in &found {
            if !held.iter().any(|part| part.name == *stage) {
                self.drop(session, stage).await?;
            }
        }
        for part in held {
            let lost = |reason: String| PostgresError::StagedLost {
                table: part.name.clone(),
                reason,
            };
            if !found.contains(&part.name) {
                return Err(lost("it is gone".into()));
            }
            let rows = session
                .number(&format!("SELECT count(*) FROM {}", self.place(&part.name)))
                .await?;
            if rows as u64 != part.rows {
                return Err(lost(format!(
                    "it has {rows} rows, and {} were written",
                    part.rows
                )));
            }
        }
        Ok(())
    }

    /// Drops a table.
    pub(super) async fn drop(&self, session: &mut Session, stage: &str) -> Result<()> {
        session
            .execute(&format!("DROP TABLE IF EXISTS {}", self.place(stage)))
            .await
    }
}
