//! What a backfill would do: which slices, in which runs.

use chrono::Utc;
use serde::{Deserialize, Serialize};
use tidegate_core::plan::{AssetName, PartitionError, PartitionKey, Partitioning, RangeState};
use tidegate_core::{Error, Result};

use crate::error::OrchestratorError;
use crate::run::{Launch, Orchestrator, dynamic_keys};

/// Which slices a backfill is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slices {
    /// Every one there is.
    All,
    /// From one to another, both included, written `FIRST...LAST`.
    Range(String),
    /// These.
    Keys(Vec<String>),
    /// Those that no run has loaded, of any of the assets.
    Missing,
    /// Those of which the last attempt failed, of any of the assets.
    Failed,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillRequest {
    /// The assets, each behind those that it is made from; all sliced alike.
    pub assets: Vec<AssetName>,
    /// Which slices.
    pub slices: Slices,
    /// Slices a run, neighbours all; at least 1.
    pub run_slices: usize,
    /// Runs at once; none for as many as there is room for.
    pub concurrency: Option<u32>,
    /// Of the queued runs the highest goes first.
    pub priority: i64,
    /// Read everything, also from sources that would give only what is new.
    pub full_refresh: bool,
    /// The target that the assets go to; none for the destinations that they name.
    pub target: Option<String>,
}

/// What a backfill will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackfillPlan {
    /// Its slices, in order.
    pub keys: Vec<PartitionKey>,
    /// The first and last slice of each run, which are one where a run is about one slice.
    pub runs: Vec<(PartitionKey, PartitionKey)>,
}

impl Orchestrator {
    /// What a backfill would do now. Nothing is kept.
    pub async fn plan_backfill(&self, request: &BackfillRequest) -> Result<BackfillPlan> {
        let slices = self.common_slices(&request.assets)?;
        let dynamic = dynamic_keys(self.state.as_ref(), &slices).await?;
        let keys = slices.keys(Utc::now(), &dynamic);
        let asset = &request.assets[0];
        let refused = |error: PartitionError| refused(asset, &error);
        let chosen: Vec<PartitionKey> = match &request.slices {
            Slices::All => keys.all().collect(),
            Slices::Range(range) => keys.range(range).map_err(refused)?.collect(),
            Slices::Keys(wanted) => wanted
                .iter()
                .map(|key| keys.find(key).map(|slice| slice.key).map_err(refused))
                .collect::<Result<Vec<_>>>()?,
            Slices::Missing => self.standing(&request.assets, &slices, keys.all(), None).await?,
            Slices::Failed => {
                self.standing(&request.assets, &slices, keys.all(), Some(RangeState::Failed))
                    .await?
            }
        };
        if chosen.is_empty() {
            return Err(OrchestratorError::NothingToBackfill.into());
        }
        let runs = together(&slices, &chosen, request.run_slices.max(1));
        Ok(BackfillPlan { keys: chosen, runs })
    }

    /// How all of the assets are sliced.
    pub(super) fn common_slices(&self, assets: &[AssetName]) -> Result<Partitioning> {
        let mut common: Option<(AssetName, Partitioning)> = None;
        for name in assets {
            let Some(slices) = self.project.partitioning(name)? else {
                return Err(OrchestratorError::NoPartitions(name.clone()).into());
            };
            match &common {
                None => common = Some((name.clone(), slices)),
                Some((first, known)) if known.cut() != slices.cut() => {
                    return Err(OrchestratorError::SlicedOtherwise(first.clone(), name.clone()).into());
                }
                Some(_) => {}
            }
        }
        common
            .map(|(_, slices)| slices)
            .ok_or_else(|| OrchestratorError::NothingSelected.into())
    }

    /// Of all slices those that stand as told with any of the assets; with none, those that are not materialized.
    async fn standing(
        &self,
        assets: &[AssetName],
        slices: &Partitioning,
        all: impl Iterator<Item = PartitionKey>,
        wanted: Option<RangeState>,
    ) -> Result<Vec<PartitionKey>> {
        let mut ranges = Vec::new();
        for asset in assets {
            ranges.push(self.state.partition_ranges(asset, &slices.cut()).await?);
        }
        let stands = |ranges: &[tidegate_core::plan::PartitionRange], key: &PartitionKey| {
            // Ranges are in the order of their keys, and none overlap.
            let behind = ranges.partition_point(|range| range.first <= *key);
            let range = behind.checked_sub(1).and_then(|index| ranges.get(index));
            range.filter(|range| *key <= range.last).map(|range| range.state)
        };
        let fits = |key: &PartitionKey| {
            ranges.iter().any(|ranges| match wanted {
                Some(wanted) => stands(ranges, key) == Some(wanted),
                None => stands(ranges, key) != Some(RangeState::Materialized),
            })
        };
        Ok(all.filter(fits).collect())
    }
}

/// Neighbouring slices, so many a run.
fn together(
    slices: &Partitioning,
    chosen: &[PartitionKey],
    run_slices: usize,
) -> Vec<(PartitionKey, PartitionKey)> {
    let mut runs: Vec<(PartitionKey, PartitionKey, usize)> = Vec::new();
    for key in chosen {
        match runs.last_mut() {
            Some((_, last, count)) if *count < run_slices && slices.next(&last.0).as_ref() == Some(key) => {
                *last = key.clone();
                *count += 1;
            }
            _ => runs.push((key.clone(), key.clone(), 1)),
        }
    }
    runs.into_iter().map(|(first, last, _)| (first, last)).collect()
}

impl BackfillRequest {
    /// The run of the slices from one to another.
    pub(super) fn launch(&self, first: &PartitionKey, last: &PartitionKey) -> Launch {
        let one = first == last;
        Launch {
            assets: self.assets.clone(),
            partition: one.then(|| first.0.clone()),
            partition_range: (!one).then(|| format!("{}...{}", first.0, last.0)),
            full_refresh: self.full_refresh,
            target: self.target.clone(),
            ..Launch::default()
        }
    }
}

fn refused(asset: &AssetName, error: &PartitionError) -> Error {
    OrchestratorError::Partition {
        asset: asset.clone(),
        why: error.to_string(),
    }
    .into()
}
