//! Files and objects that are new or changed.

use tidegate_core::plan::Digest;
use tidegate_core::port::MAX_FOUND;
use tidegate_core::schema::{FilesSensor, RunPer};
use tidegate_core::{Error, Kind, Result};

use super::super::maintenance::first;
use super::seen::{Item, Seen};
use super::{Looked, Looking, Request};

/// Runs that one look launches; the other files are taken by the next.
const MAX_RUNS: usize = 100;

/// The tag that names the file of a run.
const FILE_TAG: &str = "tidegate/file";

pub(super) async fn look(looking: &Looking<'_>, files: &FilesSensor) -> Result<Looked> {
    let project = &looking.orchestrator.project;
    let (connector, config) = project
        .resource_config(&files.resource)
        .map_err(|errors| first(tidegate_core::Errors(errors)))?;
    let (config, _) = project.with_secrets(&config)?;
    let Some(found) = connector.find_files(&config, &files.path).await? else {
        let message = format!("the resource `{}` has no files", files.resource);
        return Err(Error::new(Kind::Schema, "schema.sensor", message));
    };
    if found.len() > MAX_FOUND {
        let message = format!("`{}` names more than {MAX_FOUND} files", files.path);
        return Err(Error::new(Kind::Resource, "sensor.files", message)
            .hint("write a longer beginning into the path, or move files away that were loaded"));
    }
    let mut seen = Seen::read(looking.cursor, None)?;
    let count = found.len();
    let items = found.into_iter().map(|file| Item {
        at_ms: file.modified_ms,
        name: file.path,
        version: file.version,
    });
    let most = match files.run_per {
        RunPer::Object => MAX_RUNS,
        RunPer::Batch => MAX_FOUND,
    };
    let (new, left) = seen.take_new(items.collect(), most);
    if new.is_empty() {
        return Ok(Looked::skip(format!("none of {count} files is new")));
    }
    let requests = match files.run_per {
        RunPer::Object => new.iter().map(|item| request(files, item)).collect(),
        RunPer::Batch => {
            let keys: Vec<String> = new.iter().map(key).collect();
            vec![Request {
                key: Digest::of(keys.join("\0").as_bytes()).to_string(),
                ..Request::default()
            }]
        }
    };
    Ok(Looked {
        requests,
        reason: (left > 0).then(|| format!("{left} more files are taken by the next look")),
        cursor: Some(seen.write()),
    })
}

fn key(item: &Item) -> String {
    format!("{}@{}", item.name, item.version)
}

fn request(files: &FilesSensor, item: &Item) -> Request {
    Request {
        key: key(item),
        partition: partition(&files.path, &item.name),
        tags: vec![(FILE_TAG.to_owned(), item.name.clone())],
    }
}

/// What stands in a file's path for `{partition}`; none where the pattern has none, or the name beside it has wildcards.
fn partition(pattern: &str, path: &str) -> Option<String> {
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
    let levels = pattern.split('/').zip(path.split('/'));
    let (level, name) = levels
        .into_iter()
        .find(|(level, _)| level.contains("{partition}"))?;
    let (before, after) = level.split_once("{partition}")?;
    let key = name.strip_prefix(before)?.strip_suffix(after)?;
    (!key.is_empty()).then(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::partition;

    #[test]
    fn the_slice_is_what_stands_in_its_place() {
        let found = |pattern, path| partition(pattern, path);
        assert_eq!(
            found("in/orders-{partition}.csv", "in/orders-2024-01.csv"),
            Some("2024-01".into())
        );
        assert_eq!(
            found("{partition}/*.csv", "2024-01-31/a.csv"),
            Some("2024-01-31".into())
        );
        assert_eq!(found("*/{partition}.gz", "x/2024.gz"), Some("2024".into()));
        assert_eq!(found("in/*.csv", "in/a.csv"), None);
        assert_eq!(found("in/a{partition}b", "in/ab"), None);
    }
}
