//! Rows that a server already has: an `INSERT … SELECT` into a staging table, without them passing through the host.

use sha2::Digest as _;
use tidegate_core::plan::{Partition, SourceSpec};
use tidegate_core::schema::Column;

use super::super::config::ResourceConfig;
use super::super::error::{ClickHouseError, Result};
use super::super::from_json;
use super::super::source::{CheckedSource, selection};
use super::super::sql::name;
use super::super::staging::rows_of;
use super::ClickHouseDestination;

/// How often a query that fills a staging table is begun again.
const FETCH_TRIES: u32 = 3;

impl ClickHouseDestination {
    /// Whether the rows of a source lie in the same database, and can be selected as they have to be.
    pub(super) fn can_fetch(&self, source: &SourceSpec, window: Option<&Partition>) -> bool {
        let Ok(config) = from_json::<CheckedSource>(&source.config) else {
            return false;
        };
        // Nobody else's secret is compared: both stand as references, or both filled in.
        source.connector == "clickhouse"
            && from_json::<ResourceConfig>(&source.resource)
                .is_ok_and(|resource| resource.is_same_place(&self.resource))
            // Of a table that is nobody's asset, rows without a value in the slice's column are for the quarantine.
            && window.is_none_or(|slice| config.tells(slice))
            // The server would make a number that is too large another, and a text that is no UUID none, without a word.
            && self.config.table.columns.iter().all(|column| !column.told)
    }

    /// Lets the server fill a staging table from a query of its own.
    pub(super) async fn fetch(&mut self, source: &SourceSpec, window: Option<&Partition>) -> Result<u64> {
        if let Some(row) = &self.committed {
            return Ok(row.rows);
        }
        let config: CheckedSource = from_json(&source.config)?;
        let loaded = Column::of_schema(&self.schema).ok_or_else(|| {
            ClickHouseError::Internal("a column has a type that the schema has no word for".into())
        })?;
        let query = selection(&self.server, config, &loaded, window).await?;
        let live = self.table().await?;
        let mut tries = 0;
        loop {
            let stage = self.stage_name(&live).await?;
            let columns: Vec<String> = loaded.iter().map(|column| name(&column.name)).collect();
            let statement = format!(
                "INSERT INTO {} ({}) {query}",
                name(&stage.to_string()),
                columns.join(", ")
            );
            match self.server.execute_once(&statement).await {
                Ok(()) => {
                    let rows = rows_of(&self.server, &stage.to_string()).await?;
                    if let Some(stage) = &mut self.current {
                        stage.rows = rows;
                        // No bytes pass here: the digest is of what was asked.
                        stage.digest.update(&statement);
                    }
                    return Ok(rows);
                }
                // Some rows may be in: the next try has a table of its own.
                Err(error) if error.class().passes() && tries < FETCH_TRIES => {
                    tries += 1;
                    self.current = None;
                    self.staging.drop(&self.server, &stage.to_string()).await?;
                }
                Err(error) => return Err(self.staging.explain(&self.server, error).await),
            }
        }
    }
}
