//! A transform is a plugin or SQL, and has the keys of one of them.

use super::{Asset, LoadedProject, Placed, unknown};
use crate::error::Error;
use crate::plan::AssetName;
use crate::schema::TransformDecl;

/// What is wrong with an asset's transforms.
pub(super) fn transforms(asset: &Placed<Asset>, loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let Placed { value, document } = asset;
    for (index, step) in value.transforms.iter().enumerate() {
        let pointer = format!("/transforms/{index}");
        let mut refuse = |below: &str, message: String, hint: &str| {
            errors.push(
                document
                    .error("schema.transform", &format!("{pointer}{below}"), message)
                    .hint(hint),
            );
        };
        match (&step.plugin, &step.sql) {
            (Some(_), None) => {
                if step.reads.is_none() {
                    refuse(
                        "",
                        "a plugin is shown nothing unless `reads` says what".into(),
                        "write `reads: [COLUMN, …]`, or `reads: \"*\"` for all but those tagged pii",
                    );
                }
            }
            (None, Some(_)) => {
                for key in plugin_keys(step) {
                    refuse(
                        &format!("/{key}"),
                        format!("`{key}` is a plugin's, and this is SQL"),
                        "leave it out; SQL sees all columns and answers those that it selects",
                    );
                }
            }
            (Some(_), Some(_)) => refuse(
                "",
                "a transform is a plugin or SQL, not both".into(),
                "make two of it, one behind the other",
            ),
            (None, None) => refuse(
                "",
                "a transform is a plugin or SQL".into(),
                "write `plugin: NAME` with `reads`, or `sql: SELECT … FROM input`",
            ),
        }
        for name in step.assets() {
            if !loaded.assets.contains_key(&name) {
                let known: Vec<&AssetName> = loaded.assets.keys().collect();
                errors.push(unknown(
                    document,
                    "asset",
                    &format!("{pointer}/sql"),
                    &name,
                    &known,
                ));
            }
        }
    }
    let by_sql = value.transforms.iter().position(|step| step.sql.is_some());
    if let (Some(index), Some(_), None) = (by_sql, &value.source.resource, &value.source.columns) {
        errors.push(
            document
                .error(
                    "schema.transform",
                    &format!("/transforms/{index}/sql"),
                    "SQL makes columns of its own, so `source` has to say what is read",
                )
                .hint("write `source: {…, columns: [{name: …, type: …}]}`"),
        );
    }
}

/// The keys that SQL has no use for, of those that are there.
fn plugin_keys(step: &TransformDecl) -> Vec<&'static str> {
    [
        ("reads", step.reads.is_some()),
        ("writes", !step.writes.is_empty()),
        ("drops", !step.drops.is_empty()),
        ("config", !step.config.is_null()),
        ("http", !step.http.is_empty()),
        ("instances", step.instances != 1),
    ]
    .into_iter()
    .filter_map(|(key, there)| there.then_some(key))
    .collect()
}
