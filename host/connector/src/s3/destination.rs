//! The destination: one object a part under the keys of one partition, made visible by a manifest.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use tidegate_core::plan::{AssetName, Epoch, LoadToken, PartitionKey};
use tidegate_core::port::{Commit, Destination, LoadReceipt, OpenDestination, Part};
use tidegate_core::schema::{Column, Load};
use tidegate_core::{Error, Result};
use tokio::task::JoinHandle;

use super::bucket::Bucket;
use super::commit::{self, fenced, verify_staged};
use super::config::{DestinationConfig, PartFormat, ResourceConfig};
use super::error::S3Error;
use super::partition::{Partition, partition_folder};
use super::upload::{UploadSink, abort_dead};
use crate::blocking;
use crate::format::{Finished, ParquetEncoder, TextEncoder, TextFormat, encodings, refuse_nested};
use crate::layout::{parse_part, part_name};
use crate::manifest::PendingLoad;

/// Writes one load of an asset partition.
pub(super) struct S3Destination {
    partition: Partition,
    config: DestinationConfig,
    asset: AssetName,
    key: PartitionKey,
    epoch: Epoch,
    token: LoadToken,
    load: Load,
    schema: SchemaRef,
    /// What is staged, by earlier attempts and this one.
    parts: Vec<Part>,
    /// The number of the next part.
    number: u64,
    current: Option<Current>,
}

/// The part that is being written.
struct Current {
    name: String,
    encoder: Encoder,
    /// Ends when the object is there, or nothing is left of it.
    upload: JoinHandle<()>,
}

enum Encoder {
    Parquet(Box<ParquetEncoder>),
    Text(TextEncoder),
}

impl S3Destination {
    /// Looks at what lies in the partition, refuses an attempt that is too late, and clears what dead attempts left half
    /// uploaded.
    pub(super) async fn open(
        resource: &ResourceConfig,
        config: DestinationConfig,
        open: &OpenDestination<'_>,
    ) -> Result<Self> {
        if config.format == PartFormat::Csv {
            let columns = Column::of_schema(&open.schema).unwrap_or_default();
            if let Some(error) = columns.iter().find_map(refuse_nested) {
                return Err(error);
            }
        }
        let partition = Partition {
            bucket: Arc::new(Bucket::open(resource).await),
            folder: partition_folder(&resource.prefix, open.asset, open.partition),
        };
        let newest = partition.newest().await?;
        if let Some(newest) = &newest
            && newest.committed(open.token).is_none()
        {
            if newest.epoch > open.epoch {
                return Err(fenced(&partition, newest.epoch, open.epoch).into());
            }
            let other =
                |part: &Part| parse_part(&part.name).and_then(|(.., ending)| PartFormat::of_ending(ending));
            if open.spec.load == Load::Append
                && newest.parts.iter().any(|part| other(part) != Some(config.format))
            {
                return Err(S3Error::FormatMixed {
                    place: partition.url(),
                    wanted: config.format.text(),
                }
                .into());
            }
        }
        verify_staged(&partition, open.staged).await?;
        // An epoch is used once, but where the state store was reset it may have been used before: never write over a part.
        let own = partition
            .parts()
            .await?
            .into_iter()
            .filter(|part| part.epoch == open.epoch);
        let number = own.map(|part| part.number + 1).max().unwrap_or(0);
        let (folder, epoch) = (partition.folder.clone(), open.epoch);
        let is_dead = |key: &str| {
            let name = key.strip_prefix(&folder).unwrap_or_default();
            parse_part(name).is_some_and(|(found, ..)| found < epoch)
        };
        // Not every service can list them, and what they cost is room alone.
        let _ = abort_dead(&partition.bucket, &partition.part_key("part-"), is_dead).await;
        Ok(Self {
            partition,
            config,
            asset: open.asset.clone(),
            key: open.partition.clone(),
            epoch,
            token: open.token.clone(),
            load: open.spec.load,
            schema: open.schema.clone(),
            parts: open.staged.to_vec(),
            number,
            current: None,
        })
    }

    async fn begin_part(&mut self, first: &RecordBatch) -> Result<()> {
        let name = part_name(self.epoch, self.number, &self.config.ending());
        self.number += 1;
        let (sink, upload) = UploadSink::start(self.partition.bucket.clone(), self.partition.part_key(&name));
        let sink = Box::new(sink);
        let unknown = || S3Error::internal("the format is not compressed so");
        let encoder = match self.config.format {
            PartFormat::Parquet => {
                let compression = self.config.column_compression().ok_or_else(unknown)?;
                let properties = encodings(compression, first);
                let (schema, rows) = (self.schema.clone(), self.config.row_group_rows);
                let create = move || ParquetEncoder::create(sink, &schema, properties, rows);
                Encoder::Parquet(Box::new(blocking::run(create).await?))
            }
            format => {
                let compression = self.config.text_compression().ok_or_else(unknown)?;
                let format = match format {
                    PartFormat::Csv => TextFormat::Csv {
                        null_text: self.config.null_text.clone(),
                    },
                    _ => TextFormat::Jsonl,
                };
                Encoder::Text(TextEncoder::start(sink, format, compression)?)
            }
        };
        self.current = Some(Current {
            name,
            encoder,
            upload,
        });
        Ok(())
    }
}

impl Encoder {
    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        match self {
            Self::Parquet(encoder) => encoder.write(batch).await,
            Self::Text(encoder) => encoder.write(batch).await,
        }
    }

    async fn finish(self) -> Result<Finished> {
        match self {
            Self::Parquet(encoder) => encoder.finish().await,
            Self::Text(encoder) => encoder.finish().await,
        }
    }

    async fn abandon(self) {
        match self {
            Self::Parquet(encoder) => encoder.abandon().await,
            Self::Text(encoder) => encoder.abandon().await,
        }
    }
}

#[async_trait]
impl Destination for S3Destination {
    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.schema_ref() != &self.schema {
            return Err(Error::from(S3Error::internal(
                "a batch does not have the schema that was announced",
            )));
        }
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.current.is_none() {
            self.begin_part(&batch).await?;
        }
        if let Some(current) = &mut self.current {
            current.encoder.write(batch).await?;
        }
        Ok(())
    }

    async fn stage(&mut self) -> Result<Option<Vec<Part>>> {
        if let Some(current) = self.current.take() {
            let finished = current.encoder.finish().await?;
            self.parts.push(Part {
                name: current.name,
                rows: finished.rows,
                bytes: finished.bytes,
                sha256: finished.sha256,
            });
        }
        Ok(Some(self.parts.clone()))
    }

    async fn commit(mut self: Box<Self>, commit: Commit) -> Result<LoadReceipt> {
        let parts = self.stage().await?.unwrap_or_default();
        let columns = Column::of_schema(&self.schema)
            .ok_or_else(|| S3Error::internal("a column has a type that the schema has no word for"))?;
        let pending = PendingLoad {
            asset: self.asset.clone(),
            partition: self.key.clone(),
            epoch: self.epoch,
            token: self.token.clone(),
            load: self.load,
            columns,
            parts,
            at: commit.at,
        };
        Ok(commit::commit(&self.partition, &pending).await?)
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        if let Some(current) = self.current.take() {
            current.encoder.abandon().await;
            let _ = current.upload.await;
        }
        // Where a newer attempt has loaded the partition, nobody goes on from what this one staged, and the newer one's
        // sweep may have come before it was there.
        let newest = self.partition.newest().await?;
        if newest.as_ref().is_some_and(|newest| newest.epoch > self.epoch) {
            commit::forget_own(&self.partition, newest.as_ref(), self.epoch).await;
        }
        Ok(())
    }
}
