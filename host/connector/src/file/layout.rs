//! Where an asset's files lie: `<root>/<asset>/[<partition>/]`, with `_manifest/` beside the parts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tidegate_core::plan::{AssetName, Epoch, PartitionKey};

/// The folder of an asset's manifests, in each partition's folder.
pub(super) const MANIFESTS: &str = "_manifest";

/// How far a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Being written; worthless after a crash.
    Partial,
    /// Whole and durable, but of a load that is not committed.
    Staged,
    /// In place; seen if the newest manifest lists it.
    Placed,
}

impl Stage {
    // Readers look for `*.parquet`, so nothing uncommitted may end like that.
    fn ending(self) -> &'static str {
        match self {
            Self::Partial => ".partial",
            Self::Staged => ".staged",
            Self::Placed => "",
        }
    }
}

/// The folder of an asset, and of its one slice where it has no partitions.
pub(super) fn asset_folder(root: &Path, asset: &AssetName) -> PathBuf {
    root.join(asset.as_str())
}

/// The folder of an asset partition.
pub(super) fn partition_folder(root: &Path, asset: &AssetName, partition: &PartitionKey) -> PathBuf {
    let folder = asset_folder(root, asset);
    if partition.is_whole() {
        folder
    } else {
        folder.join(encode_key(&partition.0))
    }
}

/// A partition's key as a file name: what is not a letter, digit, `.`, `-`, `=` or `_` is written as `%` and two
/// digits, and so is a dot or underscore in front, which would hide the folder or pass for one of ours.
fn encode_key(key: &str) -> String {
    let mut name = String::with_capacity(key.len());
    for (index, byte) in key.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'=')
            || (index > 0 && matches!(byte, b'.' | b'_'));
        if plain {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02X}");
        }
    }
    name
}

/// The name of an attempt's n-th part, once in place.
pub(super) fn part_name(epoch: Epoch, number: u64) -> String {
    format!("part-{epoch}-{number}.parquet")
}

/// The path of a part at a stage.
pub(super) fn part_path(folder: &Path, name: &str, stage: Stage) -> PathBuf {
    folder.join(format!("{name}{}", stage.ending()))
}

/// A file of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PartFile {
    /// Its name once in place.
    pub(super) name: String,
    pub(super) epoch: Epoch,
    pub(super) number: u64,
    pub(super) stage: Stage,
}

impl PartFile {
    /// The part that a file name is of, or none.
    pub(super) fn parse(file_name: &str) -> Option<Self> {
        let (name, stage) = [Stage::Partial, Stage::Staged]
            .into_iter()
            .find_map(|stage| Some((file_name.strip_suffix(stage.ending())?, stage)))
            .unwrap_or((file_name, Stage::Placed));
        let (epoch, number) = name
            .strip_prefix("part-")?
            .strip_suffix(".parquet")?
            .split_once('-')?;
        Some(Self {
            name: name.to_owned(),
            epoch: Epoch(epoch.parse().ok()?),
            number: number.parse().ok()?,
            stage,
        })
    }
}

/// The path of a manifest.
pub(super) fn manifest_path(folder: &Path, version: u64) -> PathBuf {
    folder.join(MANIFESTS).join(format!("{version:020}.json"))
}

/// The version that a manifest's file name says, or none.
pub(super) fn manifest_version(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_suffix(".json")?;
    if digits.len() == 20 {
        digits.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_known_by_its_file_name_at_every_stage() {
        let name = part_name(Epoch(12), 3);
        for stage in [Stage::Partial, Stage::Staged, Stage::Placed] {
            let path = part_path(Path::new("/x"), &name, stage);
            let file = PartFile::parse(path.file_name().and_then(|name| name.to_str()).unwrap()).unwrap();
            let wanted = PartFile {
                name: name.clone(),
                epoch: Epoch(12),
                number: 3,
                stage,
            };
            assert_eq!(file, wanted);
        }
        for other in [
            "data.parquet",
            "part-1.parquet",
            "part-1-x.parquet",
            "part-1-2.parquet.tmp",
            "_manifest",
        ] {
            assert_eq!(PartFile::parse(other), None, "{other}");
        }
    }

    #[test]
    fn keys_make_safe_and_different_names() {
        let keys = [
            "2013-01",
            "a/b",
            "a%2Fb",
            "..",
            ".x",
            "_manifest",
            "a_b.c=d",
            "é",
            "A",
            "a",
        ];
        let names: std::collections::BTreeSet<_> = keys.map(encode_key).into_iter().collect();
        assert_eq!(names.len(), keys.len());
        assert!(
            names
                .iter()
                .all(|name| !name.contains('/') && !name.starts_with(['.', '_']))
        );
        assert_eq!(encode_key("2013-01"), "2013-01");
        assert_eq!(encode_key("a/b"), "a%2Fb");
        assert_eq!(encode_key("a%2Fb"), "a%252Fb");
    }

    #[test]
    fn versions_sort_as_their_names() {
        let path = manifest_path(Path::new("/x"), 17);
        assert_eq!(path, Path::new("/x/_manifest/00000000000000000017.json"));
        assert_eq!(manifest_version("00000000000000000017.json"), Some(17));
        assert_eq!(manifest_version("17.json"), None);
        assert_eq!(manifest_version("00000000000000000017.json.1-2.tmp"), None);
    }
}
