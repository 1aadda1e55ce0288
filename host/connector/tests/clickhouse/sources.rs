//! Tables and queries as sources.

use crate::support::{Attempt, Warehouse, orders, rows};

#[tokio::test]
async fn a_table_is_read_in_the_types_that_are_asked_for() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute(
            "CREATE TABLE t (id UInt32, kind Enum8('a' = 1, 'b' = 2), who LowCardinality(Nullable(String)), \
             ref UUID, host IPv4, day Date, at DateTime('Europe/London'), tags Array(String)) ENGINE = MergeTree ORDER BY id",
        )
        .await;
    warehouse
        .execute(
            "INSERT INTO t VALUES (1, 'b', NULL, '61f0c404-5cb3-11e7-907b-a6006ad3dba0', '10.0.0.1', '2024-02-29', \
             '2024-07-01 12:00:00', ['x', 'y'])",
        )
        .await;
    let columns = "[{name: id, type: int64, nullable: false}, {name: kind, type: utf8}, {name: who, type: utf8}, \
        {name: ref, type: utf8}, {name: host, type: utf8}, {name: day, type: date32}, \
        {name: at, type: 'timestamp(ms, UTC)'}, {name: tags, type: list(utf8), nullable: false}]";
    let read = warehouse.read_table("{table: t}", columns).await.unwrap();
    assert_eq!(
        read,
        [
            r#"{"id":1,"kind":"b","ref":"61f0c404-5cb3-11e7-907b-a6006ad3dba0","host":"10.0.0.1","day":"2024-02-29","at":"2024-07-01T11:00:00Z","tags":["x","y"]}"#
        ]
    );
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_an_error_and_not_another_value() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute("CREATE TABLE t (id Int64, raw String, none Nullable(Int64)) ENGINE = MergeTree ORDER BY id")
        .await;
    warehouse
        .execute("INSERT INTO t VALUES (5000000000, unhex('ff00'), NULL)")
        .await;
    for (column, code) in [
        ("{name: id, type: int32}", "clickhouse.value"),
        ("{name: raw, type: utf8}", "clickhouse.bad_column"),
        ("{name: none, type: int64, nullable: false}", "clickhouse.value"),
        ("{name: nobody, type: int64}", "clickhouse.no_column"),
    ] {
        let error = warehouse
            .read_table("{table: t}", &format!("[{column}]"))
            .await
            .unwrap_err();
        assert_eq!(error.code, code, "{column}: {error}");
    }
}

#[tokio::test]
async fn a_query_is_a_source() {
    let warehouse = Warehouse::new().await;
    let read = warehouse
        .read_table(
            "{query: \"SELECT number AS id, concat('n', toString(number)) AS name FROM numbers(10000);\"}",
            "[{name: name, type: utf8}, {name: id, type: int64}]",
        )
        .await
        .unwrap();
    assert_eq!(read.len(), 10_000);
    assert_eq!(read[0], r#"{"name":"n0","id":0}"#);
}

#[tokio::test]
async fn what_was_loaded_is_read_back_from_an_asset() {
    let warehouse = Warehouse::new().await;
    let asset = orders("destination: {resource: w, load: append}");
    let error = warehouse.read(&asset, None).await.unwrap_err();
    assert_eq!(error.code, "clickhouse.not_loaded");
    Attempt::new(&warehouse, &asset, 1, "one")
        .load(&[rows(6..8, 3, 1)])
        .await
        .unwrap();
    assert_eq!(
        warehouse.read(&asset, None).await.unwrap(),
        [
            r#"{"id":6,"name":"name 1","at":"2013-01-04T00:00:00.006Z","amount":1}"#,
            r#"{"id":7,"at":"2013-01-04T00:00:00.007Z","amount":1}"#
        ]
    );
}
