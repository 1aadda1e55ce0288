//! Where an asset's files lie: `<root>/<asset>/[<partition>/]`, with `_manifest/` beside the parts.

use std::path::{Path, PathBuf};

use tidegate_core::plan::{AssetName, Epoch, PartitionKey};

use crate::layout::{self, MANIFESTS};

/// How a part's name ends.
pub(super) const ENDING: &str = "parquet";

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
        folder.join(layout::encode_key(&partition.0))
    }
}

/// The name of an attempt's n-th part, once in place.
pub(super) fn part_name(epoch: Epoch, number: u64) -> String {
    layout::part_name(epoch, number, ENDING)
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
        let (epoch, number, ending) = layout::parse_part(name)?;
        (ending == ENDING).then(|| Self {
            name: name.to_owned(),
            epoch,
            number,
            stage,
        })
    }
}

/// The path of a manifest.
pub(super) fn manifest_path(folder: &Path, version: u64) -> PathBuf {
    folder.join(MANIFESTS).join(layout::manifest_name(version))
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
}
