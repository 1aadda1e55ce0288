//! A database of its own on the server of the tests, and loads and reads as a run would make them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arrow_array::{Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use chrono::{TimeZone, Utc};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tidegate_connector::postgres::PostgresConnector;
use tidegate_core::plan::{
    Cadence, DestinationSpec, Epoch, LoadToken, Partition, PartitionKey, Partitioning, SliceValue,
    SourceSpec, TimeSlices,
};
use tidegate_core::port::{
    Change, Commit, Connector, Destination, LoadReceipt, OpenChanges, OpenDestination, OpenSource, Part,
    SourceBatch, Unheard, Watermark,
};
use tidegate_core::schema::{Asset, Column, CursorDecl, Document, Node, decode};
use tidegate_core::{Error, Result};

/// Databases made so far, for a name of each.
static MADE: AtomicU32 = AtomicU32::new(0);

/// YAML as a config.
pub(crate) fn yaml(text: &str) -> Node {
    Document::parse(text.to_owned(), "test.yaml").unwrap().root
}

/// The server of the tests, without a login in its URL.
pub(crate) fn shared_server() -> String {
    let url = std::env::var("TIDEGATE_TEST_POSTGRES_URL").expect("`cargo xtask test` sets it");
    let mut url = url::Url::parse(&url).unwrap();
    url.set_username("").unwrap();
    url.to_string()
}

/// A database that nobody else uses.
pub(crate) struct Warehouse {
    pub(crate) resource: serde_json::Value,
    pub(crate) url: String,
    pub(crate) password: String,
}

impl Warehouse {
    pub(crate) async fn new() -> Self {
        Self::on(&shared_server(), "").await
    }

    /// One on another server.
    pub(crate) async fn on(server: &str, password: &str) -> Self {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let database = format!("test_{}_{number}", std::process::id());
        let mut url = url::Url::parse(server).unwrap();
        let first = Self::at(url.as_str(), password);
        first.execute(&format!("CREATE DATABASE {database}")).await;
        url.set_path(&database);
        Self::at(url.as_str(), password)
    }

    fn at(url: &str, password: &str) -> Self {
        Self {
            resource: resource(url, "postgres", password, ""),
            url: url.to_owned(),
            password: password.to_owned(),
        }
    }

    /// The same database, reached by another port.
    pub(crate) fn through(&self, port: u16) -> Self {
        let mut url = url::Url::parse(&self.url).unwrap();
        url.set_port(Some(port)).unwrap();
        Self::at(url.as_str(), &self.password)
    }

    /// The same as another user.
    pub(crate) fn as_user(&self, user: &str, password: &str) -> Self {
        Self {
            resource: resource(&self.url, user, password, ""),
            url: self.url.clone(),
            password: password.to_owned(),
        }
    }

    /// The same with more of a resource's config.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.resource[key] = value.into();
        self
    }

    pub(crate) fn port(&self) -> u16 {
        url::Url::parse(&self.url).unwrap().port().unwrap()
    }

    pub(crate) async fn connection(&self) -> PgConnection {
        let mut url = url::Url::parse(&self.url).unwrap();
        url.set_username("postgres").unwrap();
        url.set_password(Some(&self.password)).unwrap();
        PgConnection::connect(url.as_str()).await.unwrap()
    }

    /// The answer's values, each line a row, with `|` between them.
    pub(crate) async fn text(&self, query: &str) -> String {
        let query = format!("SELECT array_to_string(ARRAY[{query}], '|', '-')");
        self.rows(&query).await.join("\n")
    }

    /// The first value of each row.
    pub(crate) async fn rows(&self, query: &str) -> Vec<String> {
        let mut connection = self.connection().await;
        let rows = sqlx::raw_sql(AssertSqlSafe(query))
            .fetch_all(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}"));
        connection.close().await.unwrap();
        rows.iter()
            .map(|row| {
                row.try_get::<Option<String>, _>(0)
                    .unwrap()
                    .unwrap_or_else(|| "-".into())
            })
            .collect()
    }

    pub(crate) async fn execute(&self, statement: &str) {
        let mut connection = self.connection().await;
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
        connection.close().await.unwrap();
    }

    pub(crate) fn destination(&self, asset: &Asset) -> DestinationSpec {
        self.try_destination(asset).unwrap()
    }

    pub(crate) fn try_destination(&self, asset: &Asset) -> Result<DestinationSpec, Vec<Error>> {
        let config = serde_json::to_value(&asset.destination.config).unwrap();
        Ok(DestinationSpec {
            connector: "postgres".into(),
            resource: self.resource.clone(),
            config: PostgresConnector.check_destination(&yaml(&config.to_string()), asset)?,
            load: asset.destination.load,
        })
    }

    pub(crate) async fn changes(&self, asset: &Asset) -> Result<Vec<Change>> {
        let spec = self.destination(asset);
        PostgresConnector.changes(open_changes(&spec, asset)).await
    }

    pub(crate) async fn apply(&self, asset: &Asset) -> Result<Vec<Change>> {
        let spec = self.destination(asset);
        PostgresConnector.apply_changes(open_changes(&spec, asset)).await
    }

    /// What is read of an asset, as rows of JSON in the order of their text.
    pub(crate) async fn read(&self, asset: &Asset, partition: Option<&Partition>) -> Result<Vec<String>> {
        let spec = self.destination(asset);
        let source = PostgresConnector.asset_source(&asset.name, &spec, &asset.columns)?;
        Ok(self.read_source(&source, partition, None).await?.lines)
    }

    /// What is read of a source, as YAML tells it and its columns.
    pub(crate) async fn read_from(&self, config: &str, columns: &str) -> Result<Read> {
        self.read_source(&self.source(config, columns), None, None).await
    }

    pub(crate) fn source(&self, config: &str, columns: &str) -> SourceSpec {
        let columns: Vec<Column> = decode(&yaml(columns)).unwrap();
        SourceSpec {
            cursor: None,
            connector: "postgres".into(),
            resource: self.resource.clone(),
            config: PostgresConnector.check_source(&yaml(config), &columns).unwrap(),
            columns,
        }
    }

    pub(crate) fn source_since(&self, config: &str, columns: &str, cursor: CursorDecl) -> SourceSpec {
        SourceSpec {
            cursor: Some(cursor),
            ..self.source(config, columns)
        }
    }

    pub(crate) async fn open_source(
        &self,
        spec: &SourceSpec,
        partition: Option<&Partition>,
        since: Option<&Watermark>,
    ) -> Result<Box<dyn tidegate_core::port::Source>> {
        let open = OpenSource {
            since,
            spec,
            partition,
            cursor: None,
            batch_rows: 1_000,
            log: Arc::new(Unheard),
            secrets: &[],
        };
        PostgresConnector.open_source(open).await
    }

    pub(crate) async fn read_source(
        &self,
        spec: &SourceSpec,
        partition: Option<&Partition>,
        since: Option<&Watermark>,
    ) -> Result<Read> {
        let mut source = self.open_source(spec, partition, since).await?;
        let mut read = Read {
            watermark: source.watermark(),
            ..Read::default()
        };
        while let Some(SourceBatch { batch, rejects, .. }) = source.next().await? {
            assert!(batch.num_rows() <= 1_000);
            assert_eq!(batch.schema(), source.schema());
            read.lines.extend(lines(&batch));
            if let Some(rejects) = rejects {
                read.refused
                    .extend(rejects.messages.iter().flatten().map(str::to_owned));
            }
        }
        read.lines.sort();
        Ok(read)
    }
}

/// What a source gave.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Read {
    /// Rows as JSON, in the order of their text.
    pub(crate) lines: Vec<String>,
    /// Why rows were refused.
    pub(crate) refused: Vec<String>,
    pub(crate) watermark: Option<Watermark>,
}

fn lines(batch: &RecordBatch) -> Vec<String> {
    let mut json = arrow_json::LineDelimitedWriter::new(Vec::new());
    json.write(batch).unwrap();
    json.finish().unwrap();
    String::from_utf8(json.into_inner())
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn open_changes<'a>(spec: &'a DestinationSpec, asset: &Asset) -> OpenChanges<'a> {
    OpenChanges {
        spec,
        schema: Column::schema(&asset.columns),
        secrets: &[],
    }
}

pub(crate) fn resource(url: &str, user: &str, password: &str, rest: &str) -> serde_json::Value {
    let config = format!("{{url: \"{url}\", user: {user}, password: \"${{secret:W}}\"{rest}}}");
    let mut checked = PostgresConnector
        .check_resource(&yaml(&config), std::path::Path::new("/"))
        .unwrap();
    // As a run does, once the secret is known.
    checked["password"] = password.into();
    checked
}

/// An asset of the columns `id`, `name`, `at` and `amount`; `destination` and what else it has in YAML.
pub(crate) fn orders(rest: &str) -> Asset {
    asset(&format!(
        "name: orders
description: One row an order, that's all.
source: {{resource: nowhere}}
columns:
  - {{name: id, type: int64, key: true}}
  - {{name: name, type: utf8, description: Who ordered.}}
  - {{name: at, type: \"timestamp(ms, UTC)\", nullable: false}}
  - {{name: amount, type: int64}}
{rest}"
    ))
}

pub(crate) fn asset(text: &str) -> Asset {
    decode(&yaml(text)).unwrap()
}

/// Rows of [`orders`]: ids, each with a name, a time on its day of 2013 and an amount.
pub(crate) fn rows(ids: impl Iterator<Item = i64> + Clone, day: u32, amount: i64) -> RecordBatch {
    let start = Utc
        .with_ymd_and_hms(2013, 1, 1, 0, 0, 0)
        .unwrap()
        .timestamp_millis();
    let at = start + i64::from(day) * 86_400_000;
    let schema = Column::schema(&orders("destination: {resource: w}").columns);
    RecordBatch::try_new(
        schema,
        vec![
            Arc::new(Int64Array::from_iter_values(ids.clone())),
            Arc::new(StringArray::from_iter(
                ids.clone()
                    .map(|id| (id % 7 != 0).then(|| format!("name {}", id % 5))),
            )),
            Arc::new(
                TimestampMillisecondArray::from_iter_values(ids.clone().map(|id| at + id))
                    .with_timezone("UTC"),
            ),
            Arc::new(Int64Array::from_iter_values(ids.map(|_| amount))),
        ],
    )
    .unwrap()
}

/// The month of a key such as `2013-02`, in UTC, by the column `at`.
pub(crate) fn month(key: &str) -> Partition {
    let column = Some("at".into());
    let months = TimeSlices::new(Cadence::Monthly, chrono_tz::UTC, "2000-01", None, column).unwrap();
    Partitioning::Time(months).find(key).unwrap()
}

/// The month of a key such as `2013-02`, as [`month`], of the rows of a value by a column.
pub(crate) fn month_of(column: &str, value: &str, key: &str) -> Partition {
    let slice = SliceValue {
        value: value.to_owned(),
        column: Some(column.to_owned()),
    };
    Partition {
        key: PartitionKey(format!("{value}|{key}")),
        value: Some(slice),
        ..month(key)
    }
}

/// One attempt at a load.
pub(crate) struct Attempt<'a> {
    pub(crate) warehouse: &'a Warehouse,
    pub(crate) asset: &'a Asset,
    pub(crate) partition: Option<Partition>,
    pub(crate) epoch: i64,
    pub(crate) token: &'a str,
    pub(crate) staged: Vec<Part>,
    pub(crate) resumable: bool,
}

impl<'a> Attempt<'a> {
    /// One of a source that can be gone on from.
    pub(crate) fn new(warehouse: &'a Warehouse, asset: &'a Asset, epoch: i64, token: &'a str) -> Self {
        Self {
            warehouse,
            asset,
            partition: None,
            epoch,
            token,
            staged: Vec::new(),
            resumable: true,
        }
    }

    /// One of a source that cannot.
    pub(crate) fn whole(mut self) -> Self {
        self.resumable = false;
        self
    }

    pub(crate) fn of(mut self, partition: Partition) -> Self {
        self.partition = Some(partition);
        self
    }

    pub(crate) fn resuming(mut self, staged: Vec<Part>) -> Self {
        self.staged = staged;
        self
    }

    pub(crate) async fn open(&self) -> Result<Box<dyn Destination>> {
        let spec = self.warehouse.destination(self.asset);
        let key = self
            .partition
            .as_ref()
            .map(|partition| partition.key.clone())
            .unwrap_or_default();
        let open = OpenDestination {
            spec: &spec,
            asset: &self.asset.name,
            partition: &key,
            window: self.partition.as_ref(),
            epoch: Epoch(self.epoch),
            token: &LoadToken(self.token.to_owned()),
            schema: Column::schema(&self.asset.columns),
            resumable: self.resumable,
            staged: &self.staged,
            batch_rows: 8_192,
            log: Arc::new(Unheard),
            secrets: &[],
        };
        PostgresConnector.open_destination(open).await
    }

    /// All of it at once.
    pub(crate) async fn load(&self, batches: &[RecordBatch]) -> Result<LoadReceipt> {
        let mut destination = self.open().await?;
        for batch in batches {
            destination.write(batch.clone()).await?;
        }
        commit(destination).await
    }
}

pub(crate) async fn commit(destination: Box<dyn Destination>) -> Result<LoadReceipt> {
    destination.commit(Commit { at: Utc::now() }).await
}
