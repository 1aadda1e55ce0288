//! The `file` connector: CSV, JSON Lines and Parquet files in a folder as sources, Parquet as destination.

mod commit;
mod config;
mod csv;
mod cursor;
mod destination;
mod encode;
mod error;
mod input;
mod jsonl;
mod layout;
mod manifests;
mod parquet;
mod rejects;
mod scan;
mod source;
mod splitter;
mod text;
mod types;
mod values;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use schemars::schema_for;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_core::plan::{AssetName, DestinationSpec, PartitionKey, SourceSpec};
use tidegate_core::port::{Connector, Destination, OpenDestination, OpenSource, Source};
use tidegate_core::schema::{Asset, Column, Node};
use tidegate_core::{Error, Result};

use crate::blocking;

use self::config::{CheckedFiles, CheckedSource};
pub use self::config::{
    ColumnCompression, Compression, DestinationConfig, DestinationFormat, Format, OnBadRow, ResourceConfig,
    SourceConfig,
};
use self::cursor::FileCursor;
use self::destination::FileDestination;
pub(crate) use self::error::FileError;
use self::parquet::ParquetFiles;
use self::source::FileSource;
use self::text::TextFiles;

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

    async fn open_source(&self, open: OpenSource<'_>) -> Result<Box<dyn Source>> {
        let resource: ResourceConfig = from_json(&open.spec.resource)?;
        let key = open.partition.map(|partition| partition.key.clone());
        let cursor = open.cursor.map(FileCursor::decode).transpose()?;
        let columns = open.spec.columns.clone();
        let schema = Column::schema(&columns);
        let batch_rows = open.batch_rows.max(1);
        match from_json(&open.spec.config)? {
            CheckedSource::Files(config) => {
                let path = config.path.clone();
                let find = move || input::find(&resource.root, &path, key.as_ref().map(|key| key.0.as_str()));
                let files = resume(find, cursor.clone()).await?;
                if config.format == Format::Parquet {
                    let files = ParquetFiles {
                        columns,
                        schema: schema.clone(),
                        files,
                        resume: cursor,
                        batch_rows,
                        fill_missing: false,
                    };
                    return Ok(Box::new(FileSource::start(schema, move |outlet| {
                        files.read(outlet)
                    })));
                }
                let files = text_files(config, columns, &schema, files, cursor, batch_rows);
                Ok(Box::new(FileSource::start(schema, move |outlet| {
                    files.read(outlet)
                })))
            }
            CheckedSource::Asset(asset) => {
                let asset = AssetName::try_from(asset).map_err(FileError::internal)?;
                let find = move || asset_files(&resource.root, &asset, key.as_ref());
                let files = ParquetFiles {
                    columns,
                    schema: schema.clone(),
                    files: resume(find, cursor.clone()).await?,
                    resume: cursor,
                    batch_rows,
                    fill_missing: true,
                };
                Ok(Box::new(FileSource::start(schema, move |outlet| {
                    files.read(outlet)
                })))
            }
        }
    }

    async fn open_destination(&self, open: OpenDestination<'_>) -> Result<Box<dyn Destination>> {
        let resource: ResourceConfig = from_json(&open.spec.resource)?;
        let config: DestinationConfig = from_json(&open.spec.config)?;
        Ok(Box::new(
            FileDestination::open(&resource.root, config, &open).await?,
        ))
    }
}

fn text_files(
    config: CheckedFiles,
    columns: Vec<Column>,
    schema: &arrow_schema::SchemaRef,
    files: Vec<PathBuf>,
    resume: Option<FileCursor>,
    batch_rows: usize,
) -> TextFiles {
    TextFiles {
        config,
        columns,
        schema: schema.clone(),
        files,
        resume,
        batch_rows,
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
            Some(cursor) => cursor.rest(files),
            None => Ok(files),
        }
    };
    blocking::run(find).await
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
