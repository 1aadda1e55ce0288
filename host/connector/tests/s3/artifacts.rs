//! The artifact store in a bucket.

use bytes::Bytes;
use tidegate_connector::artifact::S3Artifacts;
use tidegate_core::port::ArtifactStore;

use crate::proxy::{self, Fate};
use crate::support::{BUCKET, Lake, server};

fn store(lake: &Lake) -> S3Artifacts {
    S3Artifacts::within(serde_json::from_value(lake.resource.clone()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_is_got_until_it_is_deleted() {
    let lake = Lake::new();
    let store = store(&lake);
    assert_eq!(store.get("a/b.txt").await.unwrap(), None);
    assert!(store.list("").await.unwrap().is_empty());
    store.put("a/b.txt", Bytes::from("one")).await.unwrap();
    store.put("a/b.txt", Bytes::from("two")).await.unwrap();
    assert_eq!(store.get("a/b.txt").await.unwrap().unwrap(), "two");
    store.delete("a/b.txt").await.unwrap();
    store.delete("a/b.txt").await.unwrap();
    assert_eq!(store.get("a/b.txt").await.unwrap(), None);
    assert_eq!(store.locate("a/b.txt"), lake.url("a/b.txt"));
}

#[tokio::test(flavor = "multi_thread")]
async fn append_adds_to_the_end() {
    let lake = Lake::new();
    let store = store(&lake);
    let lines: Vec<String> = (0..30).map(|n| format!("line {n}\n")).collect();
    for line in &lines {
        store
            .append("logs/run.log", Bytes::from(line.clone()))
            .await
            .unwrap();
    }
    assert_eq!(store.get("logs/run.log").await.unwrap().unwrap(), lines.concat());
    assert_eq!(store.list("logs/").await.unwrap(), ["logs/run.log"]);
    // Names that begin like it are others.
    store.append("logs/run.log2", Bytes::from("x")).await.unwrap();
    store.put("logs/run.lo", Bytes::from("y")).await.unwrap();
    assert_eq!(store.get("logs/run.log").await.unwrap().unwrap(), lines.concat());
    store.put("put", Bytes::from("a")).await.unwrap();
    store.append("put", Bytes::from("b")).await.unwrap();
    assert_eq!(store.get("put").await.unwrap().unwrap(), "ab");
    store.put("put", Bytes::from("c")).await.unwrap();
    assert_eq!(store.get("put").await.unwrap().unwrap(), "c");
    store.delete("logs/run.log").await.unwrap();
    assert_eq!(store.get("logs/run.log").await.unwrap(), None);
    assert_eq!(
        store.list("").await.unwrap(),
        ["logs/run.lo", "logs/run.log2", "put"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_whose_answer_is_lost_is_there_once() {
    let lake = Lake::new();
    let lost = std::sync::atomic::AtomicBool::new(false);
    let url = proxy::start(&server(), move |line| {
        let first = line.starts_with("PUT") && !lost.swap(true, std::sync::atomic::Ordering::SeqCst);
        if first { Fate::CutAfter } else { Fate::Pass }
    });
    let store = store(&lake.through(&url));
    store.append("log", Bytes::from("once\n")).await.unwrap();
    store.append("log", Bytes::from("twice\n")).await.unwrap();
    assert_eq!(store.get("log").await.unwrap().unwrap(), "once\ntwice\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_listed_by_prefix_in_order() {
    let lake = Lake::new();
    let store = store(&lake);
    for name in ["b", "a/2", "a/10", "a/1/x", "ab/1", "c/d/e"] {
        store.put(name, Bytes::from("x")).await.unwrap();
    }
    assert_eq!(
        store.list("").await.unwrap(),
        ["a/1/x", "a/10", "a/2", "ab/1", "b", "c/d/e"]
    );
    assert_eq!(store.list("a/1").await.unwrap(), ["a/1/x", "a/10"]);
    assert!(store.list("x").await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_leave_the_prefix_are_refused() {
    let lake = Lake::new();
    let store = store(&lake);
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
        "a.~b",
    ] {
        let found = store.put(name, Bytes::from("x")).await.unwrap_err();
        assert_eq!(found.code, "artifact.bad_name", "{name}");
        assert_eq!(store.get(name).await.unwrap_err().code, "artifact.bad_name");
    }
    assert!(lake.objects().await.is_empty());
}

#[test]
fn an_address_is_a_bucket_and_a_prefix() {
    for bad in ["s3://", "s3:///x", "s3://b/../x", "s3://b//x", "folder"] {
        assert_eq!(S3Artifacts::new(bad).unwrap_err().code, "s3.bad_address", "{bad}");
    }
    let store = S3Artifacts::new(&format!("s3://{BUCKET}/some/where/")).unwrap();
    assert_eq!(store.locate("x"), format!("s3://{BUCKET}/some/where/x"));
}
