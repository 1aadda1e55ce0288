//! What an evaluation is told, and what it answers.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::explain::Explained;
use super::memory::KeptMemory;
use crate::plan::{AssetName, PartitionKey, RunId};

/// A slice was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// Of which asset.
    pub asset: AssetName,
    /// Which.
    pub partition: PartitionKey,
    /// By which run.
    pub run: RunId,
    /// When.
    pub at: DateTime<Utc>,
}

/// What changed since the last evaluation.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// What was loaded.
    pub updated: Vec<Updated>,
    /// The assets of the runs that loaded it.
    pub run_assets: HashMap<RunId, Vec<AssetName>>,
    /// All that runs are to load that have not ended.
    pub open: Vec<(AssetName, PartitionKey)>,
    /// The dynamic keys, by their names.
    pub dynamic: BTreeMap<AssetName, Vec<String>>,
}

/// What one asset came to.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// Which.
    pub asset: AssetName,
    /// Why.
    pub explained: Explained,
    /// How many slices are asked for.
    pub requested: u64,
    /// What it remembers, where that is not what it remembered before.
    pub memory: Option<KeptMemory>,
    /// Whether anything is new about it.
    pub changed: bool,
}

/// How much work an evaluation was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Assets whose conditions were evaluated.
    pub assets: usize,
    /// Parts of conditions that were.
    pub nodes: usize,
}
