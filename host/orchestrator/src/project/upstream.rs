//! How the slices of an asset are made from those of the assets above it.

use tidegate_core::plan::{
    AssetName, Mapping, PartitionError, Partitioning, SliceRule, SourceSlice, TimeMapping, Upstream,
};
use tidegate_core::schema::{Asset, Placed};

use super::Project;

/// An asset that another is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Above {
    /// Its name.
    pub name: AssetName,
    /// Its slices.
    pub partitioning: Option<Partitioning>,
    /// Which of them a slice below is made from.
    pub mapping: Mapping,
}

impl Above {
    /// Whether a slice of it takes part in a slice below.
    pub fn feeds(&self, key: &str, below: Option<&Partitioning>, made: &str) -> bool {
        match (&self.partitioning, below) {
            (Some(above), Some(below)) => self.mapping.feeds(above, key, below, made),
            _ => true,
        }
    }

    /// Whether a slice below is made from the slice of the same key.
    pub fn same_keys(&self, below: Option<&Partitioning>) -> bool {
        match (&self.partitioning, below) {
            (Some(above), Some(below)) => self.mapping.same_keys(above, below),
            _ => false,
        }
    }

    /// The keys of its slices that a slice below is made from, given its dynamic keys.
    pub(crate) fn read_keys(
        &self,
        below: Option<&Partitioning>,
        made: &str,
        now: chrono::DateTime<chrono::Utc>,
        dynamic: &[String],
    ) -> Upstream {
        match &self.partitioning {
            Some(above) => self.mapping.upstream(&above.keys(now, dynamic), below, made),
            None => Upstream::All,
        }
    }

    /// Which slice of it is read for a slice below, given its dynamic keys.
    pub(crate) fn source_slice(
        &self,
        below: Option<&Partitioning>,
        made: &str,
        now: chrono::DateTime<chrono::Utc>,
        dynamic: &[String],
    ) -> Result<SourceSlice, PartitionError> {
        let Some(above) = &self.partitioning else {
            return Ok(SourceSlice::Whole);
        };
        if self.same_keys(below) {
            return Ok(SourceSlice::Own);
        }
        let found = self.mapping.upstream(&above.keys(now, dynamic), below, made);
        Ok(match found {
            Upstream::All => SourceSlice::Whole,
            Upstream::Keys(keys) => match keys.as_slice() {
                [key] => SourceSlice::Other(Box::new(above.find(&key.0)?)),
                keys => SourceSlice::Several(
                    keys.iter()
                        .map(|key| above.find(&key.0))
                        .collect::<Result<_, _>>()?,
                ),
            },
        })
    }
}

impl Project {
    /// The slices of an asset; none also where there is no such asset.
    pub(crate) fn slices_of(&self, name: &AssetName) -> Option<Partitioning> {
        self.partitioning(name).ok().flatten()
    }

    /// The assets that an asset is made from. What SQL reads beside its source it reads whole.
    pub(crate) fn above(&self, asset: &Asset) -> Vec<Above> {
        let below = self.slices_of(&asset.name);
        asset
            .upstream()
            .into_iter()
            .map(|name| {
                let partitioning = self.slices_of(&name);
                let told = asset
                    .source
                    .partitions
                    .filter(|_| asset.source.asset.as_ref() == Some(&name));
                // Of an asset that rows come from, `load_project` has refused what does not map.
                let mapping =
                    Mapping::between(partitioning.as_ref(), below.as_ref(), told).unwrap_or(Mapping::All);
                Above {
                    name,
                    partitioning,
                    mapping,
                }
            })
            .collect()
    }

    /// What is done about rows of other slices that come from an asset.
    pub(crate) fn asset_rule(&self, asset: &Placed<Asset>, upstream: &AssetName) -> SliceRule {
        let Some(below) = self.slices_of(&asset.value.name) else {
            return SliceRule::Trusted;
        };
        let Some(above) = self
            .above(&asset.value)
            .into_iter()
            .find(|above| above.name == *upstream)
        else {
            return SliceRule::Trusted;
        };
        let Some(theirs) = &above.partitioning else {
            return SliceRule::Filter;
        };
        // The slice of the same key holds the right rows, and one that an offset leads to is meant as it is.
        let shifted = matches!(
            above.mapping,
            Mapping::Alike {
                time: Some(TimeMapping::Offset(slices)),
                ..
            } if slices != 0
        );
        if shifted || above.mapping.same_keys(theirs, &below) {
            SliceRule::Trusted
        } else {
            SliceRule::Filter
        }
    }
}
