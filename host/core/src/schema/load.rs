//! A schema folder, read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::asset::Asset;
use super::decode::decode_without;
use super::document::Document;
use super::job::Job;
use super::node::NodeKind;
use super::notification::Notification;
use super::project::ProjectDecl;
use super::resource::Resource;
use super::schedule::Schedule;
use super::sensor::Sensor;
use super::suggest::closest;
use super::validate::validate;
use crate::error::{Error, Errors, Kind};
use crate::plan::AssetName;

/// The one version of the grammar.
const API_VERSION: &str = "tidegate/v1";

/// The kinds of document that there are.
const KINDS: &[&str] = &[
    "Project",
    "Resource",
    "Asset",
    "Job",
    "Schedule",
    "Sensor",
    "Notification",
];

/// A folder of this name holds data, and one of that name the published JSON Schemas; neither holds documents.
const NOT_DOCUMENTS: &[&str] = &["data", "json"];

/// A decoded document, with the file that it came from.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    /// What it says.
    pub value: T,
    /// Where it says it.
    pub document: Document,
}

/// A project, each document decoded and the names between them resolved.
#[derive(Debug, Clone)]
pub struct LoadedProject {
    /// The folder that relative paths start at: the one above the schema folder.
    pub root: PathBuf,
    /// The project document.
    pub project: Placed<ProjectDecl>,
    /// By name.
    pub resources: BTreeMap<AssetName, Placed<Resource>>,
    /// By name.
    pub assets: BTreeMap<AssetName, Placed<Asset>>,
    /// By name.
    pub jobs: BTreeMap<AssetName, Placed<Job>>,
    /// By name.
    pub schedules: BTreeMap<AssetName, Placed<Schedule>>,
    /// By name.
    pub sensors: BTreeMap<AssetName, Placed<Sensor>>,
    /// By name.
    pub notifications: BTreeMap<AssetName, Placed<Notification>>,
}

impl LoadedProject {
    /// Sends the assets where a target of the project says, and leaves out those that are not there with it; without one,
    /// those that are there with some targets only.
    pub fn retarget(&mut self, target: Option<&str>) -> Result<(), Error> {
        self.assets.retain(|_, asset| {
            let targets = &asset.value.targets;
            targets.is_empty() || targets.iter().any(|name| Some(name.as_str()) == target)
        });
        let Some(target) = target else {
            return Ok(());
        };
        let targets = &self.project.value.targets;
        let Some((_, found)) = targets.iter().find(|(name, _)| name.as_str() == target) else {
            let names: Vec<&str> = targets.keys().map(AssetName::as_str).collect();
            let hint = match names.as_slice() {
                [] => "name targets under `targets` of the project".to_owned(),
                names => format!("the targets are {}", names.join(", ")),
            };
            let message = format!("the project has no target `{target}`");
            return Err(Error::new(Kind::Usage, "schema.unknown_target", message).hint(hint));
        };
        for asset in self.assets.values_mut() {
            if let Some(other) = found.destinations.get(&asset.value.destination.resource) {
                asset.value.destination.resource = other.clone();
            }
        }
        Ok(())
    }
}

/// Loads every `.yaml` and `.yml` file under a schema folder and validates them together. Touches nothing else.
pub fn load_project(schemas: &Path) -> Result<LoadedProject, Errors> {
    let mut errors = Vec::new();
    let mut files = Vec::new();
    collect(schemas, &mut files, &mut errors);
    files.sort();
    let mut loading = Loading::default();
    for file in &files {
        let shown = shown(schemas, file);
        match Document::read(file, &shown) {
            Ok(document) => loading.add(document, &mut errors),
            Err(error) => errors.push(error),
        }
    }
    let Some(project) = loading.project else {
        if errors.is_empty() {
            errors.push(
                Error::new(
                    Kind::Schema,
                    "schema.no_project",
                    format!("no document of kind Project under `{}`", schemas.display()),
                )
                .hint("run `tidegate init` in an empty folder, or name the project's folder with --project"),
            );
        }
        return Err(Errors(errors));
    };
    let root = match schemas.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let loaded = LoadedProject {
        root,
        project,
        resources: loading.resources,
        assets: loading.assets,
        jobs: loading.jobs,
        schedules: loading.schedules,
        sensors: loading.sensors,
        notifications: loading.notifications,
    };
    errors.extend(validate(&loaded));
    Errors::or(errors, loaded)
}

/// A file as messages name it: from the schema folder's own name on.
fn shown(schemas: &Path, file: &Path) -> String {
    let base = schemas.file_name().map(PathBuf::from).unwrap_or_default();
    base.join(file.strip_prefix(schemas).unwrap_or(file))
        .display()
        .to_string()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>, errors: &mut Vec<Error>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            errors.push(
                Error::new(
                    Kind::Schema,
                    "schema.unreadable",
                    format!("cannot read the folder `{}`: {error}", folder.display()),
                )
                .hint("run this in a project's folder, name that with --project, or begin one with `tidegate init`"),
            );
            return;
        }
    };
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            if !NOT_DOCUMENTS.contains(&name) && !name.starts_with('.') {
                collect(&path, files, errors);
            }
        } else if matches!(
            path.extension().and_then(|ext| ext.to_str()),
            Some("yaml" | "yml")
        ) {
            files.push(path);
        }
    }
}

#[derive(Default)]
struct Loading {
    project: Option<Placed<ProjectDecl>>,
    resources: BTreeMap<AssetName, Placed<Resource>>,
    assets: BTreeMap<AssetName, Placed<Asset>>,
    jobs: BTreeMap<AssetName, Placed<Job>>,
    schedules: BTreeMap<AssetName, Placed<Schedule>>,
    sensors: BTreeMap<AssetName, Placed<Sensor>>,
    notifications: BTreeMap<AssetName, Placed<Notification>>,
}

impl Loading {
    fn add(&mut self, document: Document, errors: &mut Vec<Error>) {
        let Some(kind) = header(&document, errors) else {
            return;
        };
        match kind {
            "Project" => {
                let Some(placed) = decoded::<ProjectDecl>(document, errors) else {
                    return;
                };
                match &self.project {
                    Some(first) => errors.push(duplicate(&placed.document, "project", "the project", first)),
                    None => self.project = Some(placed),
                }
            }
            "Resource" => add(&mut self.resources, document, "resource", |it| &it.name, errors),
            "Job" => add(&mut self.jobs, document, "job", |it| &it.name, errors),
            "Schedule" => add(&mut self.schedules, document, "schedule", |it| &it.name, errors),
            "Sensor" => add(&mut self.sensors, document, "sensor", |it| &it.name, errors),
            "Notification" => add(
                &mut self.notifications,
                document,
                "notification",
                |it| &it.name,
                errors,
            ),
            _ => add(&mut self.assets, document, "asset", |it| &it.name, errors),
        }
    }
}

/// Checks `apiVersion` and `kind`; answers the kind.
fn header(document: &Document, errors: &mut Vec<Error>) -> Option<&'static str> {
    let example = "start the file with `apiVersion: tidegate/v1`, `kind` and `name`";
    let wrong = match &document.root.kind {
        NodeKind::Map(_) => None,
        NodeKind::Null => Some(("schema.empty", "the file holds no document".to_owned())),
        _ => Some((
            "schema.wrong_type",
            format!("expected a map of keys, found {}", document.root.describe()),
        )),
    };
    if let Some((code, message)) = wrong {
        errors.push(document.error(code, "", message).hint(example));
        return None;
    }
    let Some(version) = document.root.get("apiVersion") else {
        errors.push(
            document
                .error("schema.missing_key", "", "the key `apiVersion` is missing")
                .hint(example),
        );
        return None;
    };
    if version.text() != Some(API_VERSION) {
        errors.push(
            document
                .error(
                    "schema.api_version",
                    "/apiVersion",
                    format!("{} is not a version that this Tidegate reads", version.describe()),
                )
                .hint(format!("write `apiVersion: {API_VERSION}`")),
        );
    }
    let Some(kind) = document.root.get("kind") else {
        errors.push(
            document
                .error("schema.missing_key", "", "the key `kind` is missing")
                .hint(example),
        );
        return None;
    };
    let known = kind
        .text()
        .and_then(|text| KINDS.iter().find(|known| **known == text));
    if known.is_none() {
        let hint = match kind.text().and_then(|text| closest(text, KINDS.iter().copied())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the kinds are {}", KINDS.join(", ")),
        };
        errors.push(
            document
                .error(
                    "schema.unknown_kind",
                    "/kind",
                    format!("{} is not a kind of document", kind.describe()),
                )
                .hint(hint),
        );
    }
    known.copied()
}

fn decoded<T: DeserializeOwned>(document: Document, errors: &mut Vec<Error>) -> Option<Placed<T>> {
    match decode_without::<T>(&document.root, &["apiVersion", "kind"]) {
        Ok(value) => Some(Placed { value, document }),
        Err(found) => {
            errors.extend(document.locate("", found));
            None
        }
    }
}

/// Names are of their kind: a job may be called as an asset is.
fn add<T: DeserializeOwned>(
    map: &mut BTreeMap<AssetName, Placed<T>>,
    document: Document,
    what: &str,
    name_of: fn(&T) -> &AssetName,
    errors: &mut Vec<Error>,
) {
    let Some(placed) = decoded::<T>(document, errors) else {
        return;
    };
    let name = name_of(&placed.value).clone();
    match map.get(&name) {
        Some(first) => {
            let subject = format!("the {what} `{name}`");
            errors.push(duplicate(&placed.document, what, &subject, first));
        }
        None => {
            map.insert(name, placed);
        }
    }
}

fn duplicate<T>(document: &Document, what: &str, subject: &str, first: &Placed<T>) -> Error {
    document
        .error(
            &format!("schema.duplicate_{what}"),
            "/name",
            format!("{subject} is declared twice"),
        )
        .hint(format!(
            "the first one is at {}",
            first.document.place("/name", false)
        ))
}
