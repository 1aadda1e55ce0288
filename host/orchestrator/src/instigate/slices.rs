//! Which slices a run of several assets works on.

use chrono::{DateTime, Utc};
use tidegate_core::plan::{AssetName, PartitionKey};
use tidegate_core::schema::OneOrMany;
use tidegate_core::{Error, Result};

use crate::error::OrchestratorError;
use crate::project::Project;

/// The slices of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slices {
    /// Of each asset the one that had ended last.
    Latest(DateTime<Utc>),
    /// Every one that there is.
    All(DateTime<Utc>),
    /// This one, of each asset that has slices.
    Key(String),
}

impl Slices {
    /// What a document's `partition` means at an instant: the slices of each run.
    pub(super) fn of(choice: Option<&OneOrMany>, at: DateTime<Utc>) -> Vec<Self> {
        match choice.map(|OneOrMany(keys)| keys.as_slice()) {
            None => vec![Self::Latest(at)],
            Some([word]) if word == "latest" => vec![Self::Latest(at)],
            Some([word]) if word == "none" => vec![Self::All(at)],
            Some(keys) => keys.iter().map(|key| Self::Key(key.clone())).collect(),
        }
    }

    /// The one key that the run names, if it names one.
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Latest(_) | Self::All(_) => None,
        }
    }

    /// The asset partitions, in the order of the assets; an asset without slices is one by itself. Empty where no slice of
    /// any asset has ended.
    pub(super) fn items(
        &self,
        project: &Project,
        assets: &[AssetName],
    ) -> Result<Vec<(AssetName, PartitionKey)>> {
        let mut items = Vec::new();
        let mut sliced = false;
        for name in assets {
            let Some(slices) = project.partitioning(name)? else {
                items.push((name.clone(), PartitionKey::whole()));
                continue;
            };
            sliced = true;
            match self {
                Self::Latest(at) => {
                    let ended = slices.partitions(*at).into_iter().rfind(|slice| slice.end <= *at);
                    items.extend(ended.map(|slice| (name.clone(), slice.key)));
                }
                Self::All(at) => {
                    let all = slices.partitions(*at);
                    items.extend(all.into_iter().map(|slice| (name.clone(), slice.key)));
                }
                Self::Key(key) => {
                    let found = slices.find(key).map_err(|error| {
                        Error::from(OrchestratorError::Partition {
                            asset: name.clone(),
                            why: error.to_string(),
                        })
                    })?;
                    items.push((name.clone(), found.key));
                }
            }
        }
        if let (Self::Key(_), false, Some(name)) = (self, sliced, assets.first()) {
            return Err(OrchestratorError::NoPartitions(name.clone()).into());
        }
        Ok(items)
    }
}
