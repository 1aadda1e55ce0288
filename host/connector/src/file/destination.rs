//! The destination: Parquet parts under one folder a partition, made visible by a manifest.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use tidegate_core::plan::{AssetName, Epoch, LoadToken, PartitionKey};
use tidegate_core::port::{Commit, Destination, LoadReceipt, OpenDestination, Part};
use tidegate_core::schema::{Column, Load};

use super::commit::{self, fenced, parts_in, refuse_overtaken, verify_staged};
use super::config::DestinationConfig;
use super::error::{FileError, Result};
use super::layout::{Stage, part_name, part_path, partition_folder};
use super::manifests;
use super::part_file::PartFileSink;
use crate::blocking;
use crate::durable;
use crate::format::{ParquetEncoder, encodings};
use crate::layout::MANIFESTS;
use crate::manifest::PendingLoad;

/// Writes one load of an asset partition.
pub(super) struct FileDestination {
    folder: PathBuf,
    config: DestinationConfig,
    asset: AssetName,
    partition: PartitionKey,
    epoch: Epoch,
    token: LoadToken,
    load: Load,
    schema: SchemaRef,
    /// What is staged, by earlier attempts and this one.
    parts: Vec<Part>,
    /// The number of the next part.
    number: u64,
    current: Option<(String, ParquetEncoder)>,
}

impl FileDestination {
    /// Makes the partition's folder and looks at what lies there.
    pub(super) async fn open(
        root: &Path,
        config: DestinationConfig,
        open: &OpenDestination<'_>,
    ) -> tidegate_core::Result<Self> {
        let folder = partition_folder(root, open.asset, open.partition);
        let root = root.to_owned();
        let (at, staged, epoch, token) = (
            folder.clone(),
            open.staged.to_vec(),
            open.epoch,
            open.token.clone(),
        );
        let number = blocking::run(move || prepare(&root, &at, &staged, epoch, &token)).await?;
        Ok(Self {
            folder,
            config,
            asset: open.asset.clone(),
            partition: open.partition.clone(),
            epoch: open.epoch,
            token: open.token.clone(),
            load: open.spec.load,
            schema: open.schema.clone(),
            parts: open.staged.to_vec(),
            number,
            current: None,
        })
    }

    async fn begin_part(&mut self, first: &RecordBatch) -> tidegate_core::Result<()> {
        let name = part_name(self.epoch, self.number);
        self.number += 1;
        let path = part_path(&self.folder, &name, Stage::Partial);
        let properties = encodings(self.config.compression, first);
        let (schema, rows) = (self.schema.clone(), self.config.row_group_rows);
        let create = move || {
            let sink = PartFileSink::create(path)?;
            ParquetEncoder::create(Box::new(sink), &schema, properties, rows)
        };
        let encoder = blocking::run(create).await?;
        self.current = Some((name, encoder));
        Ok(())
    }
}

#[async_trait]
impl Destination for FileDestination {
    async fn write(&mut self, batch: RecordBatch) -> tidegate_core::Result<()> {
        if batch.schema_ref() != &self.schema {
            return Err(
                FileError::Internal("a batch does not have the schema that was announced".into()).into(),
            );
        }
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.current.is_none() {
            self.begin_part(&batch).await?;
        }
        if let Some((_, encoder)) = &mut self.current {
            encoder.write(batch).await?;
        }
        Ok(())
    }

    async fn stage(&mut self) -> tidegate_core::Result<Option<Vec<Part>>> {
        if let Some((name, encoder)) = self.current.take() {
            let finished = encoder.finish().await?;
            let part = Part {
                name,
                rows: finished.rows,
                bytes: finished.bytes,
                sha256: finished.sha256,
            };
            let (folder, name, epoch) = (self.folder.clone(), part.name.clone(), self.epoch);
            blocking::run(move || keep(&folder, &name, epoch)).await?;
            self.parts.push(part);
        }
        Ok(Some(self.parts.clone()))
    }

    async fn commit(mut self: Box<Self>, commit: Commit) -> tidegate_core::Result<LoadReceipt> {
        let parts = self.stage().await?.unwrap_or_default();
        let columns = Column::of_schema(&self.schema).ok_or_else(|| {
            FileError::Internal("a column has a type that the schema has no word for".into())
        })?;
        let pending = PendingLoad {
            asset: self.asset.clone(),
            partition: self.partition.clone(),
            epoch: self.epoch,
            token: self.token.clone(),
            load: self.load,
            columns,
            parts,
            at: commit.at,
        };
        let folder = self.folder.clone();
        blocking::run(move || commit::commit(&folder, &pending)).await
    }

    async fn abort(mut self: Box<Self>) -> tidegate_core::Result<()> {
        if let Some((name, encoder)) = self.current.take() {
            encoder.abandon().await;
            let path = part_path(&self.folder, &name, Stage::Partial);
            blocking::run(move || durable::remove(&path).map_err(|error| FileError::io(&path, error)))
                .await?;
        }
        let (folder, epoch) = (self.folder.clone(), self.epoch);
        blocking::run(move || forget_overtaken(&folder, epoch)).await
    }
}

/// Removes what an attempt had staged where a newer one has loaded the partition: nobody goes on from it any more, and the
/// newer one's sweep may have come before it was there.
fn forget_overtaken(folder: &Path, epoch: Epoch) -> Result<()> {
    let newest = manifests::newest(folder)?;
    if newest.as_ref().is_some_and(|newest| newest.epoch > epoch) {
        commit::forget_own(folder, newest.as_ref(), epoch);
    }
    Ok(())
}

/// Makes the folders of a partition, refuses an attempt that is too late, and answers the number of its next part.
fn prepare(root: &Path, folder: &Path, staged: &[Part], epoch: Epoch, token: &LoadToken) -> Result<u64> {
    make_folders(root, &folder.join(MANIFESTS))?;
    if let Some(newest) = manifests::newest(folder)?
        && newest.epoch > epoch
        && newest.committed(token).is_none()
    {
        return Err(fenced(folder, newest.epoch, epoch));
    }
    verify_staged(folder, staged)?;
    let mut number = 0;
    for file in parts_in(folder) {
        if file.epoch == epoch {
            // An epoch is used once, but where the state store was reset it may have been used before: never write
            // over a part.
            number = number.max(file.number + 1);
        } else if file.epoch < epoch && file.stage == Stage::Partial {
            // Worthless, and it may be what fills the disk.
            let _ = durable::remove(&part_path(folder, &file.name, file.stage));
        }
    }
    Ok(number)
}

/// Makes a folder and those above it, up to the root's own, and makes their names durable.
fn make_folders(root: &Path, folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|error| FileError::io(folder, error))?;
    for made in folder
        .ancestors()
        .skip(1)
        .take_while(|above| above.starts_with(root))
    {
        durable::sync_folder(made).map_err(|error| FileError::io(made, error))?;
    }
    Ok(())
}

/// Turns a part that is whole on disk into a staged one.
fn keep(folder: &Path, name: &str, epoch: Epoch) -> Result<()> {
    let (from, to) = (
        part_path(folder, name, Stage::Partial),
        part_path(folder, name, Stage::Staged),
    );
    if let Err(error) = fs::rename(&from, &to) {
        if error.kind() != io::ErrorKind::NotFound {
            return Err(FileError::io(&from, error));
        }
        // A newer attempt has committed and swept it up.
        refuse_overtaken(folder, epoch)?;
        return Err(FileError::StagedLost {
            path: from.display().to_string(),
        });
    }
    durable::sync_folder(folder).map_err(|error| FileError::io(folder, error))
}
