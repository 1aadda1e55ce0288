//! Config of plugins for one run, in place of what the schema says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tidegate_core::plan::AssetName;
use tidegate_core::schema::{Asset, Document, Placed, closest, decode, has_reference};
use tidegate_core::{Error, Errors, Kind};

/// The code of a run's config that does not fit.
const CODE: &str = "run.config";

/// Keys that are put over the config of transforms: by asset, and by the plugin's name or the transform's number from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// By asset.
    #[serde(default)]
    pub assets: BTreeMap<AssetName, BTreeMap<String, Map<String, Value>>>,
}

impl RunConfig {
    /// Whether the schema's config stays as it is.
    pub fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }

    /// Reads YAML or JSON; `shown` is what messages call it. That it fits the assets is told when they are prepared.
    pub fn parse(text: String, shown: &str) -> Result<Self, Errors> {
        let document = Document::parse(text, shown)?;
        let config: Self = decode(&document.root).map_err(|errors| Errors(document.locate("", errors)))?;
        if has_references(&document.root.json()) {
            let message = "a run's config refers to a variable or secret";
            let error = Error::new(Kind::Usage, CODE, message);
            return Err(error
                .hint("what a plugin is given of those is a grant: write the reference into the schema")
                .into());
        }
        Ok(config)
    }

    /// The asset with this config in place of its own, key by key; none where nothing is said of it.
    pub(super) fn put_over(&self, asset: &Placed<Asset>) -> Result<Option<Placed<Asset>>, Vec<Error>> {
        let Some(steps) = self.assets.get(&asset.value.name) else {
            return Ok(None);
        };
        let mut asset = asset.clone();
        let mut errors = Vec::new();
        for (step, keys) in steps {
            let transforms = &mut asset.value.transforms;
            let meant: Vec<usize> = (0..transforms.len())
                .filter(|index| {
                    let name = plugin_name(transforms[*index].plugin.as_deref());
                    name.is_some_and(|name| name == step || *step == index.to_string())
                })
                .collect();
            let [index] = meant.as_slice() else {
                errors.push(not_one(&asset.value, step, meant.len()));
                continue;
            };
            let config = &mut transforms[*index].config;
            if config.is_null() {
                *config = Value::Object(Map::new());
            }
            if let Some(config) = config.as_object_mut() {
                config.extend(keys.clone());
            }
        }
        if errors.is_empty() {
            Ok(Some(asset))
        } else {
            Err(errors)
        }
    }

    /// Every asset that is configured and not in the run.
    pub(super) fn beside(&self, names: &[AssetName]) -> Vec<Error> {
        let known = || names.iter().map(AssetName::as_str);
        let beside = self.assets.keys().filter(|name| !names.contains(name));
        beside
            .map(|name| {
                let message = format!("the run's config names `{name}`, which is not in the run");
                let hint = match closest(name.as_str(), known()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the run is of {}", known().collect::<Vec<_>>().join(", ")),
                };
                Error::new(Kind::Usage, CODE, message).hint(hint)
            })
            .collect()
    }
}

/// An error of an asset that is configured otherwise than its document says: it is the run's config that is wrong.
pub(super) fn of_run(asset: &AssetName, error: Error) -> Error {
    Error {
        message: format!("`{asset}` with the run's config: {}", error.message),
        place: None,
        ..error
    }
}

fn plugin_name(requirement: Option<&str>) -> Option<&str> {
    requirement.map(|text| text.split_once('@').map_or(text, |(name, _)| name))
}

fn not_one(asset: &Asset, step: &str, found: usize) -> Error {
    let names: Vec<&str> = asset
        .transforms
        .iter()
        .filter_map(|step| plugin_name(step.plugin.as_deref()))
        .collect();
    let name = &asset.name;
    if found > 1 {
        let message = format!("`{name}` has {found} transforms `{step}`");
        return Error::new(Kind::Usage, CODE, message).hint("write the transform's number, from 0");
    }
    let hint = match closest(step, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "it has no plugin that could be configured".into(),
        None => format!("its plugins are {}", names.join(", ")),
    };
    Error::new(
        Kind::Usage,
        CODE,
        format!("`{name}` has no transform `{step}` that is a plugin"),
    )
    .hint(hint)
}

fn has_references(value: &Value) -> bool {
    match value {
        Value::String(text) => has_reference(text),
        Value::Array(items) => items.iter().any(has_references),
        Value::Object(entries) => entries.values().any(has_references),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RunConfig, String> {
        let read = RunConfig::parse(text.to_owned(), "other.yaml");
        read.map_err(|errors| errors.0.iter().map(Error::render).collect())
    }

    #[test]
    fn yaml_and_json_say_the_same() {
        let yaml = read("assets:\n  orders:\n    hash-email: {salt: x}\n").unwrap();
        let json = read(r#"{"assets": {"orders": {"hash-email": {"salt": "x"}}}}"#).unwrap();
        assert_eq!(yaml, json);
        assert!(!yaml.is_empty() && read("assets: {}").unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_where_it_stands() {
        let told = read("assets:\n  orders:\n    hash-email: 7\n").unwrap_err();
        assert!(told.contains("other.yaml:3"), "{told}");
        let told = read("asset: {}").unwrap_err();
        assert!(
            told.contains("schema.unknown_key") && told.contains("`assets`"),
            "{told}"
        );
        for reference in ["${secret:SALT}", "${env:SALT}"] {
            let told = read(&format!("assets: {{orders: {{a: {{b: [\"{reference}\"]}}}}}}")).unwrap_err();
            assert!(told.contains("run.config"), "{told}");
        }
    }
}
