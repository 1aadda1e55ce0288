//! What is wrong with single assets, so that they are not evaluated; the others are.

use std::collections::BTreeMap;

use tidegate_core::Error;
use tidegate_core::plan::AssetName;

/// What is wrong with single assets, and what of that was told.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Until the process is started again.
    lasting: BTreeMap<AssetName, Error>,
    /// What is remembered cannot be read: until the asset's automation is stopped, which forgets it.
    memory: BTreeMap<AssetName, Error>,
    /// Until the state is looked at again.
    passing: BTreeMap<AssetName, Error>,
    told: BTreeMap<AssetName, Error>,
}

impl Faults {
    pub(super) fn lasting(&mut self, asset: AssetName, error: Error) {
        self.lasting.insert(asset, error);
    }

    pub(super) fn memory(&mut self, asset: AssetName, error: Error) {
        self.memory.insert(asset, error);
    }

    pub(super) fn passing(&mut self, asset: AssetName, error: Error) {
        self.passing.insert(asset, error);
    }

    /// What the state has of an asset can be read.
    pub(super) fn passed(&mut self, asset: &AssetName) {
        self.passing.remove(asset);
    }

    /// An asset's automation is off.
    pub(super) fn forget(&mut self, asset: &AssetName) {
        self.memory.remove(asset);
        self.told.remove(asset);
    }

    pub(super) fn of(&self, asset: &AssetName) -> Option<&Error> {
        let kinds = [&self.lasting, &self.memory, &self.passing];
        kinds.into_iter().find_map(|errors| errors.get(asset))
    }

    /// The error of an asset, where that was not told yet.
    pub(super) fn tell(&mut self, asset: &AssetName) -> Option<Error> {
        let found = self.of(asset).cloned();
        let before = match &found {
            Some(error) => self.told.insert(asset.clone(), error.clone()),
            None => self.told.remove(asset),
        };
        found.filter(|error| before.as_ref() != Some(error))
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::Kind;

    use super::*;

    #[test]
    fn what_is_wrong_is_told_once_until_it_is_something_else() {
        let asset: AssetName = "orders".parse().unwrap();
        let error = |message: &str| Error::new(Kind::State, "state.record", message);
        let mut faults = Faults::default();
        assert_eq!(faults.tell(&asset), None);
        faults.passing(asset.clone(), error("one"));
        assert_eq!(faults.tell(&asset), Some(error("one")));
        assert_eq!(faults.tell(&asset), None);
        faults.memory(asset.clone(), error("two"));
        assert_eq!(faults.tell(&asset), Some(error("two")));
        faults.forget(&asset);
        faults.passed(&asset);
        assert_eq!(faults.tell(&asset), None);
        faults.passing(asset.clone(), error("one"));
        assert_eq!(faults.tell(&asset), Some(error("one")));
    }
}
