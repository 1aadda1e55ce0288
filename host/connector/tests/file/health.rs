//! What `tidegate check --connect` asks of a folder.

use std::fs;
use std::path::Path;

use tidegate_connector::file::FileConnector;
use tidegate_core::Error;
use tidegate_core::port::{AskHealth, Connector, Health};

async fn check(root: &Path, reads: bool, writes: bool) -> Result<Health, Vec<Error>> {
    let ask = AskHealth {
        resource: &serde_json::json!({ "root": root }),
        reads,
        writes,
        silence_ms: 5_000,
    };
    Ok(FileConnector.check_health(ask).await?.unwrap())
}

fn names(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn a_folder_that_is_well_says_so_and_is_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let found = check(folder.path(), true, true).await.unwrap();
    assert_eq!(found.about, folder.path().display().to_string());
    assert!(found.warnings.is_empty());
    assert_eq!(names(folder.path()), 0);
    // The first load makes it.
    let later = folder.path().join("a/b");
    let found = check(&later, false, true).await.unwrap();
    assert_eq!(found.warnings.len(), 1);
    assert_eq!(names(folder.path()), 0);
}

#[tokio::test]
async fn what_stands_in_the_way_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for (root, reads, writes, code) in [
        (&missing, true, false, "file.not_found"),
        (&missing, true, true, "file.not_found"),
        (&missing, false, false, "file.not_found"),
        (&file, true, false, "file.permission"),
        (&file, false, true, "file.permission"),
        (&file.join("below"), false, true, "file.permission"),
    ] {
        let errors = check(root, reads, writes).await.unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].code, code, "{}", errors[0]);
        let place = root.display().to_string();
        assert!(
            errors[0].message.contains(&place) && errors[0].hint.is_some(),
            "{}",
            errors[0]
        );
    }
}

/// A file system that takes no files, as one that is mounted to be read from does not.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_folder_that_takes_no_files_is_told() {
    let root = Path::new("/proc/self");
    check(root, true, false).await.unwrap();
    let errors = check(root, false, true).await.unwrap_err();
    assert!(
        errors[0].message.contains("/proc/self/.tidegate-check-"),
        "{}",
        errors[0]
    );
}
