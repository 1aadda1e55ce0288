//! An asset, as far as is known.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

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
    /// Since when its automation is on; none where it is off.
    pub(super) on: Option<DateTime<Utc>>,
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
    /// For each run that loaded it since the last evaluation, the run's assets.
    pub(super) beside: HashMap<RunId, Arc<BTreeSet<AssetName>>>,
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
            on: None,
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

    /// The same, as far as it is news to another asset: not what came before that one's automation was started, and not what
    /// came by runs that it was part of: they have seen to it.
    pub(super) fn updated_beside(&self, other: &Self) -> Places {
        let with = |run: &RunId| {
            let assets = self.beside.get(run);
            assets.is_some_and(|assets| assets.contains(&other.name))
        };
        let old = |at: &DateTime<Utc>| other.on.is_none_or(|since| *at < since);
        Places::each(
            self.updated
                .iter()
                .filter(|(_, run, at)| !old(at) && !with(run))
                .map(|(place, ..)| *place),
        )
    }

    /// Whether its code is not what it was at the last evaluation; not where either is not known.
    pub(super) fn code_changed(&self) -> bool {
        matches!((&self.code, &self.code_before), (Some(now), Some(before)) if now != before)
    }
}
