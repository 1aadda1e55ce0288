//! The `clickhouse` connector: a database of a ClickHouse server as source and destination, over its HTTP interface.

mod block;
mod config;
mod destination;
mod dictionary;
mod error;
mod failure;
mod health;
mod ledger;
mod moves;
mod operations;
mod server;
mod since;
mod source;
mod sql;
mod staging;
mod table;
mod told_type;
mod types;

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use schemars::schema_for;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_core::plan::{AssetName, DestinationSpec, PartitionKey, SourceSpec};
use tidegate_core::port::{
    AskHealth, Change, ChangeBy, Connector, Destination, Health, OpenChanges, OpenDestination, OpenSource,
    Source,
};
use tidegate_core::schema::{Asset, Column, Node, decode, fill_placeholders};
use tidegate_core::{Error, Result};

pub use self::config::{
    ColumnConfig, Compression, DestinationConfig, PartitionLength, ResourceConfig, Role, SourceConfig,
};
use self::destination::ClickHouseDestination;
use self::error::ClickHouseError;
pub use self::health::ServerHealth;
pub use self::operations::{ColumnSize, MergeInfo, Operations, PartitionInfo, TableSize};
use self::server::Server;
use self::source::{CheckedSource, ClickHouseSource};
use self::table::{CheckedDestination, LiveTable, differences, with_evolved};
pub use types::{Calendar, UnfitColumn, WireRange, column_type, wire_range, wire_type};

/// ClickHouse servers.
#[derive(Debug, Clone, Copy)]
pub struct ClickHouseConnector;

#[async_trait]
impl Connector for ClickHouseConnector {
    fn kind(&self) -> &'static str {
        "clickhouse"
    }

    fn takes_secrets(&self) -> bool {
        true
    }

    fn check_resource(&self, config: &Node, _root: &Path) -> Result<serde_json::Value, Vec<Error>> {
        to_json(&config::check_resource(config)?)
    }

    fn check_source(&self, config: &Node, _columns: &[Column]) -> Result<serde_json::Value, Vec<Error>> {
        to_json(&CheckedSource::Configured(config::check_source(config)?))
    }

    fn reads_since(&self) -> bool {
        true
    }

    fn resumes(&self) -> bool {
        false
    }

    fn check_destination(&self, config: &Node, asset: &Asset) -> Result<serde_json::Value, Vec<Error>> {
        to_json(&table::design(&decode(config)?, asset)?)
    }

    fn json_schemas(&self) -> [schemars::Schema; 3] {
        [
            schema_for!(ResourceConfig),
            schema_for!(SourceConfig),
            schema_for!(DestinationConfig),
        ]
    }

    fn asset_source(
        &self,
        _asset: &AssetName,
        destination: &DestinationSpec,
        columns: &[Column],
    ) -> Result<SourceSpec> {
        let checked: CheckedDestination = from_json(&destination.config)?;
        let config = CheckedSource::Asset {
            table: checked.table.name,
            slice: checked.slice,
        };
        Ok(SourceSpec {
            cursor: None,
            connector: self.kind().to_owned(),
            resource: destination.resource.clone(),
            config: serde_json::to_value(config).map_err(|error| codec(&error))?,
            columns: columns.to_vec(),
        })
    }

    fn sql_source(
        &self,
        sql: &str,
        assets: &[(AssetName, DestinationSpec)],
        columns: &[Column],
    ) -> Result<Option<SourceSpec>> {
        let mut tables = BTreeMap::new();
        for (asset, spec) in assets {
            let checked: CheckedDestination = from_json(&spec.config)?;
            let merged = if LiveTable::engine_merges_rows(&checked.table.engine) {
                " FINAL"
            } else {
                ""
            };
            tables.insert(asset, format!("{}{merged}", sql::name(&checked.table.name)));
        }
        let query = fill_placeholders(sql, |asset| tables.get(asset).cloned().unwrap_or_default());
        let config = CheckedSource::Configured(SourceConfig {
            table: None,
            query: Some(query),
            merged: None,
        });
        let Some((_, first)) = assets.first() else {
            return Ok(None);
        };
        Ok(Some(SourceSpec {
            cursor: None,
            connector: self.kind().to_owned(),
            resource: first.resource.clone(),
            config: serde_json::to_value(config).map_err(|error| codec(&error))?,
            columns: columns.to_vec(),
        }))
    }

    fn locate(&self, asset: &AssetName, destination: &DestinationSpec, _partition: &PartitionKey) -> String {
        let resource: Result<ResourceConfig, _> = from_json(&destination.resource);
        let checked: Result<CheckedDestination, _> = from_json(&destination.config);
        match (resource, checked) {
            (Ok(resource), Ok(checked)) => {
                format!("{}.{} on {}", resource.database, checked.table.name, resource.url)
            }
            _ => asset.to_string(),
        }
    }

    async fn changes(&self, open: OpenChanges<'_>) -> Result<Vec<Change>> {
        let (server, config) = connect(&open)?;
        Ok(look(&server, &config).await?)
    }

    async fn apply_changes(&self, open: OpenChanges<'_>) -> Result<Vec<Change>> {
        let (server, config) = connect(&open)?;
        let changes = look(&server, &config).await?;
        for change in &changes {
            if change.by != ChangeBy::Hand {
                server.execute(&change.statement).await?;
            }
        }
        Ok(changes)
    }

    async fn optimize(&self, destination: &DestinationSpec) -> Result<Option<serde_json::Value>> {
        let table = Operations::new(destination)?;
        table.optimize(None).await?;
        let left = table.partitions().await?;
        let parts: u64 = left.iter().map(|each| each.parts).sum();
        Ok(Some(
            serde_json::json!({"partitions": left.len(), "parts": parts}),
        ))
    }

    async fn check_health(&self, ask: AskHealth<'_>) -> Result<Option<Health>, Vec<Error>> {
        health::check(&ask)
            .await
            .map(Some)
            .map_err(|errors| errors.into_iter().map(Error::from).collect())
    }

    async fn open_source(&self, open: OpenSource<'_>) -> Result<Box<dyn Source>> {
        let resource: ResourceConfig = from_json(&open.spec.resource)?;
        let config: CheckedSource = from_json(&open.spec.config)?;
        Ok(Box::new(ClickHouseSource::open(&resource, config, &open).await?))
    }

    async fn open_destination(&self, open: OpenDestination<'_>) -> Result<Box<dyn Destination>> {
        let resource: ResourceConfig = from_json(&open.spec.resource)?;
        let config: CheckedDestination = from_json(&open.spec.config)?;
        Ok(Box::new(
            ClickHouseDestination::open(&resource, config, &open).await?,
        ))
    }
}

fn connect(open: &OpenChanges<'_>) -> error::Result<(Server, CheckedDestination)> {
    let resource: ResourceConfig = from_json(&open.spec.resource)?;
    let mut config: CheckedDestination = from_json(&open.spec.config)?;
    config.table = with_evolved(&config.table, &open.schema)?;
    Ok((Server::new(&resource), config))
}

async fn look(server: &Server, config: &CheckedDestination) -> error::Result<Vec<Change>> {
    server.greet().await?;
    let live = LiveTable::read(server, &config.table.name).await?;
    Ok(differences(&config.table, live.as_ref()))
}

fn to_json(value: &impl Serialize) -> Result<serde_json::Value, Vec<Error>> {
    serde_json::to_value(value).map_err(|error| vec![codec(&error).into()])
}

fn from_json<T: DeserializeOwned>(value: &serde_json::Value) -> error::Result<T> {
    serde_json::from_value(value.clone()).map_err(|error| codec(&error))
}

fn codec(error: &serde_json::Error) -> ClickHouseError {
    ClickHouseError::Internal(format!("a config could not be carried: {error}"))
}
