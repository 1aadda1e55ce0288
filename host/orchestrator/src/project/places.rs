//! Two assets in one place would undo each other's loads.

use std::collections::BTreeMap;

use tidegate_core::Error;

use super::{AssetPlan, Project};

impl Project {
    /// Every asset that goes where one before it goes. What a plugin writes to, only the plugin knows.
    pub(crate) fn shared_places(&self, plans: &[AssetPlan]) -> Vec<Error> {
        let mut places = BTreeMap::new();
        let mut errors = Vec::new();
        for plan in plans.iter().filter(|plan| plan.destination_plugin().is_none()) {
            let place = self.locate(plan);
            let Some(first) = places.insert((&plan.destination.connector, place.clone()), &plan.name) else {
                continue;
            };
            if let Some(asset) = self.loaded.assets.get(&plan.name) {
                let message = format!("`{first}` goes there too: {place}");
                let error = asset.document.error("schema.same_place", "/destination", message);
                errors.push(error.hint("give one of them another `table`, or another resource"));
            }
        }
        errors
    }
}
