//! A source opened behind any cursor gives the batches that the whole read gave behind it.

use std::fs::File;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tidegate_core::port::{Cursor, SourceBatch};

use crate::support::{Project, gzip, lines, read, rejects, zstd};

/// Records with quotes, blank lines and line ends of every kind; some rows are bad.
fn csv(from: usize, count: usize) -> Vec<u8> {
    let record = |id: usize| match id % 7 {
        0 => format!("{id},\"a\nb,\"\"{id}\"\"\r\n\"\r\n"),
        1 => format!("\n\r\n{id},x\n"),
        2 => format!("{id},\n"),
        3 => format!("bad{id},y\r"),
        4 => format!("{id},y,ragged\n"),
        _ => format!("{id},é{id}\r\n"),
    };
    let header = std::iter::once("\u{feff}id,name\r\n".to_owned());
    header
        .chain((from..from + count).map(record))
        .collect::<String>()
        .into_bytes()
}

fn jsonl(from: usize, count: usize) -> Vec<u8> {
    let line = |id: usize| match id % 5 {
        0 => format!("{{\"id\":{id},\"name\":\"é\"}}\r\n\n"),
        1 => format!("{{\"id\":\"bad{id}\"}}\n"),
        _ => format!("{{\"name\":\"n{id}\", \"id\":{id}}}\n"),
    };
    (from..from + count).map(line).collect::<String>().into_bytes()
}

fn parquet(project: &Project, name: &str, from: i64, count: i64) {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + count));
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(
        (from..from + count).map(|id| format!("n{id}")),
    ));
    let batch = RecordBatch::try_from_iter([("id", ids), ("name", names)]).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(11))
        .build();
    let mut writer = ArrowWriter::try_new(
        File::create(project.path(name)).unwrap(),
        batch.schema(),
        Some(properties),
    )
    .unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn shown(batches: &[SourceBatch]) -> Vec<(Vec<String>, Vec<String>, Cursor)> {
    batches
        .iter()
        .map(|batch| {
            let one = std::slice::from_ref(batch);
            (lines(one), rejects(one), batch.cursor.clone())
        })
        .collect()
}

async fn resumes_everywhere(project: &Project, config: &str) {
    let spec = project.source(config, "name: utf8; id: int64");
    for batch_rows in [1, 2, 5, 1_000] {
        let whole = shown(&read(&spec, None, None, batch_rows).await.unwrap());
        assert!(whole.len() > 1);
        for (index, (_, _, cursor)) in whole.iter().enumerate() {
            // As a checkpoint keeps it.
            let cursor: Cursor = serde_json::from_str(&serde_json::to_string(cursor).unwrap()).unwrap();
            let rest = shown(&read(&spec, None, Some(&cursor), batch_rows).await.unwrap());
            assert_eq!(
                rest,
                whole[index + 1..],
                "{config}, batches of {batch_rows}, behind batch {index}"
            );
        }
        let again = shown(&read(&spec, None, None, batch_rows).await.unwrap());
        assert_eq!(again, whole);
    }
}

#[tokio::test]
async fn csv_files_resume_at_every_cursor() {
    let project = Project::new();
    project.write("a.csv", csv(0, 30));
    project.write("b.csv", csv(30, 20));
    project.write("c.csv", "id,name\n");
    project.write("d.csv", csv(50, 1));
    resumes_everywhere(&project, "{path: \"*.csv\", on_bad_row: quarantine}").await;
}

#[tokio::test]
async fn compressed_csv_files_resume_at_every_cursor() {
    let project = Project::new();
    project.write("a.csv.gz", [gzip(&csv(0, 15)), gzip(&csv(15, 15)[11..])].concat());
    project.write("b.csv.zst", zstd(&csv(30, 20)));
    resumes_everywhere(&project, "{path: \"*\", format: csv, on_bad_row: quarantine}").await;
}

#[tokio::test]
async fn json_lines_files_resume_at_every_cursor() {
    let project = Project::new();
    project.write("a.jsonl", jsonl(0, 25));
    project.write("b.jsonl.gz", gzip(&jsonl(25, 25)));
    resumes_everywhere(&project, "{path: \"*\", format: jsonl, on_bad_row: quarantine}").await;
}

#[tokio::test]
async fn parquet_files_resume_at_every_cursor() {
    let project = Project::new();
    parquet(&project, "a.parquet", 0, 25);
    parquet(&project, "b.parquet", 25, 11);
    resumes_everywhere(&project, "{path: \"*.parquet\"}").await;
}

#[tokio::test]
async fn blocks_cut_by_size_resume_too() {
    let project = Project::new();
    // Records of up to 3 MB, so that blocks end by their size, within and behind what is read at once.
    let mut text = b"id,name\n".to_vec();
    for (id, length) in [
        10, 3_000_000, 1_500_000, 1_500_000, 5, 262_144, 4_194_304, 1, 4_300_000, 7,
    ]
    .into_iter()
    .enumerate()
    {
        text.extend_from_slice(format!("{id},{}\n", "é".repeat(length / 2)).as_bytes());
    }
    project.write("a.csv", &text);
    project.write("b.csv.gz", gzip(&text));
    let spec = project.source("{path: \"*\", format: csv}", "id: int64");
    let whole = shown(&read(&spec, None, None, 1_000).await.unwrap());
    let sizes: Vec<_> = whole.iter().map(|(rows, _, _)| rows.len()).collect();
    assert_eq!(sizes[..sizes.len() / 2], [2, 4, 1, 1, 1, 1]);
    assert_eq!(sizes[..sizes.len() / 2], sizes[sizes.len() / 2..]);
    for (index, (_, _, cursor)) in whole.iter().enumerate() {
        let rest = shown(&read(&spec, None, Some(cursor), 1_000).await.unwrap());
        assert_eq!(rest, whole[index + 1..]);
    }
}
