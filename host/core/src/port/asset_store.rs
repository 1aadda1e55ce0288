//! What the store keeps of assets beside their runs: how their slices stand, what is told of them from outside, and what
//! is forgotten.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::partition_store::PartitionPlace;
use super::state::{Input, NewRun};
use crate::error::Result;
use crate::plan::{AssetName, Digest, Epoch, PartitionKey, RunId, WorkerId};

/// The newest materialization of a slice, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SliceVersion {
    /// Of which asset.
    pub asset: AssetName,
    /// Of which slice.
    pub partition: PartitionKey,
    /// Under which fence.
    pub epoch: Epoch,
    /// By which run.
    pub run: RunId,
    /// When.
    pub at: DateTime<Utc>,
    /// Rows that were loaded.
    pub rows: u64,
    /// Bytes that were loaded.
    pub bytes: u64,
    /// The version of the asset that it was made by; none where nobody told.
    pub code_version: Option<Digest>,
    /// How the assets before it stood; none where nobody told.
    pub inputs: Option<Vec<Input>>,
}

/// Something about an asset that was done elsewhere, and is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The run that it is kept as; it has ended when it is inserted. It has one partition for a materialization and none for
    /// an observation.
    pub run: NewRun,
    /// The asset.
    pub asset: AssetName,
    /// The slice.
    pub partition: PartitionKey,
    /// Where the slice stands among the asset's; none for an asset without slices.
    pub place: Option<PartitionPlace>,
    /// What was seen or done.
    pub what: Reported,
    /// What is told of it.
    pub metadata: Map<String, Value>,
}

/// What was seen or done elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reported {
    /// The slice was loaded, with so many rows and bytes.
    Materialization {
        /// Rows.
        rows: u64,
        /// Bytes.
        bytes: u64,
    },
    /// Somebody looked at it.
    Observation,
}

/// What became of a report or a wipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept<T> {
    /// It was done.
    Done(T),
    /// An attempt is under way at a slice that it is about: nothing was changed.
    Held {
        /// The slice.
        partition: PartitionKey,
        /// The attempt's run.
        run: RunId,
        /// The attempt's worker.
        worker: WorkerId,
    },
}

/// What is to be forgotten of an asset.
#[derive(Debug, Clone, PartialEq)]
pub struct Wipe {
    /// The asset.
    pub asset: AssetName,
    /// Only this slice, with where it stands; none for everything.
    pub slice: Option<(PartitionKey, Option<PartitionPlace>)>,
    /// Only tell what would be forgotten.
    pub dry_run: bool,
    /// When: an attempt of which the lease has ended by then is lost, and holds nothing up.
    pub at: DateTime<Utc>,
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// Slices that count as never materialized now.
    pub slices: u64,
    /// Materializations, older ones too.
    pub materializations: u64,
    /// Checkpoints that a run would have gone on from.
    pub checkpoints: u64,
}

/// Keeps how slices of assets stand, and what is told of them without an attempt. Every call is one transaction.
#[async_trait]
pub trait AssetStore: Send + Sync {
    /// The newest materialization of each slice of some assets, by asset and key. What was materialized before is not looked
    /// at, so this takes as long as there are slices.
    async fn slice_versions(&self, assets: &[AssetName]) -> Result<Vec<SliceVersion>>;
    /// The newest materialization of each of some slices of an asset, by key; those without one are left out. This takes as
    /// long as there are keys, however many slices the asset has. A key that is named twice is answered once.
    async fn slice_versions_of(
        &self,
        asset: &AssetName,
        partitions: &[PartitionKey],
    ) -> Result<Vec<SliceVersion>>;
    /// Keeps a report as a run that has ended, with its event. A materialization takes the next epoch of the slice, and the
    /// mark where the next run reads on from the one before it: so a source that gives what is new gives nothing twice.
    async fn report(&self, report: &Report) -> Result<Kept<RunId>>;
    /// Forgets materializations of an asset, how its slices stand and their checkpoints. Runs, events and fences stay, so
    /// that an attempt from before is still refused; what was loaded stays where it lies.
    async fn wipe(&self, wipe: &Wipe) -> Result<Kept<Forgotten>>;
    /// Removes a run that has ended, with its events, attempts and partitions; its materializations and key stay. `false`,
    /// with nothing changed, where it has not ended or is not there.
    async fn delete_run(&self, run: RunId) -> Result<bool>;
}
