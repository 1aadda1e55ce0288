//! Makes a load visible. A crash between any two requests leaves the old load visible or the new one, and doing it again
//! ends the same way.
//!
//! 1. Decide, by the newest manifest, whether this load may commit or has already.
//! 2. See that all its parts are there. Readers go by the manifest, so nobody has seen them yet.
//! 3. Create the next manifest, unless somebody else did; then decide again.
//! 4. Sweep up what can no longer be seen.

use std::time::Duration;

use tidegate_core::plan::Epoch;
use tidegate_core::port::{LoadReceipt, Part};
use tokio::time::sleep;

use super::error::{Result, S3Error};
use super::partition::{PartObject, Partition};
use crate::manifest::{CommittedLoad, Decision, Manifest, PendingLoad};

/// How many manifests are kept, the newest among them.
const KEPT_MANIFESTS: u64 = 2;
/// How often a load decides anew: each time, another load has committed.
const TRIES: u32 = 200;
/// How long somebody else's write of the same manifest is waited for.
const CONTENTION_WAIT: Duration = Duration::from_millis(50);

/// Makes a load visible in its partition.
pub(super) async fn commit(partition: &Partition, pending: &PendingLoad) -> Result<LoadReceipt> {
    // Whether this call may have created a manifest without having heard of it.
    let mut tried = false;
    for _ in 0..TRIES {
        let newest = partition.newest().await?;
        match pending.decide(newest.as_ref()) {
            Decision::Repeated(load) => {
                let own = tried
                    && newest
                        .as_ref()
                        .is_some_and(|newest| newest.epoch == pending.epoch);
                sweep(partition, newest.as_ref(), pending.epoch).await;
                return Ok(receipt(partition, &load, !own));
            }
            Decision::Fenced(epoch) => {
                forget_own(partition, newest.as_ref(), pending.epoch).await;
                return Err(fenced(partition, epoch, pending.epoch));
            }
            Decision::Create(manifest) => {
                match verify_staged(partition, &pending.parts).await {
                    // Swept up by a load that committed since: decide again.
                    Err(S3Error::StagedLost { .. })
                        if version(partition.newest().await?.as_ref()) != version(newest.as_ref()) =>
                    {
                        continue;
                    }
                    verified => verified?,
                }
                tried = true;
                if partition.create(&manifest).await? {
                    if !late(partition, &manifest, pending).await? {
                        sweep(partition, Some(&manifest), pending.epoch).await;
                        return Ok(receipt(partition, &pending.receipt(), false));
                    }
                } else {
                    sleep(CONTENTION_WAIT).await;
                }
            }
        }
    }
    Err(S3Error::Changed {
        place: partition.url(),
        what: "it is being loaded over and over, or the service refuses to create objects on a condition"
            .into(),
    })
}

fn version(manifest: Option<&Manifest>) -> u64 {
    manifest.map_or(0, |manifest| manifest.version)
}

/// Whether a manifest that was just created is one that nobody will look at: newer ones exist, and its version was free
/// only because it had been swept up. It is taken back then.
async fn late(partition: &Partition, manifest: &Manifest, pending: &PendingLoad) -> Result<bool> {
    let newest = partition.newest().await?;
    let late = newest.is_some_and(|newest| {
        newest.version > manifest.version && newest.committed(&pending.token).is_none()
    });
    if late {
        partition
            .bucket
            .delete(&partition.manifest_key(manifest.version))
            .await?;
    }
    Ok(late)
}

/// The error for an attempt that a newer one has overtaken.
pub(super) fn fenced(partition: &Partition, newest: Epoch, epoch: Epoch) -> S3Error {
    S3Error::Fenced {
        place: partition.url(),
        newest: newest.0,
        epoch: epoch.0,
    }
}

/// Fails unless every part is there with its size.
pub(super) async fn verify_staged(partition: &Partition, parts: &[Part]) -> Result<()> {
    if parts.is_empty() {
        return Ok(());
    }
    let there = partition.parts().await?;
    for part in parts {
        if !there
            .iter()
            .any(|found| found.name == part.name && found.listed.size == part.bytes)
        {
            return Err(S3Error::StagedLost {
                place: partition.bucket.url(&partition.part_key(&part.name)),
            });
        }
    }
    Ok(())
}

/// Removes what can no longer be seen and what attempts up to this one left behind. Newer attempts are left alone.
///
/// What cannot be removed now is removed by the next load: the load is committed, and must not fail for it.
async fn sweep(partition: &Partition, manifest: Option<&Manifest>, epoch: Epoch) {
    let parts = partition.parts().await.unwrap_or_default();
    for part in parts
        .iter()
        .filter(|part| part.epoch <= epoch && !lists(manifest, part))
    {
        let _ = partition.bucket.delete(&part.listed.key).await;
    }
    let keep_from = version(manifest).saturating_sub(KEPT_MANIFESTS - 1);
    for version in partition.versions().await.unwrap_or_default() {
        if version < keep_from {
            let _ = partition.bucket.delete(&partition.manifest_key(version)).await;
        }
    }
}

/// Removes what a fenced attempt made, unless the newest manifest has it.
pub(super) async fn forget_own(partition: &Partition, manifest: Option<&Manifest>, epoch: Epoch) {
    let parts = partition.parts().await.unwrap_or_default();
    for part in parts
        .iter()
        .filter(|part| part.epoch == epoch && !lists(manifest, part))
    {
        let _ = partition.bucket.delete(&part.listed.key).await;
    }
}

fn lists(manifest: Option<&Manifest>, part: &PartObject) -> bool {
    manifest.is_some_and(|manifest| manifest.parts.iter().any(|listed| listed.name == part.name))
}

fn receipt(partition: &Partition, load: &CommittedLoad, repeated: bool) -> LoadReceipt {
    LoadReceipt {
        rows: load.rows,
        bytes: load.bytes,
        parts: load.parts,
        location: partition.url(),
        repeated,
    }
}
