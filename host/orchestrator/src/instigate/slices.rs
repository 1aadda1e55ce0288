//! Which slices a run of several assets works on.

use chrono::{DateTime, Utc};
use tidegate_core::plan::{AssetName, Keys, PartitionError, PartitionKey, TimeSlices};
use tidegate_core::port::StateStore;
use tidegate_core::schema::OneOrMany;
use tidegate_core::{Error, Result};

use crate::error::OrchestratorError;
use crate::project::Project;
use crate::run::dynamic_keys;

/// The slices of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Slices {
    /// Of each asset the one that had ended last.
    Latest(DateTime<Utc>),
    /// Every one that there is.
    All(DateTime<Utc>),
    /// This one, of each asset that has slices.
    Key(String),
}

impl Slices {
    /// What a document's `partition` means at an instant: the slices of each run.
    pub(crate) fn of(choice: Option<&OneOrMany>, at: DateTime<Utc>) -> Vec<Self> {
        match choice.map(|OneOrMany(keys)| keys.as_slice()) {
            None => vec![Self::Latest(at)],
            Some([word]) if word == "latest" => vec![Self::Latest(at)],
            Some([word]) if word == "none" => vec![Self::All(at)],
            Some(keys) => keys.iter().map(|key| Self::Key(key.clone())).collect(),
        }
    }

    /// The one key that the run names, if it names one.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Latest(_) | Self::All(_) => None,
        }
    }

    /// The asset partitions, in the order of the assets; an asset without slices is one by itself. Empty where no slice of
    /// any asset has ended.
    pub(crate) async fn items(
        &self,
        project: &Project,
        state: &dyn StateStore,
        assets: &[AssetName],
    ) -> Result<Vec<(AssetName, PartitionKey)>> {
        let mut items = Vec::new();
        let mut any_partitions = false;
        for name in assets {
            let Some(slices) = project.partitioning(name)? else {
                items.push((name.clone(), PartitionKey::whole()));
                continue;
            };
            any_partitions = true;
            let dynamic = dynamic_keys(state, &slices).await?;
            let keys = match self {
                Self::Latest(at) => latest(&slices.keys(*at, &dynamic)),
                Self::All(at) => slices.keys(*at, &dynamic).all().collect(),
                Self::Key(key) => {
                    let found = slices.keys(Utc::now(), &dynamic).find(key);
                    vec![found.map_err(|error| refused(name, &error))?.key]
                }
            };
            items.extend(keys.into_iter().map(|key| (name.clone(), key)));
        }
        if let (Self::Key(_), false, Some(name)) = (self, any_partitions, assets.first()) {
            return Err(OrchestratorError::NoPartitions(name.clone()).into());
        }
        Ok(items)
    }
}

/// The slices that had ended last, one of every value; where there is no time, every value.
fn latest(keys: &Keys<'_>) -> Vec<PartitionKey> {
    let slices = keys.partitioning();
    let Some(time) = slices.time() else {
        return keys.all().collect();
    };
    let Some(ended) = ended_last(time, keys.now()) else {
        return Vec::new();
    };
    if slices.values().is_none() {
        return vec![PartitionKey(ended)];
    }
    let values = keys.values().iter();
    values
        .filter_map(|value| slices.join(Some(value), Some(&ended)))
        .collect()
}

/// The slice that had ended last at an instant.
fn ended_last(time: &TimeSlices, at: DateTime<Utc>) -> Option<String> {
    match time.around(at) {
        Some(start) => time.offset(&time.key(start), -1),
        // Before the first slice, or behind the last.
        None => {
            let last = time.key(time.starts(at).last()?);
            time.find(&last).ok().filter(|(_, end)| *end <= at).map(|_| last)
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

#[cfg(test)]
mod tests {
    use tidegate_core::plan::Cadence;

    use super::*;

    #[test]
    fn the_slice_that_ended_last_is_the_one_before() {
        let months = |end| {
            let zone = chrono_tz::America::New_York;
            TimeSlices::new(Cadence::Monthly, zone, "2013-01", end, None).unwrap()
        };
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let open = months(None);
        // Midnight in New York is five in UTC.
        assert_eq!(ended_last(&open, at("2013-02-01T04:59:59Z")), None);
        assert_eq!(
            ended_last(&open, at("2013-02-01T05:00:00Z")),
            Some("2013-01".into())
        );
        assert_eq!(
            ended_last(&open, at("2013-03-15T00:00:00Z")),
            Some("2013-02".into())
        );
        assert_eq!(ended_last(&open, at("2012-06-01T00:00:00Z")), None);
        let year = months(Some("2014-01"));
        assert_eq!(ended_last(&year, at("2012-06-01T00:00:00Z")), None);
        assert_eq!(
            ended_last(&year, at("2013-12-31T12:00:00Z")),
            Some("2013-11".into())
        );
        assert_eq!(
            ended_last(&year, at("2020-01-01T00:00:00Z")),
            Some("2013-12".into())
        );
    }
}
