//! Where an asset partition lies in a bucket: `<prefix><asset>/[<partition>/]`, with `_manifest/` beside the parts.

use std::sync::Arc;

use tidegate_core::plan::{AssetName, Epoch, PartitionKey};

use super::bucket::{Bucket, Listed, Listing};
use super::config::PartFormat;
use super::error::{Result, S3Error};
use crate::layout::{MANIFESTS, encode_key, manifest_name, manifest_version, parse_part};
use crate::manifest::Manifest;

/// The objects of an asset partition.
#[derive(Debug, Clone)]
pub(super) struct Partition {
    pub(super) bucket: Arc<Bucket>,
    /// What the keys begin with; ends with `/`.
    pub(super) folder: String,
}

/// A part that lies in a partition, listed in a manifest or not.
#[derive(Debug, Clone)]
pub(super) struct PartObject {
    pub(super) name: String,
    pub(super) epoch: Epoch,
    pub(super) number: u64,
    pub(super) listed: Listed,
}

/// What the keys of an asset begin with.
pub(super) fn asset_folder(prefix: &str, asset: &AssetName) -> String {
    format!("{prefix}{asset}/")
}

/// What the keys of an asset partition begin with.
pub(super) fn partition_folder(prefix: &str, asset: &AssetName, partition: &PartitionKey) -> String {
    let folder = asset_folder(prefix, asset);
    if partition.is_whole() {
        folder
    } else {
        format!("{folder}{}/", encode_key(&partition.0))
    }
}

impl Partition {
    /// Its place, for people.
    pub(super) fn url(&self) -> String {
        let url = self.bucket.url(&self.folder);
        url.trim_end_matches('/').to_owned()
    }

    pub(super) fn part_key(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }

    pub(super) fn manifest_key(&self, version: u64) -> String {
        format!("{}{MANIFESTS}/{}", self.folder, manifest_name(version))
    }

    /// Every part that lies there, of any epoch.
    pub(super) async fn parts(&self) -> Result<Vec<PartObject>> {
        let listing = Listing {
            prefix: self.part_key("part-"),
            one_level: true,
            ..Listing::default()
        };
        let (objects, _) = self.bucket.list_all(listing).await?;
        let parts = objects.into_iter().filter_map(|listed| {
            let name = listed.key.strip_prefix(&self.folder)?.to_owned();
            let (epoch, number, ending) = parse_part(&name)?;
            PartFormat::of_ending(ending)?;
            Some(PartObject {
                name,
                epoch,
                number,
                listed,
            })
        });
        Ok(parts.collect())
    }

    /// The versions of the manifest that there are, in no order.
    pub(super) async fn versions(&self) -> Result<Vec<u64>> {
        let prefix = format!("{}{MANIFESTS}/", self.folder);
        let listing = Listing {
            prefix: prefix.clone(),
            ..Listing::default()
        };
        let (objects, _) = self.bucket.list_all(listing).await?;
        let versions = objects
            .iter()
            .filter_map(|object| manifest_version(object.key.strip_prefix(&prefix)?));
        Ok(versions.collect())
    }

    /// The newest manifest, or none where nothing was loaded.
    pub(super) async fn newest(&self) -> Result<Option<Manifest>> {
        // A load that commits meanwhile removes old versions, so one that was listed may be gone when it is asked for.
        const TRIES: usize = 10;
        for _ in 0..TRIES {
            let Some(version) = self.versions().await?.into_iter().max() else {
                return Ok(None);
            };
            let key = self.manifest_key(version);
            if let Some((bytes, _)) = self.bucket.get(&key).await? {
                return self.parse(version, &bytes).map(Some);
            }
        }
        Err(S3Error::Changed {
            place: self.url(),
            what: "it is being loaded over and over".into(),
        })
    }

    /// Creates a manifest; `false` where its version exists already, and perhaps where this very call created it.
    pub(super) async fn create(&self, manifest: &Manifest) -> Result<bool> {
        let bytes = serde_json::to_vec_pretty(manifest).map_err(S3Error::internal)?;
        let key = self.manifest_key(manifest.version);
        self.bucket.put_if(&key, bytes.into(), None).await
    }

    fn parse(&self, version: u64, bytes: &[u8]) -> Result<Manifest> {
        let known = |ending: &str| PartFormat::of_ending(ending).is_some();
        Manifest::parse(&manifest_name(version), bytes, known).map_err(|reason| S3Error::BadManifest {
            place: self.bucket.url(&self.manifest_key(version)),
            reason,
        })
    }
}

/// The partitions to read of an asset: its one slice, or every one that was loaded, in the order of their names.
pub(super) async fn loaded(
    bucket: &Arc<Bucket>,
    prefix: &str,
    asset: &AssetName,
    partition: Option<&PartitionKey>,
) -> Result<Vec<Partition>> {
    let of = |folder| Partition {
        bucket: bucket.clone(),
        folder,
    };
    let whole = of(asset_folder(prefix, asset));
    let not_loaded = |partition: &Partition| S3Error::NotLoaded {
        place: partition.url(),
    };
    if let Some(key) = partition {
        let partition = of(partition_folder(prefix, asset, key));
        if partition.versions().await?.is_empty() {
            return Err(not_loaded(&partition));
        }
        return Ok(vec![partition]);
    }
    let listing = Listing {
        prefix: whole.folder.clone(),
        one_level: true,
        ..Listing::default()
    };
    let (_, levels) = bucket.list_all(listing).await?;
    let own = format!("{}{MANIFESTS}/", whole.folder);
    let mut partitions = Vec::new();
    for folder in levels.into_iter().filter(|level| *level != own) {
        let partition = of(folder);
        if !partition.versions().await?.is_empty() {
            partitions.push(partition);
        }
    }
    match (!whole.versions().await?.is_empty(), partitions.is_empty()) {
        (true, true) => Ok(vec![whole]),
        (false, false) => Ok(partitions),
        (true, false) => Err(S3Error::LayoutMixed { place: whole.url() }),
        (false, true) => Err(not_loaded(&whole)),
    }
}
