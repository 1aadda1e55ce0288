//! The `s3` connector: CSV, JSON Lines and Parquet objects in a bucket of S3, or of a service that speaks its protocol, as
//! sources and destinations.

mod answer;
mod bucket;
mod chunks;
mod commit;
mod config;
mod destination;
mod error;
mod health;
mod listing;
mod object;
mod partition;
mod source;
mod upload;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use schemars::schema_for;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_core::plan::{AssetName, DestinationSpec, PartitionKey, SourceSpec};
use tidegate_core::port::{
    AskHealth, Connector, Destination, FoundFile, Health, MAX_FOUND, OpenDestination, OpenSource, Source,
};
use tidegate_core::schema::{Asset, Column, Node};
use tidegate_core::{Error, Result};

pub(crate) use self::bucket::{Bucket, Listing};
use self::config::CheckedSource;
pub use self::config::{DestinationConfig, PartCompression, PartFormat, ResourceConfig, SourceConfig};
use self::destination::S3Destination;
pub(crate) use self::error::S3Error;

/// Buckets of S3, and of services that speak its protocol.
#[derive(Debug, Clone, Copy)]
pub struct S3Connector;

#[async_trait]
impl Connector for S3Connector {
    fn kind(&self) -> &'static str {
        "s3"
    }

    fn takes_secrets(&self) -> bool {
        true
    }

    fn check_resource(&self, config: &Node, _root: &Path) -> Result<serde_json::Value, Vec<Error>> {
        to_json(&config::check_resource(config)?)
    }

    fn check_source(&self, config: &Node, columns: &[Column]) -> Result<serde_json::Value, Vec<Error>> {
        to_json(&config::check_source(config, columns)?)
    }

    fn brings_only_new(&self, source: &serde_json::Value) -> bool {
        matches!(
            from_json::<CheckedSource>(source),
            Ok(CheckedSource::Objects { only_new: true, .. })
        )
    }

    fn check_destination(&self, config: &Node, asset: &Asset) -> Result<serde_json::Value, Vec<Error>> {
        to_json(&config::check_destination(config, asset)?)
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
        asset: &AssetName,
        destination: &DestinationSpec,
        columns: &[Column],
    ) -> Result<SourceSpec> {
        let config = CheckedSource::Asset {
            asset: asset.as_str().to_owned(),
            destination: from_json(&destination.config)?,
        };
        Ok(SourceSpec {
            cursor: None,
            connector: self.kind().to_owned(),
            resource: destination.resource.clone(),
            config: serde_json::to_value(config).map_err(|error| codec(&error))?,
            columns: columns.to_vec(),
        })
    }

    fn locate(&self, asset: &AssetName, destination: &DestinationSpec, partition: &PartitionKey) -> String {
        match from_json::<ResourceConfig>(&destination.resource) {
            Ok(resource) => {
                let folder = partition::partition_folder(&resource.prefix, asset, partition);
                format!("s3://{}/{}", resource.bucket, folder.trim_end_matches('/'))
            }
            Err(_) => asset.to_string(),
        }
    }

    async fn find_files(&self, resource: &serde_json::Value, path: &str) -> Result<Option<Vec<FoundFile>>> {
        let resource: ResourceConfig = from_json(resource)?;
        let bucket = Arc::new(Bucket::open(&resource).await);
        let mut objects = listing::Objects::new(bucket, &resource.prefix, path, None)?;
        let mut found = Vec::new();
        while let Some(object) = objects.next_object().await? {
            if found.len() > MAX_FOUND {
                break;
            }
            let below = object.key.strip_prefix(&resource.prefix).unwrap_or(&object.key);
            found.push(FoundFile {
                path: below.to_owned(),
                version: object.etag,
                modified_ms: object.modified_ms,
            });
        }
        Ok(Some(found))
    }

    async fn check_health(&self, ask: AskHealth<'_>) -> Result<Option<Health>, Vec<Error>> {
        health::check(&ask)
            .await
            .map(Some)
            .map_err(|error| vec![error.into()])
    }

    async fn open_source(&self, open: OpenSource<'_>) -> Result<Box<dyn Source>> {
        let resource: ResourceConfig = from_json(&open.spec.resource)?;
        source::open(&resource, from_json(&open.spec.config)?, &open).await
    }

    async fn open_destination(&self, open: OpenDestination<'_>) -> Result<Box<dyn Destination>> {
        let resource: ResourceConfig = from_json(&open.spec.resource)?;
        let config = from_json(&open.spec.config)?;
        Ok(Box::new(S3Destination::open(&resource, config, &open).await?))
    }
}

fn to_json(value: &impl Serialize) -> Result<serde_json::Value, Vec<Error>> {
    serde_json::to_value(value).map_err(|error| vec![codec(&error).into()])
}

fn from_json<T: DeserializeOwned>(value: &serde_json::Value) -> error::Result<T> {
    serde_json::from_value(value.clone()).map_err(|error| codec(&error))
}

fn codec(error: &serde_json::Error) -> S3Error {
    S3Error::Internal(format!("a config could not be carried: {error}"))
}
