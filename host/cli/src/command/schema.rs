//! `tidegate schema`: the JSON Schemas of the YAML, generated from the types that read it.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Map, Value, json};
use tidegate_core::schema::{Asset, Job, Notification, ProjectDecl, Resource, Schedule, Sensor};
use tidegate_core::{Error, Errors, Kind};
use tidegate_plugin::PluginConnector;

use crate::output::Output;

pub(crate) fn run(folder: &Path, output: &Output) -> Result<ExitCode, Errors> {
    let failed = |error: std::io::Error| {
        Error::new(
            Kind::Resource,
            "file.permission",
            format!("cannot write to `{}`: {error}", folder.display()),
        )
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut written = Vec::new();
    for (name, schema) in schemas() {
        let path = folder.join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
        std::fs::write(&path, text + "\n").map_err(failed)?;
        written.push(path.display().to_string());
    }
    output.show(&written, || say!("wrote {}", written.join(", ")));
    Ok(ExitCode::SUCCESS)
}

/// Each kind of document with its JSON Schema, and one schema of any document.
pub(crate) fn schemas() -> Vec<(&'static str, Value)> {
    let mut asset = document("Asset", schemars::schema_for!(Asset).to_value());
    let mut resource = document("Resource", schemars::schema_for!(Resource).to_value());
    let mut kinds = Vec::new();
    let built_in = tidegate_connector::all();
    let grammars = built_in
        .iter()
        .map(|connector| (connector.kind(), connector.json_schemas()))
        .chain([PluginConnector::grammar()]);
    for (kind, grammar) in grammars {
        let [mut config, source, destination] = grammar.map(schemars::Schema::to_value);
        merge(&mut asset, "Source", &source);
        merge(&mut asset, "Destination", &destination);
        add_section(&mut asset, kind, destination);
        hoist(&mut resource, &mut config);
        kinds.push(json!({"properties": {"type": {"const": kind}, "config": config}}));
    }
    if let Some(definitions) = asset.get_mut("$defs").and_then(Value::as_object_mut) {
        for name in ["Source", "Destination"] {
            if let Some(definition) = definitions.get_mut(name).and_then(Value::as_object_mut) {
                definition.insert("additionalProperties".into(), Value::Bool(false));
            }
        }
    }
    resource["anyOf"] = Value::Array(kinds);
    let project = document("Project", schemars::schema_for!(ProjectDecl).to_value());
    let job = document("Job", schemars::schema_for!(Job).to_value());
    let schedule = document("Schedule", schemars::schema_for!(Schedule).to_value());
    let sensor = document("Sensor", schemars::schema_for!(Sensor).to_value());
    let notification = document("Notification", schemars::schema_for!(Notification).to_value());
    let all = [
        "Project",
        "Resource",
        "Asset",
        "Job",
        "Schedule",
        "Sensor",
        "Notification",
    ];
    let any = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tidegate document",
        "oneOf": all.map(|kind| json!({"$ref": format!("{kind}.json")}))
    });
    vec![
        ("Project", project),
        ("Resource", resource),
        ("Asset", asset),
        ("Job", job),
        ("Schedule", schedule),
        ("Sensor", sensor),
        ("Notification", notification),
        ("document", any),
    ]
}

/// Adds the keys that every document has.
fn document(kind: &str, mut schema: Value) -> Value {
    let header = json!({
        "apiVersion": {"const": "tidegate/v1", "description": "The version of the grammar."},
        "kind": {"const": kind, "description": "What the document is."}
    });
    let (Value::Object(mut properties), Some(own)) = (header, schema["properties"].as_object()) else {
        return schema;
    };
    properties.extend(own.clone());
    schema["properties"] = Value::Object(properties);
    if let Some(required) = schema["required"].as_array_mut() {
        required.splice(0..0, [json!("apiVersion"), json!("kind")]);
    }
    schema
}

/// Moves a part's definitions to where its references look for them: the root.
fn hoist(root: &mut Value, part: &mut Value) {
    if let Some(part) = part.as_object_mut() {
        part.remove("$schema");
        if let Some(Value::Object(definitions)) = part.remove("$defs") {
            let all = root
                .as_object_mut()
                .map(|root| root.entry("$defs").or_insert_with(|| json!({})));
            if let Some(all) = all.and_then(Value::as_object_mut) {
                all.extend(definitions);
            }
        }
    }
}

/// Adds a connector's keys to a definition that every connector shares.
fn merge(schema: &mut Value, definition: &str, connector: &Value) {
    let nothing = Map::new();
    let keys = connector["properties"].as_object().unwrap_or(&nothing).clone();
    if let Some(properties) = schema["$defs"][definition]["properties"].as_object_mut() {
        properties.extend(keys);
    }
    let members = connector["$defs"].as_object().unwrap_or(&nothing).clone();
    if let Some(definitions) = schema["$defs"].as_object_mut() {
        definitions.extend(members);
    }
}

/// Adds the section in which an asset of several targets writes a connector's keys.
fn add_section(schema: &mut Value, kind: &str, mut destination: Value) {
    if let Some(section) = destination.as_object_mut() {
        section.remove("$schema");
        // `merge` has them.
        section.remove("$defs");
    }
    schema["$defs"]["Destination"]["properties"][kind] = destination;
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::schemas;

    /// Every `$ref` of a schema.
    fn references(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(entries) => {
                found.extend(entries.get("$ref").and_then(Value::as_str).map(str::to_owned));
                entries.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        for (name, schema) in schemas() {
            let mut found = Vec::new();
            references(&schema, &mut found);
            for reference in found.iter().filter_map(|reference| reference.strip_prefix('#')) {
                assert!(schema.pointer(reference).is_some(), "{name}: {reference}");
            }
        }
    }

    #[test]
    fn the_published_schemas_are_current() {
        // Asked when run: where clones share a target folder, this may have been built in another one.
        let folder = format!(
            "{}/../../schemas/json",
            std::env::var("CARGO_MANIFEST_DIR").unwrap()
        );
        for (name, schema) in schemas() {
            let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
            let published = std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap_or_default();
            assert!(
                published == text,
                "schemas/json/{name}.json is not current: run `cargo run -p tidegate-cli -- schema`"
            );
        }
    }
}
