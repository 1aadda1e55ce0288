//! Where references may stand: in the config of a resource or plugin, in what the host puts into HTTP requests, in the
//! environment of child processes and in where a notification goes to, and nowhere else, so that what is shown of a document never holds a secret.

use super::document::Document;
use super::load::LoadedProject;
use super::node::{Node, NodeKind, push_pointer};
use super::reference::has_reference;
use crate::error::Error;

/// Every reference that stands where none may.
pub(super) fn misplaced(loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let project = &loaded.project.document;
    walk(project, &project.root, "", &|_| false, errors);
    for resource in loaded.resources.values() {
        let config = |pointer: &str| pointer == "/config";
        walk(&resource.document, &resource.document.root, "", &config, errors);
    }
    for asset in loaded.assets.values() {
        let config = |pointer: &str| {
            let parts: Vec<&str> = pointer.split('/').collect();
            matches!(
                parts.as_slice(),
                ["", "transforms" | "checks", _, "config"]
                    | [
                        "",
                        "transforms" | "checks",
                        _,
                        "http",
                        _,
                        "headers" | "query" | "basic"
                    ]
            )
        };
        walk(&asset.document, &asset.document.root, "", &config, errors);
    }
    for job in loaded.jobs.values() {
        let config = |pointer: &str| {
            let parts: Vec<&str> = pointer.split('/').collect();
            matches!(
                parts.as_slice(),
                ["", "steps", _, "exec", "env"] | ["", "steps", _, "http", "headers" | "query" | "basic"]
            )
        };
        walk(&job.document, &job.document.root, "", &config, errors);
    }
    for schedule in loaded.schedules.values() {
        walk(
            &schedule.document,
            &schedule.document.root,
            "",
            &|_| false,
            errors,
        );
    }
    for sensor in loaded.sensors.values() {
        let config = |pointer: &str| {
            let parts: Vec<&str> = pointer.split('/').collect();
            matches!(
                parts.as_slice(),
                ["", "plugin", "config"]
                    | ["", "plugin", "http", _, "headers" | "query" | "basic"]
                    | ["", "http", "headers" | "basic"]
            )
        };
        walk(&sensor.document, &sensor.document.root, "", &config, errors);
    }
    for notification in loaded.notifications.values() {
        let config = |pointer: &str| {
            matches!(
                pointer,
                "/webhook/url"
                    | "/webhook/headers"
                    | "/webhook/sign_with"
                    | "/slack/url"
                    | "/email/to"
                    | "/email/from"
                    | "/email/smtp/host"
                    | "/email/smtp/user"
                    | "/email/smtp/password"
            )
        };
        walk(
            &notification.document,
            &notification.document.root,
            "",
            &config,
            errors,
        );
    }
}

fn walk(
    document: &Document,
    node: &Node,
    pointer: &str,
    allowed: &dyn Fn(&str) -> bool,
    errors: &mut Vec<Error>,
) {
    if allowed(pointer) {
        return;
    }
    let below = |part: &str| {
        let mut at = pointer.to_owned();
        push_pointer(&mut at, part);
        at
    };
    match &node.kind {
        NodeKind::String(text) if has_reference(text) => errors.push(
            document
                .error("schema.reference", pointer, "a reference may not stand here")
                .hint("references are filled in in the `config` of a resource or a plugin, in `headers`, `query` and `basic` of `http`, in `env` of `exec`, and in where a notification goes to, only"),
        ),
        NodeKind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(document, item, &below(&index.to_string()), allowed, errors);
            }
        }
        NodeKind::Map(entries) => {
            for (key, value) in entries {
                walk(
                    document,
                    value,
                    &below(key.text().unwrap_or_default()),
                    allowed,
                    errors,
                );
            }
        }
        _ => {}
    }
}
