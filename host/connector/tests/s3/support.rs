//! A prefix of its own in the bucket of the tests, and sources and destinations opened on it as a run would.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::SchemaRef;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation};
use aws_sdk_s3::primitives::ByteStream;
use chrono::{TimeZone, Utc};
use tidegate_connector::s3::S3Connector;
use tidegate_core::Error;
use tidegate_core::plan::{
    AssetName, DestinationSpec, Epoch, LoadToken, Partition, PartitionKey, SourceSpec,
};
use tidegate_core::port::{
    Commit, Connector, Cursor, Destination, LoadReceipt, OpenDestination, OpenSource, Part, Source,
    SourceBatch, Unheard, Watermark,
};
use tidegate_core::schema::{Asset, Column, Document, Load, Node, decode};

/// The bucket that the server of the tests has, and who may use it.
pub(crate) const BUCKET: &str = "tests";
pub(crate) const ACCESS_KEY: &str = "tests";
pub(crate) const SECRET_KEY: &str = "test-secret";

/// Prefixes made so far, for a name of each.
static MADE: AtomicU32 = AtomicU32::new(0);

/// The server's URL.
pub(crate) fn server() -> String {
    std::env::var("TIDEGATE_TEST_S3_URL").expect("TIDEGATE_TEST_S3_URL: `cargo xtask test` sets it")
}

/// YAML as a config.
pub(crate) fn yaml(text: &str) -> Node {
    Document::parse(text.to_owned(), "test.yaml").unwrap().root
}

/// Columns such as `id: int64; name: utf8!`; an exclamation mark takes null away.
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

/// A prefix of the tests' bucket, and a resource of it.
pub(crate) struct Lake {
    pub(crate) prefix: String,
    pub(crate) client: Client,
    pub(crate) resource: serde_json::Value,
}

impl Lake {
    pub(crate) fn new() -> Self {
        Self::at(&server())
    }

    /// One of another server.
    pub(crate) fn at(server: &str) -> Self {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let prefix = format!("{}-{number}-{now}", std::process::id());
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(server)
            .region(Region::new("us-east-1"))
            .force_path_style(true)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "tests"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let resource = format!(
            "{{bucket: {BUCKET}, prefix: \"{prefix}\", endpoint: \"{server}\", access_key: {ACCESS_KEY}, secret_key: {SECRET_KEY}}}"
        );
        Self {
            resource: S3Connector
                .check_resource(&yaml(&resource), Path::new("/"))
                .unwrap(),
            client: Client::from_conf(config),
            prefix,
        }
    }

    /// The same prefix, with another value of the resource's.
    pub(crate) fn with(&self, key: &str, value: impl Into<serde_json::Value>) -> Self {
        let mut resource = self.resource.clone();
        resource[key] = value.into();
        Self {
            prefix: self.prefix.clone(),
            client: self.client.clone(),
            resource,
        }
    }

    /// The same prefix, reached by another URL.
    pub(crate) fn through(&self, url: &str) -> Self {
        self.with("endpoint", url)
    }

    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("s3://{BUCKET}/{}", self.key(name))
    }

    pub(crate) async fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let body = ByteStream::from(bytes.as_ref().to_vec());
        let request = self.client.put_object().bucket(BUCKET).key(self.key(name));
        request.body(body).send().await.unwrap();
    }

    pub(crate) async fn get(&self, name: &str) -> Vec<u8> {
        let request = self.client.get_object().bucket(BUCKET).key(self.key(name));
        let answer = request.send().await.unwrap();
        answer.body.collect().await.unwrap().to_vec()
    }

    pub(crate) async fn delete(&self, name: &str) {
        let request = self.client.delete_object().bucket(BUCKET).key(self.key(name));
        request.send().await.unwrap();
    }

    /// Every object, without the prefix, sorted.
    pub(crate) async fn objects(&self) -> Vec<String> {
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(BUCKET)
            .prefix(self.key(""))
            .into_paginator()
            .send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            let keys = page.contents().iter().filter_map(|object| object.key());
            names.extend(keys.map(|key| key[self.prefix.len() + 1..].to_owned()));
        }
        names.sort();
        names
    }

    /// How many uploads in parts are open.
    pub(crate) async fn uploads(&self) -> usize {
        let request = self
            .client
            .list_multipart_uploads()
            .bucket(BUCKET)
            .prefix(self.key(""));
        request.send().await.unwrap().uploads().len()
    }

    /// A source, such as `{path: a.csv}`, of columns, such as `id: int64; name: utf8`.
    pub(crate) fn source(&self, config: &str, text: &str) -> SourceSpec {
        let columns = columns(text);
        SourceSpec {
            cursor: None,
            connector: "s3".into(),
            resource: self.resource.clone(),
            config: S3Connector.check_source(&yaml(config), &columns).unwrap(),
            columns,
        }
    }

    pub(crate) fn destination(&self, config: &str, load: Load) -> DestinationSpec {
        DestinationSpec {
            connector: "s3".into(),
            resource: self.resource.clone(),
            config: S3Connector
                .check_destination(&yaml(config), &loaded(load))
                .unwrap(),
            load,
        }
    }

    /// What an asset that was written so holds, as lines of values.
    pub(crate) async fn asset_of(
        &self,
        config: &str,
        name: &str,
        columns_text: &str,
        key: Option<&str>,
    ) -> Result<Vec<String>, Error> {
        let destination = self.destination(config, Load::Replace);
        let spec = S3Connector
            .asset_source(&asset(name), &destination, &columns(columns_text))
            .unwrap();
        let partition = key.map(partition);
        let batches = read(&spec, partition.as_ref(), None, 1_000).await?;
        Ok(lines(&batches))
    }

    /// What the asset `orders` of numbers holds.
    pub(crate) async fn seen(&self) -> Vec<String> {
        self.asset_of("{}", "orders", "n: int64", None).await.unwrap()
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
    since: Option<&Watermark>,
) -> Result<Box<dyn Source>, Error> {
    let open = OpenSource {
        since,
        spec,
        partition,
        cursor,
        batch_rows,
        log: Arc::new(Unheard),
        secrets: &[],
    };
    S3Connector.open_source(open).await
}

/// Every batch of a source.
pub(crate) async fn read(
    spec: &SourceSpec,
    partition: Option<&Partition>,
    cursor: Option<&Cursor>,
    batch_rows: usize,
) -> Result<Vec<SourceBatch>, Error> {
    rest(open(spec, partition, cursor, batch_rows, None).await?).await
}

/// Every batch that is left of a source.
pub(crate) async fn rest(mut source: Box<dyn Source>) -> Result<Vec<SourceBatch>, Error> {
    let mut batches = Vec::new();
    while let Some(batch) = source.next().await? {
        assert_eq!(batch.batch.schema(), source.schema());
        batches.push(batch);
    }
    Ok(batches)
}

/// Every row of a source, as text.
pub(crate) async fn rows(spec: &SourceSpec) -> Result<Vec<String>, Error> {
    Ok(lines(&read(spec, None, None, 1_000).await?))
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
            let values = columns.iter().map(|column| column.value(row).to_string());
            values.collect::<Vec<_>>().join("|")
        })
        .collect()
}

pub(crate) fn texts(numbers: impl IntoIterator<Item = i64>) -> Vec<String> {
    numbers.into_iter().map(|n| n.to_string()).collect()
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
    pub(crate) fn new(lake: &Lake, load: Load, epoch: i64, token: &'a str) -> Self {
        Self {
            spec: lake.destination("{}", load),
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
        S3Connector.open_destination(open).await
    }

    /// Opens it for numbers.
    pub(crate) async fn begin(&self) -> Result<Box<dyn Destination>, Error> {
        self.open(numbers([]).schema()).await
    }

    /// Loads numbers.
    pub(crate) async fn load(&self, of: impl IntoIterator<Item = i64>) -> Result<LoadReceipt, Error> {
        let mut destination = self.begin().await?;
        destination.write(numbers(of)).await?;
        destination.commit(commit()).await
    }
}

pub(crate) fn commit() -> Commit {
    Commit {
        at: Utc.timestamp_opt(1_700_000_000, 0).unwrap(),
    }
}

/// A batch of one column `n`.
pub(crate) fn numbers(of: impl IntoIterator<Item = i64>) -> RecordBatch {
    let array = arrow_array::Int64Array::from_iter_values(of);
    RecordBatch::try_new(Column::schema(&columns("n: int64")), vec![Arc::new(array)]).unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
