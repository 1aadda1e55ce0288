//! From the slices of an asset to those that are made from them.

use super::places::Places;
use super::space::Space;
use crate::plan::{Mapping, Upstream};

/// How the slices of an asset follow from those of one that it is made from.
#[derive(Debug, Clone)]
pub(super) enum Link {
    /// Each from the one at the same place.
    Same,
    /// Each from all.
    All,
    /// Each from the last in time.
    Last,
    /// Each from these.
    Each(Vec<(u64, Places)>),
}

impl Link {
    /// How the slices of a space follow from those above. Work for each slice is done only where the two are cut differently.
    pub(super) fn between(above: &Space, below: &Space, same_space: bool, mapping: Mapping) -> Self {
        let (Some(theirs), Some(ours)) = (above.partitioning(), below.partitioning()) else {
            let both_whole = above.partitioning().is_none() && below.partitioning().is_none();
            return match mapping {
                _ if both_whole => Self::Same,
                Mapping::Last => Self::Last,
                Mapping::All | Mapping::Alike { .. } => Self::All,
            };
        };
        match mapping {
            Mapping::All => Self::All,
            Mapping::Last => Self::Last,
            Mapping::Alike { .. } if same_space && mapping.same_keys(theirs, ours) => Self::Same,
            Mapping::Alike { .. } => Self::Each(each(above, below, mapping)),
        }
    }

    /// The slices that are made from any of these.
    pub(super) fn below(&self, found: &Places, above: &Space, below: &Space) -> Places {
        if found.is_empty() {
            return Places::default();
        }
        let all_if = |so: bool| {
            if so {
                below.all().clone()
            } else {
                Places::default()
            }
        };
        match self {
            Self::Same => found.and(below.all()),
            Self::All => below.all().clone(),
            Self::Last => all_if(!found.and(above.last()).is_empty()),
            Self::Each(each) => {
                let fed = each.iter().filter(|(_, from)| from.meets(found));
                Places::each(fed.map(|(place, _)| *place))
            }
        }
    }
}

fn each(above: &Space, below: &Space, mapping: Mapping) -> Vec<(u64, Places)> {
    let (Some(theirs), Some(ours)) = (above.partitioning(), below.partitioning()) else {
        return Vec::new();
    };
    let keys = theirs.keys(above.changed_at(), above.dynamic());
    let same = mapping.same_keys(theirs, ours);
    let from = |place: u64| {
        let key = below.key(place)?;
        let found = if same {
            Places::each(above.place(&key.0))
        } else {
            match mapping.upstream(&keys, Some(ours), &key.0) {
                Upstream::All => above.all().clone(),
                Upstream::Keys(keys) => Places::each(keys.iter().filter_map(|key| above.place(&key.0))),
            }
        };
        Some((place, found))
    };
    below.all().iter().filter_map(from).collect()
}
