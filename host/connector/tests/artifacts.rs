//! The artifact store on a folder.

use bytes::Bytes;
use tidegate_connector::artifact::FolderArtifacts;
use tidegate_core::port::ArtifactStore;

#[tokio::test]
async fn what_is_put_is_got_until_it_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderArtifacts::new(folder.path().join("artifacts"));
    assert_eq!(store.get("a/b.txt").await.unwrap(), None);
    assert!(store.list("").await.unwrap().is_empty());
    store.put("a/b.txt", Bytes::from("one")).await.unwrap();
    store.put("a/b.txt", Bytes::from("two")).await.unwrap();
    assert_eq!(store.get("a/b.txt").await.unwrap().unwrap(), "two");
    store.delete("a/b.txt").await.unwrap();
    store.delete("a/b.txt").await.unwrap();
    assert_eq!(store.get("a/b.txt").await.unwrap(), None);
    assert!(store.locate("a/b.txt").ends_with("artifacts/a/b.txt"));
}

#[tokio::test]
async fn append_adds_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderArtifacts::new(folder.path());
    for line in ["one\n", "two\n", "three\n"] {
        store.append("logs/run.log", Bytes::from(line)).await.unwrap();
    }
    assert_eq!(
        store.get("logs/run.log").await.unwrap().unwrap(),
        "one\ntwo\nthree\n"
    );
}

#[tokio::test]
async fn names_are_listed_by_prefix_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderArtifacts::new(folder.path());
    for name in ["b", "a/2", "a/10", "a/1/x", "ab/1", "c/d/e"] {
        store.put(name, Bytes::from("x")).await.unwrap();
    }
    std::fs::write(folder.path().join("a/half.tmp"), "x").unwrap();
    assert_eq!(
        store.list("").await.unwrap(),
        ["a/1/x", "a/10", "a/2", "ab/1", "b", "c/d/e"]
    );
    assert_eq!(store.list("a").await.unwrap(), ["a/1/x", "a/10", "a/2", "ab/1"]);
    assert_eq!(store.list("a/").await.unwrap(), ["a/1/x", "a/10", "a/2"]);
    assert_eq!(store.list("a/1").await.unwrap(), ["a/1/x", "a/10"]);
    assert_eq!(store.list("c/d/").await.unwrap(), ["c/d/e"]);
    assert!(store.list("x").await.unwrap().is_empty());
}

#[tokio::test]
async fn names_that_leave_the_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderArtifacts::new(folder.path().join("in"));
    for name in [
        "",
        "/a",
        "../a",
        "a/../../b",
        "a//b",
        "a/.",
        "a/",
        "a\\b",
        "c:x",
        "a.tmp",
    ] {
        let found = store.put(name, Bytes::from("x")).await.unwrap_err();
        assert_eq!(found.code, "artifact.bad_name", "{name}");
        assert_eq!(store.get(name).await.unwrap_err().code, "artifact.bad_name");
        assert_eq!(store.delete(name).await.unwrap_err().code, "artifact.bad_name");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
