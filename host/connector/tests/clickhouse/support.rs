//! A database of its own on the engine of the tests, and loads and reads as a run would make them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use arrow_array::{Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use chrono::{TimeZone, Utc};
use clickhouse::Client;
use tidegate_connector::clickhouse::ClickHouseConnector;
use tidegate_core::plan::{
    Cadence, DestinationSpec, Epoch, LoadToken, Partition, PartitionKey, Partitioning, SliceValue,
    SourceSpec, TimeSlices,
};
use tidegate_core::port::{
    Change, Commit, Connector, Destination, LoadReceipt, LogLine, LogSink, OpenChanges, OpenDestination,
    OpenSource, Part, SourceBatch, Unheard,
};
use tidegate_core::schema::{Asset, Column, Document, Node, decode};
use tidegate_core::{Error, Result};

pub(crate) use crate::login::engine;
use crate::login::new_database;

/// Databases made so far, for a name of each.
static MADE: AtomicU32 = AtomicU32::new(0);

/// YAML as a config.
pub(crate) fn yaml(text: &str) -> Node {
    Document::parse(text.to_owned(), "test.yaml").unwrap().root
}

/// A database that nobody else uses.
pub(crate) struct Warehouse {
    database: String,
    pub(crate) client: Client,
    pub(crate) resource: serde_json::Value,
}

impl Warehouse {
    pub(crate) async fn new() -> Self {
        Self::on(&engine().0).await
    }

    /// One on another engine of the same login.
    pub(crate) async fn on(url: &str) -> Self {
        let (_, user, password) = engine();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let database = format!("test_{}_{number}", std::process::id());
        Self {
            resource: resource(url, &database, &user, &password),
            client: new_database(url, &database).await,
            database,
        }
    }

    /// The same database, reached by another URL.
    pub(crate) fn through(&self, url: &str) -> Self {
        let (_, user, password) = engine();
        Self {
            resource: resource(url, &self.database, &user, &password),
            client: self.client.clone(),
            database: self.database.clone(),
        }
    }

    /// The same with a timeout.
    pub(crate) fn patient(mut self, timeout: &str) -> Self {
        self.resource["timeout"] = timeout.into();
        self
    }

    /// The same with rows that travel compressed.
    pub(crate) fn compressed(mut self) -> Self {
        self.resource["compression"] = "lz4".into();
        self
    }

    /// Another database of the same server.
    pub(crate) fn within(mut self, database: &str) -> Self {
        self.resource["database"] = database.into();
        self
    }

    /// The same with a setting of every query.
    pub(crate) fn with_setting(mut self, name: &str, value: u64) -> Self {
        self.resource["settings"] = serde_json::json!({ name: value });
        self
    }

    pub(crate) async fn text(&self, query: &str) -> String {
        let mut cursor = self.client.query_raw(query).fetch_bytes("TabSeparated").unwrap();
        let bytes = cursor.collect().await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap().trim_end().to_owned()
    }

    pub(crate) async fn execute(&self, statement: &str) {
        self.client.query_raw(statement).execute().await.unwrap();
    }

    pub(crate) fn destination(&self, asset: &Asset) -> DestinationSpec {
        self.try_destination(asset).unwrap()
    }

    pub(crate) fn try_destination(&self, asset: &Asset) -> Result<DestinationSpec, Vec<Error>> {
        let config = serde_json::to_value(&asset.destination.config).unwrap();
        let node = yaml(&config.to_string());
        Ok(DestinationSpec {
            connector: "clickhouse".into(),
            resource: self.resource.clone(),
            config: ClickHouseConnector.check_destination(&node, asset)?,
            load: asset.destination.load,
        })
    }

    pub(crate) async fn changes(&self, asset: &Asset) -> Result<Vec<Change>> {
        let spec = self.destination(asset);
        let open = OpenChanges {
            spec: &spec,
            schema: Column::schema(&asset.columns),
            secrets: &[],
        };
        ClickHouseConnector.changes(open).await
    }

    /// What is read of an asset, as rows of JSON in the order of their text.
    pub(crate) async fn read(&self, asset: &Asset, partition: Option<&Partition>) -> Result<Vec<String>> {
        let spec = self.destination(asset);
        let source = ClickHouseConnector.asset_source(&asset.name, &spec, &asset.columns)?;
        self.read_source(&source, partition).await
    }

    pub(crate) async fn read_table(&self, config: &str, columns: &str) -> Result<Vec<String>> {
        let spec = self.source(config, decode(&yaml(columns)).unwrap());
        self.read_source(&spec, None).await
    }

    pub(crate) fn source(&self, config: &str, columns: Vec<Column>) -> SourceSpec {
        SourceSpec {
            cursor: None,
            connector: "clickhouse".into(),
            resource: self.resource.clone(),
            config: ClickHouseConnector.check_source(&yaml(config), &columns).unwrap(),
            columns,
        }
    }

    async fn read_source(&self, spec: &SourceSpec, partition: Option<&Partition>) -> Result<Vec<String>> {
        let open = OpenSource {
            since: None,
            spec,
            partition,
            cursor: None,
            batch_rows: 1_000,
            log: Arc::new(Unheard),
            secrets: &[],
        };
        let mut source = ClickHouseConnector.open_source(open).await?;
        let mut lines = Vec::new();
        while let Some(SourceBatch { batch, .. }) = source.next().await? {
            assert!(batch.num_rows() <= 1_000);
            assert_eq!(batch.schema(), source.schema());
            let mut json = arrow_json::LineDelimitedWriter::new(Vec::new());
            json.write(&batch).unwrap();
            json.finish().unwrap();
            lines.extend(
                String::from_utf8(json.into_inner())
                    .unwrap()
                    .lines()
                    .map(str::to_owned),
            );
        }
        lines.sort();
        Ok(lines)
    }
}

fn resource(url: &str, database: &str, user: &str, password: &str) -> serde_json::Value {
    let config =
        format!("{{url: \"{url}\", database: {database}, user: {user}, password: \"${{secret:W}}\"}}");
    let mut checked = ClickHouseConnector
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

/// The month of a key such as `2013-02`, as [`month`], of the rows of a value by the column `amount`.
pub(crate) fn month_of(amount: &str, key: &str) -> Partition {
    let slice = SliceValue {
        value: amount.to_owned(),
        column: Some("amount".to_owned()),
    };
    Partition {
        key: PartitionKey(format!("{amount}|{key}")),
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
    pub(crate) log: Arc<dyn LogSink>,
}

/// What a destination said.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<LogLine>>);

impl LogSink for Heard {
    fn line(&self, line: LogLine) {
        self.0.lock().unwrap().push(line);
    }
}

impl Heard {
    pub(crate) fn lines(&self) -> Vec<LogLine> {
        self.0.lock().unwrap().clone()
    }
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(warehouse: &'a Warehouse, asset: &'a Asset, epoch: i64, token: &'a str) -> Self {
        Self {
            warehouse,
            asset,
            partition: None,
            epoch,
            token,
            staged: Vec::new(),
            log: Arc::new(Unheard),
        }
    }

    pub(crate) fn told(mut self, log: Arc<Heard>) -> Self {
        self.log = log;
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
            resumable: true,
            staged: &self.staged,
            batch_rows: 8_192,
            log: self.log.clone(),
            secrets: &[],
        };
        ClickHouseConnector.open_destination(open).await
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
