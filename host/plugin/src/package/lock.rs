//! `tidegate.lock`: which plugins a project runs, to the byte.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tidegate_core::plan::Digest;

use super::error::PackageError;
use super::folder_registry::bounded;
use super::release::is_digest;
use crate::catalog::Requirement;
use crate::manifest::is_name;

/// A project of a thousand plugins has a lock of half of this.
const MAX_LOCK_BYTES: u64 = 1 << 20;

/// The version of the file's format.
const FORMAT: u32 = 1;

/// What a project runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The version of the file's format.
    format: u32,
    /// Sorted by name and version.
    plugins: Vec<LockEntry>,
}

/// One plugin of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockEntry {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: semver::Version,
    /// Of the component.
    pub digest: Digest,
    /// The registry that it comes from, as project.yaml writes it; none for one in a plugin folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// The versions that the project asks for, as it writes them.
    pub requirements: Vec<String>,
    /// The key that vouched for it when it was locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
}

impl LockEntry {
    /// Where it comes from, for people.
    pub fn from(&self) -> String {
        self.registry.as_ref().map_or_else(
            || "the plugin folders".into(),
            |place| format!("the registry `{place}`"),
        )
    }

    fn fault(&self) -> Option<String> {
        if !is_name(&self.name) {
            let name: String = self.name.chars().take(64).collect();
            return Some(format!("`{}` is not a plugin's name", name.escape_debug()));
        }
        if !is_digest(&self.digest) {
            return Some(format!("the digest of `{}` {} is none", self.name, self.version));
        }
        None
    }
}

impl Default for Lock {
    fn default() -> Self {
        Self {
            format: FORMAT,
            plugins: Vec::new(),
        }
    }
}

impl Lock {
    /// Reads a lock; an empty one where the file is not there.
    pub fn read(file: &Path) -> Result<Self, PackageError> {
        let refuse = |why: String| PackageError::Lock {
            file: file.display().to_string(),
            why,
        };
        let Some(text) = bounded(file, MAX_LOCK_BYTES).map_err(refuse)? else {
            return Ok(Self::default());
        };
        let lock: Self = serde_json::from_slice(&text).map_err(|error| refuse(error.to_string()))?;
        if lock.format != FORMAT {
            return Err(refuse(format!(
                "its format is {}, and this Tidegate knows {FORMAT}",
                lock.format
            )));
        }
        if let Some(fault) = lock.plugins.iter().find_map(LockEntry::fault) {
            return Err(refuse(fault));
        }
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = lock
            .plugins
            .iter()
            .find(|entry| !seen.insert((&entry.name, &entry.version)))
        {
            return Err(refuse(format!(
                "`{}` {} is in it twice",
                twice.name, twice.version
            )));
        }
        Ok(lock)
    }

    /// Writes the lock so that nobody sees half of it.
    pub fn write(&self, file: &Path) -> Result<(), PackageError> {
        let io = |error: std::io::Error| PackageError::io("cannot write", file, &error);
        let mut text = serde_json::to_string_pretty(self).map_err(|error| io(error.into()))?;
        text.push('\n');
        let half = file.with_extension(format!("lock.{}", std::process::id()));
        std::fs::File::create(&half)
            .and_then(|mut open| open.write_all(text.as_bytes()).and_then(|()| open.sync_all()))
            .and_then(|()| std::fs::rename(&half, file))
            .inspect_err(|_| {
                let _ = std::fs::remove_file(&half);
            })
            .map_err(io)
    }

    /// What is locked, sorted by name and version.
    pub fn plugins(&self) -> &[LockEntry] {
        &self.plugins
    }

    /// The newest entry that fits.
    pub(crate) fn find(&self, wanted: &Requirement) -> Option<&LockEntry> {
        self.plugins
            .iter()
            .filter(|entry| entry.name == wanted.name && wanted.versions.matches(&entry.version))
            .max_by(|a, b| a.version.cmp(&b.version))
    }

    /// Adds an entry, or takes it in place of the one of its name and version, with what that was asked for by.
    pub(crate) fn put(&mut self, mut entry: LockEntry) {
        self.plugins.retain(|other| {
            let same = other.name == entry.name && other.version == entry.version;
            if same {
                entry.requirements.extend(other.requirements.iter().cloned());
            }
            !same
        });
        entry.requirements.sort();
        entry.requirements.dedup();
        self.plugins.push(entry);
        self.plugins
            .sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&LockEntry) -> bool) {
        self.plugins.retain(keep);
    }
}
