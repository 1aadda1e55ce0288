//! Makes a load visible, in steps. A crash between any two leaves the old load visible or the new one, and doing it
//! again ends the same way.
//!
//! 1. Decide, by the newest manifest, whether this load may commit or has already.
//! 2. Put the staged parts in place. Nobody sees them there: readers go by the manifest.
//! 3. Create the next manifest, unless somebody else did; then decide again.
//! 4. Sweep up what can no longer be seen.

use std::fs;
use std::path::Path;

use tidegate_core::plan::Epoch;
use tidegate_core::port::{LoadReceipt, Part};

use super::error::{FileError, Result};
use super::layout::{PartFile, Stage, manifest_path, part_path};
use super::manifests;
use crate::durable::{self, TEMPORARY};
use crate::layout::MANIFESTS;
use crate::manifest::{CommittedLoad, Decision, Manifest, PendingLoad};

#[cfg(test)]
mod tests;

/// How many manifests are kept, the newest among them.
const KEPT_MANIFESTS: u64 = 2;

/// What a commit has just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Decided,
    /// So many parts are in place.
    Placed(usize),
    Created,
    Removed,
}

/// Told of each step; an error stops the commit there, as a crash would.
type Observer<'a> = &'a mut dyn FnMut(Step) -> Result<()>;

/// Makes a load visible in a partition's folder.
pub(super) fn commit(folder: &Path, pending: &PendingLoad) -> Result<LoadReceipt> {
    commit_observed(folder, pending, &mut |_| Ok(()))
}

fn commit_observed(folder: &Path, pending: &PendingLoad, after: Observer<'_>) -> Result<LoadReceipt> {
    loop {
        let newest = manifests::newest(folder)?;
        let decision = pending.decide(newest.as_ref());
        after(Step::Decided)?;
        match decision {
            Decision::Repeated(load) => {
                sweep(folder, newest.as_ref(), pending.epoch, after)?;
                return Ok(receipt(folder, &load, true));
            }
            Decision::Fenced(epoch) => {
                forget_own(folder, newest.as_ref(), pending.epoch);
                return Err(fenced(folder, epoch, pending.epoch));
            }
            Decision::Create(manifest) => {
                match place(folder, &pending.parts, after) {
                    // Swept up by a load that committed since: decide again.
                    Err(FileError::StagedLost { .. })
                        if manifests::newest(folder)?.map(|seen| seen.version)
                            != newest.map(|seen| seen.version) =>
                    {
                        continue;
                    }
                    placed => placed?,
                }
                if manifests::create(folder, &manifest)? && !late(folder, &manifest, pending)? {
                    after(Step::Created)?;
                    sweep(folder, Some(&manifest), pending.epoch, after)?;
                    return Ok(receipt(folder, &pending.receipt(), false));
                }
            }
        }
    }
}

/// Whether a manifest that was just created is one that nobody will look at: newer ones exist, and its version was free
/// only because it had been swept up. It is taken back then.
fn late(folder: &Path, manifest: &Manifest, pending: &PendingLoad) -> Result<bool> {
    let late = manifests::newest(folder)?.is_some_and(|newest| {
        newest.version > manifest.version && newest.committed(&pending.token).is_none()
    });
    if late {
        let path = manifest_path(folder, manifest.version);
        durable::remove(&path).map_err(|error| FileError::io(&path, error))?;
    }
    Ok(late)
}

/// Fails where a newer attempt has loaded the partition.
pub(super) fn refuse_overtaken(folder: &Path, epoch: Epoch) -> Result<()> {
    match manifests::newest(folder)? {
        Some(newest) if newest.epoch > epoch => Err(fenced(folder, newest.epoch, epoch)),
        _ => Ok(()),
    }
}

/// The error for an attempt that a newer one has overtaken.
pub(super) fn fenced(folder: &Path, newest: Epoch, epoch: Epoch) -> FileError {
    FileError::Fenced {
        path: folder.display().to_string(),
        newest: newest.0,
        epoch: epoch.0,
    }
}

/// Puts staged parts in place. Those that are already there were put there by an attempt that died, or by one that
/// thinks it is still alive.
fn place(folder: &Path, parts: &[Part], after: Observer<'_>) -> Result<()> {
    if parts.is_empty() {
        return Ok(());
    }
    for (index, part) in parts.iter().enumerate() {
        let (from, to) = (
            part_path(folder, &part.name, Stage::Staged),
            part_path(folder, &part.name, Stage::Placed),
        );
        if let Err(error) = fs::rename(&from, &to)
            && !has_size(&to, part.bytes)
        {
            return Err(match error.kind() {
                std::io::ErrorKind::NotFound => lost(&from),
                _ => FileError::io(&from, error),
            });
        }
        after(Step::Placed(index + 1))?;
    }
    durable::sync_folder(folder).map_err(|error| FileError::io(folder, error))
}

/// Fails unless every part is there, staged or in place, with its size.
pub(super) fn verify_staged(folder: &Path, parts: &[Part]) -> Result<()> {
    for part in parts {
        let staged = part_path(folder, &part.name, Stage::Staged);
        if !has_size(&staged, part.bytes)
            && !has_size(&part_path(folder, &part.name, Stage::Placed), part.bytes)
        {
            return Err(lost(&staged));
        }
    }
    Ok(())
}

/// Removes what can no longer be seen and what attempts up to this one left behind. Newer attempts are left alone.
///
/// What cannot be removed now is removed by the next load: the load is committed, and must not fail for it.
fn sweep(folder: &Path, manifest: Option<&Manifest>, epoch: Epoch, after: Observer<'_>) -> Result<()> {
    let mut doomed = Vec::new();
    for file in parts_in(folder) {
        if file.epoch <= epoch && (file.stage != Stage::Placed || !lists(manifest, &file.name)) {
            doomed.push(part_path(folder, &file.name, file.stage));
        }
    }
    let keep_from = manifest.map_or(0, |manifest| manifest.version.saturating_sub(KEPT_MANIFESTS - 1));
    for version in manifests::versions(folder).unwrap_or_default() {
        if version < keep_from {
            doomed.push(manifest_path(folder, version));
        }
    }
    let manifests = folder.join(MANIFESTS);
    for name in manifests::names(&manifests).unwrap_or_default() {
        if name.ends_with(TEMPORARY) && durable::is_forsaken(&manifests.join(&name)) {
            doomed.push(manifests.join(&name));
        }
    }
    for path in doomed {
        let _ = durable::remove(&path);
        after(Step::Removed)?;
    }
    Ok(())
}

/// Removes what a fenced attempt made, unless the newest manifest has it.
pub(super) fn forget_own(folder: &Path, manifest: Option<&Manifest>, epoch: Epoch) {
    for file in parts_in(folder) {
        if file.epoch == epoch && !lists(manifest, &file.name) {
            let _ = durable::remove(&part_path(folder, &file.name, file.stage));
        }
    }
}

/// The parts in a folder, at every stage.
pub(super) fn parts_in(folder: &Path) -> Vec<PartFile> {
    let names = manifests::names(folder).unwrap_or_default();
    names.iter().filter_map(|name| PartFile::parse(name)).collect()
}

fn lists(manifest: Option<&Manifest>, name: &str) -> bool {
    manifest.is_some_and(|manifest| manifest.parts.iter().any(|part| part.name == name))
}

fn has_size(path: &Path, bytes: u64) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.len() == bytes)
}

fn lost(path: &Path) -> FileError {
    FileError::StagedLost {
        path: path.display().to_string(),
    }
}

fn receipt(folder: &Path, load: &CommittedLoad, repeated: bool) -> LoadReceipt {
    LoadReceipt {
        rows: load.rows,
        bytes: load.bytes,
        parts: load.parts,
        location: folder.display().to_string(),
        repeated,
    }
}
