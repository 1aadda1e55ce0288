//! Slices of which a blocking check kept back what was loaded last.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tidegate_core::Result;
use tidegate_core::plan::{AssetName, AutomationWorld, PartitionKey, Updated};
use tidegate_core::port::{BlockingResult, StateStore};

/// Results that are read at once.
const PAGE_RESULTS: u32 = 10_000;

/// The checks that failed of each slice, with when they did, and how far it was told.
#[derive(Debug, Default)]
pub(super) struct KeptBack {
    after: u64,
    failed: BTreeMap<AssetName, BTreeMap<PartitionKey, BTreeMap<String, DateTime<Utc>>>>,
}

impl KeptBack {
    /// Told from the state anew: also what was passed over because its transaction was committed behind later ones.
    pub(super) async fn look_anew(
        &mut self,
        world: &mut AutomationWorld,
        state: &dyn StateStore,
    ) -> Result<()> {
        let after = state.last_check_number().await?;
        let results = state.failed_blocking_results().await?;
        let mut changed: BTreeSet<AssetName> = std::mem::take(&mut self.failed).into_keys().collect();
        self.after = after;
        for result in results {
            changed.insert(result.asset.clone());
            self.apply(result);
        }
        self.tell(world, &changed);
        Ok(())
    }

    /// What was said and loaded since the last time.
    pub(super) async fn take(
        &mut self,
        world: &mut AutomationWorld,
        state: &dyn StateStore,
        updated: &[Updated],
    ) -> Result<()> {
        let mut changed = BTreeSet::new();
        loop {
            let page = state.blocking_results(self.after, PAGE_RESULTS).await?;
            let more = page.len() == PAGE_RESULTS as usize;
            for (number, result) in page {
                self.after = number;
                changed.insert(result.asset.clone());
                self.apply(result);
            }
            if !more {
                break;
            }
        }
        for update in updated {
            if self.loaded(update) {
                changed.insert(update.asset.clone());
            }
        }
        self.tell(world, &changed);
        Ok(())
    }

    fn apply(&mut self, result: BlockingResult) {
        let slices = self.failed.entry(result.asset).or_default();
        let checks = slices.entry(result.partition).or_default();
        if result.passed {
            checks.remove(&result.check);
        } else {
            checks.insert(result.check, result.at);
        }
    }

    /// What is loaded was kept back by nothing: what failed before it, as an older check, says nothing any more.
    fn loaded(&mut self, update: &Updated) -> bool {
        let slices = self.failed.get_mut(&update.asset);
        let Some(checks) = slices.and_then(|slices| slices.get_mut(&update.partition)) else {
            return false;
        };
        let before = checks.len();
        checks.retain(|_, at| *at > update.at);
        checks.len() != before
    }

    fn tell(&mut self, world: &mut AutomationWorld, changed: &BTreeSet<AssetName>) {
        for asset in changed {
            let slices = self.failed.entry(asset.clone()).or_default();
            slices.retain(|_, checks| !checks.is_empty());
            let failed: Vec<PartitionKey> = slices.keys().cloned().collect();
            if failed.is_empty() {
                self.failed.remove(asset);
            }
            world.set_checks_failed(asset, &failed);
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::plan::RunId;

    use super::*;

    #[test]
    fn a_load_clears_what_failed_before_it_and_a_check_its_own() {
        let asset: AssetName = "orders".parse().unwrap();
        let at = |second: i64| DateTime::from_timestamp(second, 0).unwrap();
        let said = |check: &str, passed, second| BlockingResult {
            asset: asset.clone(),
            partition: PartitionKey("eu".into()),
            check: check.into(),
            passed,
            at: at(second),
        };
        let mut kept_back = KeptBack::default();
        let count = |kept_back: &KeptBack| kept_back.failed[&asset][&PartitionKey("eu".into())].len();
        kept_back.apply(said("a", false, 1));
        kept_back.apply(said("b", false, 5));
        kept_back.apply(said("b", false, 6));
        assert_eq!(count(&kept_back), 2);
        let update = Updated {
            asset: asset.clone(),
            partition: PartitionKey("eu".into()),
            run: RunId(uuid::Uuid::now_v7()),
            at: at(3),
        };
        assert!(kept_back.loaded(&update));
        assert_eq!(count(&kept_back), 1);
        assert!(!kept_back.loaded(&update));
        kept_back.apply(said("b", true, 7));
        assert_eq!(count(&kept_back), 0);
    }
}
