//! A source that reads several slices of an asset, one after the other.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tidegate_core::plan::{Partition, SourceSpec};
use tidegate_core::port::{Cursor, LogSink, OpenSource, Source, SourceBatch};
use tidegate_core::schema::Column;
use tidegate_core::{Error, Kind, Result};

use crate::project::Project;

/// What is read, and how.
pub(super) struct Slices {
    pub(super) project: Arc<Project>,
    /// The asset, its secrets filled in.
    pub(super) spec: SourceSpec,
    pub(super) slices: Vec<Partition>,
    pub(super) batch_rows: usize,
    pub(super) log: Arc<dyn LogSink>,
    pub(super) secrets: Vec<String>,
    /// Where an earlier attempt got to.
    pub(super) resume: Option<Cursor>,
}

/// Reads the slices that were loaded. One that was not is passed over, unless none was: a month may be made before its last
/// day is.
pub(super) struct SlicesSource {
    reads: Slices,
    left: VecDeque<Partition>,
    /// The slice that is read.
    open: Option<(String, Box<dyn Source>)>,
    /// Where to go on in the first slice.
    inside: Option<Cursor>,
    /// Whether one of the slices could be read.
    found: bool,
    /// Why the last one that was not loaded could not be.
    missing: Option<Error>,
}

/// The slice that was read, and where in it.
#[derive(Serialize, Deserialize)]
struct At {
    key: String,
    cursor: Cursor,
}

impl SlicesSource {
    pub(super) fn new(reads: Slices) -> Result<Self> {
        let mut left: VecDeque<Partition> = reads.slices.iter().cloned().collect();
        let mut inside = None;
        if let Some(cursor) = &reads.resume {
            let at: At = serde_json::from_value(cursor.0.clone()).map_err(|error| internal(&error))?;
            while left.front().is_some_and(|slice| slice.key.0 != at.key) {
                left.pop_front();
            }
            if left.is_empty() {
                return Err(internal(&format!("there is no slice `{}`", at.key)));
            }
            inside = Some(at.cursor);
        }
        Ok(Self {
            found: inside.is_some(),
            reads,
            left,
            open: None,
            inside,
            missing: None,
        })
    }

    /// Opens the next slice that was loaded; `false` where there is none.
    async fn advance(&mut self) -> Result<bool> {
        let reads = &self.reads;
        while let Some(slice) = self.left.pop_front() {
            let connector = reads.project.connector(&reads.spec.connector)?;
            let inside = self.inside.take();
            let opened = connector
                .open_source(OpenSource {
                    spec: &reads.spec,
                    partition: Some(&slice),
                    cursor: inside.as_ref(),
                    since: None,
                    batch_rows: reads.batch_rows,
                    log: reads.log.clone(),
                    secrets: &reads.secrets,
                })
                .await;
            match opened {
                Ok(source) => {
                    self.found = true;
                    self.open = Some((slice.key.0, source));
                    return Ok(true);
                }
                Err(error) if error.code.ends_with(".not_loaded") => self.missing = Some(error),
                Err(error) => return Err(error),
            }
        }
        match self.missing.take() {
            Some(error) if !self.found => Err(error),
            _ => Ok(false),
        }
    }
}

#[async_trait]
impl Source for SlicesSource {
    fn schema(&self) -> SchemaRef {
        Column::schema(&self.reads.spec.columns)
    }

    async fn next(&mut self) -> Result<Option<SourceBatch>> {
        loop {
            if let Some((key, source)) = &mut self.open {
                if let Some(mut read) = source.next().await? {
                    // A source that cannot go on from where it is says so by an empty cursor.
                    if !read.cursor.0.is_null() {
                        let at = At {
                            key: key.clone(),
                            cursor: read.cursor,
                        };
                        read.cursor = Cursor(serde_json::to_value(at).map_err(|error| internal(&error))?);
                    }
                    return Ok(Some(read));
                }
                self.open = None;
            }
            if !self.advance().await? {
                return Ok(None);
            }
        }
    }
}

fn internal(why: &dyn std::fmt::Display) -> Error {
    let message = format!("a cursor over several partitions cannot be used: {why}");
    Error::new(Kind::Internal, "run.cursor", message)
}
