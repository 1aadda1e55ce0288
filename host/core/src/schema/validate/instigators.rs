//! What jobs, schedules and sensors say: what they launch, and when.

use std::collections::BTreeMap;

use super::{grant_faults, unknown};
use crate::error::Error;
use crate::plan::{AssetName, Selection, Timetable, TimetableError};
use crate::schema::{
    Document, Job, LoadedProject, MAX_ATTEMPTS, OneOrMany, Overlap, Placed, Schedule, Sensor,
};

/// A tag that begins like this is the host's own.
const OWN_TAGS: &str = "tidegate/";

/// The shortest time between two ticks, in milliseconds: the daemon looks at its clock four times a second.
const SHORTEST_MS: u64 = 1_000;

/// Everything wrong with jobs, schedules and sensors.
pub(super) fn instigators(loaded: &LoadedProject, errors: &mut Vec<Error>) {
    for placed in loaded.jobs.values() {
        job(placed, loaded, errors);
    }
    for placed in loaded.schedules.values() {
        schedule(placed, loaded, errors);
    }
    for placed in loaded.sensors.values() {
        sensor(placed, loaded, errors);
    }
}

fn job(placed: &Placed<Job>, loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let Placed { value, document } = placed;
    if let Some(selected) = &value.select {
        select(document, "/select", selected, loaded, errors);
    }
    super::steps::steps(placed, loaded, errors);
    partition(document, value.partition.as_ref(), errors);
    tags(document, &value.tags, errors);
    if value.timeout.is_some_and(|timeout| timeout.0 == 0) {
        let message = "an attempt that may take no time cannot end well";
        errors.push(document.error("schema.invalid_value", "/timeout", message));
    }
    if let Some(retry) = value.retry
        && !(1..=MAX_ATTEMPTS).contains(&retry.max_attempts)
    {
        let message = format!(
            "`{}` attempts; 1 to {MAX_ATTEMPTS} are allowed, the first one among them",
            retry.max_attempts
        );
        errors.push(document.error("schema.invalid_value", "/retry/max_attempts", message));
    }
}

fn schedule(placed: &Placed<Schedule>, loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let Placed { value, document } = placed;
    match (&value.cron, value.every) {
        (Some(_), None) => {}
        (None, Some(every)) if every.0 >= SHORTEST_MS => {}
        (None, Some(every)) => {
            let message = format!("a tick each `{every}`; `1s` is the shortest");
            errors.push(document.error("schema.invalid_value", "/every", message));
        }
        _ => errors.push(
            document
                .error("schema.schedule", "", "a schedule says when, and once")
                .hint("write one of `cron: \"0 6 * * *\"` and `every: 15m`"),
        ),
    }
    timetable(value, document, errors);
    let what = [
        value.job.is_some(),
        value.select.is_some(),
        value.maintenance.is_some(),
    ];
    if what.iter().filter(|told| **told).count() != 1 {
        errors.push(
            document
                .error("schema.schedule", "", "a schedule says what to do, and once")
                .hint("write one of `job: NAME`, `select: ASSET` and `maintenance: {optimize: [ASSET]}`"),
        );
    }
    launched(
        document,
        value.job.as_ref(),
        value.select.as_ref(),
        loaded,
        errors,
    );
    partition(document, value.partition.as_ref(), errors);
    tags(document, &value.tags, errors);
    if value.maintenance.is_some() && value.overlap != Overlap::Skip {
        errors.push(
            document
                .error(
                    "schema.schedule",
                    "/overlap",
                    "work on what was loaded never overlaps itself",
                )
                .hint("leave `overlap` out"),
        );
    }
    if let Some(maintenance) = &value.maintenance {
        let assets: Vec<&AssetName> = loaded.assets.keys().collect();
        if maintenance.optimize.is_empty() {
            let message = "there is no asset to optimize";
            errors.push(document.error("schema.schedule", "/maintenance/optimize", message));
        }
        for (index, name) in maintenance.optimize.iter().enumerate() {
            if !loaded.assets.contains_key(name) {
                let pointer = format!("/maintenance/optimize/{index}");
                errors.push(unknown(document, "asset", &pointer, name, &assets));
            }
        }
    }
}

fn timetable(schedule: &Schedule, document: &Document, errors: &mut Vec<Error>) {
    let Some(crons) = &schedule.cron else { return };
    // Each by itself, so that all that is wrong is told.
    for (index, text) in crons.0.iter().enumerate() {
        if let Err(TimetableError::Cron(_, error)) = Timetable::crons(std::slice::from_ref(text), "UTC") {
            let listed = document.root.find(&format!("/cron/{index}"), false).is_some();
            let pointer = if listed {
                format!("/cron/{index}")
            } else {
                "/cron".to_owned()
            };
            errors.push(
                document
                    .error("schema.invalid_value", &pointer, error.to_string())
                    .hint("minute, hour, day of month, month, day of week: `0 6 * * MON-FRI`"),
            );
        }
    }
    if crons.0.is_empty() {
        errors.push(document.error("schema.schedule", "/cron", "no time is written"));
    }
    if let Err(error @ TimetableError::Zone(_)) =
        Timetable::crons(&["0 0 * * *".to_owned()], &schedule.timezone)
    {
        errors.push(document.error("schema.invalid_value", "/timezone", error.to_string()));
    }
}

fn sensor(placed: &Placed<Sensor>, loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let Placed { value, document } = placed;
    let looks = [
        value.files.is_some(),
        value.asset.is_some(),
        value.run_failed.is_some(),
        value.http.is_some(),
        value.plugin.is_some(),
    ];
    if looks.iter().filter(|told| **told).count() != 1 {
        errors.push(
            document
                .error("schema.sensor", "", "a sensor says what to look at, and once")
                .hint("write one of `files`, `asset`, `run_failed`, `http` and `plugin`"),
        );
    }
    if value.job.is_some() == value.select.is_some() {
        errors.push(
            document
                .error("schema.sensor", "", "a sensor says what to launch, and once")
                .hint("write one of `job: NAME` and `select: ASSET`"),
        );
    }
    launched(
        document,
        value.job.as_ref(),
        value.select.as_ref(),
        loaded,
        errors,
    );
    partition(document, value.partition.as_ref(), errors);
    tags(document, &value.tags, errors);
    for (key, time) in [("interval", value.interval), ("timeout", value.timeout)] {
        if time.0 < SHORTEST_MS {
            let message = format!("`{time}`; `1s` is the shortest");
            errors.push(document.error("schema.invalid_value", &format!("/{key}"), message));
        }
    }
    if let Some(files) = &value.files {
        resource(document, &files.resource, loaded, errors);
        if files.path.matches("{partition}").count() > 1 {
            let message = "`{partition}` stands in the path twice";
            errors.push(document.error("schema.invalid_value", "/files/path", message));
        }
    }
    if let Some(asset) = &value.asset
        && !loaded.assets.contains_key(&asset.name)
    {
        let assets: Vec<&AssetName> = loaded.assets.keys().collect();
        errors.push(unknown(document, "asset", "/asset/name", &asset.name, &assets));
    }
    if let Some(job) = value.run_failed.as_ref().and_then(|runs| runs.job.as_ref()) {
        known_job(document, "/run_failed/job", job, loaded, errors);
    }
    let http = value.http.as_ref().map(|http| ("/http".to_owned(), http.grant()));
    let grants = value.plugin.iter().flat_map(|plugin| {
        let grants = plugin.http.iter().cloned().enumerate();
        grants.map(|(index, grant)| (format!("/plugin/http/{index}"), grant))
    });
    for (at, grant) in http.into_iter().chain(grants) {
        for fault in grant_faults(&grant) {
            let pointer = format!("{at}{}", fault.pointer);
            let mut error = document.error("schema.invalid_value", &pointer, fault.message);
            error.hint = fault.hint;
            errors.push(error);
        }
    }
}

fn resource(document: &Document, name: &AssetName, loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let pointer = "/files/resource";
    match loaded.resources.get(name) {
        None => {
            let resources: Vec<&AssetName> = loaded.resources.keys().collect();
            errors.push(unknown(document, "resource", pointer, name, &resources));
        }
        Some(found) if !["file", "s3"].contains(&found.value.connector.as_str()) => {
            let message = format!(
                "`{name}` is of type `{}`, and has no files",
                found.value.connector
            );
            errors.push(
                document
                    .error("schema.sensor", pointer, message)
                    .hint("name a resource of type `file` or `s3`"),
            );
        }
        Some(_) => {}
    }
}

fn launched(
    document: &Document,
    job: Option<&AssetName>,
    selected: Option<&OneOrMany>,
    loaded: &LoadedProject,
    errors: &mut Vec<Error>,
) {
    if let Some(job) = job {
        known_job(document, "/job", job, loaded, errors);
    }
    if let Some(selected) = selected {
        select(document, "/select", selected, loaded, errors);
    }
}

pub(super) fn known_job(
    document: &Document,
    pointer: &str,
    job: &AssetName,
    loaded: &LoadedProject,
    errors: &mut Vec<Error>,
) {
    if !loaded.jobs.contains_key(job) {
        let jobs: Vec<&AssetName> = loaded.jobs.keys().collect();
        errors.push(unknown(document, "job", pointer, job, &jobs));
    }
}

/// Which assets a selection means is asked when everything is loaded; here, whether it can be read, and whether a plain
/// name is one.
pub(super) fn select(
    document: &Document,
    under: &str,
    selected: &OneOrMany,
    loaded: &LoadedProject,
    errors: &mut Vec<Error>,
) {
    if selected.0.is_empty() {
        errors.push(document.error("schema.selection", under, "no asset is selected"));
    }
    for (index, text) in selected.0.iter().enumerate() {
        let listed = document.root.find(&format!("{under}/{index}"), false).is_some();
        let pointer = if listed {
            format!("{under}/{index}")
        } else {
            under.to_owned()
        };
        let name: Option<AssetName> = text.parse().ok();
        match name {
            Some(name) if loaded.assets.contains_key(&name) => {}
            Some(name) => {
                let assets: Vec<&AssetName> = loaded.assets.keys().collect();
                errors.push(unknown(document, "asset", &pointer, &name, &assets));
            }
            None => {
                if let Err(error) = Selection::parse(text) {
                    let error = Error::from(error);
                    let mut placed = document.error("schema.selection", &pointer, error.message);
                    placed.hint = error.hint;
                    errors.push(placed);
                }
            }
        }
    }
}

fn partition(document: &Document, choice: Option<&OneOrMany>, errors: &mut Vec<Error>) {
    let Some(OneOrMany(keys)) = choice else { return };
    let words = keys.iter().any(|key| key == "latest" || key == "none");
    if keys.is_empty() || (words && keys.len() > 1) {
        errors.push(
            document
                .error("schema.invalid_value", "/partition", "these are no slices")
                .hint("write `latest`, `none`, or the keys of slices"),
        );
    }
}

fn tags(document: &Document, tags: &BTreeMap<String, String>, errors: &mut Vec<Error>) {
    for key in tags.keys().filter(|key| key.starts_with(OWN_TAGS)) {
        let message = format!("tags that begin with `{OWN_TAGS}` are the host's own");
        errors.push(document.error(
            "schema.invalid_value",
            &format!("/tags/{}", key.replace('/', "~1")),
            message,
        ));
    }
}
