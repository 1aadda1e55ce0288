//! `tidegate schema`: the JSON Schemas of the YAML, generated from the types that read it.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Map, Value, json};
use tidegate_core::schema::{Asset, ProjectDecl, Resource};
use tidegate_core::{Error, Errors, Kind};

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
    for connector in tidegate_connector::all() {
        let [config, source, destination] = connector.json_schemas().map(schemars::Schema::to_value);
        merge(&mut asset, "Source", &source);
        merge(&mut asset, "Destination", &destination);
        kinds.push(json!({"properties": {"type": {"const": connector.kind()}, "config": config}}));
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
    let any = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tidegate document",
        "oneOf": [{"$ref": "Project.json"}, {"$ref": "Resource.json"}, {"$ref": "Asset.json"}]
    });
    vec![
        ("Project", project),
        ("Resource", resource),
        ("Asset", asset),
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

#[cfg(test)]
mod tests {
    use super::schemas;

    #[test]
    fn the_published_schemas_are_current() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/json");
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
