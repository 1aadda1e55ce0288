//! A project's targets: every name in them is a resource's.

use super::{LoadedProject, unknown};
use crate::error::Error;
use crate::plan::AssetName;

/// Every name of a target that is no resource's, and every asset that some target leaves without what it reads.
pub(super) fn targets(loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let resources: Vec<&AssetName> = loaded.resources.keys().collect();
    let document = &loaded.project.document;
    for (name, target) in &loaded.project.value.targets {
        for (from, to) in &target.destinations {
            let pointer = format!("/targets/{name}/destinations/{from}");
            for resource in [from, to] {
                if !loaded.resources.contains_key(resource) {
                    errors.push(unknown(document, "resource", &pointer, resource, &resources));
                }
            }
        }
    }
    let known: Vec<&AssetName> = loaded.project.value.targets.keys().collect();
    for asset in loaded.assets.values() {
        for (index, target) in asset.value.targets.iter().enumerate() {
            if !known.contains(&target) {
                let pointer = format!("/targets/{index}");
                errors.push(unknown(&asset.document, "target", &pointer, target, &known));
            }
        }
        for above in asset.value.upstream() {
            let Some(upstream) = loaded.assets.get(&above) else {
                continue;
            };
            let theirs = &upstream.value.targets;
            let own = &asset.value.targets;
            let missing = own.iter().any(|target| !theirs.contains(target));
            if !theirs.is_empty() && (own.is_empty() || missing) {
                let names: Vec<&str> = theirs.iter().map(AssetName::as_str).collect();
                let pointer = asset.value.pointer_to(&above).unwrap_or_default();
                let message = format!("`{above}` is there only with the targets {}", names.join(", "));
                let error = asset.document.error("schema.target", &pointer, message);
                errors.push(error.hint("give this asset the same `targets`, or fewer"));
            }
        }
    }
}
