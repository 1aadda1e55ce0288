//! The slices of an asset, and how they are made from those of the asset that it reads.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::plan::{Mapping, MappingError, Partitioning};
use crate::schema::asset::Asset;
use crate::schema::load::{LoadedProject, Placed};
use crate::schema::partitions::Partitions;

pub(super) fn partitions(asset: &Placed<Asset>, loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let Placed { value, document } = asset;
    if value.source.partitions.is_some() && value.source.asset.is_none() {
        let message = "only the partitions of an asset can be chosen";
        let error = document.error("schema.invalid_value", "/source/partitions", message);
        errors.push(error.hint("name the asset with `asset: NAME`, or leave `partitions` out"));
        return;
    }
    let slices = match &value.partitions {
        None => None,
        Some(declared) => match one_partitioning(asset, declared, errors) {
            Some(slices) => Some(slices),
            None => return,
        },
    };
    let upstream = value
        .source
        .asset
        .as_ref()
        .and_then(|name| loaded.assets.get(name));
    let theirs = upstream.and_then(|upstream| upstream.value.partitions.as_ref());
    let theirs = match theirs.map(Partitions::partitioning) {
        None => None,
        Some(Ok(Some(theirs))) => Some(theirs),
        // Told where it is declared.
        Some(_) => return,
    };
    let told = value.source.partitions;
    match Mapping::between(theirs.as_ref(), slices.as_ref(), told) {
        Err(error) => errors.push(unmapped(asset, error)),
        Ok(mapping) => {
            if let Some(slices) = &slices {
                decided(asset, slices, theirs.as_ref(), mapping, errors);
            }
        }
    }
}

/// The slices of a declaration; none, and an error, where it is wrong.
fn one_partitioning(
    asset: &Placed<Asset>,
    declared: &Partitions,
    errors: &mut Vec<Error>,
) -> Option<Partitioning> {
    let document = &asset.document;
    let slices = match declared.partitioning() {
        Ok(Some(slices)) => slices,
        Ok(None) => {
            let (times, values) = declared.kinds();
            let both = [times, values].concat();
            let named: Vec<String> = both.iter().map(|kind| format!("`{kind}`")).collect();
            let message = match named.as_slice() {
                [] => "nothing says how the asset is sliced".to_owned(),
                _ => format!("{} cannot be had together", named.join(", ")),
            };
            let error = document.error("schema.invalid_value", "/partitions", message);
            errors.push(error.hint(
                "write one of `hourly`, `daily`, `weekly`, `monthly` and `cron`, or one of `static` and `dynamic`, or one of each",
            ));
            return None;
        }
        Err((pointer, error)) => {
            errors.push(document.error("schema.invalid_value", &pointer, error.to_string()));
            return None;
        }
    };
    if let Some(time) = slices.time()
        && time.end.is_some_and(|end| end <= time.start)
    {
        let pointer = format!("/partitions/{}/end", time.cadence.name());
        let message = "the slices end before the first one begins";
        let error = document.error("schema.invalid_value", &pointer, message);
        errors.push(
            error.hint(
                "`end` is the first slice that is no more part of the asset; it must lie behind `start`",
            ),
        );
    }
    if let Some(fixed) = &declared.fixed {
        if fixed.keys.is_empty() {
            let message = "at least one key is needed";
            errors.push(document.error("schema.invalid_value", "/partitions/static/keys", message));
        }
        let mut seen = BTreeSet::new();
        for (index, key) in fixed.keys.iter().enumerate() {
            if !seen.insert(key) {
                let pointer = format!("/partitions/static/keys/{index}");
                let message = format!("the key `{key}` is there twice");
                errors.push(document.error("schema.invalid_value", &pointer, message));
            }
        }
    }
    Some(slices)
}

fn unmapped(asset: &Placed<Asset>, error: MappingError) -> Error {
    let told = asset.value.source.partitions.is_some();
    let pointer = if told { "/source/partitions" } else { "/partitions" };
    let placed = asset
        .document
        .error("schema.partitions_differ", pointer, error.to_string());
    placed.hint(match error {
        MappingError::NothingShared | MappingError::Values => {
            "say which of its partitions each is made from: `partitions: all` or `partitions: last` at the source"
        }
        MappingError::Offset => "give both the same cadence and timezone, or leave the offset out",
        MappingError::Whole => "leave `partitions` of the source out",
    })
}

/// Whether something says which rows of the source belong to a slice.
fn decided(
    asset: &Placed<Asset>,
    slices: &Partitioning,
    theirs: Option<&Partitioning>,
    mapping: Mapping,
    errors: &mut Vec<Error>,
) {
    let Placed { value, document } = asset;
    let by_path = value
        .source
        .config
        .values()
        .any(|text| text.as_str().is_some_and(|text| text.contains("{partition}")));
    // The slice of the same key, or the one that was told, is read as it is.
    let one_by_one = theirs.is_some_and(|theirs| mapping.same_keys(theirs, slices));
    if by_path
        || one_by_one
        || value.source.partitions.is_some()
        || slices.columns().count() == slices.dimensions()
    {
        return;
    }
    let (message, hint) = match theirs {
        Some(_) => (
            "the source asset is sliced otherwise, and nothing says which of its rows belong to a partition",
            "name the source's `column`, or give both assets the same partitions",
        ),
        None => (
            "nothing says which rows belong to a partition",
            "name the source's `column`, or write `{partition}` in the source's `path`",
        ),
    };
    let code = match theirs {
        Some(_) => "schema.partitions_differ",
        None => "schema.partition_source",
    };
    errors.push(document.error(code, "/partitions", message).hint(hint));
}
