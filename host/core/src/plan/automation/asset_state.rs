//! An asset, as far as is known.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::condition::Condition;
use super::explain::Explained;
use super::memory::Memory;
use super::places::Places;
use crate::plan::{AssetName, Digest, RunId};

/// Something that an asset is made from.
#[derive(Debug, Clone)]
pub(super) struct Dependency {
    pub(super) asset: usize,
    pub(super) link: usize,
}

/// An asset, as far as is known.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each says something of its own")]
pub(super) struct AssetState {
    pub(super) name: AssetName,
    pub(super) deps: Vec<Dependency>,
    pub(super) below: Vec<usize>,
    pub(super) space: usize,
    pub(super) condition: Option<Condition>,
    pub(super) on: bool,
    /// Whether the condition was evaluated before.
    pub(super) met: bool,
    pub(super) present: Places,
    pub(super) in_progress: Places,
    /// Slices of which a blocking check kept back what was loaded last.
    pub(super) checks_failed: Places,
    pub(super) late: bool,
    /// The version of its code, and that of the last evaluation, as far as the condition asks.
    pub(super) code: Option<Digest>,
    pub(super) code_before: Option<Digest>,
    pub(super) updated: Vec<(u64, RunId, DateTime<Utc>)>,
    /// For each run that loaded it since the last evaluation, its assets.
    pub(super) beside: HashMap<RunId, Vec<AssetName>>,
    pub(super) requested_before: Places,
    pub(super) requested: Places,
    pub(super) memory: Memory,
    pub(super) told: Option<Explained>,
    /// Something of it, or of what it is made from, changed.
    pub(super) dirty: bool,
    /// The next evaluation comes to something else though nothing else changes.
    pub(super) again: bool,
    pub(super) next_cron: Option<DateTime<Utc>>,
}

impl AssetState {
    /// An asset of which nothing is known.
    pub(super) fn new(
        name: AssetName,
        deps: Vec<Dependency>,
        space: usize,
        condition: Option<Condition>,
    ) -> Self {
        Self {
            name,
            deps,
            below: Vec::new(),
            space,
            condition,
            on: false,
            met: false,
            present: Places::default(),
            in_progress: Places::default(),
            checks_failed: Places::default(),
            late: false,
            code: None,
            code_before: None,
            updated: Vec::new(),
            beside: HashMap::new(),
            requested_before: Places::default(),
            requested: Places::default(),
            memory: Memory::default(),
            told: None,
            dirty: false,
            again: false,
            next_cron: None,
        }
    }

    /// What was loaded since the last evaluation.
    pub(super) fn newly_updated(&self) -> Places {
        Places::each(self.updated.iter().map(|(place, ..)| *place))
    }

    /// The same, at an instant or later.
    pub(super) fn updated_since(&self, at: DateTime<Utc>) -> Places {
        let since = self.updated.iter().filter(|(_, _, when)| *when >= at);
        Places::each(since.map(|(place, ..)| *place))
    }

    /// The same, but not by runs that another asset was part of: they have seen to it.
    pub(super) fn updated_beside(&self, other: &AssetName) -> Places {
        let with = |run: &RunId| self.beside.get(run).is_some_and(|assets| assets.contains(other));
        Places::each(
            self.updated
                .iter()
                .filter(|(_, run, _)| !with(run))
                .map(|(place, ..)| *place),
        )
    }

    /// Whether its code is not what it was at the last evaluation; not where either is not known.
    pub(super) fn code_changed(&self) -> bool {
        matches!((&self.code, &self.code_before), (Some(now), Some(before)) if now != before)
    }
}
