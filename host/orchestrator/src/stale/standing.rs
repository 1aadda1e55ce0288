//! How assets stand: each slice materialized and up to date, or stale for a reason.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;

use chrono::Utc;
use serde::Serialize;
use tidegate_core::Errors;
use tidegate_core::plan::{AssetName, Digest, PartitionKey, Partitioning, Upstream};
use tidegate_core::port::{Input, SliceVersion, StateStore};

use super::input::input;
use crate::project::{Above, Project};
use crate::run::dynamic_keys;

/// Why a slice is stale: the first of these that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Stale {
    /// No run has loaded it, or it was wiped.
    NeverMaterialized,
    /// It was made by another version of the asset.
    CodeChanged,
    /// An asset before it was materialized again since, or wiped.
    UpstreamNewer {
        /// Which.
        upstream: AssetName,
    },
    /// An asset before it is stale itself.
    UpstreamStale {
        /// Which.
        upstream: AssetName,
    },
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverMaterialized => f.write_str("never materialized"),
            Self::CodeChanged => f.write_str("code changed"),
            Self::UpstreamNewer { upstream } => write!(f, "upstream newer: {upstream}"),
            Self::UpstreamStale { upstream } => write!(f, "upstream stale: {upstream}"),
        }
    }
}

/// How an asset stands.
#[derive(Debug, Clone, Default)]
pub struct AssetStanding {
    /// The version of its code now.
    pub code_version: Option<Digest>,
    /// The newest materialization of each slice, by key; also of slices that are none any more.
    pub versions: Vec<SliceVersion>,
    /// How many slices there are now; 1 without partitions.
    pub slices: u64,
    /// The slices that are stale, with the reason, in the order of the asset's keys.
    pub stale: Vec<(PartitionKey, Stale)>,
}

impl AssetStanding {
    /// The newest materialization of a slice.
    pub fn version(&self, key: &PartitionKey) -> Option<&SliceVersion> {
        let found = self
            .versions
            .binary_search_by(|version| version.partition.cmp(key));
        found.ok().map(|index| &self.versions[index])
    }

    /// Reasons with how many slices each is of, the first one first.
    pub fn reasons(&self) -> Vec<(&Stale, u64)> {
        let mut reasons: Vec<(&Stale, u64)> = Vec::new();
        for (_, stale) in &self.stale {
            match reasons.iter_mut().find(|(known, _)| *known == stale) {
                Some((_, count)) => *count += 1,
                None => reasons.push((stale, 1)),
            }
        }
        reasons
    }
}

/// An asset that others are looked at by.
struct Seen {
    standing: AssetStanding,
    slices: Option<Partitioning>,
    dynamic: Vec<String>,
    /// The stale slices and their reasons, to look up.
    stale: BTreeMap<PartitionKey, Stale>,
    /// How it stands as a whole; told once, however many slices below are made from it.
    whole: OnceCell<Input>,
}

/// How some assets stand now, with those before them looked at as far as it takes. Takes as long as there are slices; what
/// was materialized before the newest is not read, and nothing is bound or compiled.
pub async fn standing(
    project: &Project,
    state: &dyn StateStore,
    names: &[AssetName],
) -> Result<BTreeMap<AssetName, AssetStanding>, Errors> {
    let wanted = project.graph().with_ancestors(names);
    let order: Vec<AssetName> = project
        .graph()
        .order()
        .into_iter()
        .filter(|name| wanted.contains(name))
        .collect();
    let mut codes = project.code_versions(&order).await?;
    let mut versions: BTreeMap<AssetName, Vec<SliceVersion>> = BTreeMap::new();
    for version in state.slice_versions(&order).await? {
        versions.entry(version.asset.clone()).or_default().push(version);
    }
    let mut seen: BTreeMap<AssetName, Seen> = BTreeMap::new();
    for name in &order {
        let Some(asset) = project.documents().assets.get(name) else {
            continue;
        };
        let slices = project.partitioning(name)?;
        let dynamic = match &slices {
            Some(slices) => dynamic_keys(state, slices).await?,
            None => Vec::new(),
        };
        let standing = AssetStanding {
            code_version: codes.remove(name),
            versions: versions.remove(name).unwrap_or_default(),
            ..AssetStanding::default()
        };
        let above = project.above(&asset.value);
        let found = look(standing, slices, dynamic, &above, &seen);
        seen.insert(name.clone(), found);
    }
    Ok(names
        .iter()
        .filter_map(|name| Some((name.clone(), seen.remove(name)?.standing)))
        .collect())
}

/// Looks at every slice of an asset; those before it have been looked at.
fn look(
    mut standing: AssetStanding,
    slices: Option<Partitioning>,
    dynamic: Vec<String>,
    above: &[Above],
    seen: &BTreeMap<AssetName, Seen>,
) -> Seen {
    let now = Utc::now();
    let keys: Vec<PartitionKey> = match &slices {
        Some(slices) => slices.keys(now, &dynamic).all().collect(),
        None => vec![PartitionKey::whole()],
    };
    standing.slices = keys.len() as u64;
    let mut stale = Vec::new();
    for key in keys {
        let reason = match standing.version(&key) {
            None => Some(Stale::NeverMaterialized),
            Some(version) => reason(&standing, version, slices.as_ref(), above, seen),
        };
        stale.extend(reason.map(|reason| (key, reason)));
    }
    Seen {
        stale: stale.iter().cloned().collect(),
        standing: AssetStanding { stale, ..standing },
        slices,
        dynamic,
        whole: OnceCell::new(),
    }
}

fn reason(
    standing: &AssetStanding,
    version: &SliceVersion,
    below: Option<&Partitioning>,
    above: &[Above],
    seen: &BTreeMap<AssetName, Seen>,
) -> Option<Stale> {
    // Of what was reported, and of what an older Tidegate made, it is not known by which code.
    if version.code_version.is_some() && version.code_version != standing.code_version {
        return Some(Stale::CodeChanged);
    }
    let each: Vec<(&Above, &Seen, Read)> = above
        .iter()
        .filter_map(|above| {
            let theirs = seen.get(&above.name)?;
            let read = Read::of(above, theirs, below, &version.partition);
            Some((above, theirs, read))
        })
        .collect();
    if let Some(inputs) = &version.inputs {
        for (above, theirs, read) in &each {
            let was = inputs.iter().find(|input| input.asset == above.name);
            if was.is_none_or(|was| was.version != read.input(theirs, &above.name).version) {
                let upstream = above.name.clone();
                return Some(Stale::UpstreamNewer { upstream });
            }
        }
    }
    let first = each.into_iter().find(|(_, theirs, read)| read.stale(theirs))?;
    let upstream = first.0.name.clone();
    Some(Stale::UpstreamStale { upstream })
}

/// Which slices of an asset another's slice is made from.
enum Read {
    All,
    Some(Vec<PartitionKey>),
}

impl Read {
    fn of(above: &Above, theirs: &Seen, below: Option<&Partitioning>, made: &PartitionKey) -> Self {
        if above.same_keys(below) {
            return Self::Some(vec![made.clone()]);
        }
        match above.read_keys(below, &made.0, Utc::now(), &theirs.dynamic) {
            Upstream::All => Self::All,
            Upstream::Keys(mut keys) => {
                keys.sort();
                Self::Some(keys)
            }
        }
    }

    fn input(&self, theirs: &Seen, name: &AssetName) -> Input {
        match self {
            Self::All => theirs
                .whole
                .get_or_init(|| input(name, &theirs.standing.versions))
                .clone(),
            Self::Some(keys) => {
                let found: Vec<&SliceVersion> = keys
                    .iter()
                    .filter_map(|key| theirs.standing.version(key))
                    .collect();
                input(name, &found)
            }
        }
    }

    /// Whether something that is read is stale. Of many slices, one that was never made is not missed yet: what is made from
    /// all days is not stale because the last day is not there.
    fn stale(&self, theirs: &Seen) -> bool {
        let spoilt = |stale: &Stale| *stale != Stale::NeverMaterialized;
        match self {
            Self::All if theirs.slices.is_none() => !theirs.stale.is_empty(),
            Self::All => theirs.stale.values().any(spoilt),
            Self::Some(keys) => match keys.as_slice() {
                [key] => theirs.stale.contains_key(key),
                keys => keys.iter().filter_map(|key| theirs.stale.get(key)).any(spoilt),
            },
        }
    }
}
