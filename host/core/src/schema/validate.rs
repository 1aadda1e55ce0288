//! What can be said of the documents together, without connectors or plugins.

mod automation;
mod check;
mod cursor;
mod freshness;
mod http;
mod instigators;
mod notifications;
mod partition;
mod steps;
mod target;
mod transform;
mod work;

use std::collections::BTreeSet;

pub use http::{GrantFault, grant_faults};
pub use steps::{MAX_ITEMS, needed_before};

use super::asset::Asset;
use super::document::Document;
use super::load::{LoadedProject, Placed};
use super::reference_place::misplaced;
use super::suggest::closest;
use super::transform::Reads;
use crate::error::Error;
use crate::plan::{AssetName, Graph};

/// More instances of a step than a machine has cores for only take memory.
const MAX_INSTANCES: u32 = 16;

/// Everything wrong between the documents, in the order of the files.
pub fn validate(loaded: &LoadedProject) -> Vec<Error> {
    let mut errors = Vec::new();
    project(loaded, &mut errors);
    work::project(loaded, &mut errors);
    target::targets(loaded, &mut errors);
    misplaced(loaded, &mut errors);
    for asset in loaded.assets.values() {
        resources(asset, loaded, &mut errors);
        deps(asset, loaded, &mut errors);
        columns(asset, &mut errors);
        instances(asset, &mut errors);
        transform::transforms(asset, loaded, &mut errors);
        check::checks(asset, loaded, &mut errors);
        freshness::freshness(asset, &mut errors);
        grants(asset, &mut errors);
        partition::partitions(asset, loaded, &mut errors);
        cursor::cursor(asset, &mut errors);
        work::asset(asset, loaded, &mut errors);
        automation::automation(asset, &mut errors);
    }
    instigators::instigators(loaded, &mut errors);
    notifications::notifications(loaded, &mut errors);
    cycle(loaded, &mut errors);
    errors
}

fn project(loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let Placed { value, document } = &loaded.project;
    // Above a million rows a batch no longer fits what a plugin may hold, and gains nothing.
    if !(1..=1_048_576).contains(&value.batch_rows) {
        errors.push(document.error(
            "schema.invalid_value",
            "/batch_rows",
            format!("`{}` rows a batch; 1 to 1048576 are allowed", value.batch_rows),
        ));
    }
    let known = ["sqlite:", "postgres://", "postgresql://"];
    if !known.iter().any(|start| value.state.starts_with(start)) {
        errors.push(
            document
                .error(
                    "schema.invalid_value",
                    "/state",
                    "the state store is neither SQLite nor Postgres",
                )
                .hint("write `sqlite:.tidegate/state.db` or `postgres://host/database`"),
        );
    }
    let asset_policies = loaded.assets.values().filter_map(|asset| {
        asset
            .value
            .checkpoint
            .map(|checkpoint| (&asset.document, checkpoint.every_rows))
    });
    for (document, every_rows) in asset_policies.chain([(document, value.checkpoint.every_rows)]) {
        if every_rows == 0 {
            errors.push(document.error(
                "schema.invalid_value",
                "/checkpoint/every_rows",
                "a checkpoint every `0` rows; write at least 1",
            ));
        }
    }
}

fn unknown(document: &Document, what: &str, pointer: &str, name: &AssetName, known: &[&AssetName]) -> Error {
    let hint = match closest(name.as_str(), known.iter().map(|name| name.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("there is no {what} yet"),
        None => {
            let names: Vec<&str> = known.iter().map(|name| name.as_str()).collect();
            format!("the {what}s are {}", names.join(", "))
        }
    };
    document
        .error(
            &format!("schema.unknown_{what}"),
            pointer,
            format!("there is no {what} `{name}`"),
        )
        .hint(hint)
}

fn resources(asset: &Placed<Asset>, loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let Placed { value, document } = asset;
    let resources: Vec<&AssetName> = loaded.resources.keys().collect();
    let source = &value.source;
    match (&source.resource, &source.asset, &source.sql) {
        (Some(name), None, None) => {
            if !loaded.resources.contains_key(name) {
                errors.push(unknown(
                    document,
                    "resource",
                    "/source/resource",
                    name,
                    &resources,
                ));
            }
        }
        (None, Some(_), None) | (None, None, Some(_)) => {
            let pointer = if source.sql.is_some() {
                "/source/sql"
            } else {
                "/source/asset"
            };
            let named = source.assets();
            for name in named.iter().filter(|name| !loaded.assets.contains_key(*name)) {
                let assets: Vec<&AssetName> = loaded.assets.keys().collect();
                errors.push(unknown(document, "asset", pointer, name, &assets));
            }
            if named.is_empty() {
                errors.push(
                    document
                        .error("schema.source", pointer, "the query names no asset")
                        .hint("write each as `{NAME}`; a query over other tables is a `query` of a resource"),
                );
            }
            for key in source.config.keys() {
                errors.push(
                    document
                        .error(
                            "schema.unknown_key",
                            &format!("/source/{key}"),
                            format!("unknown key `{key}`"),
                        )
                        .hint("a source that is an asset takes `columns` and `partitions`, and nothing else"),
                );
            }
        }
        _ => errors.push(
            document
                .error(
                    "schema.source",
                    "/source",
                    "a source reads either a resource, or an asset, or SQL over assets",
                )
                .hint("write one of `resource: NAME`, `asset: NAME` and `sql: SELECT …`"),
        ),
    }
    if !loaded.resources.contains_key(&value.destination.resource) {
        errors.push(unknown(
            document,
            "resource",
            "/destination/resource",
            &value.destination.resource,
            &resources,
        ));
    }
}

/// Every dependency is an asset, and told once. One on the asset itself is a cycle.
fn deps(asset: &Placed<Asset>, loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let Placed { value, document } = asset;
    for (index, name) in value.deps.iter().enumerate() {
        let pointer = format!("/deps/{index}");
        if !loaded.assets.contains_key(name) {
            let assets: Vec<&AssetName> = loaded.assets.keys().collect();
            errors.push(unknown(document, "asset", &pointer, name, &assets));
        } else if value.deps[..index].contains(name) {
            let message = format!("the dependency `{name}` is named twice");
            errors.push(document.error("schema.invalid_value", &pointer, message));
        }
    }
}

fn columns(asset: &Placed<Asset>, errors: &mut Vec<Error>) {
    let declared = [
        ("/columns", Some(&asset.value.columns)),
        ("/source/columns", asset.value.source.columns.as_ref()),
    ];
    for (pointer, columns) in declared {
        let Some(columns) = columns else { continue };
        if columns.is_empty() {
            errors.push(
                asset
                    .document
                    .error("schema.no_columns", pointer, "at least one column is needed"),
            );
        }
        let mut seen = BTreeSet::new();
        for (index, column) in columns.iter().enumerate() {
            let at = format!("{pointer}/{index}/name");
            if column.name.is_empty() {
                errors.push(
                    asset
                        .document
                        .error("schema.invalid_value", &at, "a column needs a name"),
                );
            } else if !seen.insert(&column.name) {
                errors.push(asset.document.error(
                    "schema.duplicate_column",
                    &at,
                    format!("the column `{}` is declared twice", column.name),
                ));
            }
        }
    }
}

fn instances(asset: &Placed<Asset>, errors: &mut Vec<Error>) {
    for (index, step) in asset.value.transforms.iter().enumerate() {
        if !(1..=MAX_INSTANCES).contains(&step.instances) {
            errors.push(asset.document.error(
                "schema.invalid_value",
                &format!("/transforms/{index}/instances"),
                format!("`{}` instances; 1 to {MAX_INSTANCES} are allowed", step.instances),
            ));
        }
    }
}

fn grants(asset: &Placed<Asset>, errors: &mut Vec<Error>) {
    let nothing = &Vec::new();
    let steps = asset.value.transforms.iter().enumerate().map(|(index, step)| {
        let pointer = format!("/transforms/{index}");
        (
            pointer,
            step.reads(),
            &step.writes,
            &step.drops,
            step.limits,
            &step.http,
        )
    });
    let checks = asset.value.checks.iter().enumerate().map(|(index, check)| {
        let pointer = format!("/checks/{index}");
        (
            pointer,
            check.reads(),
            nothing,
            nothing,
            check.limits(),
            &check.http,
        )
    });
    for (pointer, reads, writes, drops, limits, http) in steps.chain(checks) {
        let reads = match reads {
            Reads::All => nothing,
            Reads::Columns(names) => names,
        };
        for (key, names) in [("reads", reads), ("writes", writes), ("drops", drops)] {
            let mut seen = BTreeSet::new();
            for (place, name) in names.iter().enumerate() {
                if !seen.insert(name) {
                    errors.push(asset.document.error(
                        "schema.duplicate_column",
                        &format!("{pointer}/{key}/{place}"),
                        format!("the column `{name}` is named twice"),
                    ));
                }
            }
        }
        for (key, value) in [
            ("memory", limits.memory.0),
            ("output", limits.output.0),
            ("time_per_batch", limits.time_per_batch.0),
        ] {
            if value == 0 {
                errors.push(asset.document.error(
                    "schema.invalid_value",
                    &format!("{pointer}/limits/{key}"),
                    "a limit of nothing lets nothing run",
                ));
            }
        }
        for (place, fault) in http.iter().enumerate().flat_map(|(place, grant)| {
            let faults = grant_faults(grant).into_iter();
            faults.map(move |fault| (place, fault))
        }) {
            let pointer = format!("{pointer}/http/{place}{}", fault.pointer);
            let mut error = asset
                .document
                .error("schema.invalid_value", &pointer, fault.message);
            error.hint = fault.hint;
            errors.push(error);
        }
    }
}

fn cycle(loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let edges = loaded
        .assets
        .iter()
        .map(|(name, asset)| (name.clone(), asset.value.upstream()));
    if let Err(error) = Graph::new(edges)
        && let Some(first) = error.cycle.first()
        && let Some(asset) = loaded.assets.get(first)
    {
        // The circle's second is what its first is made from; of one asset, that is itself.
        let above = error.cycle.get(1).unwrap_or(first);
        let pointer = asset.value.pointer_to(above).unwrap_or_default();
        errors.push(
            asset
                .document
                .error("schema.cycle", &pointer, error.to_string())
                .hint("one of them must come first: let it read from a resource, or take it out of `deps`"),
        );
    }
}
