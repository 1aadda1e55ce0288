//! A project's targets: every name in them is a resource's.

use super::{LoadedProject, unknown};
use crate::error::Error;
use crate::plan::AssetName;

/// Every name of a target that is no resource's.
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
}
