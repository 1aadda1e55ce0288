//! A disk that is full, and folders that cannot be written.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tidegate_connector::artifact::FolderArtifacts;
use tidegate_connector::file::FileConnector;
use tidegate_core::port::{ArtifactStore, Connector};
use tidegate_core::schema::Load;
use tidegate_core::{Kind, Retry};

use crate::support::{Attempt, Project, files, numbers_batch, yaml};

fn with_root<'a>(project: &'a Project, root: &Path) -> Attempt<'a> {
    let mut attempt = Attempt::new(project, Load::Replace, 1, "t");
    let config = yaml(&format!("{{root: \"{}\"}}", root.display()));
    attempt.spec.resource = FileConnector.check_resource(&config, Path::new("/")).unwrap();
    attempt
}

#[tokio::test]
async fn a_root_that_is_a_file_is_refused() {
    let project = Project::new();
    let file = project.write("not-a-folder", "x");
    for root in [file.clone(), file.join("below")] {
        let found = with_root(&project, &root).load(0..10).await.unwrap_err();
        assert_eq!(
            (found.code.as_str(), found.kind),
            ("file.permission", Kind::Resource)
        );
        assert!(found.message.contains("not-a-folder") && found.hint.is_some());
    }
    assert_eq!(files(&project.root()), ["not-a-folder"]);
    let artifacts = FolderArtifacts::new(&file);
    assert_eq!(
        artifacts.put("a/b", Bytes::from("x")).await.unwrap_err().code,
        "file.permission"
    );
}

/// The kernel's own file systems take no folders from anybody, root or not.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_read_only_folder_is_refused() {
    let project = Project::new();
    let found = with_root(&project, Path::new("/sys/tidegate-test"))
        .load(0..10)
        .await
        .unwrap_err();
    assert_eq!(found.code, "file.permission", "{found}");
    let found = FolderArtifacts::new("/sys/kernel")
        .put("tidegate-test", Bytes::from("x"))
        .await
        .unwrap_err();
    assert_eq!(found.code, "file.permission", "{found}");
}

/// A file system of its own, of a few megabytes. Only root may make one; elsewhere the test is passed over.
#[cfg(target_os = "linux")]
struct SmallDisk(PathBuf);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn mount(path: PathBuf) -> Option<Self> {
        fs::create_dir(&path).unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(&path)
            .output()
            .is_ok_and(|output| output.status.success());
        if mounted { Some(Self(path)) } else { None }
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_leaves_what_was_there() {
    let project = Project::new();
    let Some(disk) = SmallDisk::mount(project.path("small")) else {
        println!("passed over: mounting a file system needs root");
        return;
    };
    let mut attempt = with_root(&project, &disk.0);
    attempt.load(0..10).await.unwrap();
    let before = files(&disk.0);

    attempt.epoch = 2;
    attempt.token = "big";
    // Numbers that do not compress, in several row groups, so that the disk fills while they are written.
    let mut destination = attempt.open(numbers_batch([]).schema()).await.unwrap();
    let mut written = Ok(());
    for batch in 0..100 {
        let numbers = (0..8_192).map(|n| ((batch * 8_192 + n) * 6_364_136_223_846_793_005_i128) as i64);
        written = destination.write(numbers_batch(numbers)).await;
        if written.is_err() {
            break;
        }
    }
    let found = match written {
        Ok(()) => destination.commit(crate::support::commit()).await.unwrap_err(),
        Err(error) => {
            destination.abort().await.unwrap();
            error
        }
    };
    assert_eq!(
        (found.code.as_str(), found.retry),
        ("file.disk_full", Retry::Later),
        "{found}"
    );
    assert!(found.message.contains("part-2-0.parquet"));

    // Nothing of the load can be seen, and once there is room the next one works.
    let parts: Vec<_> = files(&disk.0)
        .into_iter()
        .filter(|name| !name.ends_with(".partial"))
        .collect();
    assert_eq!(parts, before);
    attempt.epoch = 3;
    assert_eq!(attempt.load(0..20).await.unwrap().rows, 20);
    assert_eq!(
        files(&disk.0)
            .iter()
            .filter(|name| name.contains("part-"))
            .count(),
        1
    );
    drop(disk);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_artifact_on_a_full_disk_is_not_there() {
    let project = Project::new();
    let Some(disk) = SmallDisk::mount(project.path("small")) else {
        println!("passed over: mounting a file system needs root");
        return;
    };
    let artifacts = FolderArtifacts::new(&disk.0);
    artifacts.put("a", Bytes::from("old")).await.unwrap();
    let found = artifacts
        .put("a", Bytes::from(vec![7; 4 << 20]))
        .await
        .unwrap_err();
    assert_eq!(found.code, "file.disk_full");
    assert_eq!(artifacts.get("a").await.unwrap().unwrap(), "old");
    assert_eq!(files(&disk.0), ["a"]);
}
