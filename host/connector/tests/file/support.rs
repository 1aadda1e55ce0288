//! A project in a temporary folder, and sources and destinations opened on it as a run would.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::SchemaRef;
use chrono::{TimeZone, Utc};
use tempfile::TempDir;
use tidegate_connector::file::FileConnector;
use tidegate_core::plan::{
    AssetName, DestinationSpec, Epoch, LoadToken, Partition, PartitionKey, SourceSpec,
};
use tidegate_core::port::{
    Commit, Connector, Cursor, Destination, LoadReceipt, OpenDestination, OpenSource, Part, Source,
    SourceBatch, Unheard,
};
use tidegate_core::schema::{Asset, Column, Document, Load, Node, decode};
use tidegate_core::{Error, Place};

/// A project's folder, with `data` as the root of its file resource.
pub(crate) struct Project {
    folder: TempDir,
}

/// YAML as a config.
pub(crate) fn yaml(text: &str) -> Node {
    Document::parse(text.to_owned(), "test.yaml").unwrap().root
}

/// Columns such as `id: int64, name: utf8!`; an exclamation mark takes null away.
pub(crate) fn columns(text: &str) -> Vec<Column> {
    let mut columns = Vec::new();
    for column in text.split(';') {
        let (name, data_type) = column.split_once(':').unwrap();
        let data_type = data_type.trim();
        let mut column = Column::new(name.trim(), data_type.trim_end_matches('!').parse().unwrap());
        column.nullable = !data_type.ends_with('!');
        columns.push(column);
    }
    columns
}

pub(crate) fn partition(key: &str) -> Partition {
    Partition {
        key: PartitionKey(key.to_owned()),
        time: None,
        value: None,
    }
}

impl Project {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        Self { folder }
    }

    /// Where the resource's files lie.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn resource(&self) -> serde_json::Value {
        FileConnector
            .check_resource(&yaml("{root: data}"), self.folder.path())
            .unwrap()
    }

    /// A source, such as `{path: a.csv}`, of columns, such as `id: int64; name: utf8`.
    pub(crate) fn source(&self, config: &str, text: &str) -> SourceSpec {
        let columns = columns(text);
        SourceSpec {
            cursor: None,
            connector: "file".into(),
            resource: self.resource(),
            config: FileConnector.check_source(&yaml(config), &columns).unwrap(),
            columns,
        }
    }

    pub(crate) fn destination(&self, config: &str, load: Load) -> DestinationSpec {
        DestinationSpec {
            connector: "file".into(),
            resource: self.resource(),
            config: FileConnector
                .check_destination(&yaml(config), &loaded(load))
                .unwrap(),
            load,
        }
    }

    /// What an asset holds, as lines of values.
    pub(crate) async fn asset(
        &self,
        name: &str,
        columns_text: &str,
        key: Option<&str>,
    ) -> Result<Vec<String>, Error> {
        let destination = self.destination("{}", Load::Replace);
        let spec = FileConnector
            .asset_source(&asset(name), &destination, &columns(columns_text))
            .unwrap();
        let partition = key.map(partition);
        let batches = read(&spec, partition.as_ref(), None, 1_000).await?;
        Ok(lines(&batches))
    }
}

/// An asset of that load, with nothing else to it.
pub(crate) fn loaded(load: Load) -> Asset {
    let text = format!(
        "{{name: orders, source: {{resource: raw}}, columns: [], destination: {{resource: lake, load: {}}}}}",
        load.text()
    );
    decode(&yaml(&text)).unwrap()
}

pub(crate) fn asset(name: &str) -> AssetName {
    name.parse().unwrap()
}

pub(crate) async fn open(
    spec: &SourceSpec,
    partition: Option<&Partition>,
    cursor: Option<&Cursor>,
    batch_rows: usize,
) -> Result<Box<dyn Source>, Error> {
    let open = OpenSource {
        since: None,
        spec,
        partition,
        cursor,
        batch_rows,
        log: Arc::new(Unheard),
        secrets: &[],
    };
    FileConnector.open_source(open).await
}

/// Every batch of a source.
pub(crate) async fn read(
    spec: &SourceSpec,
    partition: Option<&Partition>,
    cursor: Option<&Cursor>,
    batch_rows: usize,
) -> Result<Vec<SourceBatch>, Error> {
    let mut source = open(spec, partition, cursor, batch_rows).await?;
    let mut batches = Vec::new();
    while let Some(batch) = source.next().await? {
        assert_eq!(batch.batch.schema(), source.schema());
        batches.push(batch);
    }
    Ok(batches)
}

/// Every row of a source, as text.
pub(crate) async fn rows(spec: &SourceSpec) -> Result<Vec<String>, Error> {
    Ok(lines(&read(spec, None, None, 3).await?))
}

/// Rows as text, `|` between values and `~` for null.
pub(crate) fn lines(batches: &[SourceBatch]) -> Vec<String> {
    batches
        .iter()
        .flat_map(|batch| batch_lines(&batch.batch))
        .collect()
}

pub(crate) fn batch_lines(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("~");
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
        .collect();
    (0..batch.num_rows())
        .map(|row| {
            columns
                .iter()
                .map(|column| column.value(row).to_string())
                .collect::<Vec<_>>()
                .join("|")
        })
        .collect()
}

/// Rejects as `line code record`.
pub(crate) fn rejects(batches: &[SourceBatch]) -> Vec<String> {
    let mut out = Vec::new();
    for rejects in batches.iter().filter_map(|batch| batch.rejects.as_ref()) {
        for row in 0..rejects.rows.num_rows() {
            out.push(format!(
                "{} {} {}",
                rejects
                    .rows
                    .column(0)
                    .as_primitive::<arrow_array::types::UInt64Type>()
                    .value(row),
                rejects.codes.value(row),
                rejects.rows.column(1).as_string::<i32>().value(row),
            ));
        }
    }
    out
}

/// An error's code and line, `0` where it has none.
pub(crate) fn code_and_line(error: &Error) -> (&str, u64) {
    let line = match &error.place {
        Some(Place::File { line, .. }) => *line,
        _ => 0,
    };
    (&error.code, line)
}

/// A load of an asset partition, as one attempt makes it.
pub(crate) struct Attempt<'a> {
    pub(crate) spec: DestinationSpec,
    pub(crate) asset: &'a str,
    pub(crate) partition: &'a str,
    pub(crate) epoch: i64,
    pub(crate) token: &'a str,
    pub(crate) staged: Vec<Part>,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(project: &'a Project, load: Load, epoch: i64, token: &'a str) -> Self {
        Self {
            spec: project.destination("{}", load),
            asset: "orders",
            partition: "",
            epoch,
            token,
            staged: Vec::new(),
        }
    }

    pub(crate) async fn open(&self, schema: SchemaRef) -> Result<Box<dyn Destination>, Error> {
        let open = OpenDestination {
            spec: &self.spec,
            asset: &asset(self.asset),
            window: None,
            partition: &PartitionKey(self.partition.to_owned()),
            epoch: Epoch(self.epoch),
            token: &LoadToken(self.token.to_owned()),
            schema,
            resumable: true,
            staged: &self.staged,
            batch_rows: 8_192,
            log: Arc::new(Unheard),
            secrets: &[],
        };
        FileConnector.open_destination(open).await
    }

    /// Loads numbers.
    pub(crate) async fn load(&self, numbers: impl IntoIterator<Item = i64>) -> Result<LoadReceipt, Error> {
        let batch = numbers_batch(numbers);
        let mut destination = self.open(batch.schema()).await?;
        destination.write(batch).await?;
        destination.commit(commit()).await
    }
}

pub(crate) fn commit() -> Commit {
    Commit {
        at: Utc.timestamp_opt(1_700_000_000, 0).unwrap(),
    }
}

/// A batch of one column `n`.
pub(crate) fn numbers_batch(numbers: impl IntoIterator<Item = i64>) -> RecordBatch {
    let array = arrow_array::Int64Array::from_iter_values(numbers);
    RecordBatch::try_new(Column::schema(&columns("n: int64")), vec![Arc::new(array)]).unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// Every file under a folder, relative to it, sorted.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, root: &Path, out: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, out);
            } else {
                out.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    let mut out = Vec::new();
    walk(folder, folder, &mut out);
    out.sort();
    out
}
