//! What is declared of retries, timeouts and limits.

use super::unknown;
use crate::error::Error;
use crate::plan::AssetName;
use crate::port::EventKind;
use crate::schema::{
    Asset, DEFAULT_EVENTS, Document, LoadedProject, MAX_ATTEMPTS, Placed, RetentionDecl, RetryDecl, closest,
};

/// What the project says.
pub(super) fn project(loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let Placed { value, document } = &loaded.project;
    retry(document, &value.retry, errors);
    retention(document, &value.retention, errors);
    let limits = &value.concurrency;
    if let Some(runs) = limits.runs {
        at_least_one(document, "/concurrency/runs", runs, errors);
    }
    for (index, tag) in limits.tags.iter().enumerate() {
        at_least_one(
            document,
            &format!("/concurrency/tags/{index}/limit"),
            tag.limit,
            errors,
        );
    }
    for (name, limit) in &limits.pools {
        at_least_one(document, &format!("/concurrency/pools/{name}"), *limit, errors);
    }
    let resources: Vec<&AssetName> = loaded.resources.keys().collect();
    for (name, limit) in &limits.resources {
        let pointer = format!("/concurrency/resources/{name}");
        at_least_one(document, &pointer, *limit, errors);
        if !loaded.resources.contains_key(name) {
            errors.push(unknown(document, "resource", &pointer, name, &resources));
        }
    }
}

/// What an asset says.
pub(super) fn asset(asset: &Placed<Asset>, loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let Placed { value, document } = asset;
    if let Some(policy) = &value.retry {
        retry(document, policy, errors);
    }
    if let Some(concurrency) = value.concurrency {
        at_least_one(document, "/concurrency", concurrency, errors);
    }
    if value.timeout.is_some_and(|timeout| timeout.0 == 0) {
        errors.push(document.error(
            "schema.invalid_value",
            "/timeout",
            "an attempt that may take no time cannot end well",
        ));
    }
    let pools = &loaded.project.value.concurrency.pools;
    let known: Vec<&AssetName> = pools.keys().collect();
    for (index, pool) in value.pools.iter().enumerate() {
        if !pools.contains_key(pool) {
            let error = unknown(document, "pool", &format!("/pools/{index}"), pool, &known);
            errors.push(if known.is_empty() {
                error.hint("declare it under `concurrency.pools` of the project")
            } else {
                error
            });
        }
    }
}

fn retention(document: &Document, retention: &RetentionDecl, errors: &mut Vec<Error>) {
    let kinds = || EventKind::ALL.into_iter().map(EventKind::text);
    for name in retention.events.keys() {
        if name == DEFAULT_EVENTS || EventKind::parse(name).is_some() {
            continue;
        }
        let hint = match closest(name, kinds().chain([DEFAULT_EVENTS])) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the kinds are {}", kinds().collect::<Vec<_>>().join(", ")),
        };
        errors.push(
            document
                .error(
                    "schema.unknown_event",
                    &format!("/retention/events/{name}"),
                    format!("no event is of the kind `{name}`"),
                )
                .hint(hint),
        );
    }
}

fn retry(document: &Document, policy: &RetryDecl, errors: &mut Vec<Error>) {
    if !(1..=MAX_ATTEMPTS).contains(&policy.max_attempts) {
        errors.push(document.error(
            "schema.invalid_value",
            "/retry/max_attempts",
            format!(
                "`{}` attempts; 1 to {MAX_ATTEMPTS} are allowed, the first one among them",
                policy.max_attempts
            ),
        ));
    }
}

fn at_least_one(document: &Document, pointer: &str, limit: u32, errors: &mut Vec<Error>) {
    if limit == 0 {
        errors.push(
            document
                .error(
                    "schema.invalid_value",
                    pointer,
                    "a limit of `0` lets nothing go on",
                )
                .hint("write at least 1, or leave it out for no limit"),
        );
    }
}
