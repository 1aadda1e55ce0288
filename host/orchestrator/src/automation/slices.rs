//! Which slices are loaded, as the state has it.

use tidegate_core::plan::{AssetName, PartitionKey, RangeState};
use tidegate_core::port::StateStore;
use tidegate_core::{Result, Retry};

use super::known::Known;
use crate::project::Project;

impl Known {
    /// Which slices are loaded: what was taken away is missing from now on. `anew`, where nothing is known, as it may be of an
    /// asset with a fault. What cannot be read of one asset is a fault of that one; where the state cannot be reached, nothing
    /// can be said of any.
    pub(super) async fn look_at_slices(
        &mut self,
        project: &Project,
        state: &dyn StateStore,
        anew: bool,
    ) -> Result<()> {
        let names: Vec<AssetName> = self.looked_at.iter().cloned().collect();
        for name in names {
            let anew = anew || self.faults.of(&name).is_some();
            match self.look_at(project, state, &name, anew).await {
                Ok(()) => self.faults.passed(&name),
                Err(error) if error.retry == Retry::Never => self.faults.passing(name, error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn look_at(
        &mut self,
        project: &Project,
        state: &dyn StateStore,
        name: &AssetName,
        anew: bool,
    ) -> Result<()> {
        let Some(slices) = project.slices_of(name) else {
            let whole = PartitionKey::whole();
            let there = !state
                .slice_versions_of(name, std::slice::from_ref(&whole))
                .await?
                .is_empty();
            let loaded = if there {
                vec![(whole.clone(), whole)]
            } else {
                Vec::new()
            };
            self.world.set_present(name, &loaded, &[], &[]);
            return Ok(());
        };
        let ranges = state.partition_ranges(name, &slices.cut()).await?;
        let of = |state: RangeState| {
            let those = ranges.iter().filter(move |range| range.state == state);
            those
                .map(|range| (range.first.clone(), range.last.clone()))
                .collect::<Vec<_>>()
        };
        let failed = of(RangeState::Failed);
        // One that failed may have been loaded before.
        let before: Vec<PartitionKey> = if anew && !failed.is_empty() {
            let versions = state.slice_versions(std::slice::from_ref(name)).await?;
            versions.into_iter().map(|version| version.partition).collect()
        } else {
            Vec::new()
        };
        self.world
            .set_present(name, &of(RangeState::Materialized), &failed, &before);
        Ok(())
    }
}
