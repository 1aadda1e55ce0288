//! What has become of an asset's slices.

use serde::{Deserialize, Serialize};

use super::Keys;
use crate::plan::PartitionKey;

/// What has become of a slice that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RangeState {
    /// Its last attempt loaded it.
    Materialized,
    /// Its last attempt failed.
    Failed,
}

impl RangeState {
    /// As the store and the API write it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Materialized => "materialized",
            Self::Failed => "failed",
        }
    }

    /// The state that [`RangeState::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Materialized, Self::Failed]
            .into_iter()
            .find(|state| state.text() == text)
    }
}

/// Slices that stand alike, from one key to another, both included. Keys are compared by their bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionRange {
    /// How they stand.
    pub state: RangeState,
    /// The first of them.
    pub first: PartitionKey,
    /// The last of them.
    pub last: PartitionKey,
}

/// How many of an asset's slices stand how, and which.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PartitionStatus {
    /// How many there are.
    pub total: usize,
    /// Loaded by their last attempt.
    pub materialized: usize,
    /// Failed at their last attempt.
    pub failed: usize,
    /// Never tried.
    pub missing: usize,
    /// Every slice, as ranges in the order of the keys.
    pub ranges: Vec<StatusRange>,
}

/// Slices next to each other that stand alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusRange {
    /// `materialized`, `failed` or `missing`.
    pub state: &'static str,
    /// The first of them.
    pub first: PartitionKey,
    /// The last of them.
    pub last: PartitionKey,
    /// How many.
    pub keys: usize,
}

/// How the slices that there are stand, by the ranges that the state has of them, which are ordered and do not overlap.
/// Ranges may reach beyond the slices. One key is held at a time.
pub fn status(keys: &Keys<'_>, ranges: &[PartitionRange]) -> PartitionStatus {
    let mut status = PartitionStatus::default();
    for key in keys.all() {
        let behind = ranges.partition_point(|range| range.first <= key);
        let state = behind
            .checked_sub(1)
            .and_then(|index| ranges.get(index))
            .filter(|range| key <= range.last)
            .map(|range| range.state);
        status.total += 1;
        match state {
            Some(RangeState::Materialized) => status.materialized += 1,
            Some(RangeState::Failed) => status.failed += 1,
            None => status.missing += 1,
        }
        let state = state.map_or("missing", RangeState::text);
        match status.ranges.last_mut() {
            Some(range) if range.state == state => {
                range.last = key;
                range.keys += 1;
            }
            _ => status.ranges.push(StatusRange {
                state,
                first: key.clone(),
                last: key,
                keys: 1,
            }),
        }
    }
    status
}
