//! The source: objects that a path names, or the parts that an asset's manifests list.

use std::sync::Arc;

use serde_json::json;
use tidegate_core::Result;
use tidegate_core::plan::AssetName;
use tidegate_core::port::{OpenSource, Source, Watermark};
use tokio::runtime::Handle;

use super::bucket::{Bucket, Listed};
use super::config::{CheckedSource, DestinationConfig, PartFormat, ResourceConfig};
use super::error::{self, S3Error};
use super::listing::Objects;
use super::object::S3Object;
use super::partition::loaded;
use crate::format::{
    CheckedFiles, Compression, FileCursor, FileFormat, Format, FormatError, OnBadRow, Origin, Origins,
    ReadFiles,
};
use crate::layout::parse_part;

/// The longest record of a part that we wrote ourselves: as long as may be.
const LONGEST_RECORD_BYTES: u64 = 1 << 30;

/// Opens a source of a bucket.
pub(super) async fn open(
    resource: &ResourceConfig,
    source: CheckedSource,
    open: &OpenSource<'_>,
) -> Result<Box<dyn Source>> {
    let bucket = Arc::new(Bucket::open(resource).await);
    let cursor = open.cursor.map(FileCursor::decode).transpose()?;
    let (files, format, watermark) = match source {
        CheckedSource::Objects { files, only_new } => {
            let found = Found {
                bucket,
                prefix: &resource.prefix,
                path: &files.path,
                partition: open.partition.map(|partition| partition.key.0.as_str()),
            };
            let since = open.since.and_then(key_of);
            let (origins, watermark) = if only_new {
                found.new_objects(since, cursor.as_ref()).await?
            } else {
                (found.objects(cursor.as_ref()).await?, None)
            };
            let format = match files.format {
                Format::Parquet => FileFormat::Parquet { fill_missing: false },
                Format::Csv | Format::Jsonl => FileFormat::Text(files),
            };
            (origins, format, watermark)
        }
        CheckedSource::Asset { asset, destination } => {
            let asset = AssetName::try_from(asset).map_err(S3Error::internal)?;
            let key = open.partition.map(|partition| &partition.key);
            let partitions = loaded(&bucket, &resource.prefix, &asset, key).await?;
            let mut parts = Vec::new();
            for partition in partitions {
                let Some(manifest) = partition.newest().await? else {
                    continue;
                };
                for part in manifest.parts {
                    let ending =
                        parse_part(&part.name).and_then(|(.., ending)| PartFormat::of_ending(ending));
                    if ending != Some(destination.format) {
                        return Err(S3Error::FormatMixed {
                            place: partition.url(),
                            wanted: destination.format.text(),
                        }
                        .into());
                    }
                    parts.push((partition.part_key(&part.name), part.bytes));
                }
            }
            let origins = asset_parts(bucket, parts, cursor.as_ref()).await?;
            (origins, part_format(&destination), None)
        }
    };
    let read = ReadFiles {
        columns: open.spec.columns.clone(),
        files,
        resume: cursor,
        batch_rows: open.batch_rows,
        format,
        watermark,
    };
    Ok(Box::new(read.start()))
}

/// The key that a mark is at; none where it is of another kind of source.
fn key_of(mark: &Watermark) -> Option<&str> {
    mark.0["key"].as_str()
}

/// What a path names in a bucket.
struct Found<'a> {
    bucket: Arc<Bucket>,
    prefix: &'a str,
    path: &'a str,
    partition: Option<&'a str>,
}

impl Found<'_> {
    fn all(&self) -> error::Result<Objects> {
        Objects::new(self.bucket.clone(), self.prefix, self.path, self.partition)
    }

    /// Every object, on from a cursor's. Fails where there is none.
    async fn objects(&self, cursor: Option<&FileCursor>) -> error::Result<Origins> {
        if let Some(cursor) = cursor {
            return self.rest(cursor, None).await;
        }
        let mut objects = self.all()?;
        let Some(first) = objects.next_object().await? else {
            return Err(S3Error::NotFound {
                place: objects.place(),
            });
        };
        Ok(chain(self.bucket.clone(), first, objects))
    }

    /// The objects behind a mark, up to the last that there is now, which is the next mark.
    async fn new_objects(
        &self,
        since: Option<&str>,
        cursor: Option<&FileCursor>,
    ) -> error::Result<(Origins, Option<Watermark>)> {
        let mark_of = |key: String| Watermark(json!({ "key": key }));
        if let Some(cursor) = cursor {
            // Whoever goes on reads up to where the first attempt did: its load may be committed already.
            let last = cursor.watermark.as_ref().and_then(key_of);
            let last =
                last.ok_or_else(|| S3Error::internal("the cursor does not say up to where it reads"))?;
            let origins = self.rest(cursor, Some(last.to_owned())).await?;
            return Ok((origins, cursor.watermark.clone()));
        }
        let Some(last) = self.all()?.behind(since).last_key().await? else {
            return Ok((
                Box::new(std::iter::empty()),
                since.map(str::to_owned).map(mark_of),
            ));
        };
        let origins = self.all()?.behind(since).until(Some(last.clone()));
        Ok((Box::new(origins), Some(mark_of(last))))
    }

    /// The object of a cursor and those behind it. Fails where it is gone or not as it was.
    async fn rest(&self, cursor: &FileCursor, until: Option<String>) -> error::Result<Origins> {
        let first = resumed(&self.bucket, cursor).await?;
        let behind = self.all()?.behind(Some(&first.key)).until(until);
        Ok(chain(self.bucket.clone(), first, behind))
    }
}

/// The object that a cursor stands in.
async fn resumed(bucket: &Arc<Bucket>, cursor: &FileCursor) -> error::Result<Listed> {
    let gone = || S3Error::Changed {
        place: cursor.path.clone(),
        what: "it is gone".into(),
    };
    let key = bucket.key_of(&cursor.path).ok_or_else(gone)?;
    let listed = bucket.find(key).await?.ok_or_else(gone)?;
    let object = S3Object {
        bucket: bucket.clone(),
        listed,
    };
    object.verify_is(&cursor.stamp)?;
    Ok(object.listed)
}

fn chain(bucket: Arc<Bucket>, first: Listed, rest: Objects) -> Origins {
    let first = Box::new(S3Object {
        bucket,
        listed: first,
    }) as Box<dyn Origin>;
    Box::new(std::iter::once(Ok(first)).chain(rest))
}

/// The parts of an asset, each looked up when it is its turn, on from a cursor's.
async fn asset_parts(
    bucket: Arc<Bucket>,
    parts: Vec<(String, u64)>,
    cursor: Option<&FileCursor>,
) -> error::Result<Origins> {
    let skipped = match cursor {
        None => 0,
        Some(cursor) => {
            let first = resumed(&bucket, cursor).await?;
            let at = parts.iter().position(|(key, _)| *key == first.key);
            at.ok_or_else(|| S3Error::Changed {
                place: cursor.path.clone(),
                what: "it is no longer part of the asset".into(),
            })?
        }
    };
    let origins = parts.into_iter().skip(skipped).map(move |(key, size)| {
        let found = Handle::current()
            .block_on(bucket.find(&key))
            .map_err(FormatError::from)?;
        match found {
            Some(listed) if listed.size == size => {
                let bucket = bucket.clone();
                Ok(Box::new(S3Object { bucket, listed }) as Box<dyn Origin>)
            }
            _ => Err(S3Error::Changed {
                place: bucket.url(&key),
                what: "it is gone: a newer load of the asset has taken its place".into(),
            }
            .into()),
        }
    });
    Ok(Box::new(origins))
}

/// How the parts that a destination wrote are read.
fn part_format(destination: &DestinationConfig) -> FileFormat {
    let format = match destination.format {
        PartFormat::Parquet => return FileFormat::Parquet { fill_missing: true },
        PartFormat::Csv => Format::Csv,
        PartFormat::Jsonl => Format::Jsonl,
    };
    FileFormat::Text(CheckedFiles {
        path: String::new(),
        format,
        compression: Compression::Auto,
        delimiter: b',',
        quote: Some(b'"'),
        header: true,
        nulls: vec![destination.null_text.clone()],
        max_record_bytes: LONGEST_RECORD_BYTES,
        on_bad_row: OnBadRow::Fail,
    })
}
