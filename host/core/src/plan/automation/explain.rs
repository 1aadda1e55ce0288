//! Why an evaluation came to what it came to.

use serde::{Deserialize, Serialize};

use super::places::Places;
use super::space::Space;
use crate::plan::PartitionKey;

/// Ranges of a part that are told; there may be more.
const RANGES_TOLD: usize = 10;

/// A part of a condition, with the slices for which it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// The part, as YAML writes it.
    pub condition: String,
    /// Slices for which it holds; of an asset without slices, 1 or 0.
    #[serde(rename = "true")]
    pub holds: u64,
    /// The first of them, as ranges from one key to another; none of an asset without slices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<(PartitionKey, PartitionKey)>,
    /// What decided it, where that is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The parts that it joins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Explained>,
}

impl Explained {
    pub(super) fn new(
        condition: &str,
        places: &Places,
        space: &Space,
        why: Option<String>,
        parts: Vec<Self>,
    ) -> Self {
        let ranges = match space.partitioning() {
            None => Vec::new(),
            Some(_) => places
                .ranges()
                .iter()
                .take(RANGES_TOLD)
                .filter_map(|(first, last)| Some((space.key(*first)?, space.key(*last)?)))
                .collect(),
        };
        Self {
            condition: condition.to_owned(),
            holds: places.count(),
            ranges,
            why,
            parts,
        }
    }
}
