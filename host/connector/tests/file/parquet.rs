//! Parquet files as sources.

use std::fs::File;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date32Array, DictionaryArray, Float32Array, Int16Array, Int64Array, LargeStringArray,
    RecordBatch, StringArray, TimestampMillisecondArray, TimestampSecondArray, UInt32Array,
};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use crate::support::{Project, read, rows};

fn write(project: &Project, name: &str, row_group_rows: usize, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(row_group_rows))
        .build();
    let file = File::create(project.path(name)).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn numbers(count: i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(0..count))
}

#[tokio::test]
async fn row_groups_are_read_in_batches_that_never_span_two() {
    let project = Project::new();
    write(
        &project,
        "a.parquet",
        5,
        vec![("n", numbers(12)), ("other", numbers(12))],
    );
    let spec = project.source("{path: a.parquet}", "n: int64");
    let batches = read(&spec, None, None, 3).await.unwrap();
    let sizes: Vec<_> = batches.iter().map(|batch| batch.batch.num_rows()).collect();
    assert_eq!(sizes, [3, 2, 3, 2, 2]);
    assert_eq!(
        crate::support::lines(&batches),
        (0..12).map(|n| n.to_string()).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn types_are_widened_where_nothing_is_lost() {
    let project = Project::new();
    let dictionary: DictionaryArray<arrow_array::types::Int32Type> =
        vec![Some("x"), None, Some("x")].into_iter().collect();
    write(
        &project,
        "a.parquet",
        10,
        vec![
            ("z", Arc::new(dictionary)),
            ("a", Arc::new(Int16Array::from(vec![Some(-1), None, Some(3)]))),
            ("b", Arc::new(UInt32Array::from(vec![1, 2, u32::MAX]))),
            ("c", Arc::new(Float32Array::from(vec![0.5, 1.0, -2.0]))),
            ("d", Arc::new(LargeStringArray::from(vec!["p", "q", "r"]))),
            ("e", Arc::new(TimestampSecondArray::from(vec![0, 1, 2]))),
            (
                "f",
                Arc::new(TimestampMillisecondArray::from(vec![0, 1, 2]).with_timezone("Europe/London")),
            ),
            ("g", Arc::new(Date32Array::from(vec![0, 1, 2]))),
        ],
    );
    let spec = project.source(
        "{path: a.parquet}",
        "a: int64; b: int64; c: float64; d: utf8; e: timestamp(us); f: timestamp(ms, UTC); g: date32; z: utf8",
    );
    assert_eq!(
        rows(&spec).await.unwrap(),
        [
            "-1|1|0.5|p|1970-01-01T00:00:00|1970-01-01T00:00:00Z|1970-01-01|x",
            "~|2|1.0|q|1970-01-01T00:00:01|1970-01-01T00:00:00.001Z|1970-01-02|~",
            "3|4294967295|-2.0|r|1970-01-01T00:00:02|1970-01-01T00:00:00.002Z|1970-01-03|x",
        ]
    );
}

#[tokio::test]
async fn types_that_could_lose_something_are_refused() {
    let project = Project::new();
    write(
        &project,
        "a.parquet",
        10,
        vec![
            ("n", numbers(3)),
            ("s", Arc::new(StringArray::from(vec!["1", "2", "3"]))),
            ("t", Arc::new(TimestampMillisecondArray::from(vec![0, 1, 2]))),
        ],
    );
    for columns in [
        "n: int32",
        "n: float64",
        "n: utf8",
        "n: uint64",
        "s: int64",
        "t: timestamp(s)",
        "t: timestamp(ms, UTC)",
    ] {
        let found = rows(&project.source("{path: a.parquet}", columns))
            .await
            .unwrap_err();
        assert_eq!(found.code, "file.parquet.type_mismatch", "{columns}");
    }
    let found = rows(&project.source("{path: a.parquet}", "n: int32"))
        .await
        .unwrap_err();
    assert_eq!(
        found.message,
        "column `n` is int64 in the file, and int32 was asked for"
    );
    let found = rows(&project.source("{path: a.parquet}", "N: int64"))
        .await
        .unwrap_err();
    assert_eq!(found.code, "file.column_missing");
}

#[tokio::test]
async fn a_null_where_none_may_be_names_its_row() {
    let project = Project::new();
    write(
        &project,
        "a.parquet",
        2,
        vec![(
            "n",
            Arc::new(Int64Array::from(vec![Some(1), Some(2), Some(3), None])),
        )],
    );
    let found = rows(&project.source("{path: a.parquet}", "n: int64!"))
        .await
        .unwrap_err();
    assert_eq!(found.code, "file.null_value");
    assert!(found.message.contains("row 4"), "{}", found.message);
}

#[tokio::test]
async fn what_is_no_parquet_is_refused() {
    let project = Project::new();
    write(&project, "good.parquet", 1_000, vec![("n", numbers(10_000))]);
    let good = std::fs::read(project.path("good.parquet")).unwrap();
    let mut flipped = good.clone();
    // The header of the first page; a page's content has no checksum.
    flipped[4..40].fill(0xff);
    for (name, bytes) in [
        ("empty", Vec::new()),
        ("text", b"id,name\n1,a\n".to_vec()),
        ("cut", good[..good.len() - 9].to_vec()),
        ("flipped", flipped),
    ] {
        project.write("a.parquet", bytes);
        let found = rows(&project.source("{path: a.parquet}", "n: int64"))
            .await
            .unwrap_err();
        assert_eq!(found.code, "file.parquet.bad", "{name}: {found}");
    }
}
