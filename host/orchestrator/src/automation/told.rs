//! An evaluation, as it is to be kept.

use chrono::{DateTime, Utc};
use tidegate_core::plan::{AssetName, AutomationEvaluated, PartitionKey};
use tidegate_core::port::{NewAssetEvaluation, NewEvaluation};

use super::known::{Evaluation, Known};
use super::runs::run;
use crate::project::Project;

/// Assets, in the order of work, and their slices.
type Wanted = (Vec<AssetName>, Vec<PartitionKey>);

impl Known {
    pub(super) fn told(
        &mut self,
        project: &Project,
        evaluated: Vec<AutomationEvaluated>,
        wanted: &[Wanted],
        now: DateTime<Utc>,
    ) -> Evaluation {
        let sequence = self.sequence + 1;
        let runs: Vec<_> = wanted
            .iter()
            .enumerate()
            .map(|(index, (assets, keys))| {
                run(project, assets, keys, format!("automation:{sequence}:{index}"))
            })
            .collect();
        let mut memories: Vec<_> = evaluated
            .iter()
            .filter_map(|one| Some((one.asset.clone(), Some(one.memory.clone()?))))
            .collect();
        // What somebody stopped is met anew when it is started again. An asset that something is wrong with keeps what it has.
        let stopped = self
            .kept
            .iter()
            .filter(|(asset, kept)| **kept && !self.started.contains_key(*asset));
        memories.extend(stopped.map(|(asset, _)| (asset.clone(), None)));
        for (asset, memory) in &memories {
            self.kept.insert(asset.clone(), memory.is_some());
        }
        memories.extend(self.gone.iter().map(|asset| (asset.clone(), None)));
        let mut assets: Vec<_> = evaluated
            .iter()
            .filter(|one| one.changed || one.requested > 0)
            .map(|one| NewAssetEvaluation {
                asset: one.asset.clone(),
                requested: one.requested,
                runs: wanted
                    .iter()
                    .zip(&runs)
                    .filter(|((assets, _), _)| one.requested > 0 && assets.contains(&one.asset))
                    .map(|(_, run)| run.id)
                    .collect(),
                explained: Some(one.explained.clone()),
                error: None,
            })
            .collect();
        for asset in self.started.keys() {
            if let Some(error) = self.faults.tell(asset) {
                assets.push(NewAssetEvaluation {
                    asset: asset.clone(),
                    requested: 0,
                    runs: Vec::new(),
                    explained: None,
                    error: Some(error),
                });
            }
        }
        let anything = self.first || !memories.is_empty() || !assets.is_empty();
        Evaluation {
            new: NewEvaluation {
                seen_sequence: self.sequence,
                at: self.world.evaluated_at.unwrap_or(now),
                seen: self.seen.ranges(),
                runs,
                memories,
                assets,
            },
            evaluated,
            anything,
        }
    }

    /// The evaluation was kept.
    pub(super) fn kept(&mut self) {
        self.sequence += 1;
        self.first = false;
        self.gone.clear();
    }
}
