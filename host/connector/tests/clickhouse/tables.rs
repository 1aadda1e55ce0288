//! Tables: made as the schema says, compared with it, and changed as far as nothing is lost.

use tidegate_core::port::ChangeBy;

use crate::support::{Attempt, Warehouse, asset, orders, rows};

const CREATED: &str =
    "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = 'orders'";

#[tokio::test]
async fn role_and_size_decide_engine_and_partitions() {
    for (config, expected) in [
        (
            "load: append",
            "MergeTree PARTITION BY toYYYYMM(at) ORDER BY (id) SETTINGS index_granularity = 8192",
        ),
        (
            "load: append, expected_rows: 999_999",
            "MergeTree ORDER BY (id) SETTINGS index_granularity = 8192",
        ),
        (
            "load: upsert",
            "ReplacingMergeTree ORDER BY (id) SETTINGS index_granularity = 8192",
        ),
        (
            "load: upsert, version: at, expected_rows: 5_000_000",
            "ReplacingMergeTree(at) PARTITION BY toYYYYMM(at) ORDER BY (id) SETTINGS index_granularity = 8192",
        ),
        (
            "load: replace, role: metric",
            "SummingMergeTree((amount)) ORDER BY (id) SETTINGS index_granularity = 8192",
        ),
        (
            "load: append, partition: week, tenant: id, order_by: [at, 'id % 8'], ttl: at + INTERVAL 30 YEAR, \
             settings: {index_granularity: 1024}",
            "MergeTree PARTITION BY (id % 10, toMonday(at)) ORDER BY (at, id % 8) \
             TTL at + toIntervalYear(30) SETTINGS index_granularity = 1024",
        ),
        (
            "load: append, engine: ReplacingMergeTree, partition_by: ''",
            "ReplacingMergeTree ORDER BY (id) SETTINGS index_granularity = 8192",
        ),
    ] {
        let warehouse = Warehouse::new().await;
        let asset = orders(&format!("destination: {{resource: w, time: at, {config}}}"));
        Attempt::new(&warehouse, &asset, 1, "one")
            .load(&[rows(0..10, 1, 1)])
            .await
            .unwrap();
        assert_eq!(warehouse.text(CREATED).await, expected, "{config}");
        // And then there is nothing to change.
        assert_eq!(warehouse.changes(&asset).await.unwrap(), [], "{config}");
    }
}

#[tokio::test]
async fn columns_have_their_types_codecs_and_words() {
    let warehouse = Warehouse::new().await;
    let asset = orders(
        "destination: {resource: w, load: append, columns: {id: {codec: 'Delta, ZSTD(1)'}, amount: {type: Int128}}}",
    );
    Attempt::new(&warehouse, &asset, 1, "one")
        .load(&[rows(0..100, 1, 1)])
        .await
        .unwrap();
    let columns = "SELECT name, type, compression_codec, comment FROM system.columns \
        WHERE database = currentDatabase() AND table = 'orders' AND default_kind = '' ORDER BY position";
    assert_eq!(
        warehouse.text(columns).await,
        "id\tInt64\tCODEC(Delta(8), ZSTD(1))\t\n\
         name\tLowCardinality(Nullable(String))\t\tWho ordered.\n\
         at\tDateTime64(3, \\'UTC\\')\t\t\n\
         amount\tNullable(Int128)"
    );
    assert_eq!(warehouse.text("SELECT sum(amount) FROM orders").await, "100");
    // The host's own column is not in the way.
    assert_eq!(
        warehouse
            .text("SELECT * FROM orders ORDER BY id LIMIT 1")
            .await
            .split('\t')
            .count(),
        4
    );
}

#[tokio::test]
async fn a_new_column_and_a_wider_type_are_made_under_evolve_and_told_otherwise() {
    let warehouse = Warehouse::new().await;
    let before = asset(
        "name: orders
source: {resource: nowhere}
columns: [{name: id, type: int64, key: true}, {name: amount, type: int32, nullable: false}]
destination: {resource: w, load: append}",
    );
    Attempt::new(&warehouse, &before, 1, "one")
        .load(&[])
        .await
        .unwrap();
    let strict = orders("destination: {resource: w, load: append, partition: none}");
    let changes = warehouse.changes(&strict).await.unwrap();
    let told: Vec<_> = changes
        .iter()
        .map(|change| (change.statement.as_str(), change.by))
        .collect();
    assert_eq!(
        told,
        [
            (
                "ALTER TABLE `orders` ADD COLUMN IF NOT EXISTS `name` Nullable(String) COMMENT 'Who ordered.' AFTER `id`",
                ChangeBy::Evolve
            ),
            (
                "ALTER TABLE `orders` ADD COLUMN IF NOT EXISTS `at` DateTime64(3, 'UTC') AFTER `name`",
                ChangeBy::Evolve
            ),
            (
                "ALTER TABLE `orders` MODIFY COLUMN `amount` Nullable(Int64)",
                ChangeBy::Evolve
            ),
        ]
    );
    let error = Attempt::new(&warehouse, &strict, 2, "two")
        .load(&[rows(0..10, 1, 1)])
        .await
        .unwrap_err();
    assert_eq!(error.code, "clickhouse.table_differs");
    assert!(error.hint.unwrap().contains("ADD COLUMN"));
    let evolve = orders("destination: {resource: w, load: append, partition: none}\ncontract: evolve");
    Attempt::new(&warehouse, &evolve, 3, "three")
        .load(&[rows(0..10, 1, 1)])
        .await
        .unwrap();
    assert_eq!(
        warehouse.text("SELECT count(), sum(amount) FROM orders").await,
        "10\t10"
    );
    assert_eq!(warehouse.changes(&strict).await.unwrap(), []);
}

#[tokio::test]
async fn what_would_lose_data_is_left_to_a_person() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute(
            "CREATE TABLE orders (id Int64, name String, at DateTime64(3, 'UTC'), amount Nullable(String), more Int8) \
             ENGINE = ReplacingMergeTree PARTITION BY toYear(at) ORDER BY (id, at)",
        )
        .await;
    let asset = orders("destination: {resource: w, load: append, time: at}\ncontract: evolve");
    let changes = warehouse.changes(&asset).await.unwrap();
    let told: Vec<_> = changes
        .iter()
        .map(|change| (change.what.as_str(), change.by))
        .collect();
    assert_eq!(
        told,
        [
            ("the host's own column is not there", ChangeBy::Run),
            (
                "column `name` is String, and the schema says Nullable(String)",
                ChangeBy::Evolve
            ),
            (
                "column `amount` is Nullable(String), and the schema says Nullable(Int64)",
                ChangeBy::Hand
            ),
            (
                "its engine is ReplacingMergeTree, and the schema says MergeTree",
                ChangeBy::Hand
            ),
            (
                "its partition key is `toYear(at)`, and the schema says `toYYYYMM(at)`",
                ChangeBy::Hand
            ),
            (
                "its order is `id, at`, and the schema says `(id)`",
                ChangeBy::Hand
            ),
        ]
    );
    let error = Attempt::new(&warehouse, &asset, 1, "one")
        .load(&[rows(0..10, 1, 1)])
        .await
        .unwrap_err();
    assert_eq!(error.code, "clickhouse.table_differs");
    assert!(
        error.message.contains("column `amount`") && error.message.contains("its engine"),
        "{error}"
    );
    // The statement for the engine does what it says, by hand.
    let by_hand = &changes[3].statement;
    warehouse
        .execute("ALTER TABLE orders ADD COLUMN `_tidegate_load` UInt64 MATERIALIZED 0")
        .await;
    warehouse
        .execute("INSERT INTO orders VALUES (1, 'a', '2013-01-01 00:00:00', '5', 1)")
        .await;
    for statement in by_hand.split("; ") {
        warehouse.execute(statement).await;
    }
    assert_eq!(
        warehouse.text("SELECT id, name, amount FROM orders").await,
        "1\ta\t5"
    );
    assert_eq!(warehouse.changes(&asset).await.unwrap(), []);
}

#[tokio::test]
async fn a_table_changed_by_hand_between_runs_is_loaded_or_refused_but_never_garbled() {
    let warehouse = Warehouse::new().await;
    let asset = orders("destination: {resource: w, load: append, time: at}");
    Attempt::new(&warehouse, &asset, 1, "one")
        .load(&[rows(0..10, 1, 1)])
        .await
        .unwrap();
    // More than the schema says is no harm.
    for statement in [
        "ALTER TABLE orders ADD COLUMN note String DEFAULT 'none' FIRST",
        "ALTER TABLE orders ADD INDEX by_amount amount TYPE minmax GRANULARITY 1",
        "ALTER TABLE orders ADD PROJECTION by_name (SELECT name, sum(amount) GROUP BY name)",
        "ALTER TABLE orders MODIFY COLUMN name Nullable(String)",
        "ALTER TABLE orders MODIFY SETTING min_bytes_for_wide_part = 1000000",
    ] {
        let done = warehouse.client.query_raw(statement).execute().await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    Attempt::new(&warehouse, &asset, 2, "two")
        .load(&[rows(10..20, 1, 1)])
        .await
        .unwrap();
    assert_eq!(
        warehouse
            .text("SELECT count(), sum(id), countIf(note = 'none') FROM orders")
            .await,
        "20\t190\t20"
    );
    // Changed during a load: nothing is shown, and a new attempt begins with what is there then.
    let mut destination = Attempt::new(&warehouse, &asset, 3, "three").open().await.unwrap();
    destination.write(rows(20..30, 1, 1)).await.unwrap();
    let parts = destination.stage().await.unwrap().unwrap();
    warehouse
        .execute("ALTER TABLE orders ADD COLUMN later Int8")
        .await;
    let error = crate::support::commit(destination).await.unwrap_err();
    assert_eq!(error.code, "clickhouse.table_changed", "{error}");
    let error = Attempt::new(&warehouse, &asset, 4, "three")
        .resuming(parts)
        .load(&[])
        .await
        .unwrap_err();
    assert_eq!(error.code, "clickhouse.table_changed", "{error}");
    Attempt::new(&warehouse, &asset, 5, "four")
        .load(&[rows(20..30, 1, 1)])
        .await
        .unwrap();
    assert_eq!(
        warehouse.text("SELECT count(), sum(id) FROM orders").await,
        "30\t435"
    );
}

#[tokio::test]
async fn a_metric_of_other_aggregates_has_an_engine_and_types_of_its_own() {
    let warehouse = Warehouse::new().await;
    let asset = orders(
        "destination: {resource: w, load: replace, role: metric, engine: AggregatingMergeTree, order_by: [id], \
         columns: {name: {type: 'SimpleAggregateFunction(any, Nullable(String))'}, \
         amount: {type: 'SimpleAggregateFunction(max, Nullable(Int64))'}, at: {type: \"SimpleAggregateFunction(max, DateTime64(3, 'UTC'))\"}}}",
    );
    let attempt = Attempt::new(&warehouse, &asset, 1, "one");
    attempt
        .load(&[rows(0..10, 1, 5), rows(0..10, 2, 3)])
        .await
        .unwrap();
    assert_eq!(
        warehouse
            .text("SELECT count(), sum(amount), max(at) FROM orders FINAL")
            .await,
        "10\t50\t2013-01-03 00:00:00.009"
    );
    assert_eq!(warehouse.changes(&asset).await.unwrap(), []);
    assert_eq!(warehouse.read(&asset, None).await.unwrap().len(), 10);
}
