//! The `postgres` connector: a database of a Postgres server as source and destination, through binary `COPY`.

mod config;
mod copy;
mod decode;
mod destination;
mod discover;
mod encode;
mod error;
mod failure;
mod fence;
mod health;
mod moves;
mod read;
mod selection;
mod server;
mod since;
mod slice;
mod source;
mod sql;
mod stage;
mod table;
mod told_type;
mod types;
mod wire;

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use schemars::schema_for;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_core::plan::{AssetName, DestinationSpec, PartitionKey, SourceSpec};
use tidegate_core::port::{
    AskHealth, Change, ChangeBy, Connector, Destination, Discovered, Health, OpenChanges, OpenDestination,
    OpenSource, Source,
};
use tidegate_core::schema::{Asset, Column, Node, decode, fill_placeholders};
use tidegate_core::{Error, Result};

pub use self::config::{ColumnConfig, DestinationConfig, OnBadRow, ResourceConfig, SourceConfig, Tls};
use self::destination::PostgresDestination;
use self::error::PostgresError;
use self::server::{Server, Session};
use self::source::{CheckedSource, PostgresSource};
use self::table::{CheckedDestination, LiveTable, differences, with_evolved};

/// Postgres servers.
#[derive(Debug, Clone, Copy)]
pub struct PostgresConnector;

#[async_trait]
impl Connector for PostgresConnector {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    fn takes_secrets(&self) -> bool {
        true
    }

    fn check_resource(&self, config: &Node, root: &Path) -> Result<serde_json::Value, Vec<Error>> {
        let mut config = config::check_resource(config)?;
        config.ca = config.ca.map(|ca| root.join(ca).to_string_lossy().into_owned());
        to_json(&config)
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
        let (resource, checked) = carried(destination)?;
        let config = CheckedSource::Asset {
            schema: checked.schema_in(&resource).to_owned(),
            table: checked.table.name,
            slice: checked.slice,
        };
        self.spec(destination, &config, columns)
    }

    fn sql_source(
        &self,
        sql: &str,
        assets: &[(AssetName, DestinationSpec)],
        columns: &[Column],
    ) -> Result<Option<SourceSpec>> {
        let mut tables = BTreeMap::new();
        for (asset, spec) in assets {
            let (resource, checked) = carried(spec)?;
            let place = format!(
                "{}.{}",
                sql::name(checked.schema_in(&resource)),
                sql::name(&checked.table.name)
            );
            tables.insert(asset, place);
        }
        let query = fill_placeholders(sql, |asset| tables.get(asset).cloned().unwrap_or_default());
        let config = CheckedSource::Configured(SourceConfig::of_query(query));
        match assets.first() {
            Some((_, first)) => self.spec(first, &config, columns).map(Some),
            None => Ok(None),
        }
    }

    fn locate(&self, asset: &AssetName, destination: &DestinationSpec, _partition: &PartitionKey) -> String {
        match carried(destination) {
            Ok((resource, checked)) => format!(
                "{}.{} in {}",
                checked.schema_in(&resource),
                checked.table.name,
                resource.url
            ),
            Err(_) => asset.to_string(),
        }
    }

    async fn changes(&self, open: OpenChanges<'_>) -> Result<Vec<Change>> {
        let (mut session, config) = connect(&open).await?;
        Ok(look(&mut session, &config).await?)
    }

    async fn apply_changes(&self, open: OpenChanges<'_>) -> Result<Vec<Change>> {
        let (mut session, config) = connect(&open).await?;
        let changes = look(&mut session, &config).await?;
        for change in &changes {
            if change.by != ChangeBy::Hand {
                session.make(&change.statement).await?;
            }
        }
        Ok(changes)
    }

    async fn discover(&self, resource: &serde_json::Value) -> Result<Vec<Discovered>> {
        let resource: ResourceConfig = from_json(resource)?;
        let mut session = Server::new(&resource, "tidegate discover")?.connect().await?;
        Ok(discover::discover(&mut session, &resource.schema).await?)
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
        Ok(Box::new(PostgresSource::open(&resource, &config, &open).await?))
    }

    async fn open_destination(&self, open: OpenDestination<'_>) -> Result<Box<dyn Destination>> {
        let resource: ResourceConfig = from_json(&open.spec.resource)?;
        let config: CheckedDestination = from_json(&open.spec.config)?;
        Ok(Box::new(
            PostgresDestination::open(&resource, config, &open).await?,
        ))
    }
}

impl PostgresConnector {
    fn spec(
        self,
        destination: &DestinationSpec,
        config: &CheckedSource,
        columns: &[Column],
    ) -> Result<SourceSpec> {
        Ok(SourceSpec {
            cursor: None,
            connector: self.kind().to_owned(),
            resource: destination.resource.clone(),
            config: serde_json::to_value(config).map_err(|error| codec(&error))?,
            columns: columns.to_vec(),
        })
    }
}

impl CheckedDestination {
    /// The schema of the table: its own, or the resource's.
    fn schema_in<'a>(&'a self, resource: &'a ResourceConfig) -> &'a str {
        if self.table.schema.is_empty() {
            &resource.schema
        } else {
            &self.table.schema
        }
    }
}

fn carried(destination: &DestinationSpec) -> error::Result<(ResourceConfig, CheckedDestination)> {
    Ok((from_json(&destination.resource)?, from_json(&destination.config)?))
}

async fn connect(open: &OpenChanges<'_>) -> error::Result<(Session, CheckedDestination)> {
    let (resource, mut config) = carried(open.spec)?;
    config.table = with_evolved(&config.table, &open.schema)?;
    let schema = config.schema_in(&resource).to_owned();
    config.table.schema = schema;
    let session = Server::new(&resource, "tidegate plan")?.connect().await?;
    Ok((session, config))
}

async fn look(session: &mut Session, config: &CheckedDestination) -> error::Result<Vec<Change>> {
    let live = LiveTable::read(session, &config.table.schema, &config.table.name).await?;
    Ok(differences(&config.table, live.as_ref()))
}

fn to_json(value: &impl Serialize) -> Result<serde_json::Value, Vec<Error>> {
    serde_json::to_value(value).map_err(|error| vec![codec(&error).into()])
}

fn from_json<T: DeserializeOwned>(value: &serde_json::Value) -> error::Result<T> {
    serde_json::from_value(value.clone()).map_err(|error| codec(&error))
}

fn codec(error: &serde_json::Error) -> PostgresError {
    PostgresError::Internal(format!("a config could not be carried: {error}"))
}
