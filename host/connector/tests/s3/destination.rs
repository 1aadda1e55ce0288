//! The destination: only what was committed can be seen, once, however often it is repeated.

use tidegate_connector::s3::S3Connector;
use tidegate_core::Kind;
use tidegate_core::plan::PartitionKey;
use tidegate_core::port::Connector;
use tidegate_core::schema::Load;

use crate::support::{Attempt, Lake, asset, commit, numbers, texts};

#[tokio::test(flavor = "multi_thread")]
async fn replace_shows_the_last_load_alone_and_removes_the_others() {
    let lake = Lake::new();
    let first = Attempt::new(&lake, Load::Replace, 1, "a")
        .load(0..10)
        .await
        .unwrap();
    assert_eq!((first.rows, first.parts, first.repeated), (10, 1, false));
    assert_eq!(first.location, lake.url("orders"));
    Attempt::new(&lake, Load::Replace, 2, "b")
        .load(20..25)
        .await
        .unwrap();
    Attempt::new(&lake, Load::Replace, 3, "c")
        .load(30..33)
        .await
        .unwrap();
    assert_eq!(lake.seen().await, texts(30..33));
    assert_eq!(
        lake.objects().await,
        [
            "orders/_manifest/00000000000000000002.json",
            "orders/_manifest/00000000000000000003.json",
            "orders/part-3-0.parquet"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn append_adds_once_however_often_it_is_repeated() {
    let lake = Lake::new();
    Attempt::new(&lake, Load::Append, 1, "a")
        .load(0..10)
        .await
        .unwrap();
    Attempt::new(&lake, Load::Append, 2, "b")
        .load(10..15)
        .await
        .unwrap();
    let before = lake.objects().await;
    for epoch in [3, 4] {
        let again = Attempt::new(&lake, Load::Append, epoch, "a")
            .load(0..10)
            .await
            .unwrap();
        assert_eq!((again.rows, again.parts, again.repeated), (10, 1, true));
    }
    assert_eq!(lake.seen().await, texts(0..15));
    assert_eq!(lake.objects().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_of_no_rows_empties_or_adds_nothing() {
    let lake = Lake::new();
    Attempt::new(&lake, Load::Append, 1, "a")
        .load(0..10)
        .await
        .unwrap();
    let none = Attempt::new(&lake, Load::Append, 2, "b").load([]).await.unwrap();
    assert_eq!((none.rows, none.bytes, none.parts), (0, 0, 0));
    assert_eq!(lake.seen().await.len(), 10);
    Attempt::new(&lake, Load::Replace, 3, "c").load([]).await.unwrap();
    assert!(lake.seen().await.is_empty());
    assert!(!lake.objects().await.iter().any(|name| name.contains("part-")));
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_replaced_one_by_one() {
    let lake = Lake::new();
    for (epoch, partition, of) in [
        (1, "2013-01", 0..5),
        (1, "2013-02", 10..12),
        (2, "2013-01", 20..23),
    ] {
        let token = format!("{partition}{epoch}");
        let mut attempt = Attempt::new(&lake, Load::ReplacePartition, epoch, &token);
        attempt.partition = partition;
        let receipt = attempt.load(of).await.unwrap();
        let location = S3Connector.locate(&asset("orders"), &attempt.spec, &PartitionKey(partition.into()));
        assert_eq!(location, receipt.location);
    }
    assert_eq!(lake.seen().await, texts((20..23).chain(10..12)));
    let one = lake
        .asset_of("{}", "orders", "n: int64", Some("2013-02"))
        .await
        .unwrap();
    assert_eq!(one, texts(10..12));
    for (name, key) in [("orders", Some("2013-03")), ("nothing", None)] {
        let missing = lake.asset_of("{}", name, "n: int64", key).await.unwrap_err();
        assert_eq!(
            (missing.code.as_str(), missing.kind),
            ("s3.not_loaded", Kind::Resource)
        );
    }
    Attempt::new(&lake, Load::Replace, 9, "whole")
        .load(0..3)
        .await
        .unwrap();
    let mixed = lake.asset_of("{}", "orders", "n: int64", None).await.unwrap_err();
    assert_eq!(mixed.code, "s3.layout_mixed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_key_cannot_leave_its_prefix() {
    let lake = Lake::new();
    for key in ["../../etc", "a/b", "_manifest", ".hidden", "2013-01"] {
        let mut attempt = Attempt::new(&lake, Load::Replace, 1, key);
        attempt.partition = key;
        attempt.load(0..3).await.unwrap();
        let one = lake
            .asset_of("{}", "orders", "n: int64", Some(key))
            .await
            .unwrap();
        assert_eq!(one.len(), 3, "{key}");
    }
    assert_eq!(lake.seen().await.len(), 15);
    assert!(
        lake.objects()
            .await
            .iter()
            .all(|name| name.starts_with("orders/"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_seen_before_the_commit() {
    let lake = Lake::new();
    let mut destination = Attempt::new(&lake, Load::Replace, 1, "a").begin().await.unwrap();
    destination.write(numbers(0..5)).await.unwrap();
    assert_eq!(destination.stage().await.unwrap().unwrap().len(), 1);
    destination.write(numbers(5..8)).await.unwrap();
    let hidden = lake.asset_of("{}", "orders", "n: int64", None).await.unwrap_err();
    assert_eq!(hidden.code, "s3.not_loaded");
    destination.commit(commit()).await.unwrap();
    assert_eq!(lake.seen().await, texts(0..8));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_staged_is_taken_over_by_the_next_attempt() {
    let lake = Lake::new();
    let mut first = Attempt::new(&lake, Load::Append, 1, "a").begin().await.unwrap();
    first.write(numbers(0..5)).await.unwrap();
    first.stage().await.unwrap().unwrap();
    first.write(numbers(5..8)).await.unwrap();
    let staged = first.stage().await.unwrap().unwrap();
    first.write(numbers(100..200)).await.unwrap();
    // The attempt dies here.
    drop(first);

    let mut second = Attempt::new(&lake, Load::Append, 2, "a");
    second.staged.clone_from(&staged);
    let mut destination = second.begin().await.unwrap();
    destination.write(numbers(8..10)).await.unwrap();
    let parts = destination.stage().await.unwrap().unwrap();
    assert_eq!(parts[..2], staged);
    let receipt = destination.commit(commit()).await.unwrap();
    assert_eq!((receipt.rows, receipt.parts, receipt.repeated), (10, 3, false));
    assert_eq!(receipt.bytes, parts.iter().map(|part| part.bytes).sum::<u64>());
    assert_eq!(lake.seen().await, texts(0..10));

    // A third attempt, which does not know that the second committed.
    let mut third = Attempt::new(&lake, Load::Append, 3, "a");
    third.staged = parts;
    let again = third.begin().await.unwrap().commit(commit()).await.unwrap();
    assert!(again.repeated);
    assert_eq!(lake.seen().await, texts(0..10));
}

#[tokio::test(flavor = "multi_thread")]
async fn staged_parts_that_are_gone_are_noticed() {
    let lake = Lake::new();
    let mut first = Attempt::new(&lake, Load::Replace, 1, "a").begin().await.unwrap();
    first.write(numbers(0..5)).await.unwrap();
    let staged = first.stage().await.unwrap().unwrap();
    drop(first);
    let mut second = Attempt::new(&lake, Load::Replace, 2, "a");
    second.staged.clone_from(&staged);
    let destination = second.begin().await.unwrap();
    lake.delete("orders/part-1-0.parquet").await;
    assert_eq!(
        destination.commit(commit()).await.unwrap_err().code,
        "s3.staged_lost"
    );
    lake.put("orders/part-1-0.parquet", "cut").await;
    assert_eq!(second.begin().await.err().unwrap().code, "s3.staged_lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_that_was_used_before_never_writes_over_a_part() {
    let lake = Lake::new();
    Attempt::new(&lake, Load::Append, 1, "a")
        .load(0..5)
        .await
        .unwrap();
    Attempt::new(&lake, Load::Append, 1, "b")
        .load(5..8)
        .await
        .unwrap();
    assert_eq!(lake.seen().await, texts(0..8));
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_two_formats_are_not_mixed() {
    let lake = Lake::new();
    Attempt::new(&lake, Load::Append, 1, "a")
        .load(0..5)
        .await
        .unwrap();
    let mut other = Attempt::new(&lake, Load::Append, 2, "b");
    other.spec = lake.destination("{format: csv}", Load::Append);
    assert_eq!(other.begin().await.err().unwrap().code, "s3.format_mixed");
    let error = lake
        .asset_of("{format: csv}", "orders", "n: int64", None)
        .await
        .unwrap_err();
    assert_eq!(error.code, "s3.format_mixed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_manifest_is_told_and_not_taken_for_an_empty_one() {
    let lake = Lake::new();
    Attempt::new(&lake, Load::Append, 1, "a")
        .load(0..5)
        .await
        .unwrap();
    lake.put("orders/_manifest/00000000000000000002.json", "{\"format\": 1")
        .await;
    let error = Attempt::new(&lake, Load::Append, 2, "b")
        .begin()
        .await
        .err()
        .unwrap();
    assert_eq!(error.code, "s3.manifest_bad");
    let manifest = String::from_utf8(lake.get("orders/_manifest/00000000000000000001.json").await).unwrap();
    let newer = manifest
        .replace("\"version\": 1", "\"version\": 2")
        .replace("part-1-0.parquet", "../other.parquet");
    lake.put("orders/_manifest/00000000000000000002.json", newer)
        .await;
    let error = Attempt::new(&lake, Load::Append, 2, "b")
        .begin()
        .await
        .err()
        .unwrap();
    assert_eq!(error.code, "s3.manifest_bad");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_parts_go_up_in_pieces_and_those_that_are_given_up_leave_nothing() {
    let lake = Lake::new();
    let mut attempt = Attempt::new(&lake, Load::Replace, 1, "a");
    attempt.spec = lake.destination("{compression: none, row_group_rows: 200000}", Load::Replace);
    // Numbers that do not repeat: about 8 MB a million.
    let batch = |from: i64| {
        numbers(
            (from * 500_000..(from + 1) * 500_000).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64)),
        )
    };
    let mut destination = attempt.begin().await.unwrap();
    for from in 0..6 {
        destination.write(batch(from)).await.unwrap();
    }
    destination.abort().await.unwrap();
    assert!(lake.objects().await.is_empty());
    assert_eq!(lake.uploads().await, 0);
    let mut destination = attempt.begin().await.unwrap();
    for from in 0..6 {
        destination.write(batch(from)).await.unwrap();
    }
    let receipt = destination.commit(commit()).await.unwrap();
    assert!(receipt.bytes > 20 << 20 && receipt.rows == 3_000_000);
    let part = lake.get("orders/part-1-0.parquet").await;
    assert_eq!(part.len() as u64, receipt.bytes);
    assert_eq!(lake.uploads().await, 0);
    assert_eq!(lake.seen().await.len(), 3_000_000);
}
