//! A source opened behind any cursor gives the batches that the whole read gave behind it.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tidegate_core::port::{Cursor, SourceBatch};

use crate::support::{Lake, gzip, lines, read};

fn csv(from: usize, count: usize) -> Vec<u8> {
    let record = |id: usize| match id % 4 {
        0 => format!("{id},\"a\nb,\"\"{id}\"\"\r\n\"\r\n"),
        1 => format!("\n\r\n{id},x\n"),
        2 => format!("{id},\n"),
        _ => format!("{id},é{id}\r\n"),
    };
    let header = std::iter::once("\u{feff}id,name\r\n".to_owned());
    header
        .chain((from..from + count).map(record))
        .collect::<String>()
        .into_bytes()
}

/// A Parquet file of row groups of eleven rows, with a column that nobody reads.
pub(crate) fn parquet(from: i64, count: i64) -> Vec<u8> {
    parquet_of(from, count, 11)
}

/// The same of other row groups.
pub(crate) fn parquet_of(from: i64, count: i64, row_group_rows: usize) -> Vec<u8> {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + count));
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(
        (from..from + count).map(|id| format!("n{id}")),
    ));
    let other: ArrayRef = Arc::new(StringArray::from_iter_values(
        (from..from + count).map(|id| id.to_string().repeat(100)),
    ));
    let batch = RecordBatch::try_from_iter([("id", ids), ("other", other), ("name", names)]).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(row_group_rows))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn shown(batches: &[SourceBatch]) -> Vec<(Vec<String>, Cursor)> {
    let one = |batch: &SourceBatch| (lines(std::slice::from_ref(batch)), batch.cursor.clone());
    batches.iter().map(one).collect()
}

async fn resumes_everywhere(lake: &Lake, config: &str) {
    let spec = lake.source(config, "name: utf8; id: int64");
    for batch_rows in [2, 5, 1_000] {
        let whole = shown(&read(&spec, None, None, batch_rows).await.unwrap());
        assert!(whole.len() > 1);
        for (index, (_, cursor)) in whole.iter().enumerate() {
            // As a checkpoint keeps it.
            let cursor: Cursor = serde_json::from_str(&serde_json::to_string(cursor).unwrap()).unwrap();
            let rest = shown(&read(&spec, None, Some(&cursor), batch_rows).await.unwrap());
            assert_eq!(
                rest,
                whole[index + 1..],
                "{config}, batches of {batch_rows}, behind batch {index}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_resumes_at_every_cursor() {
    let lake = Lake::new();
    lake.put("a.csv", csv(0, 15)).await;
    lake.put("b.csv.gz", gzip(&csv(15, 10))).await;
    lake.put("c.csv", "id,name\n").await;
    lake.put("d.csv", csv(25, 1)).await;
    resumes_everywhere(&lake, "{path: \"*\", format: csv}").await;
    lake.put("f.jsonl", "{\"id\": 4}\n").await;
    lake.put(
        "e.jsonl",
        "{\"id\": 1}\n{\"id\": 2, \"name\": \"x\"}\n\n{\"id\": 3}",
    )
    .await;
    resumes_everywhere(&lake, "{path: \"*.jsonl\"}").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_resumes_at_every_cursor() {
    let lake = Lake::new();
    lake.put("a.parquet", parquet(0, 25)).await;
    lake.put("b.parquet", parquet(25, 11)).await;
    resumes_everywhere(&lake, "{path: \"*.parquet\"}").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_another_since_the_cursor_is_refused() {
    let lake = Lake::new();
    lake.put("a.csv", csv(0, 15)).await;
    let spec = lake.source("{path: a.csv}", "id: int64");
    let batches = read(&spec, None, None, 5).await.unwrap();
    lake.put("a.csv", csv(1, 15)).await;
    let error = read(&spec, None, Some(&batches[0].cursor), 5).await.unwrap_err();
    assert_eq!(error.code, "s3.changed");
    assert!(error.message.contains(&lake.url("a.csv")));
    lake.delete("a.csv").await;
    let error = read(&spec, None, Some(&batches[0].cursor), 5).await.unwrap_err();
    assert_eq!(error.code, "s3.changed");
}
