//! What an evaluation asks for, as runs.

use tidegate_core::plan::{AssetName, PartitionKey};
use tidegate_core::port::NewRun;

use crate::project::Project;
use crate::run::{Launch, QueueOptions};

/// The tag that such runs have.
const TAG: &str = "tidegate/automation";

/// A run of some assets, in the order of work, and of slices that follow each other. `key` names it: a second run of one key
/// is not made.
pub(super) fn run(project: &Project, assets: &[AssetName], keys: &[PartitionKey], key: String) -> NewRun {
    let (first, last) = (keys.first(), keys.last());
    let (partition, partition_range) = match (first, last) {
        (Some(first), _) if first.is_whole() => (None, None),
        (Some(first), Some(last)) if first != last => (None, Some(format!("{first}...{last}"))),
        (first, _) => (first.map(ToString::to_string), None),
    };
    let launch = Launch {
        assets: assets.to_vec(),
        partition,
        partition_range,
        target: project.target().map(str::to_owned),
        ..Launch::default()
    };
    let items = assets
        .iter()
        .flat_map(|asset| keys.iter().map(|key| (asset.clone(), key.clone())));
    let options = QueueOptions {
        tags: [(TAG.to_owned(), "true".to_owned())].into(),
        run_key: Some(key),
        ..QueueOptions::default()
    };
    launch.new_run(items.collect(), options)
}
