//! What a condition remembers from one evaluation to the next.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::places::Places;
use super::world::World;
use crate::plan::{AssetName, Digest, PartitionKey, Partitioning};

/// What parts of a condition remember, by their places in it; with an asset's name behind an `@` it is of that one's slices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Memory(BTreeMap<String, Places>);

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
    /// The version of the asset's code, where the condition asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Digest>,
    /// What each part remembers.
    #[serde(default)]
    pub parts: BTreeMap<String, Vec<(PartitionKey, PartitionKey)>>,
}

/// The asset whose slices an entry is of, where that is not the condition's own.
fn of_dependency(slot: &str) -> Option<AssetName> {
    slot.split_once('@').and_then(|(_, name)| name.parse().ok())
}

impl World {
    /// What is remembered of an asset; of another condition it means nothing, and the asset is met anew.
    pub fn remember(&mut self, asset: &AssetName, kept: &KeptMemory) {
        let Some(index) = self.names.get(asset).copied() else {
            return;
        };
        let state = &self.assets[index];
        let condition = state.condition.as_ref().map(|condition| &condition.fingerprint);
        let own = self.space(state);
        if condition != Some(&kept.condition) || kept.cut != own.partitioning().map(Partitioning::cut) {
            return;
        }
        let mut memory = Memory::default();
        for (slot, ranges) in &kept.parts {
            let space = match of_dependency(slot) {
                Some(name) => self
                    .names
                    .get(&name)
                    .map(|above| self.space(&self.assets[*above])),
                None => Some(own),
            };
            if let Some(space) = space {
                memory.set(slot.clone(), space.read(ranges));
            }
        }
        let requested = own.read(&kept.requested);
        let state = &mut self.assets[index];
        state.memory = memory;
        state.requested_before = requested;
        state.code_before.clone_from(&kept.code);
        state.met = true;
        // What holds for one evaluation only is not told from what is remembered.
        state.dirty = true;
    }

    /// What is remembered of an asset, as it is kept.
    pub(super) fn kept(&self, index: usize) -> Option<KeptMemory> {
        let state = &self.assets[index];
        let own = self.space(state);
        let mut parts = BTreeMap::new();
        for (slot, places) in state.memory.entries() {
            let space = match of_dependency(slot) {
                Some(name) => self
                    .names
                    .get(&name)
                    .map(|above| self.space(&self.assets[*above])),
                None => Some(own),
            };
            if let Some(space) = space {
                parts.insert(slot.to_owned(), space.write(places));
            }
        }
        Some(KeptMemory {
            condition: state.condition.as_ref()?.fingerprint.clone(),
            cut: own.partitioning().map(Partitioning::cut),
            requested: own.write(&state.requested),
            code: state.code_before.clone(),
            parts,
        })
    }

    /// The same, by name.
    #[cfg(test)]
    pub(super) fn kept_of(&self, asset: &AssetName) -> KeptMemory {
        self.kept(self.names[asset]).unwrap()
    }
}
