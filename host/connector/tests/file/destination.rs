//! The Parquet destination: what is written comes back, and only what was committed can be seen.

use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, DurationMillisecondArray, Float64Array, Int64Array, RecordBatch, StringArray,
    StructArray, TimestampMillisecondArray,
};
use parquet::file::reader::{FileReader, SerializedFileReader};
use tidegate_connector::file::FileConnector;
use tidegate_core::Kind;
use tidegate_core::plan::PartitionKey;
use tidegate_core::port::Connector;
use tidegate_core::schema::{Column, Load};

use crate::support::{Attempt, Project, asset, batch_lines, columns, commit, files, numbers_batch};

async fn seen(project: &Project) -> Vec<String> {
    project.asset("orders", "n: int64", None).await.unwrap()
}

fn texts(numbers: impl IntoIterator<Item = i64>) -> Vec<String> {
    numbers.into_iter().map(|n| n.to_string()).collect()
}

#[expect(
    clippy::from_iter_instead_of_collect,
    reason = "the array's type is what a reader looks for"
)]
#[tokio::test]
async fn what_is_written_comes_back() {
    let project = Project::new();
    let text = "a: int64!; b: utf8; c: float64; d: timestamp(ms, America/New_York); e: boolean; f: duration(ms); \
                g: list(utf8); h: struct(x: int64, y: utf8); i: map(utf8, int64)";
    let schema = Column::schema(&columns(text));
    let rows = 5_000;
    let nullable = |n: i64| (n % 3 != 0).then_some(n);
    let mut list = ListBuilder::new(StringBuilder::new());
    let mut map = MapBuilder::new(
        Some(arrow_array::builder::MapFieldNames {
            entry: "entries".into(),
            key: "key".into(),
            value: "value".into(),
        }),
        StringBuilder::new(),
        Int64Builder::new(),
    );
    for n in 0..rows {
        if n % 4 == 0 {
            list.append_null();
        } else {
            for item in 0..n % 3 {
                list.values()
                    .append_option((item == 0).then(|| format!("item{n}")));
            }
            list.append(true);
        }
        map.keys().append_value(format!("k{n}"));
        map.values().append_option(nullable(n));
        map.append(n % 5 != 0).unwrap();
    }
    let members: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter((0..rows).map(nullable))),
        Arc::new(StringArray::from_iter_values((0..rows).map(|n| format!("y{n}")))),
    ];
    let arrow_schema::DataType::Struct(fields) = schema.field(7).data_type().clone() else {
        panic!()
    };
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(0..rows)),
        Arc::new(StringArray::from_iter(
            (0..rows).map(|n| nullable(n).map(|n| format!("é{}", n % 10))),
        )),
        Arc::new(Float64Array::from_iter(
            (0..rows).map(|n| nullable(n).map(|n| n as f64 / 7.0)),
        )),
        Arc::new(
            TimestampMillisecondArray::from_iter((0..rows).map(|n| nullable(n * 1_000_003)))
                .with_timezone("America/New_York"),
        ),
        Arc::new(BooleanArray::from_iter(
            (0..rows).map(|n| nullable(n).map(|n| n % 2 == 0)),
        )),
        Arc::new(DurationMillisecondArray::from_iter((0..rows).map(nullable))),
        Arc::new(list.finish()),
        Arc::new(StructArray::new(
            fields,
            members,
            Some((0..rows).map(|n| n % 6 != 0).collect::<Vec<_>>().into()),
        )),
        Arc::new(map.finish()),
    ];
    let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    for compression in ["snappy", "zstd", "lz4", "none"] {
        let mut attempt = Attempt::new(&project, Load::Replace, 1, compression);
        attempt.spec = project.destination(
            &format!("{{compression: {compression}, row_group_rows: 1024}}"),
            Load::Replace,
        );
        let mut destination = attempt.open(schema.clone()).await.unwrap();
        // Batches that are not a multiple of the row group.
        for from in (0..5_000).step_by(700) {
            destination
                .write(batch.slice(from, 700.min(5_000 - from)))
                .await
                .unwrap();
        }
        let receipt = destination.commit(commit()).await.unwrap();
        assert_eq!((receipt.rows, receipt.parts), (5_000, 1));
        assert_eq!(
            project.asset("orders", text, None).await.unwrap(),
            batch_lines(&batch),
            "{compression}"
        );
    }
}

#[tokio::test]
async fn row_groups_and_encodings_are_as_asked() {
    let project = Project::new();
    let mut attempt = Attempt::new(&project, Load::Replace, 1, "t");
    attempt.spec = project.destination("{row_group_rows: 2048}", Load::Replace);
    let schema = Column::schema(&columns("id: int64; country: utf8"));
    let mut destination = attempt.open(schema.clone()).await.unwrap();
    for from in (0..10_000).step_by(1_000) {
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(from..from + 1_000)),
            Arc::new(StringArray::from_iter_values(
                (from..from + 1_000).map(|n| format!("c{}", n % 9)),
            )),
        ];
        destination
            .write(RecordBatch::try_new(schema.clone(), arrays).unwrap())
            .await
            .unwrap();
    }
    let receipt = destination.commit(commit()).await.unwrap();
    let file = std::fs::File::open(project.path("orders/part-1-0.parquet")).unwrap();
    assert_eq!(file.metadata().unwrap().len(), receipt.bytes);
    let reader = SerializedFileReader::new(file).unwrap();
    let groups: Vec<_> = reader
        .metadata()
        .row_groups()
        .iter()
        .map(parquet::file::metadata::RowGroupMetaData::num_rows)
        .collect();
    assert_eq!(groups, [2_048, 2_048, 2_048, 2_048, 1_808]);
    let first = reader.metadata().row_group(0);
    assert!(
        first.column(0).dictionary_page_offset().is_none(),
        "ids do not repeat"
    );
    assert!(first.column(1).dictionary_page_offset().is_some(), "countries do");
    let statistics = first.column(0).statistics().unwrap();
    assert_eq!(statistics.max_bytes_opt().unwrap(), 2_047_i64.to_le_bytes());
}

#[tokio::test]
async fn wide_rows_end_a_row_group_early() {
    let project = Project::new();
    let attempt = Attempt::new(&project, Load::Replace, 1, "t");
    let schema = Column::schema(&columns("text: utf8"));
    let mut destination = attempt.open(schema.clone()).await.unwrap();
    for n in 0..20 {
        let text = n.to_string().repeat(10_000_000 / n.to_string().len());
        let batch =
            RecordBatch::try_new(schema.clone(), vec![Arc::new(StringArray::from(vec![text]))]).unwrap();
        destination.write(batch).await.unwrap();
    }
    destination.commit(commit()).await.unwrap();
    let file = std::fs::File::open(project.path("orders/part-1-0.parquet")).unwrap();
    let groups = SerializedFileReader::new(file)
        .unwrap()
        .metadata()
        .num_row_groups();
    assert_eq!(groups, 3);
}

#[tokio::test]
async fn replace_shows_the_last_load_alone_and_removes_the_others() {
    let project = Project::new();
    let first = Attempt::new(&project, Load::Replace, 1, "a")
        .load(0..10)
        .await
        .unwrap();
    assert_eq!((first.rows, first.parts, first.repeated), (10, 1, false));
    assert_eq!(first.location, project.path("orders").display().to_string());
    Attempt::new(&project, Load::Replace, 2, "b")
        .load(20..25)
        .await
        .unwrap();
    Attempt::new(&project, Load::Replace, 3, "c")
        .load(30..33)
        .await
        .unwrap();
    assert_eq!(seen(&project).await, texts(30..33));
    assert_eq!(
        files(&project.root()),
        [
            "orders/_manifest/00000000000000000002.json",
            "orders/_manifest/00000000000000000003.json",
            "orders/part-3-0.parquet"
        ]
    );
}

#[tokio::test]
async fn append_adds_once_however_often_it_is_repeated() {
    let project = Project::new();
    Attempt::new(&project, Load::Append, 1, "a")
        .load(0..10)
        .await
        .unwrap();
    Attempt::new(&project, Load::Append, 2, "b")
        .load(10..15)
        .await
        .unwrap();
    let before = files(&project.root());
    for epoch in [3, 4] {
        let again = Attempt::new(&project, Load::Append, epoch, "a")
            .load(0..10)
            .await
            .unwrap();
        assert_eq!((again.rows, again.parts, again.repeated), (10, 1, true));
    }
    assert_eq!(seen(&project).await, texts(0..15));
    assert_eq!(files(&project.root()), before);
}

#[tokio::test]
async fn a_load_of_no_rows_empties_or_adds_nothing() {
    let project = Project::new();
    Attempt::new(&project, Load::Append, 1, "a")
        .load(0..10)
        .await
        .unwrap();
    let none = Attempt::new(&project, Load::Append, 2, "b")
        .load([])
        .await
        .unwrap();
    assert_eq!((none.rows, none.bytes, none.parts), (0, 0, 0));
    assert_eq!(seen(&project).await.len(), 10);
    Attempt::new(&project, Load::Replace, 3, "c")
        .load([])
        .await
        .unwrap();
    assert!(seen(&project).await.is_empty());
    assert_eq!(
        files(&project.path("orders"))
            .iter()
            .filter(|name| name.contains("part"))
            .count(),
        0
    );
}

#[tokio::test]
async fn partitions_are_replaced_one_by_one() {
    let project = Project::new();
    for (epoch, partition, numbers) in [
        (1, "2013-01", 0..5),
        (1, "2013-02", 10..12),
        (2, "2013-01", 20..23),
    ] {
        let token = format!("{partition}{epoch}");
        let mut attempt = Attempt::new(&project, Load::ReplacePartition, epoch, &token);
        attempt.partition = partition;
        attempt.load(numbers).await.unwrap();
    }
    assert_eq!(seen(&project).await, texts((20..23).chain(10..12)));
    assert_eq!(
        project
            .asset("orders", "n: int64", Some("2013-02"))
            .await
            .unwrap(),
        texts(10..12)
    );
    let missing = project
        .asset("orders", "n: int64", Some("2013-03"))
        .await
        .unwrap_err();
    assert_eq!(
        (missing.code.as_str(), missing.kind),
        ("file.not_loaded", Kind::Resource)
    );
    assert_eq!(
        project.asset("nothing", "n: int64", None).await.unwrap_err().code,
        "file.not_loaded"
    );
    let mixed = Attempt::new(&project, Load::Replace, 9, "whole")
        .load(0..3)
        .await
        .unwrap();
    assert_eq!(mixed.rows, 3);
    assert_eq!(
        project.asset("orders", "n: int64", None).await.unwrap_err().code,
        "file.layout_mixed"
    );
}

#[tokio::test]
async fn a_partition_key_cannot_leave_its_folder() {
    let project = Project::new();
    for key in ["../../etc", "a/b", "_manifest", ".hidden", "2013-01"] {
        let mut attempt = Attempt::new(&project, Load::Replace, 1, key);
        attempt.partition = key;
        let receipt = attempt.load(0..3).await.unwrap();
        let location = FileConnector.locate(&asset("orders"), &attempt.spec, &PartitionKey(key.into()));
        assert_eq!(location, receipt.location);
        assert_eq!(
            project
                .asset("orders", "n: int64", Some(key))
                .await
                .unwrap()
                .len(),
            3
        );
    }
    let folders: Vec<_> = std::fs::read_dir(project.path("orders"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(folders.len(), 5);
    assert_eq!(seen(&project).await.len(), 15);
}

#[tokio::test]
async fn nothing_can_be_seen_before_the_commit() {
    let project = Project::new();
    let attempt = Attempt::new(&project, Load::Replace, 1, "a");
    let mut destination = attempt.open(numbers_batch([]).schema()).await.unwrap();
    destination.write(numbers_batch(0..5)).await.unwrap();
    assert_eq!(destination.stage().await.unwrap().unwrap().len(), 1);
    destination.write(numbers_batch(5..8)).await.unwrap();
    let parquet = |name: &String| [".parquet", ".json"].iter().any(|ending| name.ends_with(ending));
    assert!(!files(&project.root()).iter().any(parquet));
    assert_eq!(
        project.asset("orders", "n: int64", None).await.unwrap_err().code,
        "file.not_loaded"
    );
    destination.commit(commit()).await.unwrap();
    assert_eq!(seen(&project).await, texts(0..8));
}

#[tokio::test]
async fn what_was_staged_is_taken_over_by_the_next_attempt() {
    let project = Project::new();
    let mut first = Attempt::new(&project, Load::Append, 1, "a")
        .open(numbers_batch([]).schema())
        .await
        .unwrap();
    first.write(numbers_batch(0..5)).await.unwrap();
    first.stage().await.unwrap().unwrap();
    first.write(numbers_batch(5..8)).await.unwrap();
    let staged = first.stage().await.unwrap().unwrap();
    first.write(numbers_batch(100..200)).await.unwrap();
    // The attempt dies here; its last part stays behind, half written.
    drop(first);

    let mut second = Attempt::new(&project, Load::Append, 2, "a");
    second.staged.clone_from(&staged);
    let mut destination = second.open(numbers_batch([]).schema()).await.unwrap();
    destination.write(numbers_batch(8..10)).await.unwrap();
    let parts = destination.stage().await.unwrap().unwrap();
    assert_eq!(parts[..2], staged);
    assert_eq!(parts.len(), 3);
    let receipt = destination.commit(commit()).await.unwrap();
    assert_eq!((receipt.rows, receipt.parts), (10, 3));
    assert_eq!(receipt.bytes, parts.iter().map(|part| part.bytes).sum::<u64>());
    assert_eq!(seen(&project).await, texts(0..10));
    assert!(
        !files(&project.root())
            .iter()
            .any(|name| name.ends_with(".partial") || name.ends_with(".staged"))
    );

    // A third attempt, which does not know that the second committed.
    let mut third = Attempt::new(&project, Load::Append, 3, "a");
    third.staged = parts;
    let again = third
        .open(numbers_batch([]).schema())
        .await
        .unwrap()
        .commit(commit())
        .await
        .unwrap();
    assert!(again.repeated);
    assert_eq!(seen(&project).await, texts(0..10));
}

#[tokio::test]
async fn staged_parts_that_are_gone_are_noticed() {
    let project = Project::new();
    let mut first = Attempt::new(&project, Load::Replace, 1, "a")
        .open(numbers_batch([]).schema())
        .await
        .unwrap();
    first.write(numbers_batch(0..5)).await.unwrap();
    let staged = first.stage().await.unwrap().unwrap();
    drop(first);
    // Another run loads the partition, and clears away what dead attempts left.
    Attempt::new(&project, Load::Replace, 2, "b")
        .load(50..53)
        .await
        .unwrap();
    let mut third = Attempt::new(&project, Load::Replace, 3, "a");
    third.staged = staged;
    let found = third.open(numbers_batch([]).schema()).await.err().unwrap();
    assert_eq!(
        (found.code.as_str(), found.kind),
        ("file.staged_lost", Kind::Resource)
    );
    assert_eq!(seen(&project).await, texts(50..53));
}

#[tokio::test]
async fn an_attempt_that_was_overtaken_is_refused() {
    let project = Project::new();
    let mut zombie = Attempt::new(&project, Load::Append, 1, "a")
        .open(numbers_batch([]).schema())
        .await
        .unwrap();
    zombie.write(numbers_batch(0..5)).await.unwrap();
    zombie.stage().await.unwrap().unwrap();
    zombie.write(numbers_batch(5..7)).await.unwrap();
    Attempt::new(&project, Load::Append, 2, "b")
        .load(50..53)
        .await
        .unwrap();
    let found = zombie.commit(commit()).await.unwrap_err();
    assert_eq!(found.code, "attempt.fenced");
    let late = Attempt::new(&project, Load::Append, 1, "c")
        .open(numbers_batch([]).schema())
        .await
        .err()
        .unwrap();
    assert_eq!((late.code.as_str(), late.kind), ("attempt.fenced", Kind::State));
    assert_eq!(seen(&project).await, texts(50..53));
    assert_eq!(
        files(&project.path("orders"))
            .iter()
            .filter(|name| name.contains("part"))
            .count(),
        1
    );
}

#[tokio::test]
async fn what_an_overtaken_attempt_stages_late_goes_with_it() {
    let project = Project::new();
    let mut zombie = Attempt::new(&project, Load::Append, 1, "a")
        .open(numbers_batch([]).schema())
        .await
        .unwrap();
    Attempt::new(&project, Load::Append, 2, "b")
        .load(50..53)
        .await
        .unwrap();
    // It was halted meanwhile, and has not heard of the other yet.
    zombie.write(numbers_batch(0..5)).await.unwrap();
    zombie.stage().await.unwrap().unwrap();
    let parts = || {
        let mut names = files(&project.path("orders"));
        names.retain(|name| name.starts_with("part-"));
        names
    };
    assert_eq!(parts().len(), 2);
    zombie.abort().await.unwrap();
    assert_eq!(parts(), ["part-2-0.parquet"]);
    assert_eq!(seen(&project).await, texts(50..53));
}

#[tokio::test]
async fn an_epoch_that_is_used_twice_overwrites_nothing() {
    let project = Project::new();
    Attempt::new(&project, Load::Append, 1, "a")
        .load(0..5)
        .await
        .unwrap();
    Attempt::new(&project, Load::Append, 1, "b")
        .load(5..9)
        .await
        .unwrap();
    assert_eq!(seen(&project).await, texts(0..9));
}

#[tokio::test]
async fn abort_removes_what_nobody_staged() {
    let project = Project::new();
    let mut destination = Attempt::new(&project, Load::Replace, 1, "a")
        .open(numbers_batch([]).schema())
        .await
        .unwrap();
    destination.write(numbers_batch(0..5)).await.unwrap();
    let staged = destination.stage().await.unwrap().unwrap();
    destination.write(numbers_batch(5..9)).await.unwrap();
    assert_eq!(
        files(&project.path("orders")),
        ["part-1-0.parquet.staged", "part-1-1.parquet.partial"]
    );
    destination.abort().await.unwrap();
    assert_eq!(files(&project.path("orders")), ["part-1-0.parquet.staged"]);
    let mut next = Attempt::new(&project, Load::Replace, 2, "a");
    next.staged = staged;
    let destination = next.open(numbers_batch([]).schema()).await.unwrap();
    assert_eq!(destination.commit(commit()).await.unwrap().rows, 5);
}

#[tokio::test]
async fn a_column_that_was_added_later_is_null_before() {
    let project = Project::new();
    Attempt::new(&project, Load::Append, 1, "a")
        .load(0..2)
        .await
        .unwrap();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![2])),
        Arc::new(StringArray::from(vec!["x"])),
    ];
    let batch = RecordBatch::try_new(Column::schema(&columns("n: int64; name: utf8")), arrays).unwrap();
    let mut destination = Attempt::new(&project, Load::Append, 2, "b")
        .open(batch.schema())
        .await
        .unwrap();
    destination.write(batch).await.unwrap();
    destination.commit(commit()).await.unwrap();
    assert_eq!(
        project
            .asset("orders", "name: utf8; n: int64", None)
            .await
            .unwrap(),
        ["~|0", "~|1", "x|2"]
    );
    let missing = project
        .asset("orders", "name: utf8!; n: int64", None)
        .await
        .unwrap_err();
    assert_eq!(missing.code, "file.column_missing");
}

#[tokio::test]
async fn a_damaged_manifest_is_refused() {
    let project = Project::new();
    Attempt::new(&project, Load::Replace, 1, "a")
        .load(0..2)
        .await
        .unwrap();
    project.write("orders/_manifest/00000000000000000002.json", "{");
    let found = project.asset("orders", "n: int64", None).await.unwrap_err();
    assert_eq!(found.code, "file.manifest_bad");
    let text = std::fs::read_to_string(project.path("orders/_manifest/00000000000000000001.json")).unwrap();
    project.write(
        "orders/_manifest/00000000000000000002.json",
        text.replace("\"format\": 1", "\"format\": 2"),
    );
    let found = project.asset("orders", "n: int64", None).await.unwrap_err();
    assert!(found.message.contains("newer than this version"), "{found}");
    let second = text.replace("\"version\": 1", "\"version\": 2");
    let part = "part-1-0.parquet";
    for (other, words) in [
        (text.clone(), "it says that it is version 1"),
        (
            second.replace(part, "../../elsewhere/x.parquet"),
            "is not the name of a part",
        ),
        (
            second.replace(part, "/elsewhere/x.parquet"),
            "is not the name of a part",
        ),
        (
            second.replace(part, "part-1-0.parquet.staged"),
            "is not the name of a part",
        ),
        (
            second.replace(part, "part-01-0.parquet"),
            "is not the name of a part",
        ),
    ] {
        project.write("orders/_manifest/00000000000000000002.json", other);
        let found = project.asset("orders", "n: int64", None).await.unwrap_err();
        assert_eq!(found.code, "file.manifest_bad");
        assert!(found.message.contains(words), "{found}");
    }
    let mut twice: serde_json::Value = serde_json::from_str(&second).unwrap();
    let parts = twice["parts"].as_array_mut().unwrap();
    parts.push(parts[0].clone());
    project.write("orders/_manifest/00000000000000000002.json", twice.to_string());
    let found = project.asset("orders", "n: int64", None).await.unwrap_err();
    assert!(found.message.contains("is in it twice"), "{found}");
    // The last version that a number can hold leaves none for the next load.
    std::fs::remove_file(project.path("orders/_manifest/00000000000000000002.json")).unwrap();
    let last = text.replace("\"version\": 1", &format!("\"version\": {}", u64::MAX));
    project.write(&format!("orders/_manifest/{}.json", u64::MAX), last);
    let found = Attempt::new(&project, Load::Replace, 2, "b")
        .load(0..2)
        .await
        .unwrap_err();
    assert_eq!(found.code, "file.manifest_bad");
}

#[tokio::test]
async fn what_a_killed_attempt_left_half_written_makes_room_for_the_next() {
    let project = Project::new();
    Attempt::new(&project, Load::Replace, 1, "a")
        .load(0..2)
        .await
        .unwrap();
    project.write("orders/part-2-0.parquet.partial", "half");
    project.write("orders/part-2-1.parquet.staged", "whole");
    project.write("orders/part-9-0.parquet.partial", "of a newer attempt");
    Attempt::new(&project, Load::Replace, 3, "b")
        .open(numbers_batch([]).schema())
        .await
        .unwrap();
    let left: Vec<_> = files(&project.path("orders"))
        .into_iter()
        .filter(|name| name.contains("part-"))
        .collect();
    assert_eq!(
        left,
        [
            "part-1-0.parquet",
            "part-2-1.parquet.staged",
            "part-9-0.parquet.partial"
        ]
    );
}
