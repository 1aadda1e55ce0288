//! What a condition remembers from one evaluation to the next.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::places::Places;
use crate::plan::{AssetName, Digest, PartitionKey};

/// What parts of a condition remember, by their places in it; with an asset's name behind an `@` it is of that one's slices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory(BTreeMap<String, Places>);

impl Memory {
    pub(super) fn get(&self, slot: &str) -> Places {
        self.0.get(slot).cloned().unwrap_or_default()
    }

    pub(super) fn set(&mut self, slot: String, places: Places) {
        if places.is_empty() {
            self.0.remove(&slot);
        } else {
            self.0.insert(slot, places);
        }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Places)> {
        self.0.iter().map(|(slot, places)| (slot.as_str(), places))
    }
}

/// What is remembered of an asset, as it is kept: by keys, so that it holds whatever else changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptMemory {
    /// Of which condition.
    pub condition: Digest,
    /// Under which meaning of keys; none of an asset without slices.
    #[serde(default)]
    pub cut: Option<Digest>,
    /// What the last evaluation asked for, from the first key to the last of each range.
    #[serde(default)]
    pub requested: Vec<(PartitionKey, PartitionKey)>,
    /// What each part remembers.
    #[serde(default)]
    pub parts: BTreeMap<String, Vec<(PartitionKey, PartitionKey)>>,
}

/// The asset whose slices an entry is of, where that is not the condition's own.
pub(super) fn of_dependency(slot: &str) -> Option<AssetName> {
    slot.split_once('@').and_then(|(_, name)| name.parse().ok())
}
