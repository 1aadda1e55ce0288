//! The manifest: what of a partition can be seen, as one small file that is replaced whole.
//!
//! Each load makes the next version. A version is created only where none of that number is, so of two loads that
//! commit at once one wins, and the other looks again. Nothing here touches a disk; the stores do.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tidegate_core::plan::{AssetName, Epoch, LoadToken, PartitionKey};
use tidegate_core::port::Part;
use tidegate_core::schema::{Column, Load};

use crate::format::shorten;
use crate::layout::{manifest_version, parse_part};

/// The format that this code writes, and the newest that it reads.
pub(crate) const FORMAT: u32 = 1;

/// How many loads are remembered by token, so that repeating one of them changes nothing.
const REMEMBERED_LOADS: usize = 1_000;

/// What of a partition can be seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// [`FORMAT`].
    pub(crate) format: u32,
    /// Counts the loads of the partition, from 1.
    pub(crate) version: u64,
    /// Whose data this is.
    pub(crate) asset: AssetName,
    /// Which slice.
    pub(crate) partition: PartitionKey,
    /// The fence of the attempt that loaded last.
    pub(crate) epoch: Epoch,
    /// When it did.
    pub(crate) at: DateTime<Utc>,
    /// The columns of the newest part.
    pub(crate) columns: Vec<Column>,
    /// Every part that can be seen, in order.
    pub(crate) parts: Vec<Part>,
    /// The last loads, oldest first.
    pub(crate) loads: Vec<CommittedLoad>,
}

/// A load that was committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommittedLoad {
    /// Its name.
    pub(crate) token: LoadToken,
    /// Rows loaded.
    pub(crate) rows: u64,
    /// Bytes as stored.
    pub(crate) bytes: u64,
    /// Parts made.
    pub(crate) parts: u64,
}

/// A load that is ready to be seen.
#[derive(Debug, Clone)]
pub(crate) struct PendingLoad {
    pub(crate) asset: AssetName,
    pub(crate) partition: PartitionKey,
    pub(crate) epoch: Epoch,
    pub(crate) token: LoadToken,
    pub(crate) load: Load,
    pub(crate) columns: Vec<Column>,
    pub(crate) parts: Vec<Part>,
    pub(crate) at: DateTime<Utc>,
}

/// What a load may do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decision {
    /// Another attempt has committed this load.
    Repeated(CommittedLoad),
    /// A newer attempt has loaded the partition.
    Fenced(Epoch),
    /// It may create this version.
    Create(Box<Manifest>),
}

impl Manifest {
    /// The manifest that an object or file of a name holds, or why it is none. `ending` says which parts may be in it: a
    /// part is a neighbour of the manifest's, and nothing else is read or removed by its name.
    pub(crate) fn parse(name: &str, bytes: &[u8], ending: impl Fn(&str) -> bool) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if manifest.format > FORMAT {
            return Err(format!(
                "its format {} is newer than this version of tidegate",
                manifest.format
            ));
        }
        if manifest_version(name) != Some(manifest.version) || manifest.version == u64::MAX {
            return Err(format!("it says that it is version {}", manifest.version));
        }
        let mut seen = BTreeSet::new();
        for part in &manifest.parts {
            if !parse_part(&part.name).is_some_and(|(_, _, found)| ending(found)) {
                return Err(format!("`{}` is not the name of a part", shorten(&part.name)));
            }
            if !seen.insert(&part.name) {
                return Err(format!("the part `{}` is in it twice", part.name));
            }
        }
        Ok(manifest)
    }

    /// The load with a token, if it is remembered.
    pub(crate) fn committed(&self, token: &LoadToken) -> Option<&CommittedLoad> {
        self.loads.iter().find(|load| load.token == *token)
    }
}

impl PendingLoad {
    /// What this load may do, given the newest manifest.
    pub(crate) fn decide(&self, newest: Option<&Manifest>) -> Decision {
        if let Some(load) = newest.and_then(|manifest| manifest.committed(&self.token)) {
            return Decision::Repeated(load.clone());
        }
        if let Some(manifest) = newest.filter(|manifest| manifest.epoch > self.epoch) {
            return Decision::Fenced(manifest.epoch);
        }
        let mut parts = match (self.load, newest) {
            (Load::Append, Some(manifest)) => manifest.parts.clone(),
            _ => Vec::new(),
        };
        parts.extend(self.parts.iter().cloned());
        let mut loads = newest.map(|manifest| manifest.loads.clone()).unwrap_or_default();
        loads.push(self.receipt());
        let forgotten = loads.len().saturating_sub(REMEMBERED_LOADS);
        loads.drain(..forgotten);
        Decision::Create(Box::new(Manifest {
            format: FORMAT,
            version: newest.map_or(0, |manifest| manifest.version) + 1,
            asset: self.asset.clone(),
            partition: self.partition.clone(),
            epoch: self.epoch,
            at: self.at,
            columns: self.columns.clone(),
            parts,
            loads,
        }))
    }

    /// This load as the manifest remembers it.
    pub(crate) fn receipt(&self) -> CommittedLoad {
        CommittedLoad {
            token: self.token.clone(),
            rows: self.parts.iter().map(|part| part.rows).sum(),
            bytes: self.parts.iter().map(|part| part.bytes).sum(),
            parts: self.parts.len() as u64,
        }
    }
}
