//! The `file` connector: CSV, JSON Lines and Parquet files in a folder as sources, Parquet as destination.

mod commit;
mod config;
mod destination;
mod error;
mod health;
mod layout;
mod local;
mod manifests;
mod part_file;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use schemars::schema_for;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_core::plan::{AssetName, DestinationSpec, PartitionKey, SourceSpec};
use tidegate_core::port::{
    AskHealth, Connector, Destination, FoundFile, Health, OpenDestination, OpenSource, Source,
};
use tidegate_core::schema::{Asset, Column, Node};
use tidegate_core::{Error, Result};

use self::config::CheckedSource;
pub use self::config::{DestinationConfig, DestinationFormat, ResourceConfig};
use self::destination::FileDestination;
pub(crate) use self::error::FileError;
use self::local::LocalFile;
use crate::blocking;
pub use crate::format::{ColumnCompression, Compression, Format, OnBadRow, SourceConfig};
use crate::format::{FileCursor, FileFormat, Origin, ReadFiles};

/// Files in a folder.
#[derive(Debug, Clone, Copy)]
pub struct FileConnector;

#[async_trait]
impl Connector for FileConnector {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn check_resource(&self, config: &Node, root: &Path) -> Result<serde_json::Value, Vec<Error>> {
        to_json(&config::check_resource(config, root)?)
    }

    fn check_source(&self, config: &Node, columns: &[Column]) -> Result<serde_json::Value, Vec<Error>> {
        to_json(&config::check_source(config, columns)?)
    }

    fn check_destination(&self, config: &Node, asset: &Asset) -> Result<serde_json::Value, Vec<Error>> {
        to_json(&config::check_destination(config, asset.destination.load)?)
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
        let config = CheckedSource::Asset(asset.as_str().to_owned());
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
            Ok(resource) => layout::partition_folder(&resource.root, asset, partition)
                .display()
                .to_string(),
            Err(_) => asset.to_string(),
        }
    }

    async fn find_files(&self, resource: &serde_json::Value, path: &str) -> Result<Option<Vec<FoundFile>>> {
        let resource: ResourceConfig = from_json(resource)?;
        let path = path.to_owned();
        let found = blocking::run(move || local::look(&resource.root, &path));
        Ok(Some(found.await?))
    }

    async fn check_health(&self, ask: AskHealth<'_>) -> Result<Option<Health>, Vec<Error>> {
        let resource: ResourceConfig = from_json(ask.resource).map_err(|error| vec![error.into()])?;
        let (reads, writes) = (ask.reads, ask.writes);
        blocking::run(move || health::check(&resource.root, reads, writes))
            .await
            .map(Some)
            .map_err(|error| vec![error])
    }

    async fn open_source(&self, open: OpenSource<'_>) -> Result<Box<dyn Source>> {
        let resource: ResourceConfig = from_json(&open.spec.resource)?;
        let key = open.partition.map(|partition| partition.key.clone());
        let cursor = open.cursor.map(FileCursor::decode).transpose()?;
        let root = resource.root;
        let (files, format) = match from_json(&open.spec.config)? {
            CheckedSource::Files(config) => {
                let path = config.path.clone();
                let find = move || local::find(&root, &path, key.as_ref().map(|key| key.0.as_str()));
                let files = resume(find, cursor.clone()).await?;
                let format = if config.format == Format::Parquet {
                    FileFormat::Parquet { fill_missing: false }
                } else {
                    FileFormat::Text(config)
                };
                (files, format)
            }
            CheckedSource::Asset(asset) => {
                let asset = AssetName::try_from(asset).map_err(FileError::internal)?;
                let find = move || asset_files(&root, &asset, key.as_ref());
                let files = resume(find, cursor.clone()).await?;
                (files, FileFormat::Parquet { fill_missing: true })
            }
        };
        let files = files
            .into_iter()
            .map(|path| Ok(Box::new(LocalFile(path)) as Box<dyn Origin>));
        let read = ReadFiles {
            columns: open.spec.columns.clone(),
            files: Box::new(files),
            resume: cursor,
            batch_rows: open.batch_rows,
            format,
            watermark: None,
        };
        Ok(Box::new(read.start()))
    }

    async fn open_destination(&self, open: OpenDestination<'_>) -> Result<Box<dyn Destination>> {
        let resource: ResourceConfig = from_json(&open.spec.resource)?;
        let config: DestinationConfig = from_json(&open.spec.config)?;
        Ok(Box::new(
            FileDestination::open(&resource.root, config, &open).await?,
        ))
    }
}

/// The files to read, on from a cursor's.
async fn resume(
    find: impl FnOnce() -> error::Result<Vec<PathBuf>> + Send + 'static,
    cursor: Option<FileCursor>,
) -> Result<Vec<PathBuf>> {
    let find = move || {
        let files = find()?;
        match cursor {
            Some(cursor) => rest(&cursor, files),
            None => Ok(files),
        }
    };
    blocking::run(find).await
}

/// The files from a cursor's on. Fails where it is gone or not as it was.
fn rest(cursor: &FileCursor, files: Vec<PathBuf>) -> error::Result<Vec<PathBuf>> {
    let path = Path::new(&cursor.path);
    let rest: Vec<_> = files.into_iter().skip_while(|file| file != path).collect();
    if rest.is_empty() {
        return Err(FileError::Changed {
            path: cursor.path.clone(),
            what: "it is gone".into(),
        });
    }
    local::verify(path, &cursor.stamp)?;
    Ok(rest)
}

/// The parts of an asset, as the newest manifests list them.
fn asset_files(
    root: &Path,
    asset: &AssetName,
    partition: Option<&PartitionKey>,
) -> error::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in manifests::loaded_folders(root, asset, partition)? {
        if let Some(manifest) = manifests::newest(&folder)? {
            files.extend(manifest.parts.iter().map(|part| folder.join(&part.name)));
        }
    }
    Ok(files)
}

fn to_json(value: &impl Serialize) -> Result<serde_json::Value, Vec<Error>> {
    serde_json::to_value(value).map_err(|error| vec![codec(&error).into()])
}

fn from_json<T: DeserializeOwned>(value: &serde_json::Value) -> error::Result<T> {
    serde_json::from_value(value.clone()).map_err(|error| codec(&error))
}

fn codec(error: &serde_json::Error) -> FileError {
    FileError::Internal(format!("a config could not be carried: {error}"))
}
